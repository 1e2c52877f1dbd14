/**
 * npm run simulate -- [--seeds N | --minutes M | --seed S] [--from N | --from now] [--kinds a,b] [--twice] [--no-shrink]
 *
 * Runs random programs, each under its seed, and checks their histories. A failure is made small and printed with the seed
 * that shows it again. `--twice` runs each a second time here and a third time in another process, and compares every
 * choice. `--from now` begins at a seed of the time, which it prints.
 * `--processes` runs each with real processes instead, where nothing replays.
 */
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"
import * as Util from "node:util"
import * as Check from "./Check.ts"
import * as History from "./History.ts"
import * as Program from "./Program.ts"
import { type Result, run } from "./Run.ts"
import { calmed, shrink } from "./Shrink.ts"
import * as Twin from "./twin.ts"

const { values } = Util.parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    from: { type: "string", default: "1" },
    kinds: { type: "string" },
    processes: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
    /** For the other process of `--twice`: a line for each seed, and nothing else. */
    digests: { type: "boolean", default: false },
    program: { type: "string" },
    "no-shrink": { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false }
  }
})

const kinds = values.kinds?.split(",") as ReadonlyArray<Program.Kind> | undefined
for (const kind of kinds ?? []) {
  if (!Program.kinds.includes(kind)) throw new Error(`no kind "${kind}"; there are ${Program.kinds.join(", ")}`)
}

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
  if (values["no-shrink"]) return
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
  const program = values.program === undefined
    ? Program.generate(Number(values.seed), kinds)
    : JSON.parse(values.program) as Program.Program
  const result = await Effect.runPromise(run(program))
  printRun(result)
  const found = Check.problems(result)
  for (const { check, text } of found) console.log(`${check}: ${text}`)
  console.log(`${result.run.end}, ${result.run.choices} choices, ${result.run.millis} ms, digest ${digestOf(result)}`)
  if (found.length > 0 && values.program === undefined) await report(Number(values.seed), result)
  return found.length === 0
}

/** Seeds of the time fit into 31 bits, and differ from second to second. */
const fresh = () => {
  const from = Math.floor(Date.now() / 1000) % 2 ** 30
  console.log(`from seed ${from}`)
  return from
}

const digests = async () => {
  const from = Number(values.from)
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    console.log(`${seed} ${digestOf(await Effect.runPromise(run(Program.generate(seed, kinds))))}`)
  }
  return true
}

/** Seeds whose digests another process has not said, or says otherwise. */
const unlikeIn = async (twin: Twin.Twin, here: ReadonlyMap<number, string>) => {
  const there = await twin.digests
  const unlike = Array.from(here.keys()).filter((seed) => there.get(seed) !== here.get(seed))
  for (const seed of unlike) console.log(`seed ${seed} is another one in another process`)
  return unlike
}

const many = async () => {
  const from = values.from === "now" ? fresh() : Number(values.from)
  const count = values.seeds === undefined ? values.minutes === undefined ? 3_000 : Infinity : Number(values.seeds)
  const until = values.minutes === undefined ? Infinity : began + Number(values.minutes) * 60_000
  const early = values.twice && count < Infinity ? Twin.start(from, count, values.kinds) : undefined
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
    if (values.twice && digestOf(await Effect.runPromise(run(program))) !== digest) {
      unlike.add(seed)
      console.log(`seed ${seed} does not repeat`)
    }
    const found = Check.problems(result)
    if (found.length === 0) continue
    for (const name of new Set(found.map(({ check }) => check))) failed.set(name, [...failed.get(name) ?? [], seed])
    if (values["keep-going"]) console.log(`seed ${seed}, after ${seconds()} s: ${found[0]!.check}: ${found[0]!.text}`)
    else {
      isBroken = true
      early?.end()
      await report(seed, result)
    }
  }
  if (values.twice && !isBroken) {
    for (const seed of await unlikeIn(early ?? Twin.start(from, here.size, values.kinds), here)) unlike.add(seed)
  }
  const all = Crypto.createHash("sha256").update(Array.from(here.values()).join("")).digest("hex").slice(0, 16)
  const repeats = values.twice && !isBroken
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

/** The programs of these options, for a run without replay. */
const programs = function*(): Iterable<Program.Program> {
  if (values.program !== undefined) return yield JSON.parse(values.program) as Program.Program
  if (values.seed !== undefined) return yield Program.generate(Number(values.seed), kinds)
  const from = Number(values.from)
  const count = values.seeds === undefined ? Infinity : Number(values.seeds)
  for (let seed = from; seed < from + count; seed++) yield Program.generate(seed, kinds)
}

const real = async () => {
  const { soak } = await import("./processes/soak.ts")
  const minutes = values.minutes === undefined ? values.seeds === undefined ? 1 : Infinity : Number(values.minutes)
  return soak({ programs: programs(), until: began + minutes * 60_000, isKeptGoing: values["keep-going"] })
}

const isOne = values.seed !== undefined || values.program !== undefined
const chosen = values.processes ? real : isOne ? one : values.digests ? digests : many
process.exitCode = await chosen() ? 0 : 1
