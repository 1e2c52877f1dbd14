/** The supervisor of OTP, case by case: each row of the table in docs/supervision.md is a test here. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type Portal, Supervisor } from "@furrow/actor"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { beforeEach } from "vitest"
import { Brief, broken, Counter, Kiosk, Mail, next, quit, Shop, slow, Store, Web } from "./fixtures/supervised.ts"
import { collectEvents } from "./support/Events.ts"
import * as Journal from "./support/Journal.ts"
import { backoff, becomes, children, inMemory, kill, killNow, reset, supervised, told } from "./support/Supervised.ts"
import { pass, settle, until } from "./support/Time.ts"

beforeEach(reset)

const intensity = { restarts: 5, within: "1 minute" } as const
const four = [Web, Mail, Counter, Store] as const
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

const stateOf = (mails: Supervisor.Dynamic<Mail, never>) =>
  Effect.map(mails.children, (all) => all.map(({ incarnation, name, state }) => `${name} ${state} ${incarnation}`))

/** Who is replaced when Counter dies. */
const replacedUnder = (strategy: Supervisor.Strategy) =>
  supervised(
    Supervisor.layer({ backoff, strategy, intensity }, four),
    Effect.gen(function*() {
      yield* kill("Counter")
      yield* becomes(Effect.map(children, (all) => all.every((child) => child.includes(" Up "))), true)
      return (yield* children).filter((child) => child.endsWith("2"))
    })
  )

const problem = (policy: Supervisor.Policy, ...list: ReadonlyArray<Supervisor.Child>) =>
  Effect.map(
    supervised(Layer.empty, Effect.exit(Effect.provide(Effect.void, Supervisor.layer(policy, list)))),
    (exit) => String(Exit.isFailure(exit) && exit.cause)
  )

