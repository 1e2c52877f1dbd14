import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Util from "node:util"
import * as Check from "../src/Check.ts"
import * as History from "../src/History.ts"
import * as Program from "../src/Program.ts"
import { type Result, run } from "../src/Run.ts"
import { calmed, shrink } from "../src/Shrink.ts"

const seeds = Array.from({ length: 150 }, (_, i) => i + 1)

const main = Path.join(import.meta.dirname, "../src/main.ts")
const exec = Util.promisify(ChildProcess.execFile)
const simulate = (...args: ReadonlyArray<string>) => exec(process.execPath, [...process.execArgv, main, ...args])

describe("Random programs in memory", () => {
  it.live(
    "random programs keep every guarantee that the checks can decide from a history",
    () =>
      Effect.gen(function*() {
        for (const seed of seeds) {
          const problems = Check.problems(yield* run(Program.generate(seed)))
          assert.deepStrictEqual(problems, [], `seed ${seed}`)
        }
      }),
    120_000
  )

  it.live(
    "G199: a random program has the same events and makes the same random choices in each run with one seed",
    () =>
      Effect.gen(function*() {
        for (const seed of seeds.slice(0, 30)) {
          const program = Program.generate(seed)
          const [one, two] = [yield* run(program), yield* run(program)]
          assert.deepStrictEqual(two.events.map(History.show), one.events.map(History.show))
          assert.strictEqual(two.run.fingerprint, one.run.fingerprint)
        }
      }),
    60_000
  )

  it("G199: a random program has the same events in another process with the same seed", async () => {
    const digests = await Promise.all([1, 2].map(async () => {
      const { stdout } = await simulate("--seeds", "25")
      return /digest (\w+)/.exec(stdout)?.[1]
    }))
    assert.isDefined(digests[0])
    assert.strictEqual(digests[1], digests[0])
  }, 60_000)

  it("npm run simulate prints one random program by its seed, with its history", async () => {
    const { stdout } = await simulate("--seed", "3")
    assert.include(stdout, Program.show(Program.generate(3)))
    assert.match(stdout, /LeftOwner owner root/)
  }, 60_000)

  it("random programs contain every kind of step", () => {
    const found = new Set(seeds.flatMap((seed) => Program.generate(seed).steps.map(({ kind }) => kind)))
    assert.deepStrictEqual(Array.from(found).sort(), Array.from(Program.kinds).sort())
  })
})

describe("The page docs/simulation.md", () => {
  const page = Fs.readFileSync(Path.join(import.meta.dirname, "../../../docs/simulation.md"), "utf8")
  const named = new Set(
    page.split("\n").filter((line) => line.startsWith("| `")).flatMap((line) =>
      Array.from(line.split(" | ")[0]!.matchAll(/`(\w+)`/g), ([, name]) => name)
    )
  )

  it("the page docs/simulation.md has a row for each kind of step and for each check", () => {
    const missing = [...Program.kinds, ...Object.keys(Check.checks)].filter((name) => !named.has(name))
    assert.deepStrictEqual(missing, [])
  })
})

describe("Shrinking a failing program", () => {
  it.effect("shrinking keeps only the steps, actors and numbers that a failure needs", () =>
    Effect.gen(function*() {
      const program = Program.generate(12)
      const step = { kind: "run", wait: 3, actor: 2, a: 4, b: 3, c: 1 } as const
      const big: Program.Program = {
        ...program,
        actors: 3,
        owner: "nursery",
        steps: [...program.steps, step, ...program.steps, { ...step, kind: "kill" }]
      }
      const fails = ({ steps }: Program.Program) =>
        Effect.succeed(steps.some(({ b, kind }) => kind === "run" && b === 3) && steps.at(-1)?.kind === "kill")
      const small = yield* shrink(big, fails)
      const zero = { wait: 0, actor: 0, a: 0, b: 0, c: 0 }
      assert.deepStrictEqual(small.program.steps, [{ ...zero, kind: "run", b: 3 }, { ...zero, kind: "kill" }])
      assert.strictEqual(small.program.actors, 1)
      assert.strictEqual(small.program.owner, "scope")
    }))
})

describe("The schedule of a failing program is shrunk", () => {
  it.effect("shrinking a schedule removes every random choice that a failure does not need", () =>
    Effect.gen(function*() {
      const program = Program.generate(12)
      const isCalm = ({ calm = [] }: Program.Program, choice: number) =>
        calm.some(([from, to]) => from <= choice && choice < to)
      const fails = (candidate: Program.Program) => Effect.succeed(!isCalm(candidate, 300))
      const small = yield* calmed(program, 640, fails)
      const left = Array.from({ length: 640 }, (_, choice) => choice).filter((choice) => !isCalm(small, choice))
      assert.deepStrictEqual([left[0], left.at(-1)], [300, 309])
    }))

  it.live("G199: a shrunk schedule repeats a run without some of its random choices, so that fibers switch less often", () =>
    Effect.gen(function*() {
      const program = { ...Program.generate(46), calm: [[0, 1_000_000]] as const }
      const [wild, one, two] = [yield* run(Program.generate(46)), yield* run(program), yield* run(program)]
      assert.strictEqual(two.run.fingerprint, one.run.fingerprint)
      assert.notStrictEqual(one.run.fingerprint, wild.run.fingerprint)
      assert.deepStrictEqual(Check.problems(one), [])
    }))
})

