/** Supervisors at their limits: what dies, hangs, throws or comes back at the wrong moment. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Supervisor } from "@furrow/actor"
import * as LastingPortal from "@furrow/actor/internal/portal/LastingPortal"
import { Backoff, defaultFor } from "@furrow/actor/internal/supervision/Backoff"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { beforeEach } from "vitest"
import { askTwice, Brief, broken, Counter, Mail, next, quit, slow, Store, Web } from "./fixtures/supervised.ts"
import { collectEvents } from "./support/Events.ts"
import * as Journal from "./support/Journal.ts"
import { backoff, becomes, children, inMemory, kill, killNow, reset, supervised, told } from "./support/Supervised.ts"
import { pass, until, within } from "./support/Time.ts"

beforeEach(reset)

const intensity = { restarts: 5, within: "1 minute" } as const
const { of } = Supervisor

const dynamic = <A, E>(
  policy: Parameters<typeof Supervisor.dynamic>[1],
  use: (mails: Supervisor.Dynamic<Mail, never>) => Effect.Effect<A, E, Actor.ActorRuntime | Mail>
) =>
  inMemory(
    until(60_000)(
      Effect.scoped(Effect.flatMap(Supervisor.dynamic(Mail, policy), use)) as Effect.Effect<A, E, Actor.ActorRuntime>
    )
  )

/** The Error logs of a test, as text. */
const logged = (lines: Array<string>) =>
  Logger.layer([Logger.make(({ logLevel, message }) => {
    if (logLevel === "Error") lines.push(String(message))
  })])

const unreachable = (error: { readonly _tag: string; readonly why?: string }) => [error._tag, error.why]

describe("A dynamic supervisor gives each name to one child at a time", () => {
  it.effect("G184: the name of a child from Supervisor.dynamic is free again as soon as its start has failed", () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        broken.add("Mail")
        const again = Effect.suspend(() => {
          broken.clear()
          return mails.start("a")
        })
        const a = yield* Effect.catch(mails.start("a"), () => again)
        assert.strictEqual(yield* a.run(next()), 1)
      })
    ))

  it.effect("G184: a portal to a child from Supervisor.dynamic that is gone never leads to a later child with the same name", () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        const old = yield* mails.start("a")
        const { ref } = old
        yield* mails.stop("a")
        const other = yield* mails.start("a")
        assert.deepStrictEqual(unreachable(yield* Effect.flip(old.run(next()))), ["ActorUnreachable", "gone"])
        assert.notStrictEqual(old.actor.uuid, other.actor.uuid)
        const asked = yield* Effect.exit(Actor.runInActor(askTwice({ whom: ref })))
        assert.isTrue(Exit.isFailure(asked))
        assert.strictEqual(yield* other.run(next()), 1)
      })
    ))

  it.effect("G184: of two starts under one name in a dynamic supervisor, one start gets the name and keeps it", () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        const exits = yield* Effect.forEach([1, 2], () => Effect.exit(mails.start("a")), { concurrency: 2 })
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false])
        assert.strictEqual((yield* mails.children).length, 1)
      })
    ))
})