const cases: Record<string, () => Effect.Effect<unknown, unknown>> = {
  "start order": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* supervised(Supervisor.layer({}, [Mail, Counter, Store]), Effect.void)
      assert.deepStrictEqual(told(lines).slice(0, 3), ["Mail starts", "Store starts", "Counter starts"])
    }),
  "a first start fails": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      broken.add("Counter")
      const error = yield* supervised(Layer.empty, Effect.flip(Effect.provide(Effect.void, Supervisor.layer({}, four))))
      assert.strictEqual(error._tag, "SpawnFailed")
      assert.deepStrictEqual(told(lines), ["Store starts", "Store ends"])
    }),
  "a child ends while others start": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      slow.set("Mail", 5000)
      const error = yield* supervised(
        Layer.empty,
        Effect.gen(function*() {
          const built = yield* Effect.forkChild(
            Effect.flip(Effect.provide(Effect.void, Supervisor.layer({}, [Store, Mail])))
          )
          yield* pass(2000)
          yield* kill("Store")
          return yield* Fiber.join(built)
        })
      )
      assert.strictEqual(error._tag, "ActorLost")
      assert.deepStrictEqual(told(lines), ["Store starts"])
    }),
  "`ignore` from a start": () =>
    supervised(
      Supervisor.layer({}, [of(Brief, { restart: "transient" }), Mail]),
      Effect.andThen(pass(2000), becomes(children, ["Brief Ended 1", "Mail Up 1"]))
    ),
  "a child id twice": () =>
    Effect.map(
      problem({}, Mail, of(Mail, { name: "other" })),
      (text) => assert.include(text, `the child "Mail" twice`)
    ),
  "a bad specification": () =>
    Effect.gen(function*() {
      assert.include(yield* problem({ strategy: "one_for_one" as any }, Mail), `"one_for_one" is no \`strategy\``)
      assert.include(yield* problem({}, of(Mail, { restart: "always" as any })), `"always" is no \`restart\``)
      assert.include(yield* problem({ autoShutdown: "all" as any }, Mail), `"all" is no \`autoShutdown\``)
      for (const restarts of [-1, NaN, 0.5, Infinity]) {
        assert.include(
          yield* problem({ intensity: { restarts, within: "1 second" } }, Mail),
          "`intensity` has a number"
        )
      }
      for (const within of [0, -1, NaN]) {
        assert.include(yield* problem({ intensity: { restarts: 1, within } }, Mail), "`intensity` has a number")
      }
    }),
  "`one_for_one`": () =>
    Effect.map(replacedUnder("one-for-one"), (replaced) => assert.deepStrictEqual(replaced, ["Counter Up 2"])),
  "`one_for_all`": () =>
    Effect.map(
      replacedUnder("one-for-all"),
      (replaced) => assert.deepStrictEqual(replaced, ["Store Up 2", "Counter Up 2", "Web Up 2", "Mail Up 2"])
    ),
  "`rest_for_one`": () =>
    Effect.map(
      replacedUnder("rest-for-one"),
      (replaced) => assert.deepStrictEqual(replaced, ["Counter Up 2", "Web Up 2", "Mail Up 2"])
    ),
  "no strategy given": () =>
    Effect.map(
      replacedUnder(undefined as never),
      (replaced) => assert.deepStrictEqual(replaced, ["Counter Up 2", "Web Up 2"])
    ),
  "`simple_one_for_one`": () =>
    dynamic(
      { backoff, intensity },
      Effect.fnUntraced(function*(mails) {
        yield* mails.start("a")
        yield* mails.start("b")
        yield* kill("a")
        yield* pass(1000)
        yield* becomes(stateOf(mails), ["a Up 2", "b Up 1"])
      })
    ),
  "`intensity` and `period`": () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 1, within: "5 seconds" } }, [Mail]),
      Effect.gen(function*() {
        yield* kill("Mail")
        yield* pass(5000)
        yield* kill("Mail")
        yield* Mail.calls.next()
        yield* becomes(children, ["Mail Up 3"])
        yield* kill("Mail")
        yield* pass(1000)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Closed")
      })
    ),
  "intensity 0": () =>
    supervised(
      Supervisor.layer({ intensity: { restarts: 0, within: "5 seconds" } }, [Mail]),
      Effect.gen(function*() {
        yield* kill("Mail")
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Closed")
      })
    ),
  "restarts begin at once": () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        yield* kill("Mail")
        yield* becomes(children, ["Mail Restarting 1"])
        yield* pass(500)
        yield* becomes(children, ["Mail Up 2"])
      })
    ),
  "a start again fails": () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 2, within: "1 minute" } }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        broken.add("Mail")
        yield* kill("Mail")
        const error = yield* Effect.flip(mail.run(next()))
        assert.match(error.message, /died 3 times within 60000 ms: its supervisor gives up/)
        assert.include(error.message, "Mail is broken")
      })
    ),
  "`permanent`": () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        yield* Effect.ignore(Mail.calls.quit())
        yield* pass(1000)
        yield* becomes(children, ["Mail Up 2"])
      })
    ),
  "`transient`": () =>
    supervised(
      Supervisor.layer({ backoff }, [of(Mail, { restart: "transient" }), of(Store, { restart: "transient" })]),
      Effect.gen(function*() {
        yield* Effect.ignore(Mail.calls.quit())
        yield* kill("Store")
        yield* pass(1000)
        yield* becomes(children, ["Mail Ended 1", "Store Up 2"])
      })
    ),
  "`shutdown` is a normal end": () =>
    supervised(
      Supervisor.layer({ backoff }, [of(Mail, { restart: "transient" })]),
      Effect.gen(function*() {
        yield* Effect.flatMap(Mail, (mail) => mail.cancel("no more mail"))
        yield* pass(1000)
        yield* becomes(children, ["Mail Ended 1"])
      })
    ),
  "`temporary`": () =>
    supervised(
      Supervisor.layer({ backoff, strategy: "one-for-all" }, [Store, of(Mail, { restart: "temporary" })]),
      Effect.gen(function*() {
        yield* kill("Store")
        yield* pass(1000)
        yield* becomes(children, ["Store Up 2", "Mail Ended 1"])
      })
    ),
  "a dropped child stays away": () =>
    supervised(
      Supervisor.layer({ backoff, strategy: "one-for-one" }, [of(Store, { restart: "transient" }), Counter]),
      Effect.gen(function*() {
        yield* Effect.ignore(Store.calls.quit())
        yield* pass(500)
        yield* becomes(children, ["Store Ended 1", "Counter Up 1"])
        yield* kill("Counter")
        yield* pass(1000)
        yield* becomes(children, ["Store Up 2", "Counter Up 2"])
      })
    ),
  "`significant`": () =>
    Effect.gen(function*() {
      assert.include(yield* problem({ autoShutdown: "any-significant" }, of(Mail, { significant: true })), "permanent")
      assert.include(yield* problem({}, of(Mail, { significant: true, restart: "transient" })), `"never"`)
    }),
  "`any_significant`": () =>
    supervised(
      Supervisor.layer({ autoShutdown: "any-significant" }, [
        of(Mail, { restart: "transient", significant: true }),
        of(Store, { restart: "transient", significant: true })
      ]),
      Effect.gen(function*() {
        yield* Effect.ignore(Mail.calls.quit())
        yield* pass(500)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Closed")
      })
    ),
  "`all_significant`": () =>
    supervised(
      Supervisor.layer({ autoShutdown: "all-significant" }, [
        of(Mail, { restart: "transient", significant: true }),
        of(Store, { restart: "temporary", significant: true })
      ]),
      Effect.gen(function*() {
        yield* Effect.ignore(Mail.calls.quit())
        yield* pass(500)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Running")
        yield* kill("Store")
        yield* pass(500)
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Closed")
      })
    ),
  "an automatic shutdown exits with `shutdown`": () =>
    inMemory(
      until(30_000)(Effect.scoped(Effect.gen(function*() {
        const kiosk = yield* Actor.startScoped(Kiosk)
        yield* Effect.ignore(kiosk.run(quit()))
        assert.strictEqual((yield* kiosk.wait)._tag, "Returned")
      })))
    ),
  "shutdown order": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* supervised(Supervisor.layer({}, four), Effect.void)
      assert.deepStrictEqual(told(lines).slice(4), ["Mail ends", "Web ends", "Counter ends", "Store ends"])
    }),
  "`shutdown: Timeout`": () =>
    Effect.gen(function*() {
      const layer = Layer.effectDiscard(Effect.addFinalizer(() => Effect.never))
      const from = yield* Clock.currentTimeMillis
      yield* supervised(Supervisor.layer({}, [of(layer, { name: "hangs", stopWithin: "2 seconds" })]), Effect.void)
      assert.isBelow((yield* Clock.currentTimeMillis) - from, 5000)
    }),
  "`shutdown: brutal_kill`": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* supervised(Supervisor.layer({}, [of(Mail, { stopWithin: 0 })]), Effect.void)
      assert.include(told(lines), "Mail starts")
    }),
  "`shutdown: infinity`": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const layer = Layer.effectDiscard(
        Effect.addFinalizer(() => Effect.andThen(Effect.sleep("20 seconds"), Journal.say("released")))
      )
      yield* supervised(Supervisor.layer({}, [of(layer, { name: "slow" })]), Effect.void)
      assert.deepStrictEqual(told(lines), ["released"])
    }),
  "a child dies during the shutdown": () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const layer = Layer.effectDiscard(Effect.addFinalizer(() => Effect.andThen(killNow("Store"), settle)))
        const events = yield* collectEvents
        yield* Effect.provide(Effect.void, Supervisor.layer({}, [Store, of(layer, { name: "killer" })]))
        assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "ActorRestarting"), [])
      })
    ),
  "many children of `simple_one_for_one` are stopped": () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* dynamic(
        {},
        Effect.fnUntraced(function*(mails) {
          yield* Effect.forEach(["a", "b", "c"], (name) => mails.start(name))
        })
      )
      assert.strictEqual(told(lines).filter((line) => line === "Mail ends").length, 3)
    }),
  "`terminate_child`": () =>
    supervised(
      Supervisor.layer({ backoff }, four),
      Effect.gen(function*() {
        const lines = yield* Journal.fresh
        yield* Supervisor.stop(yield* Counter)
        assert.deepStrictEqual(told(lines), ["Web ends", "Counter ends"])
        yield* pass(2000)
        yield* becomes(children, ["Store Up 1", "Counter Stopped 1", "Web Stopped 1", "Mail Up 1"])
        const error = yield* Effect.flip(Counter.calls.next())
        assert.include(error.message, "it was stopped by hand")
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.deaths, 0)
      })
    ),
  "`terminate_child` of a significant child": () =>
    supervised(
      Supervisor.layer({ autoShutdown: "any-significant" }, [of(Mail, { restart: "transient", significant: true })]),
      Effect.gen(function*() {
        yield* Supervisor.stop(yield* Mail)
        yield* pass(500)
        yield* becomes(children, ["Mail Stopped 1"])
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.state, "Running")
      })
    ),
  "`restart_child`": () =>
    supervised(
      Supervisor.layer({ backoff }, [...four]),
      Effect.gen(function*() {
        const counter = yield* Counter
        yield* Supervisor.stop(counter)
        yield* Supervisor.start(counter)
        yield* pass(500)
        yield* becomes(children, ["Store Up 1", "Counter Up 2", "Web Up 2", "Mail Up 1"])
        // It is up: nothing happens.
        yield* Supervisor.start(counter)
        assert.strictEqual(counter.incarnation, 2)
        assert.strictEqual(yield* Web.calls.next(), 1)
      })
    ),
  "`restart_child` of one that returned": () =>
    supervised(
      Supervisor.layer({ backoff }, [of(Mail, { restart: "temporary" })]),
      Effect.gen(function*() {
        yield* Effect.ignore(Mail.calls.quit())
        yield* pass(500)
        yield* Supervisor.start(yield* Mail)
        yield* becomes(children, ["Mail Up 2"])
        assert.strictEqual(yield* Mail.calls.next(), 1)
      })
    ),
  "`restart_child` fails": () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 1, within: "1 minute" } }, [Mail]),
      Effect.gen(function*() {
        const mail = yield* Mail
        yield* Supervisor.stop(mail)
        broken.add("Mail")
        const error = yield* Effect.flip(Supervisor.start(mail))
        assert.include(error.message, "gave up")
      })
    ),
  "a restart by hand": () =>
    supervised(
      Supervisor.layer({ backoff, intensity: { restarts: 0, within: "1 minute" } }, [
        Store,
        Counter,
        of(Mail, { restart: "temporary" })
      ]),
      Effect.gen(function*() {
        yield* Supervisor.restart(yield* Store)
        yield* Supervisor.restart(yield* Mail)
        yield* pass(500)
        yield* becomes(children, ["Store Up 2", "Counter Up 2", "Mail Up 2"])
        assert.strictEqual((yield* Actor.statistics).supervisors[0]!.deaths, 0)
      })
    ),
  "`delete_child`": () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        yield* mails.start("a")
        yield* mails.stop("a")
        assert.deepStrictEqual(yield* stateOf(mails), [])
        yield* mails.stop("a")
      })
    ),
  "`start_child` under a name that is taken": () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        const a = yield* mails.start("a")
        const error = yield* Effect.flip(mails.start("a"))
        assert.strictEqual(error._tag === "NameTaken" && error.actor.uuid, a.actor.uuid)
      })
    ),
  "`start_child` fails": () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        broken.add("Mail")
        assert.strictEqual((yield* Effect.flip(mails.start("a")))._tag, "SpawnFailed")
        assert.deepStrictEqual(yield* stateOf(mails), [])
      })
    ),
  "`which_children`": () =>
    supervised(
      Supervisor.layer({ backoff }, [of(Layer.empty, { name: "front" }), of(Mail, { restart: "transient" })]),
      Effect.gen(function*() {
        const mail = yield* Mail
        const { actor } = mail
        const list = () => Effect.map(Actor.statistics, ({ supervisors }) => supervisors[0]!.children)
        assert.deepStrictEqual(yield* list(), [
          { child: "front", state: "Up", incarnation: 1, restart: "permanent", actor: null, behind: null, draining: 0 },
          { child: "Mail", state: "Up", incarnation: 1, restart: "transient", actor, behind: null, draining: 0 }
        ])
        yield* kill("Mail")
        assert.deepInclude((yield* list())[1], { state: "Restarting", actor: null })
        yield* mail.run(next())
        assert.deepInclude((yield* list())[1], { state: "Up", actor: mail.actor })
      })
    ),
  "`count_children`": () =>
    dynamic(
      { backoff },
      Effect.fnUntraced(function*(mails) {
        yield* Effect.forEach(["a", "b"], (name) => mails.start(name))
        yield* kill("b")
        const all = yield* mails.children
        assert.deepStrictEqual([all.length, all.filter(({ state }) => state === "Up").length], [2, 1])
      })
    ),
  "a supervisor below a supervisor gives up": () =>
    supervised(
      Supervisor.layer({ backoff }, [Shop]),
      Effect.gen(function*() {
        const events = yield* collectEvents
        yield* kill("Mail")
        yield* pass(1000)
        const [restarting] = events.filter((event) => event._tag === "ActorRestarting")
        assert.isTrue(restarting?.exit._tag === "Failed" && restarting.exit.error.boxed.type === "GaveUp")
        yield* becomes(children, ["Shop Up 2"])
      })
    ),
  "the name of a child is looked up again": () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const mail: Portal.Portal<Mail> = yield* Mail
        yield* kill("Mail")
        assert.strictEqual(yield* mail.run(next()), 1)
      })
    ),
  "a call in flight": () =>
    supervised(
      Supervisor.layer({ backoff }, [Mail]),
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Effect.flip(Mail.calls.hang()), { startImmediately: true })
        yield* settle
        yield* kill("Mail")
        assert.strictEqual((yield* Fiber.join(call))._tag, "ActorLost")
      })
    )
}

/** Tests of real processes: packages/node/test/Supervisor.test.ts. */
const ofProcesses = ["a supervisor is killed"]

describe("The supervisor behaves in each case of Erlang/OTP's supervisor as docs/supervision.md says", () => {
  it("G183: the table for readers of OTP in docs/supervision.md has one row for each case that the tests compare", () => {
    const docs = Fs.readFileSync(new URL("../../../docs/supervision.md", import.meta.url), "utf8")
    const section = docs.split("\n## For readers of OTP\n")[1]!.split("\n## ")[0]!
    const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(2)
    assert.deepStrictEqual(
      rows.map((row) => row.split("|")[1]!.trim()).sort(),
      [...Object.keys(cases), ...ofProcesses].sort()
    )
    for (const row of rows) assert.include(["same", "other", "none"], row.split("|")[2]!.trim())
  })

  for (const [title, test] of Object.entries(cases)) {
    it.effect(
      `G183: a supervisor behaves in this case of Erlang/OTP's supervisor as docs/supervision.md says: ${title}`,
      test
    )
  }
})
