import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, test } from "vitest"
import { allowedPeak, floor, isBack, judge, type Sample } from "../src/soak/judge.ts"
import * as Options from "../src/soak/options.ts"
import * as Report from "../src/soak/report.ts"

const main = fileURLToPath(new URL("../src/soak/main.ts", import.meta.url))
const run = promisify(ChildProcess.execFile)

const soak = (...args: ReadonlyArray<string>) =>
  run(process.execPath, ["--expose-gc", "--conditions=furrow-source", main, ...args], { timeout: 160_000 })

const problem = (...heaps: ReadonlyArray<number>) => judge(heaps.map((heap) => ({ heap })))[0]!.problem

describe("The judgement of npm run soak finds resources that grow", () => {
  test("the judgement of npm run soak takes the least of several samples, for each measured resource of a process", () => {
    const samples: ReadonlyArray<Sample> = [{ heap: 40, fds: 20 }, { heap: 38, fds: 22 }, { heap: 90, fds: 21 }]
    expect(floor(samples)).toEqual({ heap: 38, fds: 20 })
  })

  test("the judgement of npm run soak lets memory grow once by the allowed amount, and no further", () => {
    expect(problem(40)).toBe(undefined)
    expect(problem(40, 55.9)).toBe(undefined)
    expect(problem(40, 300, 41)).toBe(undefined)
    expect(problem(40, 41, 56.1)).toBe("grew by 16.1, 16 is allowed")
  })

  test("the judgement of npm run soak reports memory that grows at every checkpoint, before it exceeds the allowed amount", () => {
    expect(problem(40, 42, 44, 46, 48)).toBe("grew at each of the last 5 checkpoints, by 8")
    expect(problem(40, 42, 44, 43, 48)).toBe(undefined)
    expect(problem(40, 42, 44, 46)).toBe(undefined)
    expect(problem(40, 40.1, 40.2, 40.3, 40.4)).toBe(undefined)
    // This resource has grown, and then stopped growing.
    expect(problem(40, 42, 44, 46, 48, 48)).toBe(undefined)
  })

  test("the judgement of npm run soak requires every counted resource to return to its first value or less", () => {
    const judged = judge([{ fds: 20, dialogs: 0, names: 4 }, { fds: 21, dialogs: 0, names: 3 }])
    expect(judged.map(({ problem, resource }) => [resource, problem])).toEqual([
      ["fds", "grew by 1, 0 is allowed"],
      ["dialogs", undefined],
      ["names", undefined]
    ])
    expect(isBack({ fds: 20, heap: 40 }, { fds: 20, heap: 50 })).toBe(true)
    expect(isBack({ fds: 20, heap: 40 }, { fds: 21, heap: 40 })).toBe(false)
    expect(isBack({ fds: 20, heap: 40 }, { fds: 20, heap: 57 })).toBe(false)
  })
})

describe("The report of npm run soak shows figures and verdicts", () => {
  const result = {
    processes: ["root", "one"],
    floors: [[{ heap: 40 }, { heap: 41 }], [{ heap: 40 }, { heap: 2_000 }]],
    peaks: [
      { act: "part", seconds: 1, above: [10, 2_600], highest: [100, 2_700] },
      { act: "all at once", seconds: 2, above: [allowedPeak({ largest: 16, lanes: 3 }), 5], highest: [900, 100] },
      { act: "all at once", seconds: 3, above: [1, 7], highest: [90, 110] }
    ],
    problems: new Map([["part: did not end", 2]]),
    done: 7
  }

  test("the report of npm run soak shows the peak memory of each process in each act, which is one kind of work", () => {
    const lines = Report.peaks(result).split("\n")
    expect(lines[1]).toMatch(/^part +1\.0 +10 +2600$/)
    expect(lines[2]).toMatch(/^all at once +5\.0 +832 +7$/)
    expect(lines[3]).toMatch(/^highest in all.* 900 +2700$/)
  })

  test("the report of npm run soak has a verdict for each resource, for each peak of memory and for each failed act", () => {
    const verdicts = Report.verdicts(result, 16)
    expect(verdicts.map(({ problem, what }) => [what, problem])).toEqual([
      ["root: heap", undefined],
      ["one: heap", "grew by 1960, 16 is allowed"],
      ["root: peak", undefined],
      ["one: peak", "2600 MiB in \"part\" (448 are allowed)"],
      ["act", "part: did not end"]
    ])
    expect(Report.list(verdicts)).toMatch(/^FAILED +one: heap +40 -> 2000 +grew by 1960, 16 is allowed$/m)
  })
})

describe("The command npm run soak runs several kinds of work, and fails if memory, files or processes grow", () => {
  test("npm run soak runs only those of its kinds of work, called acts, that the options `only` and `skip` select", () => {
    const names = (options: { only?: ReadonlyArray<string>; skip?: ReadonlyArray<string> }) =>
      ["calls", "calls to a busy actor", "streams"].filter((name) =>
        Options.isWanted({ only: [], skip: [], ...options }, name)
      )
    expect(names({})).toHaveLength(3)
    expect(names({ only: ["calls", "nobody"], skip: ["busy"] })).toEqual(["calls"])
    expect(names({ skip: ["calls"] })).toEqual(["streams"])
  })

  test("npm run soak refuses invalid arguments with exit code 2", async () => {
    for (const args of [["--minutes", "0"], ["--largest", "64"], ["--only", "lunch"], ["--fast"]]) {
      await expect(soak(...args)).rejects.toMatchObject({ code: 2 })
    }
  })

  test(
    "npm run soak measures the resources of all processes before and after its work, and exits with 0 if none has grown",
    { timeout: 180_000 },
    async () => {
      const args = ["--minutes", "0.02", "--only", "registry,two-way,killed", "--largest", "1", "--seed", "3"]
      const { stdout } = await soak(...args)
      expect(stdout).toMatch(/^peak in MiB above what it had +s +root +one +two +three$/m)
      expect(stdout).toMatch(/^ok +root: processes +5 -> 5$/m)
      expect(stdout).toMatch(/^ok +three: peers +2 -> 2$/m)
      expect(stdout).toMatch(/^ok +after the end: socket files +0$/m)
      expect(stdout).toMatch(/acts: everything is back where it was\n$/)
    }
  )
})
