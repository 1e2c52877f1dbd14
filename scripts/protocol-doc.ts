/**
 * Writes the tables of words in docs/protocol.md from `Message.words` and the module `Connection`, so that the page
 * always agrees with the code.
 *
 *     node --conditions=furrow-source scripts/protocol-doc.ts           writes the tables
 *     node --conditions=furrow-source scripts/protocol-doc.ts --check   fails where it is not what the code says
 */
import * as Connection from "@furrow/protocol/Connection"
import { actorFailure, words } from "@furrow/protocol/Message"
import * as Path from "node:path"
import * as Section from "./lib/section.ts"

const marks = {
  words: ["<!-- words: made by scripts/protocol-doc.ts -->", "<!-- end of words -->"],
  law: ["<!-- law: made by scripts/protocol-doc.ts -->", "<!-- end of law -->"]
} as const

export const file = Path.join(import.meta.dirname, "..", "docs", "protocol.md")

/** Writes one row of the table of words in docs/protocol.md for each word, in the order of the words' codes. */
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

/**
 * Writes one row of a table in docs/protocol.md for each word after the handshake, with the phases in which each role
 * may send the word.
 */
export const law = (): string => {
  const allowed = (judge: (role: Connection.Role, phase: Connection.PhaseName) => Connection.Verdict) =>
    Connection.roles.map((role) => {
      const phases = Connection.phasesOf(role).filter((phase) => judge(role, phase) === "allowed")
      return phases.length === 0 ? "never" : phases.includes("Leaving") ? "always" : phases.join(", ")
    })
  const rows = Object.entries(words).filter(([, { when }]) => when !== "handshake").map(([name]) => [
    `\`${name}\``,
    ...allowed((role, phase) => Connection.verdicts(role)[phase][name as keyof typeof words])
  ])
  const failure = ["`Error` for dialog 0", ...allowed((role, phase) => Connection.judge(actorFailure, role, phase))]
  return drawn([
    ["word", "a parent", "a child", "a peer", "this process"],
    ["---", "---", "---", "---", "---"],
    ...rows,
    failure
  ])
}

const filled = (document: string, [begin, end]: readonly [string, string], text: string): string =>
  Section.fill(document, { begin, end, text: `\n${text}\n` })

/** Returns docs/protocol.md with the tables that the code describes. */
export const complete = (document: string): string => filled(filled(document, marks.words, table()), marks.law, law())

if (import.meta.main) {
  const problem = "docs/protocol.md: a table is not what the code says (run scripts/protocol-doc.ts)"
  console.log(
    `docs/protocol.md: the tables of words ${Section.writeOrCheck(file, complete, problem) ? "hold" : "differ"}`
  )
}
