/** References in payloads, portals that are borrowed, and what either side sees when one of the two ends. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Counter, increment } from "../fixtures/counter.ts"
import * as Journal from "../support/Journal.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, settle } from "../support/Time.ts"
import * as N from "./fixtures/neighbours.ts"

const inTree = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope>) =>
  Effect.scoped(test).pipe(drained, Effect.provide(MemoryActor.layer({ name: "owner", expose: [N.poke] })))

const start = (name: string) => Actor.start(name, { expose: N.neighbours })
const three = Effect.all([start("a"), start("b"), start("c")])

describe("A reference to an actor opens a portal to the actor", () => {
  it.effect("a reference introduces two actors, which talk over a connection of their own", () =>
    Actor.nursery(Effect.gen(function*() {
      const [a, b] = yield* three
      assert.strictEqual(yield* a.run(N.meets({ to: b.ref })), "b")
      const before = yield* Effect.all([a.statistics, b.statistics])
      assert.strictEqual(yield* a.run(N.pesters({ to: b.ref, times: 200 })), "done")
      const after = yield* Effect.all([a.statistics, b.statistics])
      const frames = (stats: typeof before) => stats.map(({ channel }) => channel.sent.frames + channel.received.frames)
      // The one call that asked for it, and its answer.
      assert.deepStrictEqual(frames(after), [frames(before)[0]! + 2, frames(before)[1]!])
      assert.deepStrictEqual(yield* a.run(N.company()), ["b"])
      assert.deepStrictEqual(yield* b.run(N.company()), ["a"])
      // The same connection, the other way round.
      assert.strictEqual(yield* b.run(N.meets({ to: a.ref })), "a")
      assert.deepStrictEqual(yield* b.run(N.company()), ["a"])
    })).pipe(inTree))

  it.effect("a reference to the wrong kind of actor fails with PayloadInvalid on the side that makes the reference", () =>
    Actor.nursery(Effect.gen(function*() {
      const a = yield* start("a")
      const dumb = yield* Actor.start("dumb", { expose: [N.works] })
      const error = yield* Effect.flip(a.run(N.meets({ to: dumb.ref as never })))
      assert.instanceOf(error, ActorError.PayloadInvalid)
      assert.strictEqual((error as ActorError.PayloadInvalid).side, "caller")
      assert.match(error.message, /it does not expose poke, but works/)
      const wants = Schema.decodeUnknownSync(Actor.ref(Counter))
      assert.throws(() => wants(a.ref), /it is no Service, not "Counter"/)
    })).pipe(inTree))

  it.effect("a reference arrives unchanged, and a reference to a Service opens a portal of that Service", () =>
    Effect.gen(function*() {
      const { ref } = yield* Counter
      const schema = Actor.ref(Counter)
      assert.deepStrictEqual(
        Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(ref)))),
        ref
      )
      const portal = yield* Actor.portal(ref)
      assert.strictEqual(yield* portal.run(increment({ by: 1 })), 101)
    }).pipe(Effect.provide(Counter.layer), inTree))

  it.effect("a reference grants nothing: its list of endpoints opens no endpoint that the actor does not expose", () =>
    Actor.nursery(Effect.gen(function*() {
      const dumb = yield* Actor.start("dumb", { expose: [N.works] })
      const a = yield* start("a")
      const lies = { ...dumb.ref, exposed: [{ name: "poke", module: null }] }
      assert.match(yield* a.run(N.meets({ to: lies as never })), /^EndpointUnknown: dumb@\d+ does not expose poke/)
    })).pipe(inTree))

  it.effect("a reference to the asking actor, to an actor of another tree or to an ended actor opens no portal, and the error says why", () =>
    Actor.nursery(Effect.gen(function*() {
      const [a, b] = yield* three
      assert.match(
        yield* a.run(N.meets({ to: a.ref })),
        /^ActorUnreachable: a@\d+ cannot be reached: an actor needs no portal to itself: run the call directly$/
      )
      const elsewhere = yield* Effect.provide(
        Actor.nursery(Effect.map(start("far"), ({ ref }) => ref)),
        MemoryActor.layer
      )
      for (const from of [a, b]) {
        assert.match(
          yield* from.run(N.meets({ to: elsewhere })),
          /^ActorUnreachable: far@\d+ cannot be reached: it belongs to another tree, which has ended/
        )
      }
      assert.match((yield* Effect.flip(Effect.scoped(Actor.portal(elsewhere)))).message, /belongs to another tree/)
      yield* b.cancel()
      assert.match(
        yield* a.run(N.meets({ to: b.ref })),
        /^ActorUnreachable: b@\d+ .*owner@\d+ has no such child any more$/
      )
    })).pipe(inTree))
})

describe("A program borrows a portal from a reference", () => {
  it.effect("a borrowed portal works as long as its Scope is open", () =>
    Actor.nursery(Effect.gen(function*() {
      const [a, b] = yield* three
      assert.match(yield* a.run(N.keeps({ to: b.ref })), /^ChannelClosed: the portal to b@\d+ is closed/)
      // The connection is not the portal's.
      assert.deepStrictEqual(yield* a.run(N.company()), ["b"])
      assert.strictEqual(yield* a.run(N.meets({ to: b.ref })), "b")
    })).pipe(inTree))

  it.effect("a borrowed portal to one's own child works like the owner's portal: cancel ends the child, and wait returns its exit", () => {
    const theatre = Puppets.make()
    return Actor.nursery(Effect.gen(function*() {
      const child = yield* Actor.startScoped("child", { expose: N.neighbours })
      const portal = yield* Actor.portal(child.ref)
      assert.strictEqual(yield* portal.run(N.poke()), "child")
      theatre.puppet("child").deafen()
      const ending = yield* Effect.forkChild(portal.cancel("enough"))
      yield* pass(3_000)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(theatre.puppet("child").signals.slice(0, 1), ["SIGTERM"])
      const ended = yield* portal.wait
      assert.deepInclude(ended, { _tag: "Cancelled", reason: "enough" })
      assert.deepStrictEqual(ended.cleanup.map(({ type }) => type), ["CleanupUnfinished"])
      yield* portal.cancel("again")
      const other = yield* Actor.startScoped("other", { expose: N.neighbours })
      const waits = yield* Actor.portal(other.ref)
      theatre.puppet("other").die({ code: 3 })
      yield* pass(500)
      const exit = yield* waits.wait
      assert.strictEqual(exit._tag === "Lost" ? exit.error._tag : "", "ActorLost")
    })).pipe(Effect.scoped, drained, Effect.provide(theatre.layer))
  })

  it.effect("an actor calls its root and its parent, and can cancel neither", () =>
    Actor.nursery(Effect.gen(function*() {
      const a = yield* start("a")
      yield* Effect.forkChild(a.run(N.hosts({ name: "b", unique: false })))
      const b = yield* Registry.wait(N.neighbours, "b")
      for (const from of [a, b]) assert.strictEqual(yield* from.run(N.asksRoot()), "owner")
      const [root] = yield* Registry.list({ name: "owner" })
      for (const [from, to] of [[a, root!], [b, root!], [b, a.ref]] as const) {
        const error = yield* Effect.flip(from.run(N.revolts({ to })))
        assert.instanceOf(error, ActorError.RemoteActorError)
        assert.match(error.message, /an actor cannot cancel one above it: a parent outlives its children/)
      }
      assert.strictEqual(yield* b.run(N.poke()), "b")
      assert.match((yield* Effect.flip(Actor.root([N.poke]))).message, /this actor is the root: run the call directly/)
    })).pipe(inTree))

  it.effect("a wait on a borrowed portal tells whether the actor said Bye", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      const start = (name: string) => Actor.startScoped(name, { expose: N.neighbours })
      const [a, b, c] = yield* Effect.all([start("a"), start("b"), start("c")])
      const [polite, lost] = [
        yield* Effect.forkChild(a.run(N.mourns({ to: b.ref }))),
        yield* Effect.forkChild(a.run(N.mourns({ to: c.ref })))
      ]
      yield* settle
      yield* b.cancel()
      theatre.puppet("c").die({ signal: "SIGKILL" })
      yield* pass(200)
      assert.strictEqual(yield* Fiber.join(polite), "Cancelled")
      assert.strictEqual(yield* Fiber.join(lost), "Lost")
    })).pipe(drained, Effect.provide(theatre.layer))
  })
})

describe("A dialog fails at its opener when a third actor cancels the other actor of the dialog", () => {
  it.effect("the opener of a dialog learns which third actor cancelled it, after the finalizers have run, and the owner's nursery continues", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* Actor.nursery(Effect.gen(function*() {
        const [a, b, c] = yield* three
        const opener = yield* Effect.forkChild(a.run(N.leans({ to: b.ref, how: "call" })))
        const owner = yield* Effect.forkChild(Effect.flip(b.run(N.works({ cleanup: 300 }))))
        yield* settle
        const third = yield* Effect.forkChild(
          Effect.tap(c.run(N.dismisses({ to: b.ref, reason: "not needed" })), () => Journal.say("resumed"))
        )
        yield* pass(500)
        assert.strictEqual(yield* Fiber.join(third), "done")
        assert.strictEqual(yield* Fiber.join(opener), "ContextCancelled by c: not needed")
        const error = yield* Fiber.join(owner)
        assert.instanceOf(error, ActorError.ContextCancelled)
        assert.deepStrictEqual(
          [(error as ActorError.ContextCancelled).by.name, (error as ActorError.ContextCancelled).actor.name],
          ["c", "b"]
        )
        assert.deepInclude(yield* b.wait, { _tag: "Cancelled", reason: "not needed", cleanup: [] })
        assert.strictEqual(yield* a.run(N.poke()), "a")
        assert.strictEqual(yield* a.run(N.lookup({ name: "b" })), "nobody")
      }))
      assert.deepStrictEqual(journal.slice(2), [
        "0 work cancelled by c: not needed",
        "0 work cancelled by c: not needed",
        "100 work finalized",
        "300 work finalized",
        "300 resumed"
      ])
    }).pipe(inTree))

  it.effect("a caller can catch a third actor's cancel of its callee, and the error names the same author at every caller above", () =>
    Actor.nursery(Effect.gen(function*() {
      const [a, b, c] = yield* three
      // The owner leans on a, which leans on b.
      const outer = yield* Effect.forkChild(a.run(N.leans({ to: b.ref, how: "call" })))
      const chained = yield* Effect.forkChild(Effect.flip(Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.portal(b.ref)
        return yield* Effect.catchTag(
          portal.run(N.works({ cleanup: 0 })),
          "ContextCancelled",
          (error) => Effect.fail(`E2 after ${error.by.name}`)
        )
      }))))
      yield* settle
      yield* Effect.forkChild(c.run(N.dismisses({ to: b.ref, reason: "enough" })))
      yield* pass(300)
      assert.strictEqual(yield* Fiber.join(outer), "ContextCancelled by c: enough")
      assert.strictEqual(yield* Fiber.join(chained), "E2 after c")
      assert.strictEqual(yield* c.run(N.poke()), "c")
    })).pipe(inTree))

  it.effect("a third actor's cancel of an actor that does not end returns after the bounds for a cancel, and sends no signal to the process", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      const start = (name: string) => Actor.startScoped(name, { expose: N.neighbours })
      const [b, c] = yield* Effect.all([start("b"), start("c")])
      yield* Effect.forkChild(Effect.exit(b.run(N.works({ cleanup: 600_000 }))))
      yield* settle
      const third = yield* Effect.forkChild(c.run(N.dismisses({ to: b.ref, reason: "enough" })))
      yield* pass(4_000, 100)
      assert.isUndefined(third.pollUnsafe())
      yield* pass(2_500, 100)
      assert.strictEqual(yield* Fiber.join(third), "done")
      assert.deepStrictEqual(theatre.puppet("b").signals, [])
    })).pipe(drained, Effect.provide(theatre.layer))
  })
})

describe("Two peers serve each other's calls and streams", () => {
  for (const how of ["call", "stream", "dialog"] as const) {
    it.effect(`an open ${how} fails at once when the peer is lost`, () => {
      const theatre = Puppets.make()
      return Effect.scoped(Effect.gen(function*() {
        const start = (name: string) => Actor.startScoped(name, { expose: N.neighbours })
        const [a, b] = yield* Effect.all([start("a"), start("b")])
        const leaning = yield* Effect.forkChild(a.run(N.leans({ to: b.ref, how })))
        yield* settle
        assert.isUndefined(leaning.pollUnsafe())
        theatre.puppet("b").die({ signal: "SIGKILL" })
        // No time passes.
        yield* settle
        assert.match(yield* Fiber.join(leaning), /^ActorLost: b@\d+ is lost: its connection closed$/)
        assert.deepStrictEqual(yield* a.run(N.company()), [])
      })).pipe(drained, Effect.provide(theatre.layer))
    })
  }

  it.effect("a handler that works for a lost peer is interrupted", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const start = (name: string) => Actor.startScoped(name, { expose: N.neighbours })
      const [a, b] = yield* Effect.all([start("a"), start("b")])
      yield* Effect.forkChild(Effect.exit(a.run(N.leans({ to: b.ref, how: "call" }))))
      yield* settle
      theatre.puppet("a").die({ signal: "SIGKILL" })
      yield* pass(100)
      assert.deepStrictEqual(journal, ["0 work starts", "0 work cancelled by b: caller-lost", "100 work finalized"])
      assert.deepStrictEqual(yield* b.run(N.company()), [])
    })).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("two peers open dialogs at the same time over their one connection", () =>
    Actor.nursery(Effect.gen(function*() {
      const [a, b] = yield* three
      const said = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, n) => n),
        (n) => n % 2 === 0 ? a.run(N.chats({ to: b.ref, n })) : b.run(N.chats({ to: a.ref, n })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(said, said.map((_, n) => `${n % 2 === 0 ? "b" : "a"} says ${2 * n}`))
      assert.deepStrictEqual(yield* Effect.all([a.run(N.company()), b.run(N.company())]), [["b"], ["a"]])
    })).pipe(inTree))

  it.effect("an unread stream of a peer uses no more than its window, and delays neither a call nor a cancel", () =>
    Actor.nursery(Effect.gen(function*() {
      const a = yield* start("a")
      yield* Effect.forkChild(a.run(N.hosts({ name: "b", unique: false })))
      const b = yield* Registry.wait(N.neighbours, "b")
      let read = 0
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(b.stream(N.floods()), () => Effect.andThen(Effect.sync(() => void read++), Effect.never))
      )
      yield* settle
      const received = Effect.map(b.statistics, ({ channel }) => channel.received.bytes)
      const first = yield* received
      assert.strictEqual(read, 1)
      assert.strictEqual(yield* b.run(N.poke()), "b")
      yield* settle
      assert.isBelow((yield* received) - first, 1_000)
      assert.isBelow(first, 4 * 1024 * 1024)
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual((yield* b.statistics).channel.dialogs, 0)
    })).pipe(inTree))
})
