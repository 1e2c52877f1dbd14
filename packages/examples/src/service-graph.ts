/**
 * The actors of this example are a graph of Layers: the Service Web uses the Service Counter. The contract of the
 * Service Web names the Service Counter.
 *
 * The option `uses` makes the Service Counter a requirement of Web's Layer, so the compiler checks that the graph is
 * complete. Each Layer of this example is an actor for as long as the Layer lives. Actors of a graph start in the order
 * of their uses and stop in reverse, so Web can still call Counter while Web stops. The function `Actor.launch` runs a
 * graph of actors, and fails if one of its actors is lost.
 *
 * Prints:
 *
 *     Counter opens
 *     Web opens
 *     GET /: you are visitor 1
 *     GET /: you are visitor 2
 *     Web closes, after 2 visitors
 *     Counter closes
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

/** The endpoint to which the actors of this example send their output, and which prints the output in the root. */
export const say = Actor.fn("say", { module: import.meta.url, payload: { line: Schema.String } })(
  ({ line }) => Console.log(line)
)
const tellRoot = (line: string) => Actor.orDie(Effect.flatMap(Actor.parent([say]), (root) => root.run(say({ line }))))

const increment = Actor.endpoint("increment", { payload: { by: Schema.Int }, success: Schema.Int })
const visit = Actor.endpoint("visit", { success: Schema.String })

export class Counter extends Actor.Service<Counter>()("Counter", {
  module: import.meta.url,
  endpoints: [increment]
}) {}

export class Web extends Actor.Service<Web>()("Web", {
  module: import.meta.url,
  endpoints: [visit],
  uses: [Counter]
}) {}

/** The implementation of a Service is built once, in the Service's actor. */
export const counter = Counter.serve(Effect.gen(function*() {
  const total = yield* Ref.make(0)
  yield* Effect.acquireRelease(tellRoot("Counter opens"), () => tellRoot("Counter closes"))
  return { increment: ({ by }) => Ref.updateAndGet(total, (n) => n + by) }
}))

export const web = Web.serve(Effect.gen(function*() {
  const counter = yield* Counter
  const count = (by: number) => Actor.orDie(counter.run(increment({ by })))
  yield* Effect.acquireRelease(
    tellRoot("Web opens"),
    () => Effect.flatMap(count(0), (total) => tellRoot(`Web closes, after ${total} visitors`))
  )
  return { visit: () => Effect.map(count(1), (n) => `you are visitor ${n}`) }
}))

NodeActor.runMain(
  Effect.gen(function*() {
    const done = yield* Deferred.make<void>()
    const Visitors = Layer.effectDiscard(Effect.gen(function*() {
      yield* Console.log(`GET /: ${yield* Web.calls.visit()}`)
      yield* Console.log(`GET /: ${yield* Web.calls.visit()}`)
      yield* Deferred.succeed(done, undefined)
    }))
    const App = Visitors.pipe(Layer.provide(Web.layer), Layer.provide(Counter.layer))
    yield* Effect.raceFirst(Actor.launch(App), Deferred.await(done))
  }),
  { expose: [say] }
)
