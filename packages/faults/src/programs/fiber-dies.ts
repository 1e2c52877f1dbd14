/** A Service whose Layer forks a fiber that dies: the death must be an event and a log, and the Service must go on. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const read = Actor.endpoint("read", { success: Schema.Int })
const refresh = Actor.endpoint("refresh")

export class Prices
  extends Actor.Service<Prices>()("Prices", { module: import.meta.url, endpoints: [read, refresh] })
{}

export default Prices.serve(Effect.gen(function*() {
  const asked = yield* Deferred.make<void>()
  yield* Effect.forkScoped(Effect.andThen(Deferred.await(asked), Effect.die(new Error("the refresh broke"))))
  return { read: () => Effect.succeed(7), refresh: () => Effect.asVoid(Deferred.succeed(asked, undefined)) }
}))

NodeActor.runMain(
  Effect.gen(function*() {
    const heard = yield* Deferred.make<string>()
    yield* Actor.events.pipe(
      Stream.runForEach((event) =>
        event._tag === "BackgroundFailed" ? Deferred.succeed(heard, event.failure.message) : Effect.void
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Prices.calls.refresh()
    yield* Console.error(`the event: ${yield* Deferred.await(heard)}`)
    yield* Console.log(`it answers: ${yield* Prices.calls.read()}`)
  }).pipe(Effect.scoped, Effect.provide(Prices.layer))
)
