/**
 * Contracts with the schema `Unknown`, which many people write first: a value must arrive unchanged, or be refused with
 * the path to the fault.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"

export const echo = Actor.fn("echo", {
  module: import.meta.url,
  payload: { value: Schema.Unknown },
  success: Schema.Unknown
})(({ value }) => Effect.succeed(value))

const itself: { self?: unknown } = {}
itself.self = itself
const shared = { a: 1 }

const values: Record<string, unknown> = {
  "a shared object": [shared, shared],
  "a large integer": 2 ** 53,
  "-0": { number: -0 },
  "own __proto__": JSON.parse("{\"__proto__\": {\"polluted\": 1}, \"a\": 1}"),
  "half of a pair": "\ud800",
  "a date": new Date(0),
  "a bigint": 1n,
  "a hole": Object.assign([1], { 2: 3 }),
  "a function": () => 1,
  "itself": itself,
  "1,000 levels": Array.from({ length: 1_000 }).reduce((inner) => [inner], 1 as unknown)
}

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const mirror = yield* Actor.start("mirror", { expose: [echo] })
  for (const [name, value] of Object.entries(values)) {
    const seen = yield* mirror.run(echo({ value })).pipe(Effect.match({
      onSuccess: (answer) => isDeepStrictEqual(answer, value) ? "the same" : "CHANGED",
      onFailure: (error) =>
        `${error._tag}: ${error.message.split(": ").slice(1).join(": ").replace(/\s+/g, " ").slice(0, 120)}`
    }))
    yield* Console.log(`${name}: ${seen}`)
  }
})))
