/**
 * Tests the twelve deaths of an actor, each in a real process. The error of the call or the post-mortem of the death must
 * name the cause.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Timeouts } from "@furrow/actor"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { stateOf } from "@furrow/node/internal/autopsy"
import * as Graves from "@furrow/node/internal/graves"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Fixture from "./fixtures/deaths.ts"
import { unborn } from "./fixtures/throwing.ts"
import { lineOf, withActors } from "./support.ts"

const lost = (error: unknown): ActorError.ActorLost => {
  assert.instanceOf(error, ActorError.ActorLost)
  return error as ActorError.ActorLost
}

/** The bound is long, because the host may be busy with other tests. */
const patient = { within: "60 seconds" } as const

const graves = () => Graves.list(Graves.usualGraves())

const named = (name: string) => graves().find(({ actor }) => actor.name === name)

/** Waits for the post-mortem of an actor with this name. */
const graveOf = (name: string) => Eventually.holds(`there is a grave of ${name}`, () => named(name), patient)

/** Waits until the record of an actor says that it serves a call. */
const serves = (pid: number) =>
  Eventually.holds(
    `${pid} serves a call`,
    () => Graves.readRecord(Path.join(Graves.usualGraves(), `${pid}.record`))?.calls.length === 1,
    patient
  )

/** True for a process that sleeps outside of its event loop, or waits for a program. */
const isBlocked = (pid: number): boolean => {
  const state = stateOf(pid)
  return state?.is === "asleep" && (state.command?.startsWith("sleep") === true || /pipe|partner/.test(state.at ?? ""))
}

/** Returns the calls in the error of a lost actor, without their times. */
const doing = (error: ActorError.ActorLost) =>
  error.doing.map(({ caller, endpoint, recorded }) => [endpoint, caller.replace(/@\d+/, ""), recorded])

const dies = (title: string, body: Effect.Effect<void, unknown, ActorRuntime | Scope.Scope>) =>
  it.live(title, () => withActors(body), 120_000)

