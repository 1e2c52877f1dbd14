/**
 * In this example actors publish messages to a topic and subscribe to it, across a restart of the topic.
 *
 * An exchange publishes prices to a topic, and both the exchange and the topic are actors. One reader of the topic
 * wants only messages about tea, and one reads all messages. The third reader of the topic is slow, and the topic drops
 * messages for this reader instead of making the publisher wait. At the end of this example the topic is killed, its
 * supervisor restarts it, and its readers learn of the gap and go on.
 *
 * Prints:
 *
 *     tea: 100 prices, all of them
 *     all: 300 prices, all of them
 *     slow: the last one is coffee 99, and some were dropped: true
 *     the topic is killed
 *     tea: Gap, then tea 777
 */
import { Actor, Supervisor, Topic } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const module = import.meta.url

const Price = Schema.Struct({ of: Schema.Literals(["tea", "rice", "coffee"]), cents: Schema.Int })
type Price = typeof Price.Type

export class Prices
  extends Topic.Service<Prices>()("Prices", { module, message: Price, key: ({ of }) => of, buffer: 32 })
{}
export const prices = Prices.serve()

const trade = Actor.endpoint("trade", { payload: { prices: Schema.Int } })

export class Exchange extends Actor.Service<Exchange>()("Exchange", { module, endpoints: [trade], uses: [Prices] }) {}
export const exchange = Exchange.serve({
  trade: ({ prices }) =>
    Effect.forEach(
      Array.from({ length: prices }, (_, cents) => cents),
      (cents) => Prices.publishAll((["tea", "rice", "coffee"] as const).map((of) => ({ of, cents }))),
      { discard: true }
    ).pipe(Actor.orDie)
})

const text = (element: Topic.Element<Price>) =>
  element._tag === "Message" ? `${element.value.of} ${element.value.cents}` : element._tag

const reading = <A, E>(read: Effect.Effect<A, E, Prices>) => Effect.forkChild(read, { startImmediately: true })

/**
 * Waits for a number of subscriptions to the topic, because a message that is published earlier reaches no subscriber.
 */
const subscribed = (count: number) =>
  Prices.statistics.pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: ({ subscribers }) => subscribers === count })
  )

const program = Effect.gen(function*() {
  const isLast = ({ of, cents }: Price) => of === "coffee" && cents === 99
  const tea = yield* reading(
    Prices.subscribe({ keys: ["tea"] }).pipe(
      Stream.take(100),
      Stream.runCollect
    )
  )
  const all = yield* reading(Prices.subscribe().pipe(Topic.messages, Stream.takeUntil(isLast), Stream.runCollect))
  const slow = yield* reading(
    Prices.subscribe({ overflow: "drop-oldest", window: 4 }).pipe(
      Stream.tap(() => Effect.sleep("10 millis")),
      Stream.takeUntil((element) => element._tag === "Message" && isLast(element.value)),
      Stream.runCollect
    )
  )
  yield* subscribed(3)
  yield* Exchange.calls.trade({ prices: 100 })
  yield* Console.log(`tea: ${(yield* Fiber.join(tea)).length} prices, all of them`)
  yield* Console.log(`all: ${(yield* Fiber.join(all)).length} prices, all of them`)
  const read = yield* Fiber.join(slow)
  const isMissing = read.some(({ _tag }) => _tag === "Dropped")
  yield* Console.log(`slow: the last one is ${text(read.at(-1)!)}, and some were dropped: ${isMissing}`)
  const gap = yield* Deferred.make<void>()
  const survivor = yield* reading(
    Prices.subscribe({ keys: ["tea"] }).pipe(
      Stream.tap((element) => element._tag === "Gap" ? Deferred.succeed(gap, undefined) : Effect.void),
      Stream.map(text),
      Stream.take(2),
      Stream.runCollect
    )
  )
  yield* subscribed(1)
  const { pid } = (yield* Prices).actor
  yield* Console.log("the topic is killed")
  process.kill(pid, "SIGKILL")
  yield* Deferred.await(gap)
  yield* Prices.publish({ of: "tea", cents: 777 })
  yield* Console.log(`tea: ${(yield* Fiber.join(survivor)).join(", then ")}`)
})

const App = Supervisor.layer({
  strategy: "one-for-one",
  hold: "20 seconds",
  intensity: { restarts: 3, within: "1 minute" }
}, [
  Prices,
  Exchange
])

NodeActor.runMain(Effect.provide(program, App))
