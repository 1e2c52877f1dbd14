/**
 * Four processes make a pipeline: an actor starts two more actors, merges their feeds, drops duplicates, and streams
 * the items to its parent.
 *
 *     root  <---  aggregator  <---  left
 *                             <---  right
 *
 * Every arrow in the picture of the pipeline is a stream with credit, so a slow reader slows the writers. The actors
 * below the aggregator live as long as the aggregator's stream is read, and have ended when the stream ends.
 *
 * Prints:
 *
 *     root: 1000 numbers, none twice, all of 0 to 999: true
 *     aggregator: heard 1000 and 1000 numbers; feeds still running: 0
 *     processes that took part: 4
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const count = 1000

export const feed = Actor.stream("feed", {
  module: import.meta.url,
  success: Schema.Struct({ n: Schema.Int, pid: Schema.Int })
})(() => Stream.map(Stream.range(0, count - 1), (n) => ({ n, pid: process.pid })))

// The number of items that the aggregator received from each feed, and the number of items that it passed on.
const heard = new Map<number, number>()
const passed = new Set<number>()
const isNew = (n: number) => passed.size < passed.add(n).size

export const aggregate = Actor.stream("aggregate", { module: import.meta.url, success: Schema.Int })(() =>
  Stream.merge(
    Actor.streamInActor(feed(), { name: "left" }),
    Actor.streamInActor(feed(), { name: "right" })
  ).pipe(
    Stream.tap(({ pid }) => Effect.sync(() => heard.set(pid, (heard.get(pid) ?? 0) + 1))),
    Stream.map(({ n }) => n),
    Stream.filter(isNew),
    // The contract of the aggregator does not declare the death of a feed's process, so the death becomes a defect.
    Stream.orDie
  )
)

export const report = Actor.fn("report", {
  module: import.meta.url,
  success: Schema.Struct({ heard: Schema.ReadonlyMap(Schema.Int, Schema.Int), running: Schema.Int })
})(() => Effect.map(Actor.statistics, ({ children }) => ({ heard, running: children.length })))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const aggregator = yield* Actor.start("aggregator", { expose: [aggregate, report] })
  const numbers = yield* Stream.runCollect(aggregator.stream(aggregate()))
  const sorted = numbers.toSorted((a, b) => a - b)
  const exact = numbers.length === count && sorted.every((n, i) => n === i)
  yield* Console.log(`root: ${numbers.length} numbers, none twice, all of 0 to ${count - 1}: ${exact}`)

  const { heard, running } = yield* aggregator.run(report())
  yield* Console.log(`aggregator: heard ${[...heard.values()].join(" and ")} numbers; feeds still running: ${running}`)
  const processes = new Set([process.pid, aggregator.actor.pid, ...heard.keys()])
  yield* Console.log(`processes that took part: ${processes.size}`)
})))
