import { assert, describe, it } from "@effect/vitest"
import { Actor, Supervisor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { beforeEach } from "vitest"
import {
  again,
  askAgain,
  askTwice,
  broken,
  Counter,
  hang,
  Kiosk,
  Mail,
  next,
  quit,
  runs,
  Shop,
  slow,
  Store,
  Web,
  who
} from "./fixtures/supervised.ts"
import { collectEvents } from "./support/Events.ts"
import * as Journal from "./support/Journal.ts"
import { backoff, inMemory, kill, processOf, reset } from "./support/Supervised.ts"
import { pass, settle, until, within } from "./support/Time.ts"

beforeEach(() => {
  reset()
  runs.count = 0
})

/** Runs a test with what a supervisor gives, in the time of the test. */
const supervised = <A, E, S, E2>(
  layer: Layer.Layer<S, E2, Actor.ActorRuntime>,
  test: Effect.Effect<A, E, S | Actor.ActorRuntime>
) =>
  inMemory(Effect.gen(function*() {
    return yield* until(30_000)(Effect.provide(test, layer))
  }))

const four = [Web, Mail, Counter, Store] as const

describe("A supervisor has the form of a Layer", () => {
  it.effect("G154: a supervisor starts its children in the order of their uses, and stops them in reverse", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* supervised(
        Supervisor.layer({}, four),
        Effect.gen(function*() {
          assert.strictEqual(yield* Web.calls.next(), 1)
        })
      )
      const order = lines.map((line) => line.split(" ").slice(1).join(" "))
      assert.deepStrictEqual(order, [
        ...["Store", "Counter", "Web", "Mail"].map((name) => `${name} starts`),
        ...["Mail", "Web", "Counter", "Store"].map((name) => `${name} ends`)
      ])
    }))

  it.effect("G154: the Layer of a supervisor fails with the typed failure of a first start, and leaves no actor", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      broken.add("Counter")
      const error = yield* supervised(Layer.empty, Effect.flip(Effect.provide(Effect.void, Supervisor.layer({}, four))))
      assert.strictEqual(error._tag, "SpawnFailed")
      assert.deepStrictEqual(lines.map((line) => line.split(" ").slice(1).join(" ")), ["Store starts", "Store ends"])
    }))

  it.effect("G154: a supervisor refuses a backoff that is so slow that deaths could never exceed the intensity", () =>
    Effect.gen(function*() {
      const exit = yield* supervised(
        Layer.empty,
        Effect.exit(Effect.provide(Effect.void, Supervisor.layer({ backoff: Schedule.spaced("2 seconds") }, [Mail])))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "could never give up")
    }))
})

