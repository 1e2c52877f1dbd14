import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as Eventually from "@furrow/testing/Eventually"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { captures, dies, escape, escapeUnshowable, hangs, throwAtExit } from "./fixtures/cleanup.ts"
import { dismiss, square } from "./fixtures/peers.ts"
import { evidence, fixture, timed, withActors } from "./support.ts"

const patient = { within: "20 seconds" } as const
const guards: ReadonlyArray<GuardMode> = ["warden", "thread", "none"]
const cleanups = [["dies", dies, /^the release broke$/], ["never ends", hangs, /did not end within 750 ms/]] as const

type Way = (portal: Actor.Portal<typeof dies | typeof hangs | typeof escape>) => Effect.Effect<unknown, unknown, any>

/** Every way in which an actor ends while its parent lives. */
const ways: Readonly<Record<string, Way>> = {
  "portal.cancel": (portal) => portal.cancel("done"),
  "a third party": (portal) =>
    Effect.flatMap(
      Actor.startScoped("third", { expose: [dismiss] }),
      (third) => third.run(dismiss({ name: portal.name, reason: "needed elsewhere" }))
    ),
  "SIGTERM": ({ actor }) => Effect.sync(() => process.kill(actor.pid, "SIGTERM")),
  "an uncaught error": (portal) => Effect.exit(portal.run(escape()))
}

describe("An actor with a layer whose release fails or hangs still ends", () => {
  for (const [how, endpoint, message] of cleanups) {
    for (const guard of guards) {
      it.live(
        `an actor whose layer fails or hangs at its release ends in time, and its owner learns of the failure (the release ${how}, guard: ${guard}; G72)`,
        () => {
          const errors: Array<string> = []
          const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
            if (logLevel === "Error") errors.push(String(message))
          })
          const program = Effect.gen(function*() {
            const heard = new Map<string, string>()
            yield* Actor.events.pipe(
              Stream.runForEach((event) =>
                Effect.sync(() => {
                  if (event._tag === "ActorCleanupFailed") heard.set(event.actor.name, event.failure.message)
                })
              ),
              Effect.forkScoped({ startImmediately: true })
            )
            for (const [name, end] of Object.entries(ways)) {
              const life = Effect.gen(function*() {
                const portal = yield* Actor.startScoped(name, { expose: [endpoint, escape, square] })
                yield* end(portal)
                const gone = yield* Effect.timeout(portal.wait, "15 seconds")
                assert.isFalse(Processes.isAlive(portal.actor.pid), `${name}: ${gone._tag}`)
              })
              // A failure after the owner has ended the actor fails the owner's Scope.
              const closed = yield* Effect.exit(Effect.scoped(life))
              assert.strictEqual(Exit.isFailure(closed), how === "dies" && name === "portal.cancel", name)
            }
            yield* Eventually.holds("every failure is heard", () => heard.size === Object.keys(ways).length)
            for (const [name, text] of heard) assert.match(text, message, name)
            const logged = errors.filter((text) => text.includes("the cleanup of this actor failed"))
            assert.strictEqual(logged.length, Object.keys(ways).length)
          })
          return Leaks.withoutLeaks(
            Effect.scoped(program).pipe(
              Timeouts.provide({ finalizers: 1000 }),
              Effect.provide(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard })))),
              Effect.provide(Logger.layer([logger]))
            )
          )
        },
        60_000
      )

      it.live(
        `an actor whose layer fails or hangs at its release ends after SIGKILL to its root (the release ${how}, guard: ${guard}; G1, G72)`,
        () =>
          Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
            const root = yield* Program.start(fixture("mains/unowned.ts"), { args: [how, guard] })
            const [, pid] = yield* root.says(/ready (\d+)/, patient)
            yield* root.signal("SIGKILL")
            yield* Processes.gone([Number(pid)])
          }))),
        60_000
      )
    }
  }
})

describe("An actor whose runtime fails when the actor ends still exits", () => {
  it.live("an actor whose runtime fails at the actor's end still exits (G72)", () =>
    withActors(Effect.gen(function*() {
      const portal = yield* Actor.startScoped("thrower", { expose: [throwAtExit] })
      yield* portal.run(throwAtExit())
      process.kill(portal.actor.pid, "SIGTERM")
      const exit = yield* Effect.timeout(portal.wait, "15 seconds")
      // The actor had sent its last word, so the end of its process is a part of its cleanup.
      assert.deepInclude(exit, { _tag: "Cancelled", reason: "SIGTERM" })
      assert.strictEqual(exit.cleanup.length, 1)
      assert.match(exit.cleanup[0]!.message, /its process exited with code 70/)
      assert.include(exit.cleanup[0]!.message, "an actor's runtime failed: Error: at exit")
    })))
})

describe("An uncaught error that throws when it is formatted fails its actor", () => {
  it.live("an uncaught error that throws when it is formatted fails its actor after the actor's finalizers (G87)", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const env = { set: { FURROW_TEST_FILE: file } }
      const portal = yield* Actor.startScoped("unshowable", { env, expose: [escapeUnshowable] })
      const error = yield* Effect.flip(portal.run(escapeUnshowable()))
      assert.deepInclude(error, { _tag: "RemoteActorError", ending: true })
      const exit = yield* Effect.timeout(portal.wait, "15 seconds")
      if (exit._tag !== "Failed") return assert.fail(exit._tag)
      assert.strictEqual(exit.error.boxed.message, "beside everything")
      assert.strictEqual(Fs.readFileSync(file, "utf8"), "released")
    })))
})

describe("An actor that has replaced process.stdout.write ends like any other actor, without a delay", () => {
  for (const how of ["keeps", "throws"] as const) {
    it.live(`an actor that has replaced process.stdout.write by a function that keeps the output or throws ends without a delay (it ${how}; G72)`, () =>
      withActors(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("capturing", { expose: [captures] })
        yield* portal.run(captures({ how }))
        const [, millis] = yield* timed(portal.cancel("done"))
        assert.deepInclude(yield* portal.wait, { _tag: "Cancelled", reason: "done", cleanup: [] })
        assert.isBelow(millis, 3000)
      })))
  }
})
