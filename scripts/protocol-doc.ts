/**
 * The tables of words in docs/protocol.md, made from `Message.words` and `Connection`, so that the document cannot drift from
 * the code.
 *
 *     node --conditions=furrow-source scripts/protocol-doc.ts           writes the tables
 *     node --conditions=furrow-source scripts/protocol-doc.ts --check   fails where it is not what the code says
 */
import * as Connection from "@furrow/protocol/Connection"
import { actorFailure, words } from "@furrow/protocol/Message"
import * as Fs from "node:fs"
import * as Path from "node:path"

const marks = {
  words: ["<!-- words: made by scripts/protocol-doc.ts -->", "<!-- end of words -->"],
  law: ["<!-- law: made by scripts/protocol-doc.ts -->", "<!-- end of law -->"]
} as const

export const file = Path.join(import.meta.dirname, "..", "docs", "protocol.md")

/** One row for each word, in the order of the codes. */
export const table = (): string => {
  const rows = Object.entries(words).map(([name, { code, fields, lane, says, when }]) => [
    String(code),
    `\`${name}\``,
    says,
    when,
    lane,
    fields.length === 0 ? "none" : fields.map(([field, type]) => `${field}: ${type}`).join(", ")
  ])
  return drawn([
    ["code", "word", "said by", "when", "lane", "fields"],
    ["---:", "---", "---", "---", "---", "---"],
    ...rows
  ])
}

const drawn = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")

/** One row for each word behind the handshake: the phases in which each role may say it. */
export const law = (): string => {
  const allowed = (judge: (role: Connection.Role, phase: Connection.PhaseName) => Connection.Verdict) =>
    Connection.roles.map((role) => {
      const phases = Connection.phasesOf(role).filter((phase) => judge(role, phase) === "allowed")
      return phases.length === 0 ? "never" : phases.includes("Leaving") ? "always" : phases.join(", ")
    })
  const rows = Object.entries(words).filter(([, { when }]) => when !== "handshake").map(([name]) => [
    `\`${name}\``,
    ...allowed((role, phase) => Connection.verdicts[role][phase][name as keyof typeof words])
  ])
  const failure = ["`Error` for dialog 0", ...allowed((role, phase) => Connection.judge(actorFailure, role, phase))]
  return drawn([
    ["word", "a parent", "a child", "a peer", "this process"],
    ["---", "---", "---", "---", "---"],
    ...rows,
    failure
  ])
}

const filled = (document: string, [begin, end]: readonly [string, string], text: string): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document must hold "${begin}" and "${end}"`)
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`
}

/** The document with the tables the code says. */
export const complete = (document: string): string => filled(filled(document, marks.words, table()), marks.law, law())

if (import.meta.main) {
  const document = Fs.readFileSync(file, "utf8")
  const next = complete(document)
  const drifted = next !== document
  if (!process.argv.includes("--check")) Fs.writeFileSync(file, next)
  else if (drifted) {
    console.error("docs/protocol.md: a table is not what the code says (run scripts/protocol-doc.ts)")
    process.exitCode = 1
  }
  console.log(`docs/protocol.md: the tables of words ${drifted ? "differs" : "holds"}`)
}