describe("Checks find faults in the history of a run", () => {
  const zero = { wait: 0, actor: 0, a: 0, b: 0, c: 0 }
  const ok: History.How = { words: ["ok"] }
  const lost: History.How = { words: ["Fail ActorLost"], began: "no" }
  const histories: ReadonlyArray<readonly [check: string, text: RegExp, events: ReadonlyArray<History.Event>]> = [
    ["comesToRest", /left: a0/, [{ _tag: "Wrong", check: "comesToRest", text: "left: a0 is Running" }]],
    ["answersAll", /never answered/, [{ _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" }]],
    ["runsOnce", /ran twice/, [{ _tag: "Began", key: 1, actor: "a0" }, { _tag: "Began", key: 1, actor: "a0" }]],
    ["hearsItsOwn", /answered with 2/, [
      { _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" },
      { _tag: "Answered", key: 1, how: { ...ok, value: 2 } }
    ]],
    ["acknowledges", /handler still ran/, [
      { _tag: "Began", key: 1, actor: "a0" },
      { _tag: "Interrupting", key: 1 },
      { _tag: "Interrupted", key: 1 },
      { _tag: "Ended", key: 1, how: ok }
    ]],
    ["isNotLost", /a0 was not hurt/, [
      { _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" },
      { _tag: "Answered", key: 1, how: { words: lost.words } }
    ]],
    ["hasNotBegun", /its handler ran/, [
      { _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" },
      { _tag: "Hurt", actor: "a0", what: "kill" },
      { _tag: "Began", key: 1, actor: "a0" },
      { _tag: "Answered", key: 1, how: lost }
    ]],
    ["readsInOrder", /item 2 was read where 1 was next/, [
      { _tag: "Read", key: 1, reader: "caller", item: 0 },
      { _tag: "Read", key: 1, reader: "caller", item: 2 }
    ]],
    ["readsInOrder", /after 1 of 2 items/, [
      { _tag: "Read", key: 1, reader: "caller", item: 0 },
      { _tag: "Completed", key: 1, reader: "caller", count: 2 }
    ]],
    ["keepsCredit", /4 items ahead/, [{ _tag: "Wrote", key: 1, item: 3, window: 2 }]],
    ["comesToItsEnd", /0, a run, is not answered/, [
      { _tag: "Called", key: 0, kind: "run", actor: "a0", from: "root" },
      { _tag: "Rests" }
    ]],
    ["comesToItsEnd", /its handler still runs/, [
      { _tag: "Called", key: 0, kind: "run", actor: "a0", from: "root" },
      { _tag: "Began", key: 0, actor: "a0" },
      { _tag: "Answered", key: 0, how: ok },
      { _tag: "Rests" }
    ]],
    ["comesToItsEnd", /goes on in the root/, [
      { _tag: "Called", key: 1, kind: "up", actor: "a0", from: "root" },
      { _tag: "Began", key: 1, actor: "root" },
      { _tag: "Hurt", actor: "a0", what: "kill" },
      { _tag: "Rests" }
    ]],
    ["forgetsDialogs", /2 dialogs are open/, [{ _tag: "Open", actor: "a0", dialogs: 2 }]],
    ["isNotLost", /the protocol was broken/, [
      { _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" },
      { _tag: "Answered", key: 1, how: { words: ["Fail ProtocolViolation"] } }
    ]],
    ["releasesLast", /its layer was released/, [{ _tag: "UsedReleased", key: 1, what: "its layer" }]],
    ["leavesLast", /after its owner was left/, [
      { _tag: "Began", key: 1, actor: "a0" },
      { _tag: "LeftOwner", owner: "root" },
      { _tag: "Ended", key: 1, how: ok }
    ]],
    ["holdsAlone", /at the same time/, [
      { _tag: "Holds", key: 1, name: "only0" },
      { _tag: "Holds", key: 2, name: "only0" }
    ]],
    ["namesAuthors", /a1 said it/, [
      { _tag: "Ending", actor: "a0", by: "a1", reason: "retire 1", bound: 1 },
      { _tag: "Answered", key: 1, how: { words: ["Fail ContextCancelled"], reason: "retire 1", by: "a2" } }
    ]],
    ["endsInTime", /was gone 9000 ms after/, [
      { _tag: "Ending", actor: "a0", by: "root", reason: "end 1", bound: 1_000 },
      { _tag: "Gone", actor: "a0" }
    ]],
    ["tellsOneEnd", /ended as Lost/, [
      { _tag: "Heard", actor: "a0", watcher: "root", exit: "Lost" },
      { _tag: "Heard", actor: "a0", watcher: "a1", exit: "Returned" }
    ]],
    ["failsLast", /after 0 of 1 items/, [
      { _tag: "Failing", key: 1, count: 1 },
      { _tag: "Answered", key: 1, how: { words: ["Fail Oops"], key: 1 } }
    ]],
    ["keepsGroups", /ran in another one/, [
      { _tag: "Works", key: 1, group: "g", worker: "w1" },
      { _tag: "Works", key: 2, group: "g", worker: "w2" }
    ]],
    ["keepsDeadlines", /went on 9000 ms/, [{ _tag: "Timed", key: 1, actor: "pool1", millis: 9_000, within: 5 }]],
    ["overtakes", /went on 9000 ms later/, [
      { _tag: "Interrupting", key: 0 },
      { _tag: "Interrupted", key: 0 }
    ]],
    ["sharesOne", /hold two actors/, [
      { _tag: "Shares", key: 1, name: "s", uuid: "u1" },
      { _tag: "Shares", key: 2, name: "s", uuid: "u2" }
    ]],
    ["seesInOrder", /it was not there/, [{ _tag: "Seen", watcher: 1, what: "Down", uuid: "u", name: "a0" }]],
    ["refusesUnrun", /its handler ran/, [
      { _tag: "Began", key: 1, actor: "a0" },
      { _tag: "Answered", key: 1, how: { words: ["Fail ActorBusy"] } }
    ]],
    ["endsHandlers", /never ended/, [{ _tag: "Began", key: 1, actor: "a0" }]],
    ["tellsCleanups", /heard nothing of it/, [
      { _tag: "Ended", key: 1, how: ok },
      { _tag: "Unsaid", key: 1, actor: "a0" }
    ]],
    ["keepsFailures", /heard ContextCancelled/, [
      { _tag: "Called", key: 1, kind: "run", actor: "a0", from: "root" },
      { _tag: "Began", key: 1, actor: "a0" },
      { _tag: "Ended", key: 1, how: { words: ["Fail Oops"] } },
      { _tag: "Answered", key: 1, how: { words: ["Fail ContextCancelled"] } }
    ]],
    ...History.compared.map((check) =>
      [check, /on the spot/, [{ _tag: "Wrong", check, text: "on the spot" }]] as const
    ),
    ["nestsServices", /1 shops and 0 stocks/, [{ _tag: "Opened", name: "Shop" }]]
  ]

  const result = (events: ReadonlyArray<History.Event>, lines: ReadonlyArray<string> = []): Result => ({
    program: { ...Program.generate(1), steps: [{ ...zero, kind: "run" }, { ...zero, kind: "up" }] },
    run: {
      seed: 1,
      end: "done",
      exit: undefined,
      history: lines.map((text) => ({ millis: 0, actor: "root", text })),
      left: [],
      hurt: [],
      millis: 0,
      choices: 0,
      fingerprint: 0
    },
    events: events.map((event, i) => ({
      ...event,
      at: event._tag === "Gone" || event._tag === "Rests" || event._tag === "Interrupted" && event.key === 0 ? 9_000 : i
    }))
  })

  for (const [check, text, events] of histories) {
    it(`each check of histories finds the fault for which it is made (the check ${check}: ${text.source})`, () => {
      const found = Check.problems(result(events)).filter((problem) => problem.check === check)
      assert.match(found.map(({ text }) => text).join("; "), text)
    })
  }

  it("the check logsInOrder reports a log line of an answered call that was never logged", () => {
    const called: History.Event = { _tag: "Called", key: 0, kind: "log", actor: "a0", from: "root" }
    const answered: History.Event = { _tag: "Answered", key: 0, how: ok }
    const found = Check.problems(result([called, answered]))
    assert.deepStrictEqual(found, [{ check: "logsInOrder", text: "0 of 1 lines of 0 were logged" }])
    assert.deepStrictEqual(Check.problems(result([called, answered], ["logs Info: line 0 0"])), [])
  })

  it("the check isNotLost reports a call that fails with ActorLost although the called actor's messages were only delayed", () => {
    const lostOf = (actor: string): ReadonlyArray<History.Event> => [
      { _tag: "Held", actor, millis: 9_000 },
      { _tag: "Called", key: 1, kind: "run", actor, from: "root" },
      { _tag: "Answered", key: 1, how: { words: lost.words } }
    ]
    const found = (actor: string, lines: ReadonlyArray<string>) => Check.problems(result(lostOf(actor), lines)).length
    assert.deepStrictEqual([found("root", ["exits: SIGKILL"]), found("root", []), found("a0", ["exits: SIGKILL"])], [
      0,
      1,
      1
    ])
  })

  it("the check logsInOrder reports a log line of an actor that was logged before an earlier line", () => {
    const found = Check.problems(result([], ["logs Info: line 4 0", "logs Info: line 4 2"]))
    assert.deepStrictEqual(found, [{ check: "logsInOrder", text: "line 2 of 4 was logged where 1 was next" }])
  })

  it("each check of histories has a history in this file in which it finds a fault", () => {
    const tested = new Set([...histories.map(([check]) => check), "logsInOrder"])
    assert.deepStrictEqual(Array.from(tested).sort(), Object.keys(Check.checks).sort())
  })
})