describe("A supervised portal", () => {
  it.effect("G155: a supervised portal reaches the successor of its actor, and a call before the successor is up waits for the successor", () =>
    supervised(
      Supervisor.layer({ backoff }, four),
      Effect.gen(function*() {
        const web = yield* Web
        const first = yield* web.run(who())
        assert.strictEqual(web.incarnation, 1)
        yield* kill("Counter")
        const second = yield* web.run(who())
        assert.notStrictEqual(second, first)
        assert.strictEqual(web.incarnation, 2)
        assert.strictEqual(yield* web.run(next()), 1)
        assert.strictEqual((yield* Store).incarnation, 1)
      })
    ))

  it.effect("G155: a supervised portal fails an open call, which may have begun, and does not repeat it", () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const call = yield* Effect.forkChild(Effect.flip(mail.run(hang())), { startImmediately: true })
        yield* settle
        yield* kill("Mail")
        const error = yield* Fiber.join(call)
        assert.strictEqual(error._tag === "ActorLost" && error.began, "maybe")
        assert.strictEqual(yield* mail.run(next()), 1)
      })
    ))

  it.effect("G190: a supervised portal repeats an open call of an idempotent endpoint at the successor of its actor", () =>
    supervised(
      Supervisor.layer({ backoff }, four),
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Counter.calls.again({ hangs: 1 }), { startImmediately: true })
        yield* settle
        yield* kill("Counter")
        assert.strictEqual(yield* Fiber.join(call), 2)
      })
    ))

  it.effect("G190: a supervised portal repeats an idempotent call whose actor restarts because of another death", () =>
    supervised(
      Supervisor.layer({ backoff }, four),
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Web.calls.again({ hangs: 1 }), { startImmediately: true })
        yield* settle
        yield* kill("Store")
        assert.strictEqual(yield* Fiber.join(call), 2)
      })
    ))

  it.effect("G190: a supervised portal makes an idempotent call at most twice", () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const call = yield* Effect.forkChild(Effect.flip(mail.run(again({ hangs: 9 }))), { startImmediately: true })
        yield* settle
        yield* kill("Mail")
        while (runs.count < 2) yield* pass(50)
        yield* kill("Mail")
        const error = yield* Fiber.join(call)
        assert.strictEqual(error._tag === "ActorLost" && error.began, "maybe")
        yield* mail.run(next())
        assert.strictEqual(runs.count, 2)
      })
    ))

  it.effect("G190: a supervised portal fails an idempotent call if no successor of its actor will come", () =>
    supervised(
      Supervisor.layer({ backoff }, [Supervisor.of(Mail, { restart: "temporary" })]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const call = yield* Effect.forkChild(Effect.flip(mail.run(again({ hangs: 1 }))), { startImmediately: true })
        yield* settle
        yield* kill("Mail")
        assert.include(["ActorLost", "ActorUnreachable"], (yield* Fiber.join(call))._tag)
        assert.strictEqual(runs.count, 1)
      })
    ))

  it.effect("G191: a supervised portal holds a call, by default, as long as one start may take", () =>
    inMemory(
      until(120_000)(Effect.provide(
        Effect.gen(function*() {
          const mail = yield* Mail
          slow.set("Mail", 25_000)
          yield* kill("Mail")
          assert.strictEqual(yield* mail.run(next()), 1)
        }),
        Supervisor.layer({ backoff }, [Mail])
      ))
    ))

  it.effect("G155: a supervised portal holds a call no longer than the policy says, and its error names the time of the next attempt", () =>
    inMemory(Effect.gen(function*() {
      const layer = Supervisor.layer({
        backoff: Schedule.spaced("4 seconds"),
        hold: "1 second",
        intensity: { restarts: 1, within: "1 minute" }
      }, [Mail])
      yield* until(60_000)(Effect.provide(
        Effect.gen(function*() {
          const mail = yield* Mail
          yield* kill("Mail")
          const error = yield* Effect.flip(mail.run(next()))
          assert.strictEqual(error._tag === "ActorUnreachable" && error.why, "timeout")
          assert.match(error.message, /its supervisor in .* is starting it again: start 2 begins in \d+ ms/)
          assert.strictEqual(yield* Effect.retry(mail.run(next()), { times: 5 }), 1)
        }),
        layer
      ))
    })))

  it.effect("G152: a supervised portal reports `restarting` as soon as a Service that its actor uses dies, and its calls wait", () =>
    supervised(
      Supervisor.layer({ backoff }, four),
      Effect.gen(function*() {
        const web = yield* Web
        const seen: Array<string> = []
        yield* Effect.forkChild(Stream.runForEach(web.changes, (change) => Effect.sync(() => void seen.push(change))))
        yield* settle
        yield* kill("Store")
        assert.deepStrictEqual(seen, ["up", "restarting"])
        assert.strictEqual(yield* web.run(next()), 1)
        yield* settle
        assert.deepStrictEqual(seen, ["up", "restarting", "up"])
      })
    ))

  it.effect("G155: cancel of a supervised portal ends the present incarnation", () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* mail.run(next())
        yield* mail.cancel("start anew")
        assert.strictEqual(yield* mail.run(next()), 1)
        assert.strictEqual(mail.incarnation, 2)
      })
    ))

  it.effect("G149: a supervised portal of a transient child fails calls as gone when the child has returned", () =>
    supervised(
      Supervisor.layer({ backoff }, [Supervisor.of(Mail, { restart: "transient" })]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* Effect.ignore(mail.run(quit()))
        yield* pass(1000)
        const error = yield* Effect.flip(mail.run(next()))
        assert.strictEqual(error._tag === "ActorUnreachable" && error.why, "gone")
      })
    ))
})

