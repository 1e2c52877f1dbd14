/**
 * `npm run simulate`: runs random programs, each under its seed, and checks their histories. A failing program is
 * shrunk, and printed with the seed that shows its failure again. The module `options.ts` reads the command line of
 * `npm run simulate`.
 */
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"
import * as Check from "./Check.ts"
import * as History from "./History.ts"
import * as Options from "./options.ts"
import * as Program from "./Program.ts"
import { type Result, run } from "./Run.ts"
import { calmed, shrink } from "./Shrink.ts"
import * as Twin from "./twin.ts"

const options = Options.parse(process.argv.slice(2))
if (options === "help") {
  console.log(Options.usage)
  process.exit(0)
}
if ("problem" in options) {
  console.error(`${options.problem}\n\n${Options.usage}`)
  process.exit(2)
}
const { kinds } = options

const digestOf = ({ events, run }: Result): string =>
  Crypto.createHash("sha256")
    .update([
      run.end,
      run.choices,
      run.fingerprint,
      ...events.map(History.show),
      ...run.history.map((line) => JSON.stringify(line))
    ].join("\n"))
    .digest("hex").slice(0, 16)

const began = performance.now()
const cpuSeconds = () => {
  const { system, user } = process.cpuUsage()
  return ((system + user) / 1e6).toFixed(1)
}
const seconds = () => ((performance.now() - began) / 1000).toFixed(1)

const printRun = (result: Result) => {
  console.log(Program.show(result.program))
  console.log(result.events.map((event) => `  ${History.show(event)}`).join("\n"))
  for (const { actor, millis, text } of result.run.history) console.log(`  ${millis} [${actor}] ${text}`)
}

const report = async (seed: number, result: Result) => {
  const [first] = Check.problems(result)
  const { check, text } = first!
  console.log(`\nseed ${seed}, after ${seconds()} s (${cpuSeconds()} s of CPU): ${check}: ${text}`)
  if (!options.shrinks) return
  const fails = (program: Program.Program) =>
    Effect.map(run(program), (one) => Check.problems(one).some((problem) => problem.check === check))
  const small = await Effect.runPromise(shrink(result.program, fails))
  const { run: { choices } } = await Effect.runPromise(run(small.program))
  const calm = await Effect.runPromise(calmed(small.program, choices, fails))
  const last = await Effect.runPromise(run(calm))
  const isSeeds = (choice: number) => !(calm.calm ?? []).some(([from, to]) => from <= choice && choice < to)
  const left = Array.from({ length: last.run.choices }, (_, choice) => choice).filter(isSeeds).length
  console.log(
    `made small in ${small.runs} runs, ${seconds()} s: the seed makes ${left} of ${last.run.choices} choices; again by:`
  )
  console.log(`  npm run simulate -- --program '${JSON.stringify(calm)}'`)
  printRun(last)
}

const one = async () => {
  const program = options.program ?? Program.generate(options.seed!, kinds)
  const result = await Effect.runPromise(run(program))
  printRun(result)
  const found = Check.problems(result)
  for (const { check, text } of found) console.log(`${check}: ${text}`)
  console.log(`${result.run.end}, ${result.run.choices} choices, ${result.run.millis} ms, digest ${digestOf(result)}`)
  if (found.length > 0 && options.seed !== undefined) await report(options.seed, result)
  return found.length === 0
}

/**
 * Returns the seed of the first random program. A seed from the clock fits into 31 bits, and differs from second to
 * second.
 */
const first = () => {
  if (options.from !== "now") return options.from
  const from = Math.floor(Date.now() / 1000) % 2 ** 30
  console.log(`from seed ${from}`)
  return from
}

const digests = async () => {
  const from = first()
  for (let seed = from; seed < from + (options.seeds ?? 0); seed++) {
    console.log(`${seed} ${digestOf(await Effect.runPromise(run(Program.generate(seed, kinds))))}`)
  }
  return true
}

/**
 * Returns the seeds for which the second process of the option `--twice` has no digest, or another digest than this
 * process.
 */
const unlikeIn = async (twin: Twin.Twin, here: ReadonlyMap<number, string>) => {
  const there = await twin.digests
  const unlike = Array.from(here.keys()).filter((seed) => there.get(seed) !== here.get(seed))
  for (const seed of unlike) console.log(`seed ${seed} is another one in another process`)
  return unlike
}

const many = async () => {
  const from = first()
  const count = options.seeds ?? (options.minutes === undefined ? 3_000 : Infinity)
  const until = began + (options.minutes ?? Infinity) * 60_000
  const early = options.twice && count < Infinity ? Twin.start(from, count, kinds) : undefined
  const here = new Map<number, string>()
  const failed = new Map<string, Array<number>>()
  const unlike = new Set<number>()
  let [choices, events, millis, isBroken] = [0, 0, 0, false]
  for (let seed = from; seed < from + count && performance.now() < until && !isBroken; seed++) {
    const program = Program.generate(seed, kinds)
    const result = await Effect.runPromise(run(program))
    const digest = digestOf(result)
    here.set(seed, digest)
    choices += result.run.choices
    events += result.events.length
    millis += result.run.millis
    if (options.twice && digestOf(await Effect.runPromise(run(program))) !== digest) {
      unlike.add(seed)
      console.log(`seed ${seed} does not repeat`)
    }
    const found = Check.problems(result)
    if (found.length === 0) continue
    for (const name of new Set(found.map(({ check }) => check))) failed.set(name, [...failed.get(name) ?? [], seed])
    if (options.isKeptGoing) console.log(`seed ${seed}, after ${seconds()} s: ${found[0]!.check}: ${found[0]!.text}`)
    else {
      isBroken = true
      early?.end()
      await report(seed, result)
    }
  }
  if (options.twice && !isBroken) {
    for (const seed of await unlikeIn(early ?? Twin.start(from, here.size, kinds), here)) unlike.add(seed)
  }
  const all = Crypto.createHash("sha256").update(Array.from(here.values()).join("")).digest("hex").slice(0, 16)
  const repeats = options.twice && !isBroken
    ? `, ${here.size - unlike.size} of them repeat, here and in another process`
    : ""
  console.log(
    `${here.size} seeds${repeats}: ${new Set(here.values()).size} different histories, ${events} events, ` +
      `${choices} choices, ${(millis / 1000).toFixed(0)} s virtual, ${seconds()} s; digest ${all}`
  )
  for (const [name, seeds] of failed) {
    console.log(`  ${name}: ${seeds.length} seeds, e.g. ${seeds.slice(0, 8).join(", ")}`)
  }
  return failed.size === 0 && unlike.size === 0
}

/** Returns random programs for runs with real processes, which cannot be repeated. */
const programs = function*(): Iterable<Program.Program> {
  if (isOne) return yield options.program ?? Program.generate(options.seed!, kinds)
  const from = first()
  const count = options.seeds ?? Infinity
  for (let seed = from; seed < from + count; seed++) yield Program.generate(seed, kinds)
}

const real = async () => {
  const { soak } = await import("./processes/soak.ts")
  const minutes = options.minutes ?? (options.seeds === undefined ? 1 : Infinity)
  return soak({ programs: programs(), until: began + minutes * 60_000, isKeptGoing: options.isKeptGoing })
}

const isOne = options.seed !== undefined || options.program !== undefined
const chosen = options.processes ? real : isOne ? one : options.digests ? digests : many
process.exitCode = await chosen() ? 0 : 1
