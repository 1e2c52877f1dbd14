/**
 * The endpoints of the actor that the benchmarks measure.
 */
import { Actor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Row } from "../payloads.ts"

const value = <S extends Schema.Top>(schema: S) => ({ payload: { value: schema }, success: schema })
const module = import.meta.url

export const echoText = Actor.fn("echoText", { module, ...value(Schema.String) })(({ value }) => Effect.succeed(value))
export const echoBytes = Actor.fn("echoBytes", { module, ...value(Schema.Uint8Array) })(({ value }) =>
  Effect.succeed(value)
)
export const echoRows = Actor.fn("echoRows", { module, ...value(Schema.Array(Row)) })(({ value }) =>
  Effect.succeed(value)
)

/** An endpoint that takes any payload, and answers with nothing. */
export const sink = Actor.fn("sink", { module, payload: { value: Schema.Uint8Array } })(() => Effect.void)

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Number }) {}

export const fail = Actor.fn("fail", { module, payload: { n: Schema.Number }, success: Schema.Number, error: Odd })(
  ({ n }) => Effect.fail(new Odd({ n }))
)

/** A dialog that echoes numbers until it gets a negative number, which becomes the dialog's result. */
export const conversation = Actor.dialog("conversation", {
  module,
  payload: { n: Schema.Number },
  started: Schema.Number,
  input: Schema.Number,
  output: Schema.Number,
  success: Schema.Number
})(Effect.fnUntraced(function*({ n }, dialog) {
  const stream = yield* dialog.started(n)
  for (;;) {
    const heard = yield* Effect.orDie(stream.receive)
    if (heard < 0) return heard
    yield* stream.send(heard)
  }
}, Actor.orDie))

/** A stream of items with a given number of bytes, each of which is made when the reader requests it. */
export const heavy = Actor.stream("heavy", {
  module,
  payload: { count: Schema.Int, bytes: Schema.Int },
  success: Schema.Uint8Array
})(({ bytes, count }) => Stream.map(Stream.rechunk(Stream.range(1, count), 1), (n) => new Uint8Array(bytes).fill(n)))

export const hang = Actor.fn("hang", { module: import.meta.url })(() => Effect.never)

const Item = Schema.Struct({ n: Schema.Number })
type Items = readonly [typeof Item.Type, ...Array<typeof Item.Type>]

/** A stream of ascending numbers, whose source emits `chunk` items at a time. */
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