const storm = Effect.gen(function*() {
  const mail = yield* Mail
  for (let i = 0; i < 3; i++) {
    yield* mail.run(next())
    yield* kill("Mail")
  }
})

describe("A supervisor gives up when too many children die", () => {
  it.effect("G156: a supervisor that gives up stops all its children, then fails Actor.launch with its children, deaths and exits", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const policy = { backoff, intensity: { restarts: 2, within: "5 seconds" } } as const
      const App = Layer.effectDiscard(Effect.forkScoped(storm)).pipe(
        Layer.provideMerge(Supervisor.layer(policy, [Store, Mail]))
      )
      const error = yield* inMemory(until(30_000)(Effect.flip(Actor.launch(App))))
      assert.strictEqual(error._tag, "GaveUp")
      if (error._tag !== "GaveUp") return
      assert.deepStrictEqual([error.child, error.deaths], ["Mail", 3])
      assert.deepStrictEqual(error.exits.map(({ child, exit }) => `${child} ${exit._tag}`), Array(3).fill("Mail Lost"))
      assert.strictEqual(lines.at(-1)!.split(" ").slice(1).join(" "), "Store ends")
    }))

  it.effect("G156: a supervisor that gives up counts as a death for the supervisor around it", () =>
    supervised(
      Supervisor.layer({ backoff }, [
        Supervisor.of(
          Layer.effectDiscard(Effect.gen(function*() {
            const inner = yield* Layer.build(
              Supervisor.layer({ intensity: { restarts: 0, within: "1 second" } }, [Mail])
            )
            assert.isDefined(inner)
          })),
          { name: "inner" }
        )
      ]),
      Effect.gen(function*() {
        const events = yield* collectEvents
        const first = processOf("Mail")
        yield* kill("Mail")
        yield* pass(1000)
        assert.notStrictEqual(processOf("Mail"), first)
        const told = events.flatMap((event) =>
          event._tag === "ActorRestarting"
            ? [`${event.child} ${event.exit._tag}`]
            : event._tag === "SupervisorGaveUp"
            ? ["gave up"]
            : []
        )
        assert.deepStrictEqual(told, ["gave up", "inner Failed"])
      })
    ))

  it.effect("G156: a supervisor that gives up fails waiting and later calls with its reason", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 second" } }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* kill("Mail")
        const error = yield* within(1000)(Effect.flip(mail.run(next())))
        assert.strictEqual(error._tag === "ActorUnreachable" && error.why, "gone")
        assert.include(error.message, "gives up")
      })
    ))
})

describe("A supervisor starts a dead child again", () => {
  it.effect("G157: a restart of a supervised child is reported by events and shown in statistics", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 3, within: "1 hour" } }, four),
      Effect.gen(function*() {
        const events = yield* collectEvents
        yield* kill("Counter")
        yield* Web.calls.next()
        yield* settle
        const told = events.flatMap((event) =>
          event._tag === "ActorRestarting"
            ? [`${event.child} ${event.exit._tag}: ${event.affected.join(" ")}`]
            : event._tag === "ActorRestarted"
            ? [`${event.child} ${event.incarnation}`]
            : []
        )
        assert.deepStrictEqual(told, ["Counter Lost: Counter Web", "Counter 2", "Web 2"])
        const [supervisor] = (yield* Actor.statistics).supervisors
        const actors = { Store: yield* Store, Counter: yield* Counter, Web: yield* Web, Mail: yield* Mail } as const
        assert.deepStrictEqual(supervisor, {
          state: "Running",
          strategy: "dependants",
          deaths: 1,
          rolls: 0,
          children: ([["Store", 1], ["Counter", 2], ["Web", 2], ["Mail", 1]] as const).map(([child, incarnation]) => ({
            child,
            state: "Up" as const,
            incarnation,
            restart: "permanent" as const,
            actor: actors[child].actor,
            behind: null,
            draining: 0
          }))
        })
      })
    ))

  it.effect("G151: a restart of a supervised child ends when its Layer ends, and leaves no actor", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* supervised(
        Supervisor.layer({ backoff }, [Store, Mail]),
        Effect.gen(function*() {
          slow.set("Mail", 60_000)
          yield* kill("Mail")
          yield* pass(500)
        })
      )
      assert.strictEqual(lines.at(-1)!.split(" ").slice(1).join(" "), "Store ends")
    }))
})

