import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Family from "./fixtures/family.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass } from "./support/Time.ts"

const { asksForSecret, audit, delegatesReport, feed, leans, rebels, reports, takesFeed, waits, who, whoBelow } = Family

const withParent = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime>) =>
  Effect.provide(drained(test), MemoryActor.layer({ name: "mother", expose: [audit, feed, waits] }))

describe("An actor knows its ancestors", () => {
  it.effect("a root is called root, and has no parent", () =>
    Effect.gen(function*() {
      const { ancestors, id, isRoot, name } = yield* Actor.current
      assert.deepStrictEqual([name, id.name, isRoot, ancestors.length], ["root", "root", true, 0])
      const error = yield* Effect.flip(Actor.parent([audit]))
      assert.instanceOf(error, ActorError.ActorUnreachable)
      assert.match(error.message, /^the parent cannot be reached: this actor is the root and has none; /)
    }).pipe(inMemory))

  it.effect("an actor knows its name and its ancestors, root first", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Actor.runInActor(who(), { name: "alice" }), {
        name: "alice",
        id: "alice",
        isRoot: false,
        ancestors: ["root"],
        parent: "root"
      })
      assert.deepStrictEqual(yield* Actor.runInActor(whoBelow(), { name: "bob" }), {
        name: "who",
        id: "who",
        isRoot: false,
        ancestors: ["root", "bob"],
        parent: "bob"
      })
    }).pipe(inMemory))

  it.effect("two roots live in one process and do not know each other", () =>
    Effect.gen(function*() {
      const one = yield* Effect.provide(Effect.all([Actor.current, Actor.statistics]), MemoryActor.layer)
      const two = yield* Effect.provide(
        Actor.nursery(
          Effect.andThen(Actor.start("child", { expose: [who] }), Effect.all([Actor.current, Actor.statistics]))
        ),
        MemoryActor.layer({ name: "two" })
      )
      assert.deepStrictEqual([one[0].name, two[0].name], ["root", "two"])
      assert.notStrictEqual(one[0].id.uuid, two[0].id.uuid)
      assert.deepStrictEqual([one[1].children.length, two[1].children.length], [0, 1])
    }))
})

describe("An actor calls the endpoints of its parent", () => {
  it.effect("G6: an actor calls the endpoints that its parent exposes, and no other endpoints of the parent", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Actor.runInActor(reports()), "mother heard a report")
      assert.deepStrictEqual(yield* Actor.runInActor(takesFeed()), [1, 2, 3])
      const refusal = yield* Actor.runInActor(asksForSecret())
      assert.match(
        refusal,
        /^mother@0 does not expose secret \(call\); it exposes audit \(call\), feed \(stream\), waits \(call\)\. /
      )
    }).pipe(withParent))

  it.effect("an actor cannot call, through its parent, the endpoints that only the root exposes", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(delegatesReport()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "EndpointUnknown")
      assert.match(error.boxed.message, /delegatesReport@\d+ does not expose audit/)
    }).pipe(withParent))

  it.effect("interrupting a child's handler interrupts the handler's call to the parent, and waits for the end of this call", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(leans()))
      yield* pass(500)
      yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), Journal.say("resumed")))
      yield* pass(500)
      assert.deepStrictEqual(journal, [
        "0 parent's work starts",
        "500 parent's work cancelled by mother: interrupted",
        "700 parent's work finalized",
        "700 resumed"
      ])
    }).pipe(withParent))

  it.effect("the call of a lost child is interrupted in its parent", () => {
    const theatre = Puppets.make({}, { name: "mother", expose: [waits] })
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(leans())))
      yield* pass(500)
      theatre.puppet("leans").die({ code: 1 })
      yield* pass(500)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal, [
        "0 parent's work starts",
        "500 parent's work cancelled by mother: caller-lost",
        "700 parent's work finalized"
      ])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a child that cancels its parent through a portal gets an error, and the parent continues", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(rebels()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.match(error.boxed.message, /cannot cancel its parent/)
      assert.strictEqual((yield* Actor.current).name, "mother")
    }).pipe(withParent))
})
