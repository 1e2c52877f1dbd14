/**
 * The daemon of this example is started once, called repeatedly, and ended on request.
 *
 * The state of this example's daemon is in a `layer`, which is built once in the actor and closed when the actor ends.
 * The main program of this example calls the daemon, but never builds the daemon's layer.
 *
 * Prints:
 *
 *     counter is ready
 *     after 1: 1
 *     after 10: 11
 *     after 100: 111
 *     the actor in one line: counter, 0 calls open
 *     cancelled; its exit: Cancelled
 *     a call that comes too late: ChannelClosed
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

class Total extends Context.Service<Total, Ref.Ref<number>>()("examples/Total") {}

const inMemory = Layer.effect(Total, Ref.make(0))

export const add = Actor.fn("add", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int,
  layer: inMemory
})(Effect.fnUntraced(function*({ n }) {
  const total = yield* Total
  return yield* Ref.updateAndGet(total, (sum) => sum + n)
}))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const counter = yield* Actor.start("counter", { expose: [add] })
  yield* Console.log(`${counter.name} is ready`)
  for (const n of [1, 10, 100]) {
    yield* Console.log(`after ${n}: ${yield* counter.run(add({ n }))}`)
  }
  const { actor, channel } = yield* counter.statistics
  yield* Console.log(`the actor in one line: ${actor.name}, ${channel.dialogs} calls open`)

  yield* counter.cancel("done for today")
  const exit = yield* counter.wait
  yield* Console.log(`cancelled; its exit: ${exit._tag}`)
  const error = yield* Effect.flip(counter.run(add({ n: 1 })))
  yield* Console.log(`a call that comes too late: ${error._tag}`)
})))
