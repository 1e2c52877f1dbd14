/**
 * npm run simulate -- [--seeds N | --minutes M | --seed S] [--from N] [--kinds a,b] [--twice] [--no-shrink]
 *
 * Runs random programs, each under its seed, and checks what happened. A failure is made small and printed with the seed
 * that shows it again. `--twice` runs each a second time and compares every choice; `--print` prints a digest of all.
 * `--processes` runs each with real processes instead, where nothing replays.
 */
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"
import * as Util from "node:util"
import * as Check from "./Check.ts"
import * as History from "./History.ts"
import * as Program from "./Program.ts"
import { type Result, run } from "./Run.ts"
import { shrink } from "./Shrink.ts"

const { values } = Util.parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    from: { type: "string", default: "1" },
    kinds: { type: "string" },
    processes: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
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
const seconds = () => ((performance.now() - began) / 1000).toFixed(1)

const printRun = (result: Result) => {
  console.log(Program.show(result.program))
  console.log(result.events.map((event) => `  ${History.show(event)}`).join("\n"))
  for (const { actor, millis, text } of result.run.history) console.log(`  ${millis} [${actor}] ${text}`)
}

const report = async (seed: number, result: Result) => {
  const [first] = Check.problems(result)
  const { check, text } = first!
  console.log(`\nseed ${seed}, after ${seconds()} s: ${check}: ${text}`)
  if (values["no-shrink"]) return
  const fails = (program: Program.Program) =>
    Effect.map(run(program), (one) => Check.problems(one).some((problem) => problem.check === check))
  const small = await Effect.runPromise(shrink(result.program, fails))
  console.log(`made small in ${small.runs} runs, ${seconds()} s; again by:`)
  console.log(`  npm run simulate -- --program '${JSON.stringify(small.program)}'`)
  printRun(await Effect.runPromise(run(small.program)))
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

const many = async () => {
  const from = Number(values.from)
  const count = values.seeds === undefined ? values.minutes === undefined ? 3_000 : Infinity : Number(values.seeds)
  const until = values.minutes === undefined ? Infinity : began + Number(values.minutes) * 60_000
  const all = Crypto.createHash("sha256")
  const different = new Set<string>()
  const failed = new Map<string, Array<number>>()
  let [choices, events, millis, unlike, ran] = [0, 0, 0, 0, 0]
  for (let seed = from; seed < from + count && performance.now() < until; seed++) {
    const program = Program.generate(seed, kinds)
    const result = await Effect.runPromise(run(program))
    const digest = digestOf(result)
    ran++
    all.update(digest)
    different.add(digest)
    choices += result.run.choices
    events += result.events.length
    millis += result.run.millis
    if (values.twice && digestOf(await Effect.runPromise(run(program))) !== digest) {
      unlike++
      console.log(`seed ${seed} does not repeat`)
    }
    const found = Check.problems(result)
    if (found.length === 0) continue
    const [{ check, text }] = found as [typeof found[number]]
    if (values["keep-going"]) console.log(`seed ${seed}, after ${seconds()} s: ${check}: ${text}`)
    for (const name of new Set(found.map(({ check }) => check))) failed.set(name, [...failed.get(name) ?? [], seed])
    if (!values["keep-going"]) {
      await report(seed, result)
      break
    }
  }
  const repeats = values.twice ? `, ${ran - unlike} of them repeat` : ""
  console.log(
    `${ran} seeds${repeats}: ${different.size} different histories, ${events} events, ${choices} choices, ` +
      `${(millis / 1000).toFixed(0)} s virtual, ${seconds()} s; digest ${all.digest("hex").slice(0, 16)}`
  )
  for (const [name, seeds] of failed) {
    console.log(`  ${name}: ${seeds.length} seeds, e.g. ${seeds.slice(0, 8).join(", ")}`)
  }
  return failed.size === 0 && unlike === 0
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

process.exitCode =
  await (values.processes ? real() : values.seed === undefined && values.program === undefined ? many() : one()) ? 0 : 1
