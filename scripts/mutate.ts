/**
 * Makes small changes in the protocol and in the pure machines, one at a time, and counts the changes that a test
 * notices.
 *
 *     npm run mutate                                200 changes of seed 1
 *     npm run mutate -- --seed 7 --count 400        others: the same seed chooses the same ones
 *     npm run mutate -- --in Frame --count 10000    all of the files whose name holds a text
 *     npm run mutate -- --skip-static               without those made while a module is loaded: all tests see them
 *     npm run mutate -- --workers 1                 one test process, not two
 *     npm run mutate -- --floor 90                  fails below this score
 *
 * Stryker changes the code and runs the tests in a copy of the checkout. Stryker is installed at the first run of
 * `npm run mutate`. A change of code that no test notices is shown, unless the compiler refuses it or
 * docs/mutation.md gives a reason.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import { copy } from "./lib/lanes.ts"
import * as Mutation from "./lib/mutation.ts"

export const document = "docs/mutation.md"

/**
 * The result of the tests for one change of the code. The result `late` means that the tests of a change did not end
 * within their limit of time. The result `compiler` means that no test notices the change, but that the compiler
 * refuses the changed code.
 */
type Fate = "killed" | "late" | "compiler" | "equivalent" | "SURVIVED"

export interface Judged {
  readonly change: Mutation.Change
  readonly fate: Fate
  readonly shown: string
  /**
   * The evidence for the result: the test that noticed the change, the message of the compiler, or the reason from
   * docs/mutation.md.
   */
  readonly why: string
}

/** Installs Stryker next to the lock file of Stryker, unless this version is already installed. */
const install = (folder: string): void => {
  const read = (name: string) => {
    const file = Path.join(folder, name)
    return Fs.existsSync(file) ? JSON.parse(Fs.readFileSync(file, "utf8")) as Record<string, never> : undefined
  }
  const core = "@stryker-mutator/core"
  if (read(`node_modules/${core}/package.json`)?.["version"] === read("package.json")?.["dependencies"]?.[core]) return
  console.log("mutate: installs Stryker")
  const { status } = ChildProcess.spawnSync("npm", ["ci"], { cwd: folder, stdio: "inherit" })
  if (status !== 0) throw new Error(`npm ci failed in ${folder}`)
}

/** Makes the compiler ignore unused and unreachable code, which does not make a program wrong. */
const lenient = (at: string): void => {
  const file = Path.join(at, "tsconfig.base.json")
  const { compilerOptions, ...config } = JSON.parse(Fs.readFileSync(file, "utf8")) as { compilerOptions: object }
  const loose = { ...compilerOptions, noUnusedLocals: false, allowUnreachableCode: true }
  Fs.writeFileSync(file, JSON.stringify({ ...config, compilerOptions: loose }))
}

