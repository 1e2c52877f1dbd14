/** The first call of an actor, before it comes (docs/lifetimes.md, What a start costs). */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { pieces } from "@furrow/actor/internal/process/Rehearsal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { idOf } from "./support/Wire.ts"

/** An endpoint that counts how often its payload is looked at, and its handler is run. */
const counted = (look: () => typeof Schema.Int) => {
  const seen = { looks: 0, runs: 0 }
  const payload = Schema.Struct({
    n: Schema.suspend(() => {
      seen.looks++
      return look()
    })
  })
  const definition = Actor.fn("counted", { module: import.meta.url, payload })(() =>
    Effect.sync(() => void seen.runs++)
  )
  return { seen, definition }
}

const rehearse = (definitions: ReadonlyArray<ReturnType<typeof counted>["definition"]>) =>
  Effect.map(Effect.context<never>(), (context) => {
    const handlers = new Map(definitions.map(({ endpoint, handler }, i) => [`${i}`, { endpoint, handler, context }]))
    const self = idOf("rehearsing")
    const env = { self, events: makeEvents(), level: "Info" as const, cancellation: () => undefined }
    const rehearsal = pieces(handlers, env, context)
    for (let count = 0;; count++) {
      const { done, value } = rehearsal.next()
      if (done === true) return { count, isAnswered: value }
    }
  })

describe("A starting actor prepares its first call: it makes the codecs of its endpoints, and runs no handler", () => {
  it.effect("G222: a starting actor derives the codecs of its endpoints before its first call, and runs no handler", () =>
    Effect.gen(function*() {
      const { definition, seen } = counted(() => Schema.Int)
      assert.strictEqual(seen.looks, 0)
      yield* rehearse([definition])
      assert.isAbove(seen.looks, 0)
      assert.strictEqual(seen.runs, 0)
    }))

  it.effect("G222: a starting actor that derives its codecs before the first call skips a schema for which no codec can be made", () =>
    Effect.gen(function*() {
      const broken = counted(() => {
        throw new ReferenceError("not defined yet")
      })
      const { definition, seen } = counted(() => Schema.Int)
      yield* rehearse([broken.definition, definition])
      assert.isAbove(seen.looks, 0)
    }))

  it.effect("G222: a starting actor prepares its first call with a call that it makes to itself and answers", () =>
    Effect.gen(function*() {
      const { isAnswered } = yield* rehearse([])
      assert.isTrue(isAnswered)
    }))

  it.effect("G222: a starting actor prepares its first call in small pieces of work, three of them for each endpoint", () =>
    Effect.gen(function*() {
      const alone = yield* rehearse([])
      const served = yield* rehearse([counted(() => Schema.Int).definition])
      assert.isAbove(alone.count, 3)
      assert.strictEqual(served.count - alone.count, 3)
    }))
})
