import { it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import type { Gate } from "../src/measures.ts"
import * as Options from "../src/options.ts"
import * as Regressions from "../src/regressions.ts"
import * as Report from "../src/report.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const run = promisify(ChildProcess.execFile)

const bench = (...args: ReadonlyArray<string>) =>
  run(process.execPath, ["--conditions=furrow-source", main, ...args], { timeout: 100_000 })

test(
  "A quick run of the benchmark of sequential calls prints a table of finite ratios, and exits with 0",
  { timeout: 120_000 },
  async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-bench-"))
    try {
      const json = Path.join(folder, "out.json")
      const { stdout } = await bench("--quick", "--only", "call", "--rounds", "2", "--json", json)
      expect(stdout).toMatch(
        /^\| case +\| +Furrow \| beside +\| +there \| ratio \| +gate \| +floor \| verdict +\| Furrow to peers \|$/m
      )
      expect(stdout).toMatch(/^\| sequential call, free +\| +[\d.]+ us \| raw +\| +[\d.]+ us \| +\d+\.\d\d \|/m)
      const { rows } = JSON.parse(Fs.readFileSync(json, "utf8")) as {
        readonly rows: ReadonlyArray<{ readonly name: string; readonly ratio: number; readonly rounds: number }>
      }
      expect(rows.length).toBeGreaterThan(0)
      for (const { name, ratio, rounds } of rows) {
        expect(name).toBe("call")
        expect(rounds).toBe(2)
        expect(ratio).toBeGreaterThan(0)
        expect(Number.isFinite(ratio)).toBe(true)
      }
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  }
)

const free = { name: "call", place: "free", title: "t", unit: "us", base: "raw" } as const
const samplesOf = (pairs: ReadonlyArray<readonly [raw: number, furrow: number]>) =>
  pairs.map(([raw, furrow]) => ({ name: "call", values: { raw, furrow } }) as const)

test("The ratio of a benchmark's row is the median of the ratios of paired samples, not the ratio of medians", () => {
  const samples = samplesOf([[1, 3], [10, 10], [100, 200]])
  const measure = { ...free, gate: { _tag: "AtMost", ratio: 2 } } as const
  expect(Report.row(measure, samples)).toMatchObject({ ratio: 2, base: 10, furrow: 10, met: true })
  expect(Report.row(free, samples).met).toBe(undefined)
})

test("A gate of a benchmark is met if the figure divided by the base, the figure minus the base, or the figure is within a limit", () => {
  const samples = samplesOf([[4, 6]])
  const met = (gate: Gate) => Report.row({ ...free, gate }, samples).met
  expect([met({ _tag: "AtMost", ratio: 1.5 }), met({ _tag: "AtMost", ratio: 1.4 })]).toEqual([true, false])
  expect([met({ _tag: "AtLeast", ratio: 1.5 }), met({ _tag: "AtLeast", ratio: 1.6 })]).toEqual([true, false])
  expect([met({ _tag: "Above", most: 2 }), met({ _tag: "Above", most: 1 })]).toEqual([true, false])
  expect([met({ _tag: "Below", most: 6 }), met({ _tag: "Below", most: 5 })]).toEqual([true, false])
})

test("A library that is better than Furrow is marked with a star in a benchmark's table, for times and for rates", () => {
  const values = { furrow: 20, raw: 10, "fork json": 40, piscina: 5 }
  const peers = ["fork json", "piscina"] as const
  const shown = (unit: "us" | "k/s") => Report.table([Report.row({ ...free, unit, peers }, [{ name: "call", values }])])
  expect(shown("us")).toContain("fork json 0.50, piscina 4.00*")
  expect(shown("k/s")).toContain("fork json 0.50*, piscina 4.00 ")
})

const rowOf = (unit: "us" | "k/s", seen: number, furrow: number) =>
  Report.row({ ...free, unit, seen }, samplesOf([[10, furrow]]))

test("A benchmark's figure that is twice as bad as expected exceeds its limit, for times and for rates", () => {
  const over = (unit: "us" | "k/s", seen: number) => Regressions.isOver(rowOf(unit, seen, 20))
  expect([over("us", 1.1), over("us", 0.9)]).toEqual([false, true])
  expect([over("k/s", 3.9), over("k/s", 4.1)]).toEqual([false, true])
  expect(Regressions.isOver(Report.row(free, samplesOf([[1, 1000]])))).toBe(false)
})

test("A case of a benchmark is within its limit where the ratio of its best figures is within the limit, whatever the other rounds measured", () => {
  const over = (unit: "us" | "k/s", ...pairs: ReadonlyArray<readonly [number, number]>) =>
    Regressions.isOver(Report.row({ ...free, unit, seen: 1 }, samplesOf(pairs)))
  expect(over("us", [10, 15], [12, 90], [10, 80])).toBe(false)
  expect(over("us", [10, 25], [12, 90], [10, 80])).toBe(true)
  expect(over("k/s", [90, 20], [80, 70], [90, 15])).toBe(false)
})

/**
 * Measures a case with the given figures, one for each measurement. Returns what settles, and how many measurements
 * that took.
 */
const settle = (unit: "us" | "k/s", figures: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const rows = figures.map((figure) => rowOf(unit, 1, figure)).map((row, _, [first]) => ({
      ...row,
      measure: first!.measure
    }))
    let looks = 1
    const other = Report.row({ ...free, title: "other" }, samplesOf([[1, 1]]))
    const [settled] = yield* Regressions.settle([rows[0]!, other], (measures) =>
      Effect.sync(() => {
        expect(measures).toEqual([rows[0]!.measure])
        return [rows[looks++]!]
      }))
    return { ratio: settled!.ratio, looks, last: Regressions.summary([settled!]).at(-1) }
  })

