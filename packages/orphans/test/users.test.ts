/**
 * Tests trees whose processes may not all signal each other, because one has changed its user or is a privileged
 * program.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Privileged from "../src/privileged.ts"
import { fixture } from "./support.ts"

const patient = { within: "50 seconds" } as const
const isRoot = process.geteuid?.() === 0

const nothingLeft = (program: Program.Program) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(program.left().map(Processes.describe), [])),
    { what: "nothing is left of the program" }
  )

const started = (guard: string, how: string) =>
  Effect.gen(function*() {
    const file = Path.join(yield* Folder.make(), "doing")
    const program = yield* Program.start(fixture("changed.ts"), { args: [guard, file, how] })
    yield* program.says(/^changed$/m, patient)
    return program
  })

const test = (title: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live.skipIf(!isRoot)(title, () => Effect.scoped(body), 150_000)

describe("A root that changes its user still ends its actors (skipped where the tests do not run as the superuser)", () => {
  for (const guard of ["warden", "thread"]) {
    test(
      `G73: a root that changes its user ends a computing actor by the warden, and logs that it could not signal the actor itself (${guard})`,
      Effect.gen(function*() {
        const program = yield* started(guard, "ends")
        const start = performance.now()
        assert.deepStrictEqual(yield* program.ended(patient), { code: 0, signal: null }, program.stderr())
        assert.isBelow(performance.now() - start, 4_000)
        assert.match(program.stdout(), /the nursery has ended: Cancelled/)
        const said = program.stdout() + program.stderr()
        assert.match(said, /WARN.*actor "busy" \(process \d+\) was refused SIGTERM \(EPERM\): .* user 65534 now/)
        assert.match(said, /The warden is asked to send it\. Start actors after process\.setuid/)
        yield* nothingLeft(program)
      })
    )

    test(
      `G73: a root that has changed its user leaves no computing actor when it is killed (${guard})`,
      Effect.gen(function*() {
        const program = yield* started(guard, "stays")
        yield* program.signal("SIGKILL")
        yield* nothingLeft(program)
      })
    )
  }

  test(
    "G74: an owner that may not signal its actor stops waiting and continues, and an error names a remedy",
    Effect.gen(function*() {
      const program = yield* started("none", "ends")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 0, signal: null }, program.stderr())
      const said = program.stdout() + program.stderr()
      assert.match(program.stdout(), /the nursery has ended: Lost .*is still there 10 s after SIGKILL/)
      assert.match(said, /ERROR.*actor "busy" \(process \d+\) was refused SIGTERM \(EPERM\).*no warden to ask/)
      assert.match(said, /ERROR.*actor "busy" \(process \d+\) is still there 10 s after SIGKILL.*kill -9 -\d+/)
      assert.strictEqual(program.left().filter(({ command }) => command.startsWith("furrow[busy@")).length, 1)
    })
  )
})

const capable = Privileged.capableNode()

describe(`A Node with file capabilities ends its actors by guard threads${"problem" in capable ? ` (skipped: ${capable.problem})` : ""}`, () => {
  it.live.skipIf("problem" in capable)(
    "G73: a tree of a Node with file capabilities has guard threads, which the root logs, and a killed root leaves no computing actor",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { file, folder } = yield* Effect.acquireRelease(
          Effect.sync(() => Privileged.install(capable)),
          ({ folder }) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
        )
        const program = yield* Program.start(fixture("changed.ts"), {
          args: ["best", Path.join(folder, "doing"), "stays"],
          through: ["/bin/sh", "-c", `shift; exec ${Privileged.asNobody.join(" ")} "${file}" "$@"`, "sh"],
          env: { TMPDIR: folder, XDG_RUNTIME_DIR: "" }
        })
        yield* program.says(/^changed$/m, patient)
        assert.match(
          program.stdout() + program.stderr(),
          /WARN.*the guard "warden" cannot hold here: .*node has file capabilities.* The guard "thread" is used/
        )
        yield* program.signal("SIGKILL")
        yield* nothingLeft(program)
      })),
    150_000
  )
})
