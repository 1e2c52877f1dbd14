/** Rolls and standbys in memory: what users see of them. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry, Supervisor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { beforeEach } from "vitest"
import { broken, Counter, hang, Mail, next, quit, slow, Store, Web, who } from "./fixtures/supervised.ts"
import { chat, count, mains, Worker } from "./fixtures/worker.ts"
import { collectEvents } from "./support/Events.ts"
import { backoff, drain, eventually, inMemory, killOne, reset, supervised } from "./support/Supervised.ts"
import { settle, until } from "./support/Time.ts"

beforeEach(() => {
  reset()
  mains.length = 0
})

const four = [Web, Mail, Counter, Store] as const

type ChildSnapshot = Effect.Success<typeof Actor.statistics>["supervisors"][number]["children"][number]
const someChild = (is: (child: ChildSnapshot) => boolean) =>
  eventually(Effect.map(Actor.statistics, ({ supervisors }) => supervisors[0]!.children.some(is)))

/** Waits for the standby of the one child. */
const ready = someChild(({ behind }) => behind === "Ready")
/** Waits until a roll has replaced an actor, whose calls are still open. */
const draining = someChild(({ draining }) => draining > 0)
const childCount = (count: number) =>
  eventually(Effect.map(Actor.statistics, ({ children }) => children.length === count))

