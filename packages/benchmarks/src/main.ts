/**
 * `npm run bench`: The benchmark compares Furrow with a raw baseline, and reports the ratio of figures from the same
 * run.
 *
 * Absolute times depend on the host and its load, so the benchmark compares samples that were taken directly one after
 * the other. Each run of the benchmark is a process (messages.ts, pools.ts, starts.ts or large.ts) with the built
 * packages and default settings. A run of the benchmark uses one core or all cores, and its actors come from the
 * installed packages or from a bundle. A measure that misses its gate is marked in the table of the benchmark, and
 * fails the benchmark only with `--gate`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Runtime from "effect/Runtime"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { fileURLToPath } from "node:url"
import type { Job } from "./job.ts"
import { amounts, type Measure, measures, type Place, type Run, runs, type Sample } from "./measures.ts"
import * as Options from "./options.ts"
import * as Regressions from "./regressions.ts"
import * as Report from "./report.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const programs: { readonly [P in Place]: string } = {
  pinned: file("./messages.ts"),
  free: file("./messages.ts"),
  payloads: file("./messages.ts"),
  pools: file("./pools.ts"),
  built: file("./starts.ts"),
  spares: file("./starts.ts"),
  bundled: file("./starts.ts"),
  large: file("./large.ts")
}
/** Milliseconds after which a run of the benchmark counts as hung. */
const patience = 15 * 60_000

/**
 * True when `npm run build` has written the packages. Without a build, the benchmark measures messages and bundles from
 * the sources of the packages.
 */
const isBuilt = Fs.existsSync(file("../../node/dist/runtime/manifest.json"))
const needBuild: ReadonlyArray<Place> = ["built", "spares", "large"]

/** Returns the reason why a run of the benchmark is impossible on this host. */
const missing = (run: Run): string | undefined => {
  if (needBuild.includes(run.place) && !isBuilt) return "nothing is built: npm run build"
  if (run.place !== "pinned") return undefined
  const { status } = ChildProcess.spawnSync("taskset", ["-c", "0", "true"], { stdio: "ignore" })
  return status === 0 ? undefined : "there is no taskset to pin processes with"
}

/**
 * The measures of the benchmark that need Linux, because they read private pages or the list of processes from /proc.
 */
const ofLinux: ReadonlyArray<string> = ["memory", "slow-reader", "spare"]

const measurable = (run: Run): Run => ({
  ...run,
  measures: run.measures.filter(({ name }) => process.platform === "linux" || !ofLinux.includes(name))
})

/** Bundles a whole program of the benchmark and everything the program needs into one file. */
const bundle = async (folder: string): Promise<string> => {
  const { rolldown } = await import("rolldown")
  const build = await rolldown({
    input: programs.bundled,
    platform: "node",
    resolve: { conditionNames: [...(isBuilt ? [] : ["furrow-source"]), "import", "node"] },
    external: [/^node:/, "msgpackr-extract", /echoes\.ts$/],
    logLevel: "silent"
  })
  const bundled = `${folder}/program.mjs`
  await build.write({ file: bundled, format: "esm", codeSplitting: false, minify: true })
  await build.close()
  return bundled
}

const attempt = <A>(run: (signal: AbortSignal) => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (error) => error as Error })

/** Returns the program that the benchmark measures, and deletes the program's bundle when the Scope closes. */
const programOf = Effect.fnUntraced(function*({ place }: Run) {
  if (place !== "bundled") return programs[place]
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "furrow-bench-" })
  return yield* attempt(() => bundle(folder))
})

