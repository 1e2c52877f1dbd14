/**
 * The Services in random programs: a graph of two Services, a Service that a supervisor restarts, and a Service of an
 * RpcGroup.
 */
import { Actor } from "@furrow/actor"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled, Oops, pause } from "./actors.ts"
import { howOf, record } from "./History.ts"

const module = import.meta.url

const key = { key: Schema.Int }
export const take = Actor.endpoint("take", { payload: key, success: Schema.Int })
export const order = Actor.endpoint("order", { payload: key, success: Schema.Int })
export const crash = Actor.endpoint("crash", { payload: key })

export class Stock extends Actor.Service<Stock>()("Stock", { module, endpoints: [take, crash] }) {}
export class Shop extends Actor.Service<Shop>()("Shop", { module, endpoints: [order], uses: [Stock] }) {}

/** Acquires a resource for a Service, and records when the resource is acquired and released. */
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

export const ring = Actor.endpoint("ring", { payload: { key: Schema.Int, wait: Schema.Int }, success: Schema.Int })
export const quit = Actor.endpoint("quit", { payload: key })

/**
 * A role that a roll, a restart or a standby gives to another actor; its `main` records when its actor plays the
 * role.
 */
export class Till extends Actor.Service<Till>()("Till", { module, endpoints: [ring, quit] }) {}
export const till = Till.serve({
  ring: ({ key, wait }) => handled(key, 0, Effect.as(pause(wait), key)),
  quit: ({ key }) => handled(key, 0, Actor.exit("it quits"))
}, {
  main: Effect.flatMap(
    Actor.current,
    ({ id: { uuid }, name }) => Effect.andThen(record({ _tag: "Leads", name, uuid }), Effect.never)
  )
})

export const serves = Actor.endpoint("serves", { payload: key, success: Schema.Int })
export const finish = Actor.endpoint("finish", {
  payload: { how: Schema.Literals(["return", "fail", "die", "background"]), after: Schema.Int }
})

/** A Service whose `main` returns at once, so that its last word may arrive together with `Ready`. */
export class Brief extends Actor.Service<Brief>()("Brief", { module, endpoints: [serves] }) {}
export const brief = Brief.serve({ serves: ({ key }) => handled(key, 0, Effect.succeed(key)) }, { main: Effect.void })

/**
 * The two `Deferred` values for which an actor's `main` and its fiber in the background wait, so that a call can end
 * either of them.
 */
class Orders extends Context.Service<Orders, {
  readonly main: Deferred.Deferred<void, Error>
  readonly beside: Deferred.Deferred<void, Error>
}>()("simulation/Orders") {}

const orders = Layer.effect(
  Orders,
  Effect.map(
    Effect.all([Deferred.make<void, Error>(), Deferred.make<void, Error>()]),
    ([main, beside]) => ({ main, beside })
  )
)

/**
 * A Service whose `main` and background fiber end when a call of the endpoint `finish` tells them to, in the way that
 * the call names.
 */
export class Worker extends Actor.Service<Worker>()("Worker", { module, endpoints: [serves, finish] }) {}
export const worker = Worker.serve(
  Effect.gen(function*() {
    const { beside, main } = yield* Orders
    yield* Effect.forkScoped(Deferred.await(beside))
    return {
      serves: ({ key }) => handled(key, 3, Effect.as(pause(1), key)),
      finish: ({ after, how }) => {
        const error = new Error(`it was told to ${how}`)
        const ends = how === "return"
          ? Deferred.succeed(main, undefined)
          : how === "fail"
          ? Deferred.fail(main, error)
          : Deferred.die(how === "die" ? main : beside, error)
        return Effect.asVoid(Effect.forkDetach(Effect.andThen(pause(after), ends)))
      }
    }
  }),
  {
    layer: orders,
    main: Effect.flatMap(Orders, ({ main }) => Deferred.await(main))
  }
)

export class Sums extends RpcGroup.make(
  Rpc.make("Add", { payload: { key: Schema.Int, to: Schema.Int }, success: Schema.Int }),
  Rpc.make("Count", { payload: { key: Schema.Int, to: Schema.Int }, success: Schema.Int, stream: true }),
  Rpc.make("Tick", {
    payload: { key: Schema.Int, count: Schema.Int, every: Schema.Int, fails: Schema.Boolean },
    success: Schema.Int,
    error: Oops,
    stream: true
  })
) {}

export class Adder extends Actor.Service<Adder>()("Adder", { module, endpoints: Sums }) {}

export const adder = Adder.serveRpc(Sums.toLayer({
  Add: ({ key, to }) => handled(key, 3, Effect.as(Effect.sleep(to), to + 1)),
  Count: ({ to }) => Stream.range(0, to - 1),
  Tick: ({ count, every, fails, key }) =>
    Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.flatMap(Actor.current, ({ name }) => record({ _tag: "Began", key, actor: name })),
        (_, exit) => Effect.andThen(pause(5), record({ _tag: "Ended", key, how: howOf(exit) }))
      ),
      () => {
        const ticks = Stream.mapEffect(Stream.range(0, count - 1), (n) => Effect.as(pause(every), n))
        return fails ? Stream.concat(ticks, Stream.fail(new Oops({ key }))) : ticks
      }
    ))
}))