describe("A supervisor waits for the cleanup of its Layers, and reports a failed cleanup", () => {
  const failing = (release: Effect.Effect<void>) =>
    Layer.effectDiscard(Effect.andThen(Effect.addFinalizer(() => release), Effect.fail("no")))

  it.effect("G185: a supervisor that is closed while a failed start cleans up waits for that cleanup", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const slowly = failing(Effect.andThen(Effect.sleep("3 seconds"), Journal.say("released")))
      yield* supervised(
        Layer.empty,
        Effect.gen(function*() {
          const layer = Supervisor.layer({}, [Store, of(slowly, { name: "slow" })])
          const built = yield* Effect.forkChild(Effect.provide(Effect.void, layer))
          yield* pass(1000)
          yield* Fiber.interrupt(built)
          assert.deepStrictEqual(told(lines), ["Store starts", "released", "Store ends"])
        })
      )
    }))

  it.effect("G185: a failed cleanup of a supervised Layer is reported together with the failure of a start", () => {
    let starts = 0
    const layer = Layer.effectDiscard(Effect.suspend(() =>
      ++starts !== 2
        ? Effect.void
        : Effect.andThen(Effect.addFinalizer(() => Effect.die(new Error("broken pipe"))), Effect.fail("no"))
    ))
    return supervised(
      Supervisor.layer({ backoff }, [Mail, of(layer, { name: "front", uses: [Mail] })]),
      Effect.gen(function*() {
        const events = yield* collectEvents
        yield* kill("Mail")
        yield* becomes(children, ["Mail Up 2", "front Up 3"])
        const exits = events.flatMap((event) => event._tag === "ActorRestarting" ? [event.exit] : [])
        assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Lost", "Failed"])
        assert.deepStrictEqual(exits[1]!.cleanup.map(({ message }) => message), ["broken pipe"])
      })
    )
  })

  it.effect("G185: a failed cleanup of a supervised Layer is reported when it happens in a restart", () => {
    const lines: Array<string> = []
    const layer = Layer.effectDiscard(Effect.addFinalizer(() => Effect.die(new Error("broken pipe"))))
    return Effect.provide(
      Effect.gen(function*() {
        const exit = yield* Effect.exit(supervised(
          Supervisor.layer({ backoff }, [Mail, of(layer, { name: "front", uses: [Mail] })]),
          Effect.andThen(kill("Mail"), becomes(children, ["Mail Up 2", "front Up 2"]))
        ))
        assert.include(lines.join(), `the cleanup of the supervised "front" failed`)
        assert.include(String(Exit.isFailure(exit) && exit.cause), "broken pipe")
      }),
      logged(lines)
    )
  })

  it.effect("G185: failed cleanups of all children are reported when the supervisor ends", () =>
    Effect.gen(function*() {
      const dying = (what: string) => Layer.effectDiscard(Effect.addFinalizer(() => Effect.die(new Error(what))))
      const exit = yield* Effect.exit(supervised(
        Supervisor.layer({}, ["one", "two"].map((name) => of(dying(`broken ${name}`), { name }))),
        Effect.void
      ))
      const text = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => String((reason as any).defect)) : []
      assert.deepStrictEqual(text.sort(), ["Error: broken one", "Error: broken two"])
    }))

  it.effect("G185: a hanging cleanup of a supervised Layer delays a restart no longer than the option `stopWithin`, and is reported", () => {
    const lines: Array<string> = []
    let starts = 0
    const hanging = Layer.effectDiscard(Effect.suspend(() => {
      starts++
      return Effect.addFinalizer(() => Effect.never)
    }))
    return Effect.provide(
      supervised(
        Supervisor.layer({ backoff, hold: "20 seconds" }, [
          Mail,
          of(hanging, { name: "front", uses: [Mail], stopWithin: "1 second" })
        ]),
        Effect.gen(function*() {
          yield* kill("Mail")
          assert.strictEqual(yield* Mail.calls.next(), 1)
          yield* pass(500)
          assert.strictEqual(starts, 2)
          assert.include(lines.join(), `the supervised "front" did not stop within 2000 ms`)
        })
      ),
      logged(lines)
    )
  })
})