describe("A reference to a supervised actor leads to its successor", () => {
  it.effect("G158: a supervised reference leads a user in another process to the successor of its actor, and the user lives on", () =>
    supervised(
      Supervisor.layer({ backoff, strategy: "one-for-one", intensity: { restarts: 5, within: "1 minute" } }, four),
      Effect.gen(function*() {
        const web = yield* Web
        const first = yield* web.run(who())
        for (let i = 0; i < 3; i++) {
          assert.deepStrictEqual([yield* web.run(next()), yield* web.run(next())], [1, 2])
          yield* kill("Store")
        }
        assert.strictEqual(yield* web.run(next()), 1)
        assert.deepStrictEqual([yield* web.run(who()), web.incarnation], [first, 1])
        assert.strictEqual((yield* Store).incarnation, 4)
      })
    ))

  it.effect("G190: a supervised reference repeats an idempotent call of another process at the successor of its actor", () =>
    supervised(
      Supervisor.layer({ backoff, strategy: "one-for-one" }, four),
      Effect.gen(function*() {
        const web = yield* Web
        const call = yield* Effect.forkChild(web.run(askAgain({ hangs: 1 })), { startImmediately: true })
        yield* settle
        yield* kill("Counter")
        assert.strictEqual(yield* Fiber.join(call), 2)
      })
    ))

  it.effect("G158: a supervised reference that crossed in a payload leads to the successor of its actor", () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const asked = yield* Effect.forkChild(Actor.runInActor(askTwice({ whom: mail.ref })), {
          startImmediately: true
        })
        yield* pass(1000)
        yield* kill("Mail")
        const [first, second] = yield* Fiber.join(asked)
        assert.notStrictEqual(first, second)
        assert.strictEqual(second, mail.actor.uuid)
      })
    ))

  it.effect("G158: a reference to a supervised actor that is gone opens a portal to the successor of the actor", () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const { ref } = mail
        yield* kill("Mail")
        const [first] = yield* Actor.runInActor(askTwice({ whom: ref }))
        assert.strictEqual(first, mail.actor.uuid)
        assert.notStrictEqual(first, ref.actor.uuid)
      })
    ))

  it.effect("G158: a supervised reference leads nowhere when its supervisor has given up", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 second" } }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const asked = yield* Effect.forkChild(Effect.flip(Actor.runInActor(askTwice({ whom: mail.ref }))), {
          startImmediately: true
        })
        yield* pass(1000)
        yield* kill("Mail")
        assert.include((yield* Fiber.join(asked)).message, "gave up")
      })
    ))
})

describe("A supervisor in an actor that gives up fails the actor, which the supervisor above starts again", () => {
  it.effect("G156: a supervisor that gives up fails its actor, and the supervisor above starts the actor and its children again", () =>
    supervised(
      Supervisor.layer({ backoff }, [Shop]),
      Effect.gen(function*() {
        const shop = yield* Shop
        const first = yield* shop.run(who())
        const events = yield* collectEvents
        yield* kill("Mail")
        yield* pass(1000)
        assert.notStrictEqual(yield* shop.run(who()), first)
        const [restarting] = events.filter((event) => event._tag === "ActorRestarting")
        assert.isTrue(restarting?.exit._tag === "Failed" && restarting.exit.error.boxed.type === "GaveUp")
      })
    ))

  it.effect("G156: a supervisor in an actor ends its actor in order when it has shut down", () =>
    inMemory(
      until(30_000)(Effect.scoped(Effect.gen(function*() {
        const kiosk = yield* Actor.startScoped(Kiosk)
        yield* Effect.ignore(kiosk.run(quit()))
        assert.strictEqual((yield* kiosk.wait)._tag, "Returned")
      })))
    ))
})

