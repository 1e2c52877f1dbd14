/**
 * The endpoints of the measured actor.
 */
import { Actor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const User = Schema.Struct({ userId: Schema.String, limit: Schema.Number, active: Schema.Boolean })
export const user: typeof User.Type = { userId: "u-981273", limit: 25, active: true }

export const echo = Actor.fn("echo", { module: import.meta.url, payload: User, success: User })((payload) =>
  Effect.succeed(payload)
)

export const hang = Actor.fn("hang", { module: import.meta.url })(() => Effect.never)

const Item = Schema.Struct({ n: Schema.Number })
type Items = readonly [typeof Item.Type, ...Array<typeof Item.Type>]

/** Counts up; the source emits `chunk` items at a time. */
export const items = Actor.stream("items", {
  module: import.meta.url,
  payload: { count: Schema.Int, chunk: Schema.Int },
  success: Item
})(({ chunk, count }) =>
  Stream.fromPull(Effect.sync(() => {
    let next = 0
    return Effect.suspend(() => {
      if (next === count) return Cause.done()
      const out: Array<typeof Item.Type> = []
      for (const end = Math.min(count, next + chunk); next < end; next++) out.push({ n: next })
      return Effect.succeed(out as unknown as Items)
    })
  }))
)
