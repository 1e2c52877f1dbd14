/**
 * Services of random programs: a graph of two, one that a supervisor starts again, and one of a group of procedures.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled } from "./actors.ts"
import { record } from "./History.ts"

const module = import.meta.url

const key = { key: Schema.Int }
export const take = Actor.endpoint("take", { payload: key, success: Schema.Int })
export const order = Actor.endpoint("order", { payload: key, success: Schema.Int })
export const crash = Actor.endpoint("crash", { payload: key })

export class Stock extends Actor.Service<Stock>()("Stock", { module, endpoints: [take, crash] }) {}
export class Shop extends Actor.Service<Shop>()("Shop", { module, endpoints: [order], uses: [Stock] }) {}

/** A thing that a Service acquires when it is built, and releases when it ends. */
const open = (name: string) =>
  Effect.acquireRelease(record({ _tag: "Opened", name }), () => record({ _tag: "Shut", name }))

export const stock = Stock.serve(Effect.gen(function*() {
  yield* open("Stock")
  const taken = yield* Ref.make(0)
  return {
    take: ({ key }) => handled(key, 0, Ref.updateAndGet(taken, (n) => n + 1)),
    crash: ({ key }) => handled(key, 0, Actor.exit("it crashes"))
  }
}))

export const shop = Shop.serve(Effect.gen(function*() {
  yield* open("Shop")
  return { order: ({ key }) => handled(key, 5, Stock.calls.take({ key: key + 500 })).pipe(Actor.orDie) }
}))

export class Sums extends RpcGroup.make(
  Rpc.make("Add", { payload: { key: Schema.Int, to: Schema.Int }, success: Schema.Int }),
  Rpc.make("Count", { payload: { key: Schema.Int, to: Schema.Int }, success: Schema.Int, stream: true })
) {}

export class Adder extends Actor.Service<Adder>()("Adder", { module, endpoints: Sums }) {}

export const adder = Adder.serveRpc(Sums.toLayer({
  Add: ({ key, to }) => handled(key, 3, Effect.as(Effect.sleep(to), to + 1)),
  Count: ({ to }) => Stream.range(0, to - 1)
}))