describe("A supervisor waits for its backoff before a restart", () => {
  const ends = (schedule: Schedule.Schedule<unknown, Actor.ActorExit>) =>
    supervised(
      Supervisor.layer({ backoff: schedule, intensity }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const events = yield* collectEvents
        yield* kill("Mail")
        yield* pass(1000)
        yield* kill("Mail")
        const error = yield* within(1000)(Effect.flip(mail.run(next())))
        return { error, told: events.flatMap((event) => event._tag === "SupervisorGaveUp" ? [event.error] : []) }
      })
    )

  it.effect("G186: a supervisor gives up when its backoff schedule ends, and its error and event give the backoff as the reason", () =>
    Effect.gen(function*() {
      const { error, told } = yield* ends(Schedule.recurs(1))
      assert.include(error.message, `died 2 times within 60000 ms, and its backoff has ended: its supervisor gives up`)
      assert.deepStrictEqual(told.map(({ reason }) => reason), ["backoff"])
    }))

  it.effect("G186: a supervisor whose backoff dies gives up, and logs the defect as an Error", () => {
    const lines: Array<string> = []
    let waits = 0
    const dying = Schedule.modifyDelay(
      Schedule.forever,
      () =>
        Effect.suspend(() => ++waits === 7 ? Effect.die(new Error("no such wait")) : Effect.succeed(Duration.millis(9)))
    )
    return Effect.provide(
      Effect.gen(function*() {
        const { error } = yield* ends(dying)
        assert.include(error.message, "gives up")
        assert.include(lines.join(), "the backoff of a supervisor has died")
      }),
      logged(lines)
    )
  })

  it.effect(
    "G186: a supervisor with the default backoff accepts an intensity of any number of restarts",
    () =>
      Effect.gen(function*() {
        for (const restarts of [0, 1, 11, 100, 1e9]) {
          const layer = Supervisor.layer({ intensity: { restarts, within: "1 minute" } }, [Mail])
          yield* supervised(layer, Effect.void)
        }
      }),
    20_000
  )

  it.effect(
    "G186: a supervisor starts within 20 seconds even if its intensity allows 1,000,000,000 restarts, for which its backoff is checked",
    () =>
      supervised(
        Supervisor.layer({ backoff: Schedule.forever, intensity: { restarts: 1e9, within: "1 minute" } }, [Mail]),
        Effect.void
      ),
    20_000
  )

  it.effect("G186: a backoff stays short if deaths are so rare that the supervisor never gives up", () =>
    Effect.gen(function*() {
      const waits = new Backoff(defaultFor({ restarts: 10, withinMillis: 60_000 }))
      for (let i = 0; i < 40; i++) {
        const wait = yield* waits.next(false, { _tag: "Returned", cleanup: [] })
        assert.isAtMost(wait!, 60_000 / 11)
      }
    }))
})

