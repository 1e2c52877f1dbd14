import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { evidence, fixture, timed } from "./support.ts"

const patient = { within: "20 seconds" } as const

/** Starts the program with a file into which its actors write. */
const start = (how: string) =>
  Effect.gen(function*() {
    const file = yield* evidence
    const program = yield* Program.start(fixture("mains/ending.ts"), { args: [how, file] })
    return { file, program }
  })

const gone = (program: Program.Program) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(program.left().map(Processes.describe), [])),
    { what: "nothing is left of the program" }
  )

const test = (title: string, program: Effect.Effect<void, unknown, any>) =>
  it.live(title, () => Leaks.withoutLeaks(Effect.scoped(program) as Effect.Effect<void, unknown>))

describe("A main program", () => {
  test(
    "G64: a main program exits with 0 when it succeeds",
    Effect.gen(function*() {
      const { program } = yield* start("succeed")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 0, signal: null })
      assert.deepStrictEqual([program.stdout(), program.stderr()], ["done\n", ""])
    })
  )

  test(
    "G64: a main program keeps the exit code that it sets where it succeeds, and exits with 1 where it fails",
    Effect.gen(function*() {
      for (const [how, code] of [["finds", 5], ["findsAndFails", 1]] as const) {
        const { program } = yield* start(how)
        assert.deepStrictEqual(yield* program.ended(patient), { code, signal: null })
      }
    })
  )

  test(
    "a main program exits with 1 when it fails or dies, and prints its error once",
    Effect.gen(function*() {
      for (const [how, text] of [["fail", "the program's own error"], ["die", "a defect of the program"]] as const) {
        const { program } = yield* start(how)
        assert.deepStrictEqual(yield* program.ended(patient), { code: 1, signal: null })
        const shown = program.stdout() + program.stderr()
        assert.strictEqual(shown.split(text).length, 2, shown)
      }
    })
  )

  test(
    "a main program exits with 1 when an actor that it needs is lost, and prints the name and the exit of the actor",
    Effect.gen(function*() {
      const { program } = yield* start("lost")
      yield* program.says(/ready/, patient)
      const actor = program.left().find(({ command }) => command.startsWith("furrow[hold@"))!
      process.kill(actor.pid, "SIGKILL")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 1, signal: null })
      assert.match(program.stdout() + program.stderr(), /hold@\d+ is lost: its process was killed by SIGKILL/)
      yield* gone(program)
    })
  )

  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    test(
      `a main program that gets a signal runs the finalizers of all its actors, and exits with the code of the signal (at ${signal} with ${code})`,
      Effect.gen(function*() {
        const { file, program } = yield* start("tree")
        yield* program.says(/ready/, patient)
        yield* program.signal(signal)
        const [ended, millis] = yield* timed(program.ended(patient))
        assert.deepStrictEqual(ended, { code, signal: null })
        assert.isBelow(millis, 6000)
        assert.deepStrictEqual(Folder.lines(file).filter((line) => line.includes("ended")).sort(), [
          "one ended by root: nursery interrupted",
          "two ended by root: nursery interrupted",
          "two/inner ended by root: nursery interrupted"
        ])
        assert.include(program.stdout(), "the root's finalizer ran")
        yield* gone(program)
      })
    )
  }

  test(
    "a main program whose nursery lives in another fiber exits with 130 at SIGINT, after the finalizers of every actor",
    Effect.gen(function*() {
      const { file, program } = yield* start("elsewhere")
      yield* program.says(/ready/, patient)
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
      assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
      yield* gone(program)
    })
  )

  test(
    "G64: a main program kills a hanging tree at the second SIGINT, without a wait",
    Effect.gen(function*() {
      const { program } = yield* start("hung")
      yield* program.says(/ready/, patient)
      yield* program.signal("SIGINT")
      yield* Eventually.pause("1200 millis")
      assert.isTrue(Processes.isAlive(program.pid), "the first SIGINT waits for finalizers")
      yield* program.signal("SIGINT")
      const [ended, millis] = yield* timed(program.ended(patient))
      assert.deepStrictEqual(ended, { code: 130, signal: null })
      assert.isBelow(millis, 2000)
      yield* gone(program)
    })
  )

  test(
    "G64: a main program treats two SIGINTs within a second as one Ctrl-C, and runs every finalizer",
    Effect.gen(function*() {
      const { file, program } = yield* start("tree")
      yield* program.says(/ready/, patient)
      yield* program.signal("SIGINT")
      yield* Eventually.pause("30 millis")
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
      assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
      assert.include(program.stdout(), "the root's finalizer ran")
      yield* gone(program)
    })
  )

  test(
    "G64: a main program treats a SIGINT within a second of a SIGTERM as the same request, and runs every finalizer",
    Effect.gen(function*() {
      const { file, program } = yield* start("tree")
      yield* program.says(/ready/, patient)
      yield* program.signal("SIGTERM")
      yield* Eventually.pause("30 millis")
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 143, signal: null })
      assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
      assert.include(program.stdout(), "the root's finalizer ran")
      yield* gone(program)
    })
  )

  test(
    "a main program exits with 70 at an uncaught error, after the finalizers of every actor",
    Effect.gen(function*() {
      const { file, program } = yield* start("uncaught")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 70, signal: null })
      assert.include(program.stderr(), "RangeError: beside the program")
      assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
      yield* gone(program)
    })
  )

  test(
    "a main program prints as much as possible of an error that throws when it is formatted, and exits with 70",
    Effect.gen(function*() {
      const { program } = yield* start("uncaughtUnshowable")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 70, signal: null })
      assert.include(program.stderr(), "RangeError: beside everything")
    })
  )

  test(
    "a main program exits with 141 when its output has lost its reader, after the finalizers of every actor",
    Effect.gen(function*() {
      const { file, program } = yield* start("chatter")
      yield* program.says(/ready/, patient)
      yield* program.deafen
      assert.deepStrictEqual(yield* program.ended(patient), { code: 141, signal: null })
      assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
      yield* gone(program)
    })
  )

  test(
    "a main program stops its whole tree at Ctrl-Z, and continues the tree at SIGCONT",
    Effect.gen(function*() {
      const { program } = yield* start("tree")
      yield* program.says(/ready/, patient)
      const actors = program.left().filter(({ command }) => command.startsWith("furrow["))
      assert.strictEqual(actors.length, 3)
      const states = () => [program.pid, ...actors.map(({ pid }) => pid)].map((pid) => Processes.find(pid)?.state)
      yield* program.signal("SIGTSTP")
      yield* Eventually.holds("all are stopped", () => states().every((state) => state === "T"))
      yield* program.signal("SIGCONT")
      yield* Eventually.holds("all go on", () => states().every((state) => state === "S" || state === "R"))
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
      yield* gone(program)
    })
  )

  const container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child=SIGKILL"]
  const hasContainers = ChildProcess.spawnSync(container[0]!, [...container.slice(1), "true"]).status === 0

  it.live.skipIf(!hasContainers)(
    "a main program works as the process with PID 1, as in a container",
    () =>
      Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
        const file = yield* evidence
        const program = yield* Program.start(fixture("mains/ending.ts"), { args: ["tree", file], through: container })
        yield* program.says(/ready/, patient)
        const root = program.left().find(({ parent }) => parent === program.pid)!
        process.kill(root.pid, "SIGTERM")
        assert.deepStrictEqual(yield* program.ended(patient), { code: 143, signal: null })
        assert.strictEqual(Folder.lines(file).filter((line) => line.includes("ended by root")).length, 3)
        yield* gone(program)
      })))
  )

  test(
    "a main program passes its arguments to all its actors, except where the options of a start set other arguments",
    Effect.gen(function*() {
      const file = fixture("mains/arguments.ts")
      const program = yield* Program.start(file, { args: ["a b", "--shout", "--", "--name"] })
      assert.deepStrictEqual(yield* program.ended(patient), { code: 0, signal: null })
      const own = { script: file, shout: true, positionals: ["a b", "--name"] }
      assert.deepStrictEqual(JSON.parse(program.stdout()), {
        mine: own,
        theirs: own,
        below: own,
        given: { script: file, shout: true, positionals: ["given"] }
      })
    })
  )

  test(
    "a main program may serve its children endpoints that are defined in the main program's own file",
    Effect.gen(function*() {
      const program = yield* Program.start(fixture("mains/parent.ts"))
      assert.deepStrictEqual(yield* program.ended(patient), { code: 0, signal: null })
      const [first, below, heard, root, name] = program.stdout().split("\n")
      assert.match(
        first!,
        /^boss heard 2; boss@\d+ does not expose secret \(call\); it exposes audit \(call\)\. Add it to `expose` where the actor is started$/
      )
      assert.match(below!, /^reportBelow@\d+ does not expose audit \(call\); it exposes reportBelow \(call\)\./)
      assert.strictEqual(heard, "started, working")
      assert.match(root!, /^the parent cannot be reached: this actor is the root/)
      assert.strictEqual(name, "boss")
      yield* gone(program)
    })
  )
})