describe("Supervisor.roll replaces children without a failed call", () => {
  it.effect("G209: Supervisor.roll replaces the named children in order, and does not replace other children", () =>
    supervised(
      Supervisor.layer({}, four),
      Effect.gen(function*() {
        const portals = [yield* Store, yield* Counter, yield* Web, yield* Mail] as const
        const events = yield* collectEvents
        yield* Supervisor.roll([Web, Store], { drain })
        assert.deepStrictEqual(portals.map(({ incarnation }) => incarnation), [2, 1, 2, 1])
        assert.strictEqual(yield* portals[2].run(next()), 1)
        const told = events.flatMap((event) =>
          event._tag === "ActorReplaced"
            ? [`${event.child} ${event.incarnation} by ${event.by}`]
            : event._tag === "ActorDrained"
            ? [`${event.child} ${event.incarnation} drained, ${event.open} open`]
            : event._tag === "ActorRestarting"
            ? ["a death"]
            : []
        )
        assert.deepStrictEqual(told, [
          "Store 2 by roll",
          "Store 1 drained, 0 open",
          "Web 2 by roll",
          "Web 1 drained, 0 open"
        ])
      })
    ))

  it.effect("G209: Supervisor.roll replaces all children of a supervisor, several at a time", () =>
    supervised(
      Supervisor.layer({}, four),
      Effect.gen(function*() {
        yield* Supervisor.rollAll(Mail, { drain, atOnce: 4 })
        const portals = [yield* Store, yield* Counter, yield* Web, yield* Mail] as const
        assert.deepStrictEqual(portals.map(({ incarnation }) => incarnation), [2, 2, 2, 2])
        assert.strictEqual((yield* Actor.statistics).children.length, 4)
      })
    ))

  it.effect("G210: Supervisor.roll fails no call that is made during the roll, from this and other processes", () =>
    supervised(
      Supervisor.layer({}, four),
      Effect.gen(function*() {
        const [web, store] = [yield* Web, yield* Store]
        for (const name of ["Store", "Counter"]) slow.set(name, 200)
        let isOver = false
        let calls = 0
        const load = yield* Effect.forkChild(
          Effect.forEach(
            [Effect.asVoid(web.run(next())), Effect.asVoid(web.run(who())), Effect.asVoid(store.run(next()))],
            (call) =>
              Effect.whileLoop({
                while: () => !isOver,
                body: () => Effect.andThen(Effect.sleep(3), call),
                step: () => void calls++
              }),
            { concurrency: "unbounded", discard: true }
          ),
          { startImmediately: true }
        )
        for (let i = 0; i < 3; i++) yield* Supervisor.roll([Store, Counter], { drain })
        isOver = true
        yield* Fiber.join(load)
        assert.isAbove(calls, 50)
        assert.deepStrictEqual([store.incarnation, (yield* Counter).incarnation, web.incarnation], [4, 4, 1])
      })
    ))

  it.effect("G210: Supervisor.roll lets open calls end at the old actor, and cancels calls that are open at the bound of the roll", () =>
    supervised(
      Supervisor.layer({}, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const events = yield* collectEvents
        const open = yield* Effect.forkChild(Effect.flip(mail.run(hang())), { startImmediately: true })
        yield* settle
        const rolled = yield* Effect.forkChild(Supervisor.roll([Mail], { drain: "2 seconds" }), {
          startImmediately: true
        })
        yield* draining
        yield* Effect.sleep("1800 millis")
        assert.isUndefined(open.pollUnsafe())
        assert.strictEqual(mail.incarnation, 2)
        const [supervisor] = (yield* Actor.statistics).supervisors
        assert.deepStrictEqual([supervisor!.rolls, supervisor!.children[0]!.draining], [1, 1])
        yield* Fiber.join(rolled)
        const error = yield* Fiber.join(open)
        assert.include(error.message, "replaced by its supervisor")
        const told = events.find((event) => event._tag === "ActorDrained")
        assert.strictEqual(told?.open, 1)
      })
    ))

  it.effect("G210: a stream or dialog that the old actor refuses during Supervisor.roll is opened at the new actor instead", () =>
    supervised(
      Supervisor.layer({}, [Worker]),
      Effect.gen(function*() {
        const { ref } = yield* Worker
        yield* Effect.scoped(Effect.gen(function*() {
          const borrowed = yield* Actor.portal(ref)
          const open = yield* Effect.forkChild(Stream.runCount(borrowed.stream(count({ to: 30 }))), {
            startImmediately: true
          })
          yield* Effect.sleep("200 millis")
          const rolled = yield* Effect.forkChild(Supervisor.roll([Worker], { drain }), { startImmediately: true })
          yield* draining
          // The old one may begin one more before it hears that it is drained.
          const counted = Stream.runCount(borrowed.stream(count({ to: 2 })))
          yield* eventually(Effect.orDie(Effect.map(counted, (n) => n === 2 && borrowed.incarnation === 2)))
          const answer = yield* borrowed.open(chat(), (dialog) => dialog.result)
          assert.strictEqual(answer, "bye")
          yield* Fiber.join(rolled)
          assert.strictEqual(yield* Fiber.join(open), 30)
        }))
      })
    ))

  it.effect("G211: Supervisor.roll fails with a typed error when a new actor does not start, and the old actor stays", () =>
    supervised(
      Supervisor.layer({}, four),
      Effect.gen(function*() {
        const [store, counter, mail] = [yield* Store, yield* Counter, yield* Mail]
        const first = yield* counter.run(who())
        broken.add("Counter")
        const error = yield* Effect.flip(Supervisor.roll([Store, Counter, Mail], { drain }))
        assert.strictEqual(error._tag, "RollFailed")
        const { child, error: reason, replaced, why } = error
        assert.deepStrictEqual([why, child, replaced, reason?._tag], ["start", "Counter", ["Store"], "SpawnFailed"])
        assert.strictEqual(yield* counter.run(who()), first)
        assert.deepStrictEqual([store, counter, mail].map(({ incarnation }) => incarnation), [2, 1, 1])
        broken.clear()
        yield* Supervisor.roll([Counter], { drain })
        assert.notStrictEqual(yield* counter.run(who()), first)
      })
    ))

  it.effect("G211: Supervisor.roll fails with a typed error when another roll already replaces one of the children", () =>
    supervised(
      Supervisor.layer({}, [Mail]),
      Effect.gen(function*() {
        const first = yield* Effect.forkChild(Supervisor.roll([Mail], { drain }), { startImmediately: true })
        const error = yield* Effect.flip(Supervisor.roll([Mail], { drain }))
        assert.deepStrictEqual([error._tag, error.why], ["RollFailed", "busy"])
        yield* Fiber.join(first)
        assert.strictEqual((yield* Mail).incarnation, 2)
      })
    ))

  it.effect("G211: Supervisor.roll stops new actors that have not taken over when it is interrupted", () =>
    supervised(
      Supervisor.layer({}, [Mail]),
      Effect.gen(function*() {
        slow.set("Mail", 20_000)
        const rolled = yield* Effect.forkChild(Supervisor.roll([Mail], { drain }), { startImmediately: true })
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(rolled)
        yield* childCount(1)
        yield* Effect.sleep("30 seconds")
        assert.strictEqual((yield* Mail).incarnation, 1)
      })
    ))

  it.effect("G211: Supervisor.roll ends when the Layer of its supervisor ends, and leaves no actor", () =>
    inMemory(
      until(60_000)(Effect.gen(function*() {
        let rolled: Fiber.Fiber<void, Supervisor.RollFailed> | undefined
        yield* Effect.provide(
          Effect.gen(function*() {
            slow.set("Mail", 20_000)
            rolled = yield* Effect.forkDetach(Supervisor.roll([Mail], { drain }), { startImmediately: true })
            yield* Effect.sleep("1 second")
          }),
          Supervisor.layer({}, [Mail])
        )
        const exit = yield* Fiber.await(rolled!)
        assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("its supervisor has ended"))
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      }))
    ))

  it.effect("G211: Supervisor.roll refuses portals that belong to no supervisor, and a roll without children", () =>
    supervised(
      Mail.layer,
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Supervisor.roll([Mail], { drain }))
        assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("no supervisor"))
        yield* Effect.provide(
          Effect.gen(function*() {
            const exit = yield* Effect.exit(Supervisor.roll([Store], { drain, atOnce: 0 }))
            assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("1 or more"))
          }),
          Supervisor.layer({}, [Store])
        )
      })
    ))

  it.effect("G209: Supervisor.roll replaces all children of a Supervisor.dynamic, or only those that the program names", () =>
    supervised(
      Layer.empty,
      Effect.scoped(Effect.gen(function*() {
        const mails = yield* Supervisor.dynamic(Mail)
        const [a, b] = [yield* mails.start("a"), yield* mails.start("b")]
        yield* mails.roll({ drain, names: ["a"] })
        assert.deepStrictEqual([a.incarnation, b.incarnation], [2, 1])
        yield* mails.roll({ drain, atOnce: 2 })
        assert.deepStrictEqual([a.incarnation, b.incarnation], [3, 2])
        const error = yield* Effect.flip(mails.roll({ drain, names: ["c"] }))
        assert.deepStrictEqual([error.why, error.child], ["unknown", "c"])
      }))
    ))

  it.effect("G208: a roll keeps a unique name in the registry, which shows the new actor from its takeover on", () =>
    supervised(
      Supervisor.layer({}, [Supervisor.of(Mail, { name: "post", unique: true })]),
      Effect.scoped(Effect.gen(function*() {
        const changes: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(Registry.watch({ name: "post" }), (change) =>
            Effect.sync(() =>
              changes.push(
                change._tag === "Snapshot"
                  ? `${change.entries.length}`
                  : change._tag === "Down"
                  ? `Down ${change.why}`
                  : change._tag
              )
            ))
        )
        yield* settle
        yield* Supervisor.roll([Mail], { drain })
        const found = yield* Registry.find(Mail, "post")
        const uuid = yield* Effect.flatMap(Mail, (mail) => mail.run(who()))
        assert.strictEqual(Option.getOrThrow(found).actor.uuid, uuid)
        assert.deepStrictEqual(changes, ["1", "Down replaced", "Up"])
      }))
    ))
})

