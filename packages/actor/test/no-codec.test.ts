/** A contract whose schemas have no codec: what cannot be derived fails the call that needs it, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { codecs } from "@furrow/actor/internal/contract/Endpoint"
import * as Failure from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Handle, page, pages, read, tearing, turn, write } from "./fixtures/far-cleanup.ts"
import { isPrime } from "./fixtures/prime.ts"
import { callee, startOf } from "./support/Callee.ts"
import { inMemory } from "./support/InMemory.ts"
import { settle, until } from "./support/Time.ts"

describe("A contract for which no codec can be derived fails its calls", () => {
  const expose = [page, pages, read, tearing, turn, write, isPrime] as const
  type Portal = Actor.Portal<typeof expose[number]>

  const calls: ReadonlyArray<readonly [what: string, call: (bob: Portal) => Effect.Effect<unknown, unknown>]> = [
    ["a call's payload", (bob) => bob.run(turn({ to: new Handle() }))],
    ["a call's result", (bob) => bob.run(page())],
    ["a call's error", (bob) => bob.run(tearing())],
    ["a stream's items", (bob) => Stream.runCollect(bob.stream(pages()))],
    ["what a dialog's caller receives", (bob) => bob.open(read(), () => Effect.void)],
    ["what a dialog's caller sends", (bob) => bob.open(write(), () => Effect.void)],
    [
      "what a held dialog's caller receives",
      (bob) => Effect.scoped(Effect.flatMap(bob.openScoped(read()), ({ result }) => result))
    ]
  ]

  for (const [what, call] of calls) {
    it.effect(`G84: a call fails if no codec can be made for a schema of its contract, and the actor answers the next call (case: ${what})`, () =>
      inMemory(
        Effect.gen(function*() {
          yield* Actor.nursery(Effect.gen(function*() {
            const bob = yield* Actor.start("bob", { expose })
            for (let n = 0; n < 2; n++) {
              const exit = yield* Effect.exit(call(bob))
              assert(Exit.isFailure(exit))
              assert.isFalse(exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt"), String(exit.cause))
              assert.match(String(exit.cause), /an instance without a codec/)
              assert.isTrue(yield* bob.run(isPrime({ n: 7 })))
              assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
            }
          }))
        }).pipe(until(30_000))
      ))
  }

  it.effect("G84: a schema that is not defined yet fails its call, and the next call is answered", () =>
    Effect.gen(function*() {
      const late = Actor.fn("late", {
        module: import.meta.url,
        success: Schema.suspend((): typeof Schema.Int => {
          throw new ReferenceError("Cannot access 'Late' before initialization")
        })
      })(() => Effect.succeed(1))
      const { end, said, say } = yield* callee([late, isPrime])
      const nothing = Payload.codec(Schema.Void).encode(undefined)
      const prime = codecs(isPrime.endpoint).payload.encode({ n: 7 })
      assert(nothing.ok && prime.ok)
      say({ ...startOf(late, 1, nothing.value), digest: "of another version" } as Message.Start)
      say(startOf(late, 3, nothing.value))
      say(startOf(isPrime, 5, prime.value))
      yield* settle
      assert.deepStrictEqual(said.flatMap((word) => "dialog" in word ? [[word._tag, word.dialog]] : []), [
        ["Error", 1],
        ["Error", 3],
        ["Return", 5]
      ])
      for (const word of said) {
        if (word._tag !== "Error") continue
        const failure = Failure.decode(word.payload)
        assert.isTrue(failure.ok)
        assert.include(JSON.stringify(failure), "Cannot access 'Late' before initialization")
      }
      assert.isTrue(end.channel.isOpen)
    }))

  it.effect("G84: if the callee fails to make a codec for an endpoint's schema, the call fails, and the next call is answered", () =>
    Effect.gen(function*() {
      const definitions = [page, pages, turn, tearing, read, isPrime] as const
      const { end, said, say } = yield* callee(definitions)
      const prime = codecs(isPrime.endpoint).payload.encode({ n: 7 })
      const empty = Payload.codec(Schema.Void).encode(undefined)
      assert(prime.ok && empty.ok)
      for (const [i, definition] of definitions.entries()) {
        say(startOf(definition, 2 * i + 1, definition === isPrime ? prime.value : empty.value))
      }
      yield* settle
      const last = new Map(
        said.flatMap((word) => word._tag === "Return" || word._tag === "Error" ? [[word.dialog, word] as const] : [])
      )
      assert.deepStrictEqual(Array.from(last.keys()).sort((a, b) => a - b), [1, 3, 5, 7, 9, 11])
      for (const word of last.values()) {
        if (word._tag === "Return") assert.strictEqual(word.dialog, 11)
        else {
          const failure = Failure.decode(word.payload)
          assert.isTrue(failure.ok)
          assert.include(JSON.stringify(failure), "an instance without a codec")
        }
      }
      assert.isTrue(end.channel.isOpen)
    }))
})
