/**
 * Writes the tables of docs/lifetimes.md. A run of `npm run orphans` with `--write` writes the tables of measurements.
 * The table of the shutdown ladder is made from the code, and a test fails if docs/lifetimes.md differs from the code.
 */
import * as Ladder from "@furrow/actor/internal/supervision/ShutdownLadder"
import { defaults as defaultTimeouts } from "@furrow/actor/Timeouts"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "node:path"
import { merged, table } from "./tables.ts"

export const file = Path.join(import.meta.dirname, "..", "..", "..", "docs", "lifetimes.md")

export type Section = "ladder" | "warden" | "thread" | "peers" | "costs"

const begin = (section: Section): string => `<!-- ${section}: made by npm run orphans -->`
const end = (section: Section): string => `<!-- end of ${section} -->`

const place = (document: string, section: Section): readonly [number, number] => {
  const from = document.indexOf(begin(section))
  const to = document.indexOf(end(section))
  if (from < 0 || to < from) throw new Error(`the document must hold "${begin(section)}" and "${end(section)}"`)
  return [from + begin(section).length, to]
}

/** Returns the text of a section in docs/lifetimes.md. */
export const read = (document: string, section: Section): string => document.slice(...place(document, section)).trim()

export const replace = (document: string, section: Section, text: string): string => {
  const [from, to] = place(document, section)
  return `${document.slice(0, from)}\n${text}\n${document.slice(to)}`
}

/**
 * Writes a section into docs/lifetimes.md. A run that plays only some test cases leaves the other cells of the tables
 * in docs/lifetimes.md unchanged.
 */
export const write = Effect.fnUntraced(function*(section: Section, text: string) {
  const fs = yield* FileSystem.FileSystem
  const document = yield* fs.readFileString(file)
  const isMatrix = section === "warden" || section === "thread"
  yield* fs.writeFileString(file, replace(document, section, isMatrix ? merged(read(document, section), text) : text))
})

const seconds = (millis: number): string => `${millis / 1_000} s`

const said = (action: Ladder.Action): ReadonlyArray<string> => {
  switch (action._tag) {
    case "Ask":
      return ["`CancelActor` is sent: who cancels, why, until when"]
    case "CloseChannel":
      return ["its channel is closed"]
    case "Signal":
      return [`${action.signal} to its process group`]
    case "Wait":
    case "Done":
      return []
  }
}

const atMost = (bound: Ladder.Bound): string => {
  const millis = seconds(Ladder.boundOf(defaultTimeouts, bound))
  return bound in defaultTimeouts ? `${millis} (\`Timeouts.${bound}\`)` : millis
}

/** The rungs of the shutdown ladder in their order, with the event that each rung waits for. */
const rungs: ReadonlyArray<readonly [Ladder.Rung, Ladder.Rung, Ladder.Input, string]> = [
  ["LeaveRequested", "Running", "leave", "its owner ends it, in the owner's order"],
  ["Discarded", "Running", "discard", "its exit, or `Ready`: then it is asked"],
  ["Asked", "Running", "end", "`CancelAck`: its event loop is alive"],
  ["Finalizing", "Asked", "ack", "`Bye`: its finalizers have run"],
  ["Leaving", "Finalizing", "bye", "its exit"],
  ["Terminating", "Finalizing", "elapsed", "its exit"],
  ["Killed", "Terminating", "elapsed", "its exit, from the kernel"]
]

/** Returns the table of the shutdown ladder for docs/lifetimes.md, made from the code. */
export const ladder = (): string => {
  const rows = rungs.map(([rung, from, input, waited]) => {
    const [reached, actions] = Ladder.step(from, input)
    if (reached !== rung) throw new Error(`${from}, ${input}: ${reached}, not ${rung}`)
    const wait = actions.find((action) => action._tag === "Wait")
    const [next] = Ladder.step(rung, "elapsed")
    return [
      rung,
      actions.flatMap(said).join("; ") || "nothing: it works",
      waited,
      wait === undefined ? "none" : atMost(wait.bound),
      next === rung ? "-" : next
    ]
  })
  return table([["rung", "what is done", "waits for", "at most", "and then"], ...rows])
}
