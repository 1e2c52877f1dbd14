/**
 * Runs one case of `npm run faults`: starts the case's program as a process, and collects comparable lines about its
 * output and end.
 */
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { stripVTControlCharacters } from "node:util"
import { type Case, programs } from "./case.ts"

export interface Verdict {
  readonly case: Case
  readonly seen: ReadonlyArray<string>
  readonly millis: number
  readonly skipped: string | undefined
}

export const isWanted = ({ case: { wanted }, seen, skipped }: Verdict): boolean =>
  skipped !== undefined || wanted.join("\n") === seen.join("\n")

/**
 * The bound for the end of a case's program and of all processes that the program has started. The bound of a case's
 * end is so long that only a case that hangs exceeds it.
 */
const patience = { within: "90 seconds", every: "50 millis" } as const

/**
 * Replaces varying text in a case's output by a word in angle brackets, and keeps only the program's own stack frames.
 */
export const plain = (text: string, folder: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(folder, "<folder>")
    .replaceAll(programs, "<programs>")
    .replace(/\n {4}at (?![^\n]*<programs>)[^\n{]*[^\n{ ]/g, "")
    .replace(/(\.ts):\d+:\d+/g, "$1")
    .replace(/ \(#\d+\):/g, " (#<fiber>):")
    .replace(/\[\d\d:\d\d:\d\d\.\d{3}\]/g, "[<time>]")
    .replace(/(?<=\w)@\d+\b/g, "@<pid>")
    .replace(/\/\S*\/furrow-capable-\w{6}\b/g, "<capable>")
    .replace(/\bfurrow-([a-z]+)-\w{6}\b/g, "furrow-$1-<id>")
    .replace(/\bprocess \d+/g, "process <pid>")
    .replace(/(\(\w+@<pid>), [\d.]+ m?s\)/g, "$1, <age>)")
    .replace(/\d+ of \d+ MiB(?= when last measured)/, "<heap>")

const lines = (text: string): ReadonlyArray<string> => {
  const all = text.split(/\r\n|\r|\n/)
  return all.at(-1) === "" ? all.slice(0, -1) : all
}

/** The cases of `npm run faults` share the compile cache of Node, as the runs of a user's program do. */
const compiled = Path.join(Os.tmpdir(), "node-compile-cache")

/** Returns lines about the processes and files that are left after the program of a case. */
const residue = Effect.fnUntraced(function*(program: Program.Program, temporary: string, millis = 15_000) {
  const alive = () => program.left().filter(({ state }) => state !== "Z" && state !== "X")
  const files = () => Array.from(Leaks.files({ folder: temporary }), (path) => Path.basename(path))
  const nothing = () => alive().length === 0 && files().length === 0
  yield* Effect.ignore(Eventually.holds("nothing is left", nothing, { within: millis }))
  return [...alive().map((left) => `left: ${Processes.describe(left)}`), ...files().map((name) => `left: file ${name}`)]
})

const watched = Effect.fnUntraced(function*(one: Case) {
  const start = one.start?.() ?? {}
  const folder = yield* Folder.make(start.files)
  const temporary = Path.join(folder, "tmp")
  Fs.mkdirSync(temporary)
  const program = yield* Program.start(Path.resolve(programs, one.program), {
    cwd: folder,
    ...start,
    env: { TMPDIR: temporary, XDG_RUNTIME_DIR: "", NODE_COMPILE_CACHE: compiled, NODE_OPTIONS: "", ...start.env }
  })
  const played = yield* (one.play?.({ program, folder }) ?? Effect.void).pipe(
    Effect.catchTag("NotInTime", ({ message }) => Effect.succeed(lines(`not in time: ${message}`)))
  )
  const ended = yield* program.ended(patience).pipe(
    Effect.map(({ code, signal }) => signal === null ? `exit code ${code}` : `killed by ${signal}`),
    Effect.catchTag("NotInTime", ({ millis }) => Effect.succeed(`no end within ${millis} ms`))
  )
  const left = yield* residue(program, temporary, one.residueMillis)
  const shown = (text: string) => lines(plain(text, folder))
  return [
    ...shown(program.stdout()),
    ...shown(program.stderr()).map((line) => `stderr: ${line}`),
    ...[...(played ?? []), ended, ...left].map((line) => plain(line, folder))
  ]
})

/** Runs a case of `npm run faults`, or says why this host cannot run it. */
export const run = (one: Case): Effect.Effect<Verdict> =>
  Effect.gen(function*() {
    const begin = performance.now()
    const skipped = one.cannot?.()
    const seen = skipped === undefined ? yield* Effect.scoped(watched(one)) : []
    return { case: one, seen, skipped, millis: performance.now() - begin }
  })