describe("A supervisor follows extreme values of its options, such as a `hold` of 0 or of infinite length", () => {
  it.effect("G187: a supervisor's Layer fails when a child with the option `significant` ends before all children have started", () =>
    Effect.gen(function*() {
      slow.set("Store", 5000)
      const layer = Supervisor.layer({ autoShutdown: "any-significant" }, [
        of(Brief, { restart: "transient", significant: true }),
        Store
      ])
      const error = yield* supervised(Layer.empty, Effect.exit(Effect.provide(Effect.void, layer)))
      assert.isTrue(Exit.isFailure(error))
      const cause = Exit.isFailure(error) ? error.cause : Cause.empty
      assert.isFalse(Cause.hasInterruptsOnly(cause))
      assert.include(String(cause), "it had ended before all children of its supervisor were up")
    }))

  it.effect("G187: a supervisor holds no call if its option `hold` is 0, and every call if its option `hold` is infinite", () =>
    Effect.gen(function*() {
      yield* supervised(
        Supervisor.layer({ backoff, hold: 0 }, [Mail]),
        Effect.gen(function*() {
          const mail = yield* Mail
          yield* kill("Mail")
          assert.deepStrictEqual(unreachable(yield* Effect.flip(mail.run(next()))), ["ActorUnreachable", "timeout"])
        })
      )
      yield* supervised(
        Supervisor.layer({
          backoff: Schedule.spaced("40 seconds"),
          hold: Infinity,
          intensity: { restarts: 1, within: "1 hour" }
        }, [
          Mail
        ]),
        Effect.gen(function*() {
          const mail = yield* Mail
          const asked = yield* Effect.forkChild(Actor.runInActor(askTwice({ whom: mail.ref })))
          yield* pass(1000)
          yield* kill("Mail")
          assert.strictEqual(yield* mail.run(next()), 1)
          const [first, second] = yield* Fiber.join(asked)
          assert.notStrictEqual(first, second)
        })
      )
    }))

  it.effect("G187: a supervisor accepts any length of time in its option `stopWithin`", () =>
    Effect.forEach([0, -5, NaN, Infinity, 1e12], (stopWithin) =>
      supervised(
        Supervisor.layer({ backoff }, [of(Mail, { stopWithin }), of(Layer.empty, { name: "none", stopWithin })]),
        Effect.gen(function*() {
          yield* kill("Mail")
          yield* Mail.calls.next()
        })
      )))

  it.effect("G187: a supervisor that is closed while calls are held answers all held calls", () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const held = yield* Effect.scoped(Effect.gen(function*() {
          const context = yield* Layer.build(
            Supervisor.layer({
              backoff: Schedule.spaced("3 seconds"),
              hold: "1 hour",
              intensity: { restarts: 1, within: "1 minute" }
            }, [Mail])
          )
          const mail = yield* Effect.provideContext(Mail, context)
          yield* kill("Mail")
          return yield* Effect.forEach([1, 2, 3], () => Effect.forkDetach(Effect.flip(mail.run(next()))))
        }))
        for (const fiber of held) {
          assert.deepStrictEqual(unreachable(yield* within(100)(Fiber.join(fiber))), ["ActorUnreachable", "gone"])
        }
      })
    ))

  it.effect(
    "G187: a supervisor starts, restarts and stops a hundred dynamic children that all die at once",
    () =>
      dynamic(
        { intensity: { restarts: 200, within: "1 minute" } },
        Effect.fnUntraced(function*(mails) {
          const names = Array.from({ length: 100 }, (_, i) => `m${i}`)
          const portals = yield* Effect.forEach(names, (name) => mails.start(name), { concurrency: "unbounded" })
          yield* Effect.forEach(names, killNow)
          const answers = yield* Effect.forEach(portals, (portal) => portal.run(next()), { concurrency: "unbounded" })
          assert.deepStrictEqual(new Set(answers), new Set([1]))
          assert.deepStrictEqual(new Set((yield* mails.children).map(({ incarnation }) => incarnation)), new Set([2]))
          yield* Effect.forEach(names, (name) => mails.stop(name), { concurrency: "unbounded" })
          assert.deepStrictEqual(yield* mails.children, [])
        })
      ),
    60_000
  )
})

describe("A supervisor that gives up logs an Error, even if its Layer ends at the same time", () => {
  it.effect("G187: a supervisor that gives up writes an Error log even if its Layer ends at the same time", () => {
    const lines: Array<string> = []
    const slowly = Layer.effectDiscard(Effect.addFinalizer(() => Effect.sleep("5 seconds")))
    return Effect.provide(
      Effect.gen(function*() {
        yield* supervised(
          Supervisor.layer({ intensity: { restarts: 0, within: "1 second" } }, [of(slowly, { name: "slow" }), Mail]),
          kill("Mail")
        )
        assert.include(lines.join(), "a supervisor has given up, and nothing is above it")
      }),
      logged(lines)
    )
  })

  it.effect("G187: a supervisor that has given up lists its children as ended", () =>
    supervised(
      Supervisor.layer({ intensity: { restarts: 0, within: "1 second" } }, [Store, Mail]),
      Effect.andThen(kill("Mail"), becomes(children, ["Store Ended 1", "Mail Ended 1"]))
    ))
})

