/** What crosses what: a hand and another hand, a roll and an end for good, a takeover and what follows the active. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Supervisor } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import type * as Machine from "@furrow/actor/internal/supervision/SupervisorMachine"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { beforeEach } from "vitest"
import { broken, Mail, slowEnd, Store, who } from "./fixtures/supervised.ts"
import { collectEvents } from "./support/Events.ts"
import { child, Played, up } from "./support/PlayedSupervisor.ts"
import { backoff, drain, eventually, killOne, reset, supervised } from "./support/Supervised.ts"
import { drained, settle, until } from "./support/Time.ts"

beforeEach(reset)

const ready = eventually(
  Effect.map(Actor.statistics, ({ supervisors }) => supervisors[0]!.children.some(({ behind }) => behind === "Ready"))
)

// ---- by hand --------------------------------------------------------------------------------------------------------

describe("A child from Supervisor.dynamic that is being stopped is not started again", () => {
  it("G215: neither Supervisor.restart nor Supervisor.start brings back a child from Supervisor.dynamic that is being stopped", () => {
    for (const word of ["restart", "start"]) {
      const played = new Played([], { dynamic: true })
      assert.deepStrictEqual(played.play(`a add; a up; a remove; a ${word}; a stopped`), [
        "start a1",
        "stop a1",
        "removed a"
      ])
    }
  })

  it.effect("G215: the stop of a child from Supervisor.dynamic waits for the actor's end, and Supervisor.restart fails meanwhile", () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const mails = yield* Supervisor.dynamic(Mail)
        const mail = yield* mails.start("a")
        slowEnd.millis = 500
        const stopped = yield* Effect.forkChild(mails.stop("a"), { startImmediately: true })
        const error = yield* Effect.flip(Supervisor.restart(mail))
        assert.deepStrictEqual([error._tag, error._tag === "ActorUnreachable" && error.why], [
          "ActorUnreachable",
          "gone"
        ])
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(yield* mails.children, [])
      })
    ))
})

describe("Supervisor.stop ends a supervised child, and returns when its actor is gone", () => {
  it.effect("G215: Supervisor.stop returns when the stopped actor is gone, even if Supervisor.start is called while the stop waits", () =>
    supervised(
      Supervisor.layer({}, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const first = yield* mail.run(who())
        slowEnd.millis = 500
        const stopped = yield* Effect.forkChild(Supervisor.stop(mail), { startImmediately: true })
        yield* settle
        yield* Supervisor.start(mail)
        yield* Fiber.join(stopped)
        assert.notStrictEqual(yield* mail.run(who()), first)
      })
    ))
})

// ---- rolls ----------------------------------------------------------------------------------------------------------

const once: Machine.ChildSpec = { ...child("s"), restart: "transient" }

describe("A supervised child that has ended for good can be started again", () => {
  it("G216: a child that has ended for good is started again when a child that uses it is rolled", () => {
    const played = up([once, child("a", "s")])
    assert.deepStrictEqual(played.play("s dies Returned; s stopped; roll a; s2 up; a2 up; a1 drained 0; a1 stopped"), [
      "stop s1",
      "start s2",
      "restarted s",
      "start a2",
      "a2 takes over and drains",
      "a1 is drained",
      "stop a1",
      "roll ended: Done"
    ])
  })

  it("G216: a child that has returned is started again when an actor that uses it has to start", () => {
    const played = up([once, { ...child("a", "s"), standby: true }])
    assert.deepStrictEqual(
      played.play("a2 up; s dies Returned; s stopped; a2 dies; a2 stopped; a rested; s2 up; a3 up"),
      [
        "a2 stands by",
        "stop s1",
        "a2 stands by no more",
        "stop a2",
        "a rests afresh",
        "start s2",
        "restarted s",
        "start a3",
        "a3 stands by"
      ]
    )
  })
})

describe("A roll replaces a child by the child's standby, even if the standby was started during the roll", () => {
  it("G216: a roll continues with the standby of its next child if this standby was started after the roll had begun", () => {
    const played = up([child("a"), { ...child("c"), standby: true }])
    played.play("c1 dies; roll a,c; c1 stopped; c2 up; c3 up; a2 up; a1 drained 0")
    assert.deepStrictEqual(played.play("a1 stopped; c2 drained 0; c2 stopped"), [
      "c3 takes over and drains",
      "start c4",
      "c2 is drained",
      "stop c2",
      "roll ended: Done"
    ])
  })
})

describe("A roll can replace the children of two supervisors", () => {
  it.effect("G216: a failed roll over two supervisors names the replaced children of both supervisors", () =>
    supervised(
      Layer.mergeAll(Supervisor.layer({}, [Mail]), Supervisor.layer({}, [Store])),
      Effect.gen(function*() {
        broken.add("Store")
        const error = yield* Effect.flip(Supervisor.roll([Mail, Store], { drain }))
        assert.deepStrictEqual([error.child, error.why, error.replaced], ["Store", "start", ["Mail"]])
      })
    ))
})

describe("An actor that a roll has replaced can be collected as garbage", () => {
  it.effect("G216: the process handle of an actor that a roll has replaced can be collected as garbage", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const handles: Array<WeakRef<ProcessHandle>> = []
    const weak = MemoryActor.layer({
      between: (process) => {
        handles.push(new WeakRef(process))
        return process
      }
    })
    const rolled = Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* Supervisor.roll([Mail], { drain })
      yield* eventually(Effect.sync(() => {
        collect()
        return handles.slice(0, 8).every((handle) => handle.deref() === undefined)
      }))
    })
    return Effect.provide(
      drained(until(60_000)(Effect.provide(rolled, Supervisor.layer({}, [Mail])))),
      Layer.orDie(weak)
    )
  })
})

// ---- standbys -------------------------------------------------------------------------------------------------------

describe("A standby with the option `warm` follows the actor that plays the role", () => {
  const followed = (warm: () => Effect.Effect<unknown, unknown>) =>
    Supervisor.layer({ backoff, intensity: { restarts: 3, within: "1 minute" } }, [
      Supervisor.of(Mail, { standby: 1, warm })
    ])

  it.effect("G218: a Supervisor.dynamic of temporary children refuses the option `warm`", () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const mails = yield* Supervisor.dynamic(Mail)
        const exit = yield* Effect.exit(mails.start("a", { restart: "temporary", standby: 1 }))
        assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("has a standby"), String(exit))
        assert.deepStrictEqual(yield* mails.children, [])
      })
    ))

  it.effect("G218: a standby takes over once, even if the cleanup of its option `warm` fails during the takeover", () =>
    supervised(
      followed(() => Effect.ensuring(Effect.never, Effect.die(new Error("no cleanup")))),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* ready
        yield* settle
        yield* killOne("Mail", -2)
        yield* ready
        yield* Effect.sleep("2 seconds")
        assert.strictEqual(mail.incarnation, 2)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.deaths, 1)
      })
    ))

  const isEnded = (warm: () => Effect.Effect<unknown, unknown>) =>
    supervised(
      followed(warm),
      Effect.gen(function*() {
        const events = yield* collectEvents
        const ends = () => events.flatMap((event) => event._tag === "StandbyEnded" ? [event.exit._tag] : [])
        yield* eventually(Effect.sync(() => ends().length > 1))
        assert.deepStrictEqual([...new Set(ends())], ["Failed"])
        assert.strictEqual((yield* Mail).incarnation, 1)
      })
    )

  it.effect("G218: a standby whose option `warm` throws is ended, and another standby is started", () =>
    isEnded(() => {
      throw new Error("no effect")
    }))

  it.effect("G218: a standby whose option `warm` interrupts itself is ended, and another standby is started", () =>
    isEnded(() => Effect.andThen(Effect.sleep("1 second"), Effect.interrupt)))
})
