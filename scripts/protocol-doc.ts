/**
 * The table of words in docs/protocol.md, made from `Message.words`, so that the document cannot drift from the code.
 *
 *     node --conditions=furrow-source scripts/protocol-doc.ts           writes the table
 *     node --conditions=furrow-source scripts/protocol-doc.ts --check   fails where it is not what the code says
 */
import { words } from "@furrow/protocol/Message"
import * as Fs from "node:fs"
import * as Path from "node:path"

const begin = "<!-- words: made by scripts/protocol-doc.ts -->"
const end = "<!-- end of words -->"

export const file = Path.join(import.meta.dirname, "..", "docs", "protocol.md")

/** One row for each word, in the order of the codes. */
export const table = (): string => {
  const rows = Object.entries(words).map(([name, { code, fields, lane, says }]) => [
    String(code),
    `\`${name}\``,
    says,
    lane,
    fields.length === 0 ? "none" : fields.map(([field, type]) => `${field}: ${type}`).join(", ")
  ])
  return [["code", "word", "said by", "lane", "fields"], ["---:", "---", "---", "---", "---"], ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")
}

/** The document with the table the code says. */
export const complete = (document: string): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document must hold "${begin}" and "${end}"`)
  return `${document.slice(0, from + begin.length)}\n${table()}\n${document.slice(to)}`
}

if (import.meta.main) {
  const document = Fs.readFileSync(file, "utf8")
  const next = complete(document)
  const drifted = next !== document
  if (!process.argv.includes("--check")) Fs.writeFileSync(file, next)
  else if (drifted) {
    console.error("docs/protocol.md: the table of words is not what Message.words says (run scripts/protocol-doc.ts)")
    process.exitCode = 1
  }
  console.log(`docs/protocol.md: the table of words ${drifted ? "differs" : "holds"}`)
}
