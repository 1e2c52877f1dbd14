/**
 * Tests supervisors of real processes that hang, that die at a bad moment, or that are watched from another process.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type Portal, Supervisor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { askAgain, hang, Moody, setMood, Shop, ticks } from "./fixtures/supervised-faults.ts"
import { Counter, Mail, pid, Store, Web } from "./fixtures/supervised.ts"
import { timed, withActors } from "./support.ts"

const intensity = { restarts: 20, within: "5 minutes" } as const
const policy = { intensity, hold: "30 seconds" } as const
const limit = 120_000
const { of } = Supervisor

const killed = (pid: number) => Effect.sync(() => process.kill(pid, "SIGKILL"))

/** Returns the supervisor of this process. */
const supervisor = Effect.map(Actor.statistics, ({ supervisors }) => supervisors[0]!)
const states = Effect.map(supervisor, ({ children }) => children.map(({ child, state }) => `${child} ${state}`))

const becomes = <A>(look: Effect.Effect<A, never, Actor.ActorRuntime>, expected: A) =>
  Eventually.succeeds(Effect.map(look, (seen) => assert.deepStrictEqual(seen, expected)), { within: "30 seconds" })

/** A Layer of one child that misbehaves on request, and the folder of the file that says how. */
const moody = (given: Supervisor.Policy, options: Supervisor.ChildOptions = {}) =>
  Effect.map(Folder.make(), (folder) => ({
    folder,
    layer: Supervisor.layer(given, [of(Moody, { ...options, config: { folder } })])
  }))

const processTest = (
  title: string,
  test: Effect.Effect<unknown, unknown, Actor.ActorRuntime | Scope.Scope>
) => it.live(title, () => withActors(test), limit)

describe("A supervisor restarts actors that die or hang, and gives up if they die too often", () => {
  processTest(
    "G151: a supervisor is closed while the build of a restarted child hangs, and leaves no process",
    Effect.gen(function*() {
      const { folder, layer } = yield* moody(policy)
      yield* Effect.provide(
        Effect.gen(function*() {
          const first = yield* Moody.calls.pid()
          yield* setMood(folder, "build hangs")
          yield* killed(first)
          yield* becomes(states, ["Moody Starting"])
        }),
        layer
      )
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })
  )

  processTest(
    "G185: a supervisor replaces a child whose finalizer hangs, after the bound",
    Effect.gen(function*() {
      const { folder, layer } = yield* moody(policy, { stopWithin: "1 second" })
      yield* setMood(folder, "finalizer hangs")
      yield* Effect.provide(
        Effect.gen(function*() {
          const portal = yield* Moody
          const first = yield* portal.run(pid())
          yield* setMood(folder, "well")
          const [, millis] = yield* timed(Supervisor.restart(portal))
          assert.isBelow(millis, 20_000)
          assert.notStrictEqual(yield* portal.run(pid()), first)
          assert.isFalse(Processes.isAlive(first))
        }),
        layer
      )
    })
  )

  processTest(
    "G156: a supervisor gives up on a child that dies as soon as it is ready, and names its deaths",
    Effect.gen(function*() {
      const { folder, layer } = yield* moody({ ...policy, intensity: { restarts: 3, within: "5 minutes" } })
      const error = yield* Effect.provide(
        Effect.gen(function*() {
          const first = yield* Moody.calls.pid()
          yield* setMood(folder, "dies at once")
          yield* killed(first)
          yield* Eventually.succeeds(
            Effect.map(supervisor, ({ state }) => assert.strictEqual(state, "Closed")),
            { within: "60 seconds" }
          )
          return yield* Effect.flip(Moody.calls.pid())
        }),
        layer
      )
      assert.match(error.message, /"Moody" and those with it died 4 times within 300000 ms/)
    })
  )

  processTest(
    "G155: running streams and calls of a supervised actor end with it, and new ones reach the successor",
    Effect.gen(function*() {
      const { layer } = yield* moody(policy)
      yield* Effect.provide(
        Effect.gen(function*() {
          const portal = yield* Moody
          const first = yield* portal.run(pid())
          const call = yield* Effect.forkChild(Effect.flip(portal.run(hang())))
          const stream = yield* Effect.forkChild(Effect.flip(Stream.runDrain(portal.stream(ticks()))))
          yield* Stream.runDrain(Stream.take(portal.stream(ticks()), 3))
          yield* killed(first)
          assert.strictEqual((yield* Fiber.join(call))._tag, "ActorLost")
          assert.strictEqual((yield* Fiber.join(stream))._tag, "ActorLost")
          assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(portal.stream(ticks()), 2)), [1, 1])
          assert.notStrictEqual(yield* portal.run(pid()), first)
        }),
        layer
      )
    })
  )

  processTest(
    "G156: a supervisor in an actor that gives up counts as one death for the supervisor above",
    Effect.provide(
      Effect.gen(function*() {
        const portal = yield* Shop
        const { actor } = portal
        const mail = yield* portal.run(pid())
        const call = yield* Effect.forkChild(Effect.flip(portal.run(hang())))
        yield* Effect.sleep("100 millis")
        yield* killed(mail)
        const { _tag } = yield* Fiber.join(call)
        assert.include(["RemoteActorError", "ActorLost", "ContextCancelled"], _tag)
        // A call that is open when Shop ends is cancelled with it.
        assert.notStrictEqual(yield* Effect.retry(portal.run(pid()), { times: 3 }), mail)
        assert.notStrictEqual(portal.actor.pid, actor.pid)
        assert.strictEqual((yield* supervisor).deaths, 1)
      }),
      Supervisor.layer(policy, [Shop])
    )
  )

  processTest(
    "G183: the children of a supervisor that is killed end with it",
    Effect.gen(function*() {
      const shop = yield* Actor.startScoped(Shop)
      const mail = yield* shop.run(pid())
      yield* killed(shop.actor.pid)
      yield* Eventually.succeeds(Effect.sync(() => assert.isFalse(Processes.isAlive(mail))))
    })
  )

  processTest(
    "G151: a supervisor shuts itself down when its significant child returns",
    Effect.gen(function*() {
      const { layer } = yield* moody(
        { ...policy, autoShutdown: "any-significant" },
        { restart: "transient", significant: true }
      )
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* Effect.ignore(Moody.calls.quit())
          yield* becomes(Effect.map(supervisor, ({ state }) => state), "Closed")
        }),
        layer
      )
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })
  )
})

