/**
 * Defines the actors of a supervised tree, in which a round of chaos makes processes die. The root of a supervised tree
 * has the Service Web, which uses Counter, which uses Store, and has several branches. A branch of a supervised tree
 * has the Services Stock and Desk, and Desk uses Stock. A desk adds and removes clerks, which use the Stock of their
 * branch.
 *
 * Every actor of a supervised tree counts the calls that begin in it, and calls the actors that it uses, for its
 * callers and for itself.
 */
import * as Actor from "@furrow/actor/Actor"
import type * as Portal from "@furrow/actor/Portal"
import * as Supervisor from "@furrow/actor/Supervisor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { random } from "../chaos/plan.ts"
import { Caller, isGiven, write } from "./book.ts"

const module = import.meta.url

/** The error of a called actor whose own call has failed. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { tag: Schema.String }) {}

const payload = { id: Schema.String, millis: Schema.Int, hops: Schema.Int }
const contract = { payload, success: Schema.String, error: Refused } as const

export const once = Actor.endpoint("once", contract)
export const again = Actor.endpoint("again", { ...contract, idempotent: true })
/** Returns the number of living actors, which are the called actor and the actors below it. */
export const roll = Actor.endpoint("roll", { success: Schema.Int })
const endpoints = [once, again, roll] as const

/** The endpoints of every actor in a supervised tree. */
export type Target = Pick<Portal.Portal<typeof once | typeof again | typeof roll>, "run">

/**
 * The longest duration of a slow call in milliseconds. Half of all calls are slow, so that some calls are open whenever
 * a process dies.
 */
const slowMillis = 250

/** Makes one numbered call to a target actor. */
export const call = (
  caller: Caller,
  target: Target,
  next: () => number,
  hops: number
): Effect.Effect<void, Refused | Actor.ActorError> => {
  const isIdempotent = next() < 0.3
  const millis = next() < 0.5 ? Math.floor(next() * slowMillis) : 0
  return caller.tried(
    isIdempotent,
    (id) => target.run(isIdempotent ? again({ id, millis, hops }) : once({ id, millis, hops }))
  )
}

const pauseMillis = 40

/** Calls one target actor after the other until the round of chaos ends. */
export const calling = (targets: () => ReadonlyArray<Target>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const next = random(process.pid)
    const caller = new Caller()
    const one = Effect.suspend(() => {
      const there = targets()
      return there.length === 0 ? Effect.void : call(caller, there[Math.floor(next() * there.length)]!, next, 2)
    })
    return Effect.whileLoop({
      while: () => !isGiven("stop"),
      body: () => Effect.andThen(Effect.ignore(one), Effect.suspend(() => Effect.sleep(next() * pauseMillis))),
      step: () => {}
    })
  })

/** Logs what the supervisors of this process do in the round of chaos. */
export const recorded: Effect.Effect<void, never, Actor.ActorRuntime | Scope.Scope> = Effect.asVoid(Effect.forkScoped(
  Stream.runForEach(Actor.events, (event) =>
    Effect.sync(() => {
      if (event._tag === "ActorRestarting") write(`restarting ${event.child} ${event.exit._tag}`)
      if (event._tag === "SupervisorGaveUp") write(`gave-up ${event.error.child} ${event.error.deaths}`)
    }))
))

interface Work {
  readonly id: string
  readonly millis: number
  readonly hops: number
}

/** Returns the handlers of an actor that calls its target actors both when it is called and by itself. */
const handlers = (targets: () => ReadonlyArray<Target>, below: () => ReadonlyArray<Target>) =>
  Effect.gen(function*() {
    yield* recorded
    yield* Effect.forkScoped(calling(targets))
    const next = random(process.pid + 1)
    const caller = new Caller()
    const work = ({ hops, id, millis }: Work) =>
      Effect.gen(function*() {
        write(`begun ${id}`)
        if (millis > 0) yield* Effect.sleep(millis)
        const there = targets()
        if (hops > 0 && there.length > 0) {
          yield* Effect.mapError(
            call(caller, there[Math.floor(next() * there.length)]!, next, hops - 1),
            ({ _tag: tag }) => new Refused({ tag })
          )
        }
        return id
      })
    const counted = Effect.map(
      Effect.forEach(below(), (target) => target.run(roll()), { concurrency: "unbounded" }),
      (counts) => counts.reduce((sum, count) => sum + count, 1)
    )
    return { once: work, again: work, roll: () => Actor.orDie(counted) }
  })

const none = () => []

const backoff = Schedule.jittered(Schedule.spaced("100 millis"))
const hold = "60 seconds"
const generous = { intensity: { restarts: 100, within: "1 minute" }, backoff, hold } as const
/** The options of a supervisor that allows few deaths, and so gives up from time to time. */
const strict = { intensity: { restarts: 2, within: "10 seconds" }, backoff, hold } as const

export const policy = generous

export class Store extends Actor.Service<Store>()("Store", { module, endpoints }) {}
export const store = Store.serve(handlers(none, none))

export class Counter extends Actor.Service<Counter>()("Counter", { module, endpoints, uses: [Store] }) {}
export const counter = Counter.serve(Effect.flatMap(Store, (store) => handlers(() => [store], none)))

export class Web extends Actor.Service<Web>()("Web", { module, endpoints, uses: [Counter] }) {}
export const web = Web.serve(Effect.flatMap(Counter, (counter) => handlers(() => [counter], none)))

export class Stock extends Actor.Service<Stock>()("Stock", { module, endpoints }) {}
export const stock = Stock.serve(handlers(none, none))

export class Clerk extends Actor.Service<Clerk>()("Clerk", { module, endpoints, uses: [Stock] }) {}
export const clerk = Clerk.serve(Effect.flatMap(Stock, (stock) => handlers(() => [stock], none)))

/** The number of clerks that belong to a desk. */
export const clerksOfDesk = 2

class Clerks extends Context.Service<Clerks, ReadonlyArray<Target>>()("@furrow/orphans/supervised/Clerks") {}

const ClerksLive: Layer.Layer<Clerks, Actor.ActorError, Stock | Actor.ActorRuntime> = Layer.effect(
  Clerks,
  Effect.gen(function*() {
    const clerks = yield* Supervisor.dynamic(Clerk, strict)
    const names = Array.from({ length: clerksOfDesk }, (_, i) => `clerk ${i}`)
    return yield* Effect.forEach(names, (name) => clerks.start(name))
  })
)

export class Desk extends Actor.Service<Desk>()("Desk", { module, endpoints, uses: [Stock] }) {}
export const desk = Desk.serve(
  Effect.gen(function*() {
    const stock = yield* Stock
    const clerks = yield* Clerks
    return yield* handlers(() => [stock, ...clerks], () => clerks)
  }),
  {
    layer: ClerksLive
  }
)

export class Branch extends Actor.Service<Branch>()("Branch", { module, endpoints, uses: [Store] }) {}
export const branch = Branch.serve(
  Effect.gen(function*() {
    const [store, stock, desk] = [yield* Store, yield* Stock, yield* Desk]
    return yield* handlers(() => [store, stock, desk], () => [stock, desk])
  }),
  { layer: Supervisor.layer(strict, [Stock, Desk]) }
)

/** The number of actors that belong to one `Branch`: the actors `Branch`, `Stock` and `Desk`, and the clerks. */
export const actorsOfBranch = 3 + clerksOfDesk
/** The number of Services that the root of a supervised tree starts itself: `Store`, `Counter` and `Web`. */
export const actorsAtRoot = 3