const collect = (
  program: string,
  run: Run,
  options: Options.Options,
  signal: AbortSignal
): Promise<ReadonlyArray<Sample>> =>
  new Promise((resolve, reject) => {
    const flags = options.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profile}`]
    const job: Job = {
      run,
      rounds: options.rounds,
      amounts: amounts[options.quick ? "quick" : "full"],
      flags,
      bare: file("./raw/bare.mjs")
    }
    const argv = [
      process.execPath,
      ...flags,
      ...(isBuilt ? [] : ["--conditions=furrow-source"]),
      program,
      JSON.stringify(job)
    ]
    const [command, ...args] = run.place === "pinned" ? ["taskset", "-c", "0", ...argv] : argv
    const samples: Array<Sample> = []
    ChildProcess.spawn(command!, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], timeout: patience, signal })
      .on("message", (sample) => void samples.push(sample as Sample))
      .on("error", reject)
      .on(
        "close",
        (code, signal) =>
          code === 0 ? resolve(samples) : reject(new Error(`the ${run.place} run ended with ${signal ?? code}`))
      )
  })

const measureRun = Effect.fnUntraced(function*(run: Run, options: Options.Options) {
  const problem = missing(run)
  if (problem !== undefined) {
    yield* Console.log(`not measured (${run.place}): ${problem}`)
    return []
  }
  const program = yield* programOf(run)
  const samples: Array<Sample> = []
  for (let i = 0; i < options.runs; i++) {
    samples.push(...yield* attempt((signal) => collect(program, measurable(run), options, signal)))
  }
  return measures.filter(({ place }) => place === run.place).flatMap((measure) => {
    const own = samples.filter(({ name }) => name === measure.name)
    return own.length === 0 ? [] : [Report.row(measure, own)]
  })
}, Effect.scoped)

/** Prints the versions of the programs and the host of a benchmark's measurements. */
const header = () => {
  const version = (path: string) => (JSON.parse(Fs.readFileSync(path, "utf8")) as { readonly version: string }).version
  const cpus = Os.cpus()
  return {
    furrow: `${version(file("../../actor/package.json"))}${isBuilt ? "" : ", from sources: nothing is built"}`,
    effect: version(file("../../../node_modules/effect/package.json")),
    node: process.version,
    machine: `${process.platform} ${Os.release()}, ${cpus.length} x ${cpus[0]?.model}`,
    load: Os.loadavg()[0]!.toFixed(1)
  }
}

const write = Effect.fnUntraced(function*(path: string, options: Options.Options, rows: ReadonlyArray<Report.Row>) {
  const fs = yield* FileSystem.FileSystem
  const shown = ({ base, floor, gate, name, place, title, unit }: Measure) => ({
    name,
    place,
    title,
    unit,
    base,
    gate,
    floor
  })
  const show = ({ measure, ...row }: Report.Row) => ({ ...shown(measure), ...row })
  const all = { date: new Date().toISOString(), ...header(), options, rows: rows.map(show) }
  yield* fs.writeFileString(path, `${JSON.stringify(all, null, 2)}\n`)
})

/** An error that makes the benchmark's process end with the given exit code, after all output has been printed. */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

/** Measures the requested runs of the benchmark, and returns the rows of the table and the runs that failed. */
const measureAll = Effect.fnUntraced(function*(wanted: (measure: Measure) => boolean, options: Options.Options) {
  const rows: Array<Report.Row> = []
  const failed: Array<Place> = []
  for (const run of runs(wanted, !options.quick)) {
    const measured = yield* Effect.catch(measureRun(run, options), (error) => {
      // When a run of the benchmark fails, the results of the other runs are still printed.
      failed.push(run.place)
      return Effect.as(Console.error(error), [])
    })
    rows.push(...measured)
  }
  return { rows, failed }
})

/**
 * Repeats runs of the benchmark whose measures exceed their limits, so that a busy host alone does not fail a quick
 * run.
 */
const settled = (rows: ReadonlyArray<Report.Row>, options: Options.Options) =>
  Regressions.settle(rows, (measures) =>
    Effect.gen(function*() {
      yield* Console.log(`Over the limit, measured again: ${measures.map(({ title }) => title).join("; ")}`)
      return (yield* measureAll((measure) => measures.includes(measure), options)).rows
    }))

const bench = Effect.fnUntraced(function*(options: Options.Options) {
  const { effect, furrow, load, machine, node } = header()
  yield* Console.log(`Furrow ${furrow}; effect ${effect}; Node ${node}; ${machine}; load ${load}`)
  yield* Console.log(
    "Cold start, memory and fan-out run with spares off; a start that takes a spare is a case of its own.\n"
  )
  const first = yield* measureAll(({ name }) => name.startsWith(options.only), options)
  const rows = options.quick ? yield* settled(first.rows, options) : first.rows
  yield* Console.log(Report.table(rows))
  yield* Console.log("A star marks a peer that is ahead.")
  if (options.rounds < 15) {
    yield* Console.log("a gate counts from 15 rounds on: this was a look, not a measurement")
  }
  if (options.json !== undefined) yield* write(options.json, options, rows)
  for (const place of first.failed) yield* Console.log(`The ${place} run failed: its error stands above the table.`)
  if (options.quick) yield* Effect.forEach(Regressions.summary(rows), (line) => Console.log(line), { discard: true })
  const regressed = options.quick && rows.some(Regressions.isOver)
  const missed = options.gate && rows.some(({ met }) => met === false)
  if (first.failed.length > 0 || missed || regressed) return yield* new Failed({ code: 1 })
})

const command = Command.make("npm run bench --", Options.config, (given) => bench(Options.resolve(given))).pipe(
  Command.withDescription("Measures Furrow against a raw baseline in the same run, as ratios.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
