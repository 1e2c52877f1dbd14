/**
 * A program in one file with two Services, which the file does not export: only the root, and no actor, must print
 * `main`.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"

const price = Actor.endpoint("price", { payload: { of: Schema.String }, success: Schema.Int })
const left = Actor.endpoint("left", { payload: { of: Schema.String }, success: Schema.Int })

class Prices extends Actor.Service<Prices>()("Prices", { module: import.meta.url, endpoints: [price] }) {}
Prices.serve({ price: () => Effect.succeed(7) })

class Stock extends Actor.Service<Stock>()("Stock", { module: import.meta.url, endpoints: [left] }) {}
Stock.serve({ left: () => Effect.succeed(2) })

const services = Layer.mergeAll(Prices.layer, Stock.layer)
const report = Effect.gen(function*() {
  yield* Console.log("main")
  const cost = yield* Prices.calls.price({ of: "plough" })
  const pieces = yield* Stock.calls.left({ of: "plough" })
  yield* Console.log(`a plough costs ${cost}, ${pieces} left`)
})

const promised = async () => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(services, NodeActor.layer))
  await runtime.runPromise(report).catch((error: Error) => {
    console.log(error.message)
    process.exitCode = 1
  })
  await runtime.dispose()
}

switch (process.argv[2]) {
  case "effect":
    NodeActor.runMain(Effect.provide(report, services))
    break
  case "guarded promise":
    if (NodeActor.isRoot()) void promised()
    break
  default:
    void promised()
}