describe("A call can wait for the restart of a supervised child", () => {
  it.effect("G189: a call that waited for a restart leaves no listener behind, however the call ends", () =>
    Effect.gen(function*() {
      const listeners = new Set<() => void>()
      let now: LastingPortal.Now = { _tag: "Restarting" }
      const error = new ActorError.ActorUnreachable({ actor: null, target: "it", why: "gone", reason: "a test" })
      const reached = LastingPortal.reach({
        name: "it",
        holdMillis: 1000,
        now: () => now,
        latest: () => ({ portal: {} as never, incarnation: 1 }),
        changed: (callback) => {
          listeners.add(callback)
          return () => void listeners.delete(callback)
        },
        late: () => error
      })
      const ends = [
        Effect.sync(() => {
          now = { _tag: "Up", portal: {} as never }
          for (const listener of Array.from(listeners)) listener()
        }),
        Effect.sync(() => {
          now = { _tag: "Gone", error }
          for (const listener of Array.from(listeners)) listener()
        }),
        TestClock.adjust(1000)
      ]
      for (const end of ends) {
        now = { _tag: "Restarting" }
        const call = yield* Effect.forkChild(Effect.exit(reached), { startImmediately: true })
        assert.strictEqual(listeners.size, 1)
        yield* end
        yield* Fiber.join(call)
        assert.strictEqual(listeners.size, 0)
      }
      now = { _tag: "Restarting" }
      yield* Fiber.interrupt(yield* Effect.forkChild(reached, { startImmediately: true }))
      assert.strictEqual(listeners.size, 0)
    }))
})

describe("Supervisor.restart replaces the actor of a supervised child, and counts no death", () => {
  it.effect("G188: Supervisor.restart of an actor that no supervisor of the calling process owns dies with a defect that says so", () =>
    inMemory(
      until(30_000)(Effect.scoped(Effect.gen(function*() {
        const mail = yield* Actor.startScoped(Mail)
        const exit = yield* Effect.exit(Supervisor.restart(mail))
        assert.include(String(Exit.isFailure(exit) && exit.cause), `"Mail" is no child of a supervisor here`)
      })))
    ))

  it.effect("G188: Supervisor.restart of a child that is being restarted waits for this restart and begins no other", () =>
    supervised(
      Supervisor.layer({ backoff }, [Store, Counter, Web]),
      Effect.gen(function*() {
        yield* kill("Store")
        const [store, web] = [yield* Store, yield* Web]
        yield* Effect.all([Supervisor.restart(store), Supervisor.restart(web)], { concurrency: 2 })
        assert.deepStrictEqual([store.incarnation, web.incarnation], [2, 2])
      })
    ))

  it.effect("G188: Supervisor.restart of a child from Supervisor.dynamic replaces only that child", () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        const [a, b] = [yield* mails.start("a"), yield* mails.start("b")]
        yield* Supervisor.restart(a)
        assert.deepStrictEqual([a.incarnation, b.incarnation], [2, 1])
        yield* Supervisor.stop(a)
        assert.deepStrictEqual((yield* mails.children).map(({ name, state }) => `${name} ${state}`), [
          "a Stopped",
          "b Up"
        ])
        yield* mails.stop("a")
        assert.deepStrictEqual(unreachable(yield* Effect.flip(Supervisor.start(a))), ["ActorUnreachable", "gone"])
      })
    ))

  it.effect("G188: Supervisor.restart fails if the supervisor ends before the restart is complete", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 second" } }, [Store, Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        slow.set("Mail", 5000)
        const restarted = yield* Effect.forkChild(Effect.flip(Supervisor.restart(mail)))
        yield* pass(500)
        yield* kill("Store")
        assert.deepStrictEqual(unreachable(yield* Fiber.join(restarted)), ["ActorUnreachable", "gone"])
      })
    ))

  it.effect("G188: Supervisor.restart starts a transient child that has returned again, and counts no death for a stopped child", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 second" } }, [
        of(Mail, { restart: "transient" }),
        Store
      ]),
      Effect.gen(function*() {
        const [mail, store] = [yield* Mail, yield* Store]
        yield* Effect.ignore(mail.run(quit()))
        yield* pass(500)
        yield* Supervisor.start(mail)
        assert.strictEqual(yield* mail.run(next()), 1)
        yield* Effect.all([Supervisor.stop(store), killNow("Store")], { concurrency: 2 })
        yield* pass(500)
        yield* Supervisor.start(store)
        assert.strictEqual(yield* store.run(next()), 1)
      })
    ))
})
