import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Report from "../src/report.ts"
import { countedHere, project } from "./support.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const patience = { within: "100 seconds" } as const
const timeout = 120_000

/** Runs the census to its end, and checks that it leaves no process. */
const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const program = yield* Program.start(main, { args })
    const { code } = yield* program.ended(patience)
    yield* Processes.gone(program.left().map(({ pid }) => pid))
    return { code, stdout: program.stdout(), stderr: program.stderr() }
  })

const saysTheSums = (stdout: string, folder: string) =>
  Effect.map(countedHere(folder), (rows) => {
    for (const line of Report.sums(rows)) assert.include(stdout, `\n  ${line}\n`)
  })

describe("A census of a folder prints the counts of its source files", () => {
  it.live(
    "a census of a folder has the totals of a count without actors, and compares its time with that of one actor",
    () =>
      Effect.gen(function*() {
        const folder = yield* Folder.make(project())
        const { code, stderr, stdout } = yield* run(folder, "--actors", "2", "--crash", "0")
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        yield* saysTheSums(stdout, folder)
        assert.include(stdout, "43 files, 1 of them not measured")
        assert.match(stdout, /src\/broken\.ts cannot be parsed: line \d: /)
        assert.match(stdout, /^ {2}src\/part39\.ts +[\d.]+ kB /m)
        assert.include(stdout, "1 group of files in import cycles, 40 files in all")
        assert.match(stdout, /^ {2}speed-up \d+\.\d\d with 2 actors on \d+ cores?$/m)
        assert.match(stdout, /both counts found the same$/m)
        assert.notInclude(stdout, "\u001b")
      }),
    timeout
  )

  it.live(
    "a census without options kills an actor in the middle of its work, and has the same totals as a count without a kill",
    () =>
      Effect.gen(function*() {
        const folder = yield* Folder.make(project())
        const { code, stderr, stdout } = yield* run(folder)
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        yield* saysTheSums(stdout, folder)
        const [, pid] = stdout.match(/killed census-\d@(\d+) with SIGKILL, \d+ of 43 files done$/m)!
        assert.match(stdout, new RegExp(`lost census-\\d@${pid} \\(SIGKILL\\) with [1-9]\\d* files? of its batch left`))
        assert.match(stdout, /43 files by \d+ actors? in [\d.]+ s; 1 actor killed/)
        assert.include(stdout, "both counts found the same: the first with 1 actor killed, the second with none")
      }),
    timeout
  )

  it.live(
    "a census has the same totals when it kills actors in the middle of their work",
    () =>
      Effect.gen(function*() {
        const folder = yield* Folder.make(project())
        const { code, stderr, stdout } = yield* run(folder, "--actors", "2", "--crash", "2")
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        yield* saysTheSums(stdout, folder)
        assert.lengthOf(stdout.match(/killed census-\d@\d+ with SIGKILL, \d+ of 43 files done$/gm)!, 2)
        assert.match(stdout, /43 files by 2 actors in [\d.]+ s; 2 actors killed/)
        assert.include(stdout, "both counts found the same")
      }),
    timeout
  )

  it.live("a census that kills its only actor goes on with another actor", () =>
    Effect.gen(function*() {
      const folder = yield* Folder.make(project())
      const { code, stdout } = yield* run(folder, "--actors", "1", "--crash", "1")
      assert.strictEqual(code, 0)
      yield* saysTheSums(stdout, folder)
      assert.match(stdout, /started census-2@\d+ in its place/)
      assert.match(stdout, /1 actor killed, 1 actor replaced, \d+ files? sent again/)
    }), timeout)

  it.live("a census names a file that kills its actor, and counts all other files", () =>
    Effect.gen(function*() {
      // A source so deep that the native parser runs out of stack, which ends the whole process without a message.
      const abyss = `${"(".repeat(200_000)}1${")".repeat(200_000)}`
      const folder = yield* Folder.make({ ...project(), "src/abyss.ts": abyss })
      const { code, stdout } = yield* run(folder, "--actors", "2")
      assert.strictEqual(code, 0)
      assert.match(stdout, /^ {2}src\/abyss\.ts killed the actor that parsed it: SIG(SEGV|BUS|ABRT)$/m)
      assert.include(stdout, "44 files, 2 of them not measured")
      assert.include(stdout, "both counts found the same")
    }), timeout)

  it.live("the signal SIGINT ends a census together with all its actors", () =>
    Effect.gen(function*() {
      const folder = yield* Folder.make(project())
      const program = yield* Program.start(main, { args: [folder, "--crash", "9"] })
      yield* program.says(/killed/, patience)
      const started = program.left()
      yield* program.signal("SIGINT")
      assert.strictEqual((yield* program.ended(patience)).code, 130)
      assert.strictEqual(program.stderr(), "census: interrupted, and every actor has ended\n")
      yield* Processes.gone([...started, ...program.left()].map(({ pid }) => pid))
    }), timeout)
})

describe("A census of a folder without source files fails", () => {
  it.live(
    "a census of a folder without source files prints that it found none, and fails",
    () =>
      Effect.gen(function*() {
        const folder = yield* Folder.make({ "readme.md": "" })
        const missing = Path.join(folder, "missing")
        const reasons = [
          [missing, "there is no such folder"],
          [Path.join(folder, "readme.md"), "it is not a folder"],
          [folder, "it holds no .ts"]
        ] as const
        for (const [where, reason] of reasons) {
          const { code, stderr, stdout } = yield* run(where)
          assert.strictEqual(code, 1)
          assert.strictEqual(stdout, "")
          assert.include(stderr, `census: nothing to count in ${where}: ${reason}`)
          assert.notInclude(stderr, "    at ")
        }
      }),
    timeout
  )
})

describe("The census refuses a command line with a wrong option, and names the option", () => {
  it.live(
    "a wrong option of the census is refused with the option, its possible values, and the usage",
    () =>
      Effect.gen(function*() {
        const refusals = [
          [["--actors", "none"], "--actors: \"none\". Expected: a number from 1 to 9999"],
          [["--top", "0"], "--top: \"0\". Expected: a number from 1 to 9999"],
          [["--crash"], "--crash. Expected: N"],
          [["--fast"], "--fast"],
          [["one", "two"], "\"two\""]
        ] as const
        for (const [args, reason] of refusals) {
          const { code, stderr, stdout } = yield* run(...args)
          assert.strictEqual(code, 1)
          assert.include(stderr, reason)
          assert.include(stdout, "npm start -- [flags] [<folder>]")
        }
      }),
    timeout
  )

  it.live(
    "the option --help explains the command line of the census, and counts nothing",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("--help")
        assert.strictEqual(code, 0)
        assert.strictEqual(stderr, "")
        for (const option of ["folder", "--actors N", "--top N", "--crash N"]) assert.include(stdout, `\n  ${option} `)
        assert.notInclude(stdout, "Census of")
      }),
    timeout
  )
})
