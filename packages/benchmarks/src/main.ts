/**
 * `npm run bench`: Furrow against a raw baseline in the same run, as ratios.
 *
 * Absolute times belong to the machine and the hour; ratios of samples taken side by side are what this compares. Each
 * run is a process of its own (messages.ts, starts.ts): pinned to one core or free, with or without compiled schemas,
 * from sources, built or bundled. A missed gate is a line in the table, not a failure, unless `--gate` asks for one.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import type { Job } from "./job.ts"
import { amounts, isStart, type Measure, measures, type Run, runs, type Sample } from "./measures.ts"
import * as Options from "./options.ts"
import * as Report from "./report.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const messages = file("./messages.ts")
const starts = file("./starts.ts")
const condition = "--conditions=furrow-source"
/** Nothing here takes this long: a run that does hangs. */
const patience = 10 * 60_000

/** Why a run cannot be done on this machine. */
const missing = (run: Run): string | undefined => {
  if (run.place === "pinned") {
    const { status } = ChildProcess.spawnSync("taskset", ["-c", "0", "true"], { stdio: "ignore" })
    return status === 0 ? undefined : "there is no taskset to pin processes with"
  }
  if (run.place === "built") {
    return Fs.existsSync(file("../../node/dist/runtime/manifest.json")) ? undefined : "nothing is built: npm run build"
  }
  return undefined
}

const measurable = (run: Run): Run => ({
  ...run,
  // The kernel's account of private pages is Linux's own.
  names: run.names.filter((name) => name !== "memory" || process.platform === "linux")
})

/** The whole program and everything it needs in one file. */
const bundle = async (folder: string): Promise<string> => {
  const { rolldown } = await import("rolldown")
  const build = await rolldown({
    input: starts,
    platform: "node",
    resolve: { conditionNames: ["furrow-source", "import", "node"] },
    external: [/^node:/, "msgpackr-extract"],
    logLevel: "silent"
  })
  const bundled = Path.join(folder, "program.mjs")
  await build.write({ file: bundled, format: "esm", codeSplitting: false, minify: true })
  await build.close()
  return bundled
}

const withProgram = async <A>(run: Run, use: (program: string) => Promise<A>): Promise<A> => {
  if (run.place !== "bundled") return use(isStart(run.place) ? starts : messages)
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-bench-"))
  try {
    return await use(await bundle(folder))
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

const collect = (program: string, run: Run, options: Options.Options): Promise<ReadonlyArray<Sample>> =>
  new Promise((resolve, reject) => {
    const flags = options.profile === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${Path.resolve(options.profile)}`]
    const job: Job = {
      run,
      rounds: options.rounds,
      amounts: amounts[options.quick ? "quick" : "full"],
      flags,
      bare: file("./raw/bare.mjs")
    }
    // Actors inherit the flags of their parent: both ends compile, both read sources.
    const argv = [
      process.execPath,
      ...flags,
      ...(run.place === "built" || run.place === "bundled" ? [] : [condition]),
      ...(run.jit ? [`--import=${import.meta.resolve("effect/schema/SchemaJITCompiler/enable")}`] : []),
      program,
      JSON.stringify(job)
    ]
    const [command, ...args] = run.place === "pinned" ? ["taskset", "-c", "0", ...argv] : argv
    const samples: Array<Sample> = []
    ChildProcess.spawn(command!, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], timeout: patience })
      .on("message", (sample) => void samples.push(sample as Sample))
      .on("error", reject)
      .on(
        "close",
        (code, signal) =>
          code === 0 ? resolve(samples) : reject(new Error(`the ${run.place} run ended with ${signal ?? code}`))
      )
  })

const measureRun = async (run: Run, options: Options.Options): Promise<ReadonlyArray<Report.Row>> => {
  const problem = missing(run)
  if (problem !== undefined) {
    console.log(`not measured (${run.place}): ${problem}`)
    return []
  }
  const samples = await withProgram(run, (program) => collect(program, measurable(run), options))
  return measures.filter(({ place }) => place === run.place).flatMap((measure) => {
    const own = samples.filter(({ name }) => name === measure.name)
    return own.length === 0 ? [] : [Report.row(measure, run, own)]
  })
}

const write = (path: string, options: Options.Options, rows: ReadonlyArray<Report.Row>): void => {
  const show = ({ measure, ...row }: Report.Row) => ({ ...shown(measure), ...row })
  const shown = ({ gate, name, place, title, unit }: Measure) => ({ name, place, title, unit, gate })
  const cpus = Os.cpus()
  const machine = { node: process.version, platform: process.platform, cpu: cpus[0]?.model, cores: cpus.length }
  Fs.writeFileSync(
    path,
    `${JSON.stringify({ date: new Date().toISOString(), machine, options, rows: rows.map(show) }, null, 2)}\n`
  )
}

const main = async (options: Options.Options): Promise<void> => {
  const rows: Array<Report.Row> = []
  const jits = options.quick ? [true] : [true, false]
  for (const run of runs((name) => name.startsWith(options.only), jits)) {
    try {
      rows.push(...await measureRun(run, options))
    } catch (error) {
      // What the other runs say is still worth its line.
      console.error(error)
      process.exitCode = 1
    }
  }
  console.log(Report.table(rows))
  if (options.rounds < 15) console.log("a gate counts from 15 rounds on: this was a look, not a measurement")
  if (options.json !== undefined) write(options.json, options, rows)
  if (options.gate && rows.some(({ met }) => met === false)) process.exitCode = 1
}

let options: Options.Options | undefined
try {
  options = Options.parse(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${Options.usage}`)
  process.exitCode = 2
}
if (options !== undefined) await main(options)
