import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { fixture } from "./support.ts"

const patient = { within: "25 seconds" } as const

const named = (program: Program.Program, name: string): Processes.Process => {
  const found = program.left().find(({ command }) => command.startsWith(name))
  return found ?? assert.fail(`there is no ${name} among\n${program.left().map(Processes.describe).join("\n")}`)
}

const counted = (program: Program.Program): number => program.stdout().split("tick ").length

/** Checks that the root, its actor and the actor below that one are alive. */
const goesOn = (program: Program.Program) =>
  Effect.suspend(() => {
    const before = counted(program)
    return Eventually.holds("it counts on", () => counted(program) > before + 3, patient)
  })

const nothingLeft = (program: Program.Program) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(program.left().map(Processes.describe), [])),
    { what: "nothing is left of the program" }
  )

describe("Ctrl-Z at the terminal of a root stops the whole tree", () => {
  for (const guard of ["warden", "thread"] as const) {
    it.live(`Ctrl-Z stops the whole tree of a root, and the shell command fg continues the tree (guard: ${guard})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(fixture("main.ts"), { args: [guard] })
        yield* program.says(/tick 3/, patient)
        // The warden and its watch must go on during a stop, because they end the tree if the root is killed.
        const tree = [
          program.pid,
          ...program.left().filter(({ command }) => !/furrow-(warden|watch)/.test(command)).map((p) => p.pid)
        ]
        assert.isAtLeast(tree.length, 4, "root, outer, inner and its subprocess")
        const states = () => tree.map((pid) => Processes.find(pid)?.state)
        yield* program.signal("SIGTSTP")
        yield* Eventually.holds("everything is stopped", () => states().every((state) => state === "T"), patient)
        const stopped = counted(program)
        yield* program.signal("SIGCONT")
        yield* Eventually.holds("everything continues", () => !states().includes("T"), patient)
        yield* goesOn(program)
        assert.isAbove(counted(program), stopped)
        yield* program.signal("SIGTERM")
        assert.deepStrictEqual(yield* program.ended(patient), { code: 143, signal: null })
        yield* nothingLeft(program)
      })))
  }

  it.live("G1: SIGKILL of a root whose tree Ctrl-Z has stopped leaves no process under the warden", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("main.ts"), { args: ["warden"] })
      yield* program.says(/tick 3/, patient)
      const inner = named(program, "furrow[inner@").pid
      yield* program.signal("SIGTSTP")
      yield* Eventually.holds("the grandchild is stopped", () => Processes.find(inner)?.state === "T", patient)
      yield* program.signal("SIGKILL")
      yield* nothingLeft(program)
    })))
})

/** Returns why this host cannot run a first process of a namespace; undefined where it can. */
const noNamespace = ((): string | undefined => {
  if (process.platform !== "linux") return `PID namespaces are Linux's, and this is ${process.platform}`
  const { status } = ChildProcess.spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"], { stdio: "ignore" })
  return status === 0 ? undefined : "unshare --pid is not allowed here"
})()

describe(`A root with pid 1 ends all its actors before it exits (on this host: ${noNamespace ?? "tested"})`, () => {
  /** Returns the pid of the root outside of its namespace. */
  const rootOf = (program: Program.Program) =>
    program.left().find(({ command }) => command.includes("main.ts") && !command.startsWith("unshare"))!

  it.live.skipIf(noNamespace !== undefined)(
    "a root with pid 1 ends its tree at SIGTERM, and exits with 143",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(fixture("pid1.ts"))
        yield* program.says(/tick 3/, patient)
        process.kill(rootOf(program).pid, "SIGTERM")
        assert.deepStrictEqual(yield* program.ended(patient), { code: 143, signal: null })
        yield* nothingLeft(program)
      }))
  )

  it.live.skipIf(noNamespace !== undefined)(
    "a root with pid 1 outlives its actors, and no process below a killed actor is left",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(fixture("pid1.ts"))
        yield* program.says(/tick 3/, patient)
        const below = [named(program, "furrow[inner@").pid, named(program, "/bin/sleep").pid]
        process.kill(named(program, "furrow[outer@").pid, "SIGKILL")
        yield* program.says(/heard: outer@\d+ is lost: its process was killed by SIGKILL/, patient)
        yield* Processes.gone(below)
        assert.isTrue(Processes.isAlive(rootOf(program).pid))
        process.kill(rootOf(program).pid, "SIGINT")
        assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
        yield* nothingLeft(program)
      }))
  )
})