/** Returns the compiler's messages about the sources of the protocol and the runtime, by file. */
const compiled = (at: string): ReadonlyMap<string, string> => {
  const tsc = Path.join(at, "node_modules/typescript/bin/tsc")
  const { stdout } = ChildProcess.spawnSync(process.execPath, [tsc, "-b", "packages/actor"], {
    cwd: at,
    encoding: "utf8"
  })
  return new Map(
    Array.from(stdout.matchAll(/^(\S+\.ts)\(.*: error (TS\d+: .*)$/gm), ([, file, said]) => [file!, said!])
  )
}

/**
 * Returns for each change of code that does not compile the message of the compiler. The compiler checks changes of
 * several files at the same time, one change in each file.
 */
const refusals = (at: string, changes: ReadonlyArray<Mutation.Change>): ReadonlyMap<Mutation.Change, string> => {
  const refused = new Map<Mutation.Change, string>()
  const compile = (round: ReadonlyArray<Mutation.Change>): void => {
    const texts = round.map(({ file }) => Fs.readFileSync(Path.join(at, file), "utf8"))
    for (const [i, change] of round.entries()) {
      Fs.writeFileSync(Path.join(at, change.file), Mutation.made(texts[i]!, change))
    }
    const messages = compiled(at)
    for (const [i, { file }] of round.entries()) Fs.writeFileSync(Path.join(at, file), texts[i]!)
    for (const change of round) {
      const message = messages.get(change.file)
      if (message !== undefined) refused.set(change, message)
    }
    // The compiler's message about another file than the changed file may come from several changes, so each of these
    // changes is tried alone.
    const elsewhere = Array.from(messages).find(([file]) => !round.some((change) => change.file === file))
    if (elsewhere === undefined) return
    if (round.length === 1) refused.set(round[0]!, elsewhere[1])
    else for (const change of round) if (!refused.has(change)) compile([change])
  }
  const rounds: Array<Array<Mutation.Change>> = []
  for (const change of changes) {
    const round = rounds.find((round) => round.every(({ file }) => file !== change.file))
    if (round === undefined) rounds.push([change])
    else round.push(change)
  }
  for (const round of rounds) compile(round)
  return refused
}

interface Options {
  readonly seed: number
  readonly count: number
  readonly workers: number
  readonly skipStatic: boolean
}

/**
 * Returns the results for the changes of code that a seed chooses, and the number of changes from which the seed
 * chose.
 */
export const judge = async (
  root: string,
  files: ReadonlyArray<string>,
  { count, seed, skipStatic, workers }: Options
): Promise<{ readonly all: number; readonly judged: ReadonlyArray<Judged> }> => {
  install(Path.join(root, "scripts/mutation"))
  const { changesOf, tryAll } = await import("./mutation/stryker.ts")
  const all = await changesOf(root, files)
  const chosen = Mutation.sample(all, seed, count)
  const known = Mutation.equivalents(Fs.readFileSync(Path.join(root, document), "utf8"))
  const at = copy(root)
  try {
    lenient(at)
    const tried = await tryAll(at, files, chosen, { skipStatic, workers })
    const done = chosen.filter((change) => tried.has(Mutation.keyOf(change)))
    const alive = done.filter((change) => !tried.get(Mutation.keyOf(change))!.noticed)
    const shownOf = (change: Mutation.Change) =>
      Mutation.shown(Fs.readFileSync(Path.join(root, change.file), "utf8"), change)
    const rowOf = (change: Mutation.Change) =>
      known.find(({ file, shown }) => file === change.file && shown === shownOf(change))
    const refused = refusals(at, alive.filter((change) => rowOf(change) === undefined))
    const judged = done.map((change): Judged => {
      const shown = shownOf(change)
      const { by, covered, late, noticed } = tried.get(Mutation.keyOf(change))!
      if (noticed) return { change, shown, fate: late ? "late" : "killed", why: by }
      const row = rowOf(change)
      if (row !== undefined) return { change, shown, fate: "equivalent", why: row.why }
      const message = refused.get(change)
      return message === undefined
        ? { change, shown, fate: "SURVIVED", why: covered ? "" : "no test runs it" }
        : { change, shown, fate: "compiler", why: message }
    })
    return { all: all.length, judged }
  } finally {
    Fs.rmSync(at, { recursive: true, force: true })
  }
}

const numberOf = (judged: ReadonlyArray<Judged>, fate: Fate): number => judged.filter((one) => one.fate === fate).length

/** Returns the percentage of changes that tests have noticed, of all changes of code that a test can notice. */
export const scoreOf = (judged: ReadonlyArray<Judged>): number => {
  const killed = numberOf(judged, "killed") + numberOf(judged, "late")
  const noticeable = killed + numberOf(judged, "SURVIVED")
  return noticeable === 0 ? 100 : 100 * killed / noticeable
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      count: { type: "string", default: "200" },
      in: { type: "string", multiple: true, default: [""] },
      workers: { type: "string", default: "2" },
      "skip-static": { type: "boolean", default: false },
      floor: { type: "string", default: "0" },
      verbose: { type: "boolean", default: false }
    }
  })
  const [seed, count, workers] = [Number(values.seed), Number(values.count), Number(values.workers)]
  const root = Path.resolve(import.meta.dirname, "..")
  const files = Mutation.changedFiles(root).filter((file) => values.in.some((text) => file.includes(text)))
  const begin = performance.now()
  const { all, judged } = await judge(root, files, { seed, count, workers, skipStatic: values["skip-static"] })
  for (const { change: { file, location: { start }, mutatorName }, fate, shown, why } of judged) {
    if (fate !== "SURVIVED" && !values.verbose) continue
    console.log(`${fate.padEnd(10)}  ${file}:${start.line + 1}:${start.column + 1}  ${mutatorName}`)
    console.log(`            ${shown}`)
    if (why !== "") console.log(`            ${why.split("\n")[0]}`)
  }
  const score = scoreOf(judged)
  const seconds = ((performance.now() - begin) / 1_000).toFixed(0)
  console.log(
    `mutate: seed ${seed}, ${judged.length} of ${all} changes of ${files.length} files in ${seconds} s: ` +
      `${numberOf(judged, "killed")} killed, ${numberOf(judged, "late")} too late, ${
        numberOf(judged, "SURVIVED")
      } survived, score ${score.toFixed(1)} %. ` +
      `Not counted: ${numberOf(judged, "compiler")} that do not compile, ` +
      `${numberOf(judged, "equivalent")} that no test can notice`
  )
  process.exitCode = score >= Number(values.floor) ? 0 : 1
}

if (import.meta.main) await main()
