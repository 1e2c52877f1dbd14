/**
 * In this example two Services under load are replaced by new actors, one Service after the other, and no call fails.
 *
 * The actor Shop of this example runs in a process of its own, and uses the Services Stock and Prices. Four customers
 * order from Shop all the time, and a clerk asks Stock directly, while Stock and Prices are replaced twice. For each
 * replacement of a Service a new actor starts and takes the role over, and the old actor is drained and ended. The
 * actor Shop keeps its process and its count of orders, and its calls reach the new actors of Stock and Prices.
 *
 * Prints:
 *
 *     rolled Stock and Prices: <n> ms
 *     rolled Stock and Prices: <n> ms
 *     actors of Stock, Prices, Shop so far: 3, 3, 1
 *     Shop has counted every order: true
 *     calls: <n>, failed: 0
 */
import { Actor, Supervisor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

const module = import.meta.url

const take = Actor.endpoint("take", { success: Schema.Int })
const price = Actor.endpoint("price", { success: Schema.Int })
const order = Actor.endpoint("order", { success: Schema.Int })
const orders = Actor.endpoint("orders", { success: Schema.Int })

export class Stock extends Actor.Service<Stock>()("Stock", { module, endpoints: [take] }) {}
export class Prices extends Actor.Service<Prices>()("Prices", { module, endpoints: [price] }) {}
export class Shop
  extends Actor.Service<Shop>()("Shop", { module, endpoints: [order, orders], uses: [Stock, Prices] })
{}

// Each call of this example takes several milliseconds, so some calls are still open at an actor while it is replaced.
export const stock = Stock.serve({ take: () => Effect.as(Effect.sleep("5 millis"), 1) })
export const prices = Prices.serve({ price: () => Effect.as(Effect.sleep("5 millis"), 42) })
export const shop = Shop.serve(Effect.map(Ref.make(0), (count) => ({
  order: () =>
    Actor.orDie(Effect.gen(function*() {
      yield* Stock.calls.take()
      yield* Ref.update(count, (n) => n + 1)
      return yield* Prices.calls.price()
    })),
  orders: () => Ref.get(count)
})))

const Supervised = Supervisor.layer({ hold: "30 seconds" }, [Stock, Prices, Shop])

const program = Effect.gen(function*() {
  const [stock, prices, shop] = [yield* Stock, yield* Prices, yield* Shop]
  let isOpen = true
  let orderCount = 0
  let calls = 0
  let failed = 0
  const again = (call: Effect.Effect<unknown, unknown>) =>
    Effect.whileLoop({
      while: () => isOpen,
      body: () => Effect.exit(call),
      step: ({ _tag }) => {
        calls++
        if (_tag === "Failure") failed++
      }
    })
  const customer = again(Effect.tap(shop.run(order()), Effect.sync(() => void orderCount++)))
  const clerk = again(stock.run(take()))
  const load = yield* Effect.forkChild(
    Effect.all([customer, customer, customer, customer, clerk], { concurrency: "unbounded" }),
    { startImmediately: true }
  )

  for (let i = 0; i < 2; i++) {
    const [time] = yield* Effect.timed(Supervisor.roll([Stock, Prices], { drain: "10 seconds" }))
    yield* Console.log(`rolled Stock and Prices: ${Math.round(Duration.toMillis(time))} ms`)
  }

  isOpen = false
  yield* Fiber.join(load)
  const counts = [stock, prices, shop].map(({ incarnation }) => incarnation)
  yield* Console.log(`actors of Stock, Prices, Shop so far: ${counts.join(", ")}`)
  yield* Console.log(`Shop has counted every order: ${(yield* shop.run(orders())) === orderCount}`)
  yield* Console.log(`calls: ${calls}, failed: ${failed}`)
})

NodeActor.runMain(Effect.provide(program, Supervised))
