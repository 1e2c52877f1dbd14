import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { relayed } from "./fixtures/elsewhere.ts"
import { pid } from "./fixtures/ways.ts"
import { fixture, withActors } from "./support.ts"

const patient = { within: "25 seconds" } as const

const nothingLeft = (program: Program.Program) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(program.left().map(Processes.describe), [])),
    { what: "nothing is left of the program" }
  )

describe("The warden ends the actors of a dead root", () => {
  it.live("a tree has one warden, which ends with the tree", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("main.ts"), { args: ["warden"] })
      yield* program.says(/tick 3/, patient)
      assert.strictEqual(program.left().filter(({ command }) => command.includes("furrow-warden")).length, 1)
      yield* program.signal("SIGTERM")
      yield* program.ended(patient)
      yield* nothingLeft(program)
    })))

  it.live("a missing warden is noticed only when the tree needs it, and the actors of a killed root end without a warden", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("main.ts"), { args: ["warden"] })
      yield* program.says(/tick 3/, patient)
      process.kill(program.left().find(({ command }) => command.includes("furrow-warden"))!.pid, "SIGKILL")
      yield* Eventually.holds("it goes on", () => /tick 9/.test(program.stdout()), patient)
      yield* program.signal("SIGKILL")
      const actors = () => program.left().filter(({ command }) => command.startsWith("furrow["))
      yield* Eventually.holds("the actors are gone", () => actors().length === 0)
    })))

  it.live("an actor that was given other environment variables can start actors below it under the warden", () =>
    withActors(Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Actor.runInActor(relayed(), { env: { inherit: [] } }),
        ["none", "started"]
      )
      assert.deepStrictEqual(
        yield* Actor.runInActor(relayed(), { env: { set: { PATH: "/nowhere" } } }),
        ["/nowhere", "started"]
      )
    })))

  it.live("the warden is replaced by guard threads where it cannot work, and the root logs the replacement", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("main.ts"), { env: { PATH: "/nowhere" } })
      yield* program.says(/tick 3/, patient)
      assert.match(
        program.stdout() + program.stderr(),
        /the guard "warden" cannot hold here: `setpriv --pdeathsig` is not/
      )
      assert.match(
        program.stdout() + program.stderr(),
        /The guard "thread" is used: it costs about 8 MB an actor/
      )
      assert.strictEqual(program.left().filter(({ command }) => command.includes("furrow-warden")).length, 1)
      yield* program.signal("SIGKILL")
      yield* nothingLeft(program)
    })))
})

describe("The subprocess of an actor that was killed while the root computed ends with the root", () => {
  for (const guard of ["warden", "thread"]) {
    it.live(`G77: the subprocess of an actor that was killed while the root computed ends with the root (guard: ${guard})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(fixture("computing.ts"), { args: [guard] })
        const [, pid] = yield* program.says(/computing beside (\d+)/, patient)
        process.kill(Number(pid), "SIGKILL")
        const left = () => program.left().filter(({ state }) => state !== "Z")
        yield* Eventually.holds("the actor is dead", () => !left().some((found) => found.pid === Number(pid)))
        assert.isTrue(left().some(({ command }) => command.startsWith("/bin/sleep")))
        yield* program.signal("SIGKILL")
        yield* nothingLeft(program)
      })))
  }
})

describe("A tree without a guard warns of the missing guard, and its idle actors still end with the root", () => {
  it.live("a tree without a guard logs at its start that it has none, and idle actors still end with their root", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("main.ts"), { args: ["none"] })
      yield* program.says(/tick 3/, patient)
      assert.match(
        program.stdout() + program.stderr(),
        /guard "none": an actor that is busy or blocked when its parent is killed will be left behind/
      )
      yield* program.signal("SIGKILL")
      const actors = () => program.left().filter(({ command }) => command.startsWith("furrow["))
      yield* Eventually.holds("the actors are gone", () => actors().length === 0)
    })))
})

describe("A root without file descriptors gets an error and goes on", () => {
  it.live("a root without file descriptors gets an error that names the limit, and starts actors again when descriptors are free", () =>
    Effect.sync(() => {
      const { status, stderr, stdout } = ChildProcess.spawnSync(
        "/bin/sh",
        ["-c", `ulimit -n 64; exec "$@"`, "sh", process.execPath, ...process.execArgv, fixture("full.ts")],
        { encoding: "utf8", timeout: 30_000 }
      )
      const lines = stdout.trim().split("\n")
      const [first] = lines
      assert.match(
        first!,
        /^with 1: SpawnFailed: actor "pid" did not start \(step: process\): .*too many open files/,
        stderr
      )
      assert.match(first!, /ulimit -n/)
      for (const line of lines.slice(1, -1)) assert.match(line, /SpawnFailed.*too many open files|it started$/)
      assert.strictEqual(lines.at(-1), "in the end: Success")
      assert.strictEqual(status, 0)
    }))
})

describe("A tree that starts and ends repeatedly leaves nothing behind", () => {
  it.live("a tree that starts and ends repeatedly leaves no process and no descriptor in the root", () =>
    withActors(
      Effect.forEach(Array.from({ length: 12 }, (_, i) => i), () => Actor.runInActor(pid()), { concurrency: 4 })
    ))

  it.live("a tree with guard threads that starts and ends repeatedly leaves no process and no descriptor in the root", () =>
    withActors(
      Effect.forEach(Array.from({ length: 8 }, (_, i) => i), () => Actor.runInActor(pid()), { concurrency: 4 }),
      "thread"
    ))
})
