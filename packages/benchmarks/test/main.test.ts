import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import * as Options from "../src/options.ts"
import * as Report from "../src/report.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const run = promisify(ChildProcess.execFile)

const bench = (...args: ReadonlyArray<string>) =>
  run(process.execPath, ["--conditions=furrow-source", main, ...args], { timeout: 100_000 })

test(
  "A quick look at sequential calls prints a table of finite ratios, and exits with 0",
  { timeout: 120_000 },
  async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-bench-"))
    try {
      const json = Path.join(folder, "out.json")
      const { stdout } = await bench("--quick", "--only", "call", "--rounds", "2", "--json", json)
      expect(stdout).toMatch(/^\| measure +\| +raw \| +Furrow \| ratio \| +gate \| verdict +\|$/m)
      expect(stdout).toMatch(/^\| sequential call, free +\| +[\d.]+ us \| +[\d.]+ us \| +\d+\.\d\d \|/m)
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

test("The ratio of a row is the median of the ratios of twins, not the ratio of medians", () => {
  const measure = { name: "call", place: "free", title: "t", unit: "us", gate: { _tag: "AtMost", ratio: 2 } } as const
  const samples = [[1, 3], [10, 10], [100, 200]].map(([raw, furrow]) =>
    ({ name: "call", raw: raw!, furrow: furrow! }) as const
  )
  const row = Report.row(measure, { place: "free", jit: true, names: ["call"] }, samples)
  expect(row).toMatchObject({ ratio: 2, raw: 10, furrow: 10, met: true })
  expect(Report.row(measure, { place: "free", jit: false, names: ["call"] }, samples).met).toBe(undefined)
})

test("Arguments that make no sense are refused in a sentence", async () => {
  expect(() => Options.parse(["--rounds", "many"])).toThrow("--rounds many is not a number of rounds")
  expect(() => Options.parse(["--only", "lunch"])).toThrow("--only lunch matches no measure")
  await expect(bench("--only", "lunch")).rejects.toMatchObject({ code: 2 })
})