describe("A supervisor from Supervisor.dynamic starts and stops children of one Service while it runs", () => {
  const dynamic = <A, E>(
    use: (mails: Supervisor.Dynamic<Mail, never>) => Effect.Effect<A, E, Actor.ActorRuntime | Mail>,
    policy: Parameters<typeof Supervisor.dynamic>[1] = { backoff }
  ) =>
    inMemory(
      until(30_000)(
        Effect.scoped(Effect.flatMap(Supervisor.dynamic(Mail, policy), use)) as Effect.Effect<A, E, Actor.ActorRuntime>
      )
    )

  const names = (children: ReadonlyArray<Supervisor.DynamicChild>) =>
    children.map(({ incarnation, name, state }) => `${name} ${state} ${incarnation}`)

  it.effect("G159: a dynamic supervisor starts each child by a name, and restarts it alone when it dies", () =>
    dynamic(Effect.fnUntraced(function*(mails) {
      const a = yield* mails.start("a")
      const b = yield* mails.start("b")
      yield* b.run(next())
      yield* kill("a")
      assert.strictEqual(yield* a.run(next()), 1)
      assert.strictEqual(yield* b.run(next()), 2)
      assert.deepStrictEqual(names(yield* mails.children), ["a Up 2", "b Up 1"])
    })))

  it.effect("G159: a dynamic supervisor forgets a child that is stopped or ends for good, and frees its name", () =>
    dynamic(Effect.fnUntraced(function*(mails) {
      const a = yield* mails.start("a")
      const b = yield* mails.start("b", { restart: "transient" })
      assert.strictEqual((yield* Effect.flip(mails.start("a")))._tag, "NameTaken")
      yield* mails.stop("a")
      yield* Effect.ignore(b.run(quit()))
      yield* pass(1000)
      assert.deepStrictEqual(yield* mails.children, [])
      assert.strictEqual((yield* Effect.flip(a.run(next())))._tag, "ActorUnreachable")
      assert.strictEqual(yield* Effect.flatMap(mails.start("a"), (again) => again.run(next())), 1)
      yield* mails.stop("nobody")
    })))

  it.effect("G159: a dynamic supervisor fails a start with the error of its actor, and does not keep the child", () =>
    dynamic(Effect.fnUntraced(function*(mails) {
      broken.add("Mail")
      assert.strictEqual((yield* Effect.flip(mails.start("a")))._tag, "SpawnFailed")
      assert.deepStrictEqual(yield* mails.children, [])
      broken.clear()
      slow.set("Mail", 60_000)
      const starting = yield* Effect.forkChild(mails.start("a"), { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(starting)
      assert.deepStrictEqual(yield* mails.children, [])
    })))

  it.effect("G192: a dynamic supervisor that gives up fails a nursery that waits for it", () =>
    inMemory(Effect.gen(function*() {
      const program = Actor.nursery(Effect.scoped(Effect.gen(function*() {
        const policy = { backoff, intensity: { restarts: 0, within: "1 second" } } as const
        const mails = yield* Supervisor.dynamic(Mail, policy)
        yield* mails.start("a")
        yield* Actor.start(Store)
        yield* Effect.raceFirst(mails.ended, Effect.andThen(kill("a"), Effect.never))
      })))
      const error = yield* until(30_000)(Effect.flip(program))
      assert.strictEqual(error._tag, "GaveUp")
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })))

  it.effect("G159: a dynamic supervisor that has given up accepts no more children", () =>
    dynamic(
      Effect.fnUntraced(function*(mails) {
        yield* mails.start("a")
        yield* kill("a")
        yield* settle
        const error = yield* Effect.flip(mails.start("b"))
        assert.include(error.message, "gave up")
      }),
      { backoff, intensity: { restarts: 0, within: "1 second" } }
    ))
})