describe("The error about the death of an actor's process names the cause of the death", () => {
  dies(
    "G257: the error of an actor with a full heap names that cause, the memory limit and the call that filled the heap",
    Effect.gen(function*() {
      const error = lost(yield* Effect.flip(Actor.runInActor(Fixture.fillHeap(), { memoryLimit: 64 })))
      assert.strictEqual(error.hint?.death, "heap")
      assert.match(error.message, /Its heap was full.*`memoryLimit`/)
      assert.deepStrictEqual(doing(error), [["fillHeap", "root", true]])
    })
  )

  dies(
    "G257: the error of an actor that calls process.abort() names that cause and the call that did it",
    Effect.gen(function*() {
      const error = lost(yield* Effect.flip(Actor.runInActor(Fixture.abort())))
      assert.strictEqual(error.hint?.death, "abort")
      assert.deepStrictEqual(doing(error), [["abort", "root", true]])
      assert.match(error.message, /It was serving abort \(root@\d+, \d+\.\d s\)\. It aborted itself/)
    })
  )

  dies(
    "G257: the error of an actor killed from outside names that cause and the calls of the parent and of a peer, without their payloads",
    Effect.gen(function*() {
      const victim = yield* Actor.startScoped("victim", { expose: [Fixture.hold, Fixture.quick] })
      const other = yield* Actor.startScoped("other", { expose: [Fixture.askHold] })
      yield* victim.run(Fixture.quick({ n: 1 }))
      const call = yield* Effect.forkChild(Effect.flip(victim.run(Fixture.hold({ secret: Fixture.secretPayload }))))
      yield* Effect.forkChild(Effect.exit(other.run(Fixture.askHold({ who: victim.ref }))))
      const record = Path.join(Graves.usualGraves(), `${victim.actor.pid}.record`)
      yield* Eventually.holds(
        "both calls are recorded",
        () =>
          Graves.readRecord(record)?.calls.map(({ caller }) => caller.replace(/@\d+/, "")).sort().join() ===
            "other,root"
      )
      assert.notInclude(Fs.readFileSync(record, "latin1"), Fixture.secretPayload)
      assert.strictEqual(Fs.statSync(record).mode & 0o777, 0o600)
      process.kill(victim.actor.pid, "SIGKILL")
      const error = lost(yield* Fiber.join(call))
      assert.strictEqual(error.hint?.death, "signal")
      assert.sameDeepMembers(doing(error), [["hold", "root", true], ["hold", "other", true]])
      const grave = yield* graveOf("victim")
      assert.strictEqual(grave.death, "signal")
      assert.notInclude(JSON.stringify(grave), Fixture.secretPayload)
      assert.deepStrictEqual(grave.steps.map(({ endpoint, what }) => `${what} ${endpoint}`).slice(0, 2), [
        "begun quick",
        "ended quick"
      ])
      assert.isFalse(Fs.existsSync(record))
    })
  )

  dies(
    "G257: the error of an actor that computes without a pause names the shutdown ladder of its owner as the cause",
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const busy = yield* Actor.startScoped("busy", { expose: [Fixture.spin] })
        yield* Effect.forkChild(Effect.exit(busy.run(Fixture.spin())))
        yield* serves(busy.actor.pid)
      }))
      const grave = yield* graveOf("busy")
      assert.strictEqual(grave.death, "owner")
      assert.match(grave.hint!, /computed without a pause/)
    })
  )

  for (
    const [what, endpoint, type] of [
      ["exception", Fixture.throwLater, "RangeError"],
      ["rejection", Fixture.rejectLater, "TypeError"]
    ] as const
  ) {
    dies(
      `G257: the post-mortem of an actor that died of an uncaught ${what} names the line of the error, without its message`,
      Effect.gen(function*() {
        const portal = yield* Actor.startScoped(`careless-${what}`, { expose: [endpoint, Fixture.quick] })
        yield* Effect.flip(portal.run(endpoint()))
        const late = yield* Effect.flip(portal.run(Fixture.quick({ n: 1 })))
        if (late._tag === "ActorLost") assert.strictEqual(late.hint?.death, what)
        const grave = yield* graveOf(`careless-${what}`)
        assert.strictEqual(grave.death, what)
        assert.include(grave.hint!, type)
        assert.match(grave.hint!, /fixtures\/deaths\.ts:\d+/)
        assert.notInclude(JSON.stringify(grave), Fixture.secretPayload)
      })
    )
  }

  dies(
    "G257: the error of an actor that calls process.exit names the line of that call, whatever the exit code",
    Effect.gen(function*() {
      for (const code of [0, 3]) {
        const error = lost(yield* Effect.flip(Actor.runInActor(Fixture.leave({ code }))))
        assert.strictEqual(error.hint?.death, "exit")
        assert.include(error.message, `Its own code called process.exit(${code}) at `)
        assert.include(error.message, `deaths.ts:${lineOf("deaths.ts", "process.exit(code)")}`)
      }
    })
  )

  dies(
    "G257: the error of a start names an import that throws",
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(unborn()))
      if (error._tag !== "SpawnFailed") return assert.fail(error._tag)
      assert.deepStrictEqual([error.step, error.hint?.death], ["import", "import"])
      assert.include(error.hint!.text, "Its module could not be imported")
      assert.include(error.message, "no licence")
      assert.strictEqual((yield* graveOf("unborn")).death, "import")
    })
  )

  for (const [name, endpoint] of [["spinner", Fixture.spinsInRelease], ["waiter", Fixture.waitsInRelease]] as const) {
    dies(
      `G257: the error of an actor names a release that hangs: a ${name}`,
      Effect.gen(function*() {
        yield* Effect.scoped(
          Effect.flatMap(Actor.startScoped(name, { expose: [endpoint] }), (actor) => actor.run(endpoint()))
        ).pipe(Timeouts.provide({ finalizers: "1 second" }), Effect.exit)
        const grave = yield* graveOf(name)
        assert.strictEqual(grave.death, "release")
        assert.include(grave.hint!, "a finalizer did not end in time")
      })
    )
  }

  for (
    const [name, start, hint] of [
      [
        "reader",
        Effect.map(Folder.make(), (folder) => Fixture.readPipe({ path: `${folder}/pipe` })),
        /kernel/
      ],
      ["runner", Effect.succeed(Fixture.runSleep()), /with the child `sleep 600`/]
    ] as const
  ) {
    dies(
      `G257: the error of an actor that its owner ends names the system call in which it stood: a ${name}`,
      Effect.gen(function*() {
        const call = yield* start
        yield* Effect.scoped(Effect.gen(function*() {
          const blocked = yield* Actor.startScoped(name, { expose: [Fixture.readPipe, Fixture.runSleep] })
          yield* Effect.forkChild(Effect.exit(blocked.run(call as ReturnType<typeof Fixture.runSleep>)))
          yield* serves(blocked.actor.pid)
          yield* Eventually.holds("it is blocked", () => isBlocked(blocked.actor.pid), patient)
        }))
        const grave = yield* graveOf(name)
        assert.strictEqual(grave.death, "blocked", JSON.stringify(grave))
        assert.match(grave.hint!, hint)
      })
    )
  }

  dies(
    "G257: the post-mortem of an actor whose parent was lost names the parent",
    Effect.gen(function*() {
      const call = yield* Effect.forkChild(Effect.flip(Actor.runInActor(Fixture.delegate())))
      yield* Eventually.holds("the actor below runs", () => Processes.titled("furrow[hold@").length === 1, patient)
      const [inner] = Processes.titled("furrow[hold@")
      yield* serves(inner!.pid)
      const [middle] = Processes.titled("furrow[delegate@")
      process.kill(middle!.pid, "SIGKILL")
      assert.strictEqual(lost(yield* Fiber.join(call)).hint?.death, "signal")
      const grave = yield* graveOf("hold")
      assert.strictEqual(grave.death, "parent")
      assert.include(grave.hint!, `Its parent delegate@${middle!.pid} was lost`)
      assert.deepStrictEqual(grave.doing.map(({ endpoint }) => endpoint), ["hold"])
    })
  )

  dies(
    "G258: a tree that ends in order leaves no record and no post-mortem",
    Effect.gen(function*() {
      Graves.clear(Graves.usualGraves())
      yield* Effect.scoped(
        Effect.flatMap(
          Actor.startScoped("fine", { expose: [Fixture.quick] }),
          (fine) => fine.run(Fixture.quick({ n: 1 }))
        )
      )
      assert.deepStrictEqual(graves(), [])
      assert.isFalse(Fs.existsSync(Graves.usualGraves()))
    })
  )
})
