/**
 * Three mistakes that the compiler explains in a sentence: a service without a provider, a stream used as a call, and a
 * call without ().
 */
import { Actor } from "@furrow/actor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Db extends Context.Service<Db, { readonly rows: number }>()("Db") {}

export const ask = Actor.fn("ask", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.map(Db, ({ rows }) => rows)
)

export const count = Actor.stream("count", { module: import.meta.url, success: Schema.Int })(() => Stream.make(1))

export const one = Actor.fn("one", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(1))

export const wrong = [Actor.runInActor(count()), Actor.runInActor(one)]