describe("A portal to a supervised actor in another process follows the actor's restarts", () => {
  processTest(
    "G152: a supervised portal makes all users wait before one of their calls could reach the dead actor",
    Effect.provide(
      Effect.gen(function*() {
        const [store, counter, web] = [yield* Store, yield* Counter, yield* Web]
        const seen: Array<string> = []
        for (const [name, portal] of Object.entries({ store, counter, web })) {
          yield* Effect.forkChild(
            Stream.runForEach(
              (portal as Portal.Portal<any>).changes,
              (change) => Effect.sync(() => seen.push(`${name} ${change}`))
            ),
            { startImmediately: true }
          )
        }
        yield* Effect.yieldNow
        yield* killed(yield* store.run(pid()))
        yield* Eventually.succeeds(Effect.sync(() => assert.include(seen, "store restarting")))
        assert.deepStrictEqual(seen.slice(0, 6).sort(), [
          "counter restarting",
          "counter up",
          "store restarting",
          "store up",
          "web restarting",
          "web up"
        ])
        yield* Effect.all([store.run(pid()), counter.run(pid()), web.run(pid())], { concurrency: 3 })
      }),
      Supervisor.layer(policy, [Web, Counter, Store])
    )
  )

  processTest(
    "G158: a supervised portal in a third process reaches each successor, and its cancel ends the current actor",
    Effect.provide(
      Effect.scoped(Effect.gen(function*() {
        const mail = yield* Mail
        const third = yield* Actor.startScoped("third", { expose: [askAgain] })
        yield* third.open(askAgain({ whom: mail.ref }), (dialog) =>
          Effect.gen(function*() {
            const ask = (word: "ask" | "cancel") =>
              Effect.andThen(dialog.stream.send(word), dialog.stream.receive) as Effect.Effect<number, unknown>
            for (let i = 0; i < 3; i++) {
              const before = yield* mail.run(pid())
              assert.strictEqual(yield* ask("ask"), before)
              yield* killed(before)
              assert.notStrictEqual(yield* ask("ask"), before)
            }
            const before = yield* mail.run(pid())
            yield* ask("cancel")
            yield* Eventually.succeeds(Effect.sync(() => assert.isFalse(Processes.isAlive(before))))
            const after = yield* mail.run(pid())
            assert.notStrictEqual(after, before)
            assert.strictEqual(yield* ask("ask"), after)
            yield* dialog.cancel("enough")
          }))
      })),
      Supervisor.layer(policy, [Mail])
    )
  )

  processTest(
    "G188: a call by a supervised portal waits for a start by hand, after which the child is a new process",
    Effect.provide(
      Effect.gen(function*() {
        const [store, web] = [yield* Store, yield* Web]
        const before = yield* web.run(pid())
        yield* Supervisor.stop(store)
        assert.deepStrictEqual(yield* states, ["Store Stopped", "Counter Stopped", "Web Stopped"])
        const call = yield* Effect.forkChild(web.run(pid()))
        yield* Supervisor.start(store)
        assert.notStrictEqual(yield* Fiber.join(call), before)
        yield* Supervisor.restart(web)
        assert.strictEqual((yield* supervisor).deaths, 0)
      }),
      Supervisor.layer(policy, [Web, Counter, Store])
    )
  )
})

describe("A dynamic supervisor of actors in processes restarts its killed actors", () => {
  processTest(
    "G159: a dynamic supervisor restarts all its children when they are killed at once, and stops all of them together",
    Effect.gen(function*() {
      const mails = yield* Supervisor.dynamic(Mail, {
        intensity: { restarts: 50, within: "5 minutes" },
        hold: "60 seconds"
      })
      const names = Array.from({ length: 8 }, (_, i) => `mail-${i}`)
      const portals = yield* Effect.forEach(names, (name) => mails.start(name), { concurrency: 4 })
      const before = yield* Effect.forEach(portals, (portal) => portal.run(pid()))
      for (const one of before) process.kill(one, "SIGKILL")
      const after = yield* Effect.forEach(portals, (portal) => Effect.retry(portal.run(pid()), { times: 1 }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(before.filter((one) => after.includes(one)), [])
      yield* Effect.forEach(names, (name) => mails.stop(name), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* mails.children, [])
      assert.deepStrictEqual(after.filter(Processes.isAlive), [])
    })
  )
})