it.effect("A case of a benchmark that exceeds its limit is measured up to three times, and its best ratio counts", () =>
  Effect.gen(function*() {
    expect(yield* settle("us", [15])).toMatchObject({ ratio: 1.5, looks: 1 })
    expect(yield* settle("us", [30, 15])).toMatchObject({ ratio: 1.5, looks: 2, last: "No case is over its limit." })
    expect(yield* settle("us", [30, 40, 25])).toMatchObject({
      ratio: 2.5,
      looks: 3,
      last: "- call (free), t: 2.50 to raw, limit at most 2.00"
    })
    expect(yield* settle("k/s", [2, 4, 3])).toMatchObject({
      ratio: 0.4,
      looks: 3,
      last: "- call (free), t: 0.40 to raw, limit at least 0.50"
    })
  }))

test("A benchmark refuses an invalid argument with exit code 2, and names the option and its possible values", async () => {
  const refusals = [
    [["--rounds", "many"], "--rounds: \"many\". Expected: a number of rounds from 1 on"],
    [["--rounds", "0"], "--rounds: \"0\". Expected: a number of rounds from 1 on"],
    [["--only", "lunch"], "--only: \"lunch\". Expected: the beginning of one of call, failure"],
    [["--fast"], "Unrecognized flag: --fast"]
  ] as const
  for (const [args, reason] of refusals) {
    await expect(bench(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(reason) })
  }
})

test("The help of a benchmark explains every option, exits with 0, and measures nothing", async () => {
  const { stdout } = await bench("--help")
  for (const option of ["quick", "only NAME", "rounds N", "runs N", "json FILE", "gate", "profile DIR"]) {
    expect(stdout).toContain(`\n  --${option} `)
  }
  expect(stdout).not.toContain("| ratio |")
})

test("The kind of a benchmark's run sets the numbers of rounds and runs that the command line leaves open", () => {
  const given = {
    quick: false,
    only: "",
    rounds: undefined,
    runs: undefined,
    json: undefined,
    gate: false,
    profile: undefined
  }
  expect(Options.resolve(given).rounds).toBe(15)
  expect(Options.resolve({ ...given, quick: true }).rounds).toBe(5)
  expect(Options.resolve({ ...given, quick: true, rounds: 2 }).rounds).toBe(2)
  expect(Options.resolve(given).runs).toBe(1)
  expect(Options.resolve({ ...given, gate: true }).runs).toBe(3)
})

it.live(
  "An interrupted benchmark ends with exit code 130, and the folder of its bundle is removed",
  () =>
    Effect.gen(function*() {
      const temporary = yield* Folder.make({})
      const bundles = () => Fs.readdirSync(temporary).filter((name) => name.startsWith("furrow-bench"))
      const args = ["--quick", "--only", "spawn", "--rounds", "1"]
      const program = yield* Program.start(main, { args, env: { TMPDIR: temporary } })
      yield* Eventually.succeeds(Effect.sync(() => expect(bundles()).toHaveLength(1)), { within: "60 seconds" })
      yield* program.signal("SIGINT")
      expect((yield* program.ended()).code).toBe(130)
      expect(bundles()).toEqual([])
    }),
  120_000
)
