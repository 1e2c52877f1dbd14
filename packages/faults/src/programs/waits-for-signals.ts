/**
 * The Service Web saves data into the Service Store at Web's end, and Store writes to a file at Store's end.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const put = Actor.endpoint("put", { payload: { text: Schema.String } })
const ping = Actor.endpoint("ping")

export class Store extends Actor.Service<Store>()("Store", { module: import.meta.url, endpoints: [put] }) {}
export class Web extends Actor.Service<Web>()("Web", { module: import.meta.url, endpoints: [ping], uses: [Store] }) {}

export const store = Store.serve(Effect.gen(function*() {
  const got: Array<string> = []
  yield* Effect.addFinalizer(() => Effect.sync(() => console.log(`Store saves ${got.join(", ")}`)))
  return { put: ({ text }) => Effect.sync(() => void got.push(text)) }
}))

export const web = Web.serve(Effect.gen(function*() {
  const save = Effect.andThen(Effect.sleep("50 millis"), Store.calls.put({ text: "the memory of Web" }))
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Effect.exit(save), ({ _tag }) => Effect.sync(() => console.log(`Web saves: ${_tag}`)))
  )
  return { ping: () => Effect.void }
}))

NodeActor.runMain(
  Effect.andThen(Web.calls.ping(), Effect.andThen(Console.log("working"), Effect.never)).pipe(
    Effect.provide(Layer.provideMerge(Web.layer, Store.layer))
  )
)
