/**
 * A stream of items of 14 MB, of which the reader takes three: the program prints the memory of the actor that makes
 * the items.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const page = "plough ".repeat(2_000_000)

export const pages = Actor.stream("pages", { module: import.meta.url, success: Schema.String })(() =>
  Stream.fromIterable(Array.from({ length: 64 }, () => page))
)

export const peak = Actor.fn("peak", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.sync(() => Math.round(process.resourceUsage().maxRSS / 1024))
)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const printer = yield* Actor.start("printer", { expose: [pages, peak] })
  const before = yield* printer.run(peak())
  const read = yield* Stream.runCollect(Stream.take(printer.stream(pages()), 3))
  const grown = (yield* printer.run(peak())) - before
  yield* Console.log(`read: ${read.map((text) => text.length).join(", ")}`)
  yield* Console.log(`it grew by less than 400 MB: ${grown < 400 || `no, by ${grown} MB`}`)
})))