describe("A standby takes over from a supervised actor that dies", () => {
  const withStandby = Supervisor.layer(
    { backoff, intensity: { restarts: 10, within: "1 minute" } },
    [Store, Supervisor.of(Counter, { standby: 1 }), Web]
  )

  it.effect("G212: a standby takes over when its actor dies, and users in other processes keep their portals", () =>
    supervised(
      withStandby,
      Effect.gen(function*() {
        const [web, counter] = [yield* Web, yield* Counter]
        const events = yield* collectEvents
        const first = yield* web.run(who())
        for (let i = 0; i < 3; i++) {
          yield* ready
          yield* killOne("Counter", -2)
          assert.strictEqual(yield* web.run(next()), i + 1)
          assert.strictEqual(counter.incarnation, i + 2)
        }
        assert.deepStrictEqual([yield* web.run(who()), web.incarnation], [first, 1])
        const replaced = events.flatMap((event) => event._tag === "ActorReplaced" ? [event.by] : [])
        assert.deepStrictEqual(replaced, ["standby", "standby", "standby"])
      })
    ))

  it.effect("G212: a standby answers a call that was held, without a wait for the backoff", () =>
    supervised(
      Supervisor.layer({ backoff: Schedule.spaced("10 seconds"), intensity: { restarts: 1, within: "1 minute" } }, [
        Supervisor.of(Mail, { standby: 1 })
      ]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* ready
        yield* killOne("Mail", -2)
        const called = yield* Effect.forkChild(mail.run(next()), { startImmediately: true })
        yield* settle
        assert.deepStrictEqual(called.pollUnsafe(), Exit.succeed(1))
      })
    ))

  it.effect("G213: a standby is neither listed nor found, and its end counts as no death", () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 minute" } }, [
        Supervisor.of(Mail, { standby: 1, unique: true, name: "post" })
      ]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const first = yield* mail.run(who())
        yield* ready
        const events = yield* collectEvents
        const listed = yield* Registry.list({ name: "post" })
        assert.deepStrictEqual(listed.map(({ actor }) => actor.uuid), [first])
        const ends = () => events.filter(({ _tag }) => _tag === "StandbyEnded").length
        for (let i = 0; i < 3; i++) {
          yield* ready
          yield* killOne("post", -1)
          yield* eventually(Effect.sync(() => ends() === i + 1))
        }
        yield* ready
        assert.strictEqual(yield* mail.run(who()), first)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.deaths, 0)
      })
    ))

  it.effect("G213: a supervisor waits longer after each failed start of a standby, and the active actor continues", () =>
    supervised(
      Supervisor.layer({ intensity: { restarts: 3, within: "5 seconds" } }, [Supervisor.of(Mail, { standby: 1 })]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* ready
        broken.add("Mail")
        const events = yield* collectEvents
        yield* killOne("Mail", -1)
        const ends = () => events.filter(({ _tag }) => _tag === "StandbyEnded").length
        yield* eventually(Effect.sync(() => ends() > 2))
        yield* Effect.sleep("20 seconds")
        assert.isAtMost(ends(), 12)
        assert.strictEqual(yield* mail.run(next()), 1)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.deaths, 0)
      })
    ))

  it.effect("G214: a standby with the option `warm` follows the actor whose role it will take over, and continues from that actor's last change", () => {
    let told = 0
    return supervised(
      Supervisor.layer({ backoff }, [
        Supervisor.of(Mail, {
          standby: 1,
          // The standby is told of each second that its actor lived.
          warm: (active, standby) =>
            Effect.forever(Effect.gen(function*() {
              yield* Effect.sleep("1 second")
              yield* active.run(who())
              told = yield* standby.run(next())
            }))
        })
      ]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* ready
        yield* eventually(Effect.sync(() => told === 3))
        yield* killOne("Mail", -2)
        assert.strictEqual(yield* mail.run(next()), 4)
        yield* ready
        yield* Effect.sleep("3 seconds")
        assert.strictEqual(yield* mail.run(next()), 5)
      })
    )
  })

  it.effect("G214: a standby whose option `warm` fails is ended, and another standby is started", () =>
    supervised(
      Supervisor.layer({ backoff }, [
        Supervisor.of(Mail, { standby: 1, warm: () => Effect.andThen(Effect.sleep("1 second"), Effect.fail("no")) })
      ]),
      Effect.gen(function*() {
        yield* ready
        const events = yield* collectEvents
        const ends = () => events.flatMap((event) => event._tag === "StandbyEnded" ? [event.exit._tag] : [])
        yield* eventually(Effect.sync(() => ends().length > 1))
        assert.deepStrictEqual([...new Set(ends())], ["Failed"])
        assert.strictEqual((yield* Mail).incarnation, 1)
      })
    ))

  it.effect("G213: a standby begins its main Effect when it takes over, and not earlier", () =>
    supervised(
      Supervisor.layer({ backoff }, [Supervisor.of(Worker, { standby: 1 })]),
      Effect.gen(function*() {
        yield* ready
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(mains, [(yield* Worker).actor.uuid])
        yield* killOne("Worker", -2)
        yield* eventually(Effect.sync(() => mains.length === 2))
        assert.strictEqual(mains[1], (yield* Worker).actor.uuid)
      })
    ))

  it.effect("G213: the standby of a child ends when the active actor ends and is not started again", () =>
    supervised(
      Supervisor.layer({ backoff }, [Supervisor.of(Mail, { standby: 1, restart: "transient" })]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* ready
        yield* Effect.ignore(mail.run(quit()))
        yield* childCount(0)
        assert.strictEqual((yield* Effect.flip(mail.run(next())))._tag, "ActorUnreachable")
      })
    ))
})
