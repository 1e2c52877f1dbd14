/** Typed payloads, and dialogs in a graph of actors. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { drained, until } from "../support/Time.ts"
import { ask, becomeBroker, broker, spawner } from "./fixtures/graph.ts"
import { lie, Refused } from "./fixtures/linked.ts"
import { keeper, other, Rich, rich, task } from "./fixtures/rich.ts"
import { echo, feed } from "./fixtures/talks.ts"

const expose = [lie, rich, feed, echo, keeper, task, other] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000)))

describe("A payload that breaks the contract of a dialog fails with PayloadInvalid, and a valid payload arrives unchanged", () => {
  it.effect("G36: values of Effect's types and of own types arrive unchanged as first value, messages and result", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const value = new Rich({
        at: new Date(5),
        bytes: new Uint8Array([1, 2]),
        names: new Map([["a", 1n]]),
        maybe: Option.some(3)
      })
      const all = yield* bob.open(
        rich({ value }),
        Effect.fnUntraced(function*({ first, result, stream }) {
          yield* stream.send(value)
          return [first, yield* stream.receive, yield* result]
        })
      )
      for (const it of all) {
        assert.instanceOf(it, Rich)
        assert.deepStrictEqual(it, value)
        assert.strictEqual(it.size, 2)
      }
    })))

  it.effect("a dialog whose payload does not match fails, before anything is sent, with a PayloadInvalid whose side is the caller", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const before = (yield* bob.statistics).channel.sent.frames
      const error = yield* Effect.flip(bob.open(rich({ value: "no" as unknown as Rich }), () => Effect.never))
      assert(error._tag === "PayloadInvalid")
      assert.deepStrictEqual([error.side, error.part], ["caller", "payload"])
      assert.strictEqual((yield* bob.statistics).channel.sent.frames, before)
    })))

  it.effect("a message that does not match fails its own dialog and no other dialog", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const [wrong, right] = yield* Effect.all([
        Effect.exit(bob.open(lie({ part: "output" }), () => Effect.never)),
        bob.open(
          echo(),
          ({ result, stream }) => Effect.andThen(stream.sendAll([1, 2]), Effect.andThen(stream.end, result))
        )
      ], { concurrency: "unbounded" })
      assert.isTrue(Exit.isFailure(wrong))
      assert.strictEqual(right, 2)
    })))

  it.effect("G39: a narrowed stream reads with the narrower schema until its Scope closes, and then with the contract's own schema", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* bob.open(
        feed({ every: 10 }),
        Effect.fnUntraced(function*({ cancel, stream }) {
          yield* stream.send("ping")
          const narrow = yield* Effect.scoped(Effect.gen(function*() {
            const pongs = yield* stream.narrow(Schema.Literal("pong"))
            const pong: "pong" = yield* pongs.receive
            yield* Effect.sleep(15)
            return [pong, yield* Effect.flip(pongs.receive)] as const
          }))
          assert.strictEqual(narrow[0], "pong")
          assert("_tag" in narrow[1] && narrow[1]._tag === "PayloadInvalid")
          yield* Effect.sleep(15)
          assert.strictEqual(typeof (yield* stream.receive), "number")
          yield* cancel()
        })
      )
    })))

  it.effect("the function openTest opens a dialog with both ends in this process, through the same codecs as between two actors", () =>
    Effect.scoped(Effect.gen(function*() {
      const dialog = yield* Actor.openTest(echo())
      assert.strictEqual(dialog.first, 11)
      yield* dialog.stream.send(5)
      assert.strictEqual(yield* dialog.stream.receive, 5)
      const error = yield* Effect.flip(dialog.stream.send("5" as unknown as number))
      assert.strictEqual(error._tag, "PayloadInvalid")
      yield* dialog.stream.end
      assert.strictEqual(yield* dialog.result, 1)
    })))
})

describe("A graph of actors", () => {
  it.effect("work that fails in a dialog's nursery fails the dialog that owns the nursery, also when another call started the work", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const exit = yield* Effect.exit(bob.open(keeper(), () =>
        Effect.gen(function*() {
          yield* bob.run(other({ after: 60_000 }))
          yield* bob.run(task({ after: 500 }))
          return yield* Effect.never
        })))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(exit, Exit.fail(new Refused({ why: "a task of mine" })))
    })))

  it.effect("an actor that a server has started for a client outlives the client, and ends with the server", () =>
    drained(
      Actor.nursery(Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const server = yield* Actor.start("server", { expose: [spawner] })
        const client = yield* Actor.start("client", { expose: [ask] })
        yield* server.open(
          spawner(),
          Effect.fnUntraced(function*({ cancel, state, stream }) {
            becomeBroker((name) =>
              Effect.orDie(Effect.andThen(stream.send(name), stream.receive)) as Effect.Effect<string>
            )
            const asking = yield* Effect.forkChild(client.run(ask({ name: "little-bro" })))
            assert.strictEqual(yield* Fiber.join(asking), "little-bro echoed 100")
            yield* client.cancel("no more questions")
            // The server and what it started go on.
            yield* stream.send("big-bro")
            assert.strictEqual(yield* stream.receive, "big-bro echoed 100")
            yield* cancel("closing")
            assert.deepStrictEqual(yield* state, {
              state: "cancelled",
              cancelCalled: true,
              cancelAcknowledged: true
            })
          })
        )
        assert.match(journal.join(), /spawner cancelled by root: closing/)
        assert.deepStrictEqual((yield* Actor.statistics).children.map((it) => it.actor.name), ["server"])
      })).pipe(until(10_000))
    ).pipe(Effect.provide(MemoryActor.layer({ expose: [broker] }))))
})
