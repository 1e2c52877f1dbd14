/**
 * The promises and the refusals of the types: compiled by `tsc -b`, never run.
 *
 * A and E and R are compared both ways, and `any` is refused. Every rejection stands alone on the line below its
 * directive, with the code of the error it is refused with.
 */
import type { ActorError, Dialog, Portal } from "@furrow/actor"
import {
  Actor,
  MemoryActor,
  Nursery,
  PayloadReceiver,
  Portal as Portals,
  Registry,
  Supervisor,
  Topic
} from "@furrow/actor"
import type { AnyCallEndpoint, Call, StreamEndpoint } from "@furrow/actor/Endpoint"
import type { Configured, Startable } from "@furrow/actor/Service"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { chat, type Kicked } from "./fixtures/chat.ts"
import { count, isPrime, type TooSmall } from "./fixtures/prime.ts"
import * as T from "./fixtures/typed.ts"

const { Counter, Db, DbLive, deep, fib, half, increment, isPrimeContract, lookup, Old, ping, room, rows, ticks } = T
const { Eased, Geared, Rooms, Tuned, Web, Worker } = T

type Same<A, B> = 0 extends 1 & A ? false
  : [A] extends [B] ? [B] extends [A] ? true : false
  : false
type Check<G extends [any, any, any], W extends [any, any, any]> = Same<G[0], W[0]> extends true
  ? Same<G[1], W[1]> extends true ? Same<G[2], W[2]> extends true ? [] : [{ wrongR: G[2] }] : [{ wrongE: G[1] }]
  : [{ wrongA: G[0] }]
const is = <A, E, R>() => <A2, E2, R2>(_: Effect.Effect<A2, E2, R2>, ..._ok: Check<[A2, E2, R2], [A, E, R]>) => {}
const isS = <A, E, R>() => <A2, E2, R2>(_: Stream.Stream<A2, E2, R2>, ..._ok: Check<[A2, E2, R2], [A, E, R]>) => {}
const isL = <A, E, R>() => <A2, E2, R2>(_: Layer.Layer<A2, E2, R2>, ..._ok: Check<[A2, E2, R2], [A, E, R]>) => {}
type AE = Actor.ActorError
type AR = Actor.ActorRuntime

/** As `NodeActor.runMain` takes a program: everything but the runtime must be there. */
declare const runMain: <A, E>(program: Effect.Effect<A, E, Actor.ActorRuntime>) => void
declare const ns: ReadonlyArray<number>
declare const n: number
declare const b: boolean

// ---- the checks check -----------------------------------------------------------------------------------------------

// @ts-expect-error TS2554 A differs
is<number, never, never>()(Effect.succeed("a"))
// @ts-expect-error TS2554 E differs
is<number, string, never>()(Effect.succeed(1))
// @ts-expect-error TS2554 R differs
is<number, never, T.Db>()(Effect.succeed(1))
// @ts-expect-error TS2554 any is refused
is<number, never, never>()(Effect.succeed(null as any))

// ---- actor functions ------------------------------------------------------------------------------------------------

is<boolean, TooSmall, never>()(isPrime({ n: 7 }))
is<boolean, TooSmall | AE, AR>()(Actor.runInActor(isPrime({ n: 7 })))
const four = Effect.forEach(ns, (n) => Actor.runInActor(isPrime({ n })), { concurrency: 4 })
is<Array<boolean>, TooSmall | AE, AR>()(four)
const timed = Actor.runInActor(isPrime({ n })).pipe(Effect.timeout("1 second"))
is<boolean, TooSmall | AE | Cause.TimeoutError, AR>()(timed)
is<boolean, TooSmall | AE | Cause.TimeoutError, AR>()(Actor.timeout("1 second")(Actor.runInActor(isPrime({ n }))))
is<number, never, T.Db>()(lookup({ k: "a" }))
is<number, never, never>()(lookup({ k: "a" }).pipe(Effect.provide(DbLive)))
is<number, AE, AR>()(Actor.runInActor(lookup({ k: "a" })))
is<void, never, never>()(ping())
is<void, AE, AR>()(Actor.runInActor(ping(), { name: "pinger", memoryLimit: 64 }))
is<boolean, never, AR>()(deep())
is<boolean, AE, AR>()(Actor.runInActor(deep()))
is<number, AE, AR>()(Actor.runInActor(fib({ n: 7 })))
is<number, never, never>()(half(3))
is<number, AE, AR>()(Actor.runInActor(half(3)))

// @ts-expect-error TS2322 wrong payload
isPrime({ n: "7" })
// @ts-expect-error TS2741 a field of the payload is missing
isPrime({})
// @ts-expect-error TS2554 missing payload
isPrime()
// @ts-expect-error TS2353 a field the payload does not have
isPrime({ n: 7, m: 8 })
// @ts-expect-error TS2345 a closure instead of a call; says "only a call crosses, as data. Define this with Actor.fn"
Actor.runInActor(() => isPrime({ n: 7 }))
// @ts-expect-error TS2345 a definition; says "~furrow: isPrime is a definition, not a call. Call it: isPrime(payload)"
Actor.runInActor(isPrime)
// @ts-expect-error TS2345 a plain Effect is not a call; says "~furrow: only a call crosses, as data. Define this with"
Actor.runInActor(Effect.succeed(1))
// @ts-expect-error TS2345 a piped call is an ordinary Effect; says "~furrow: only a call crosses, as data"
Actor.runInActor(isPrime({ n }).pipe(Effect.timeout("1 second")))
// @ts-expect-error TS2345 a stream call is no plain call; says "~furrow: count is a stream. Read it with Actor.streamInActor"
Actor.runInActor(count({ to: 1 }))
// @ts-expect-error TS2345 a dialog call is no plain call; says "Start its actor with Actor.start, and open it with portal.open"
Actor.runInActor(chat({ room: "a" }))
// @ts-expect-error TS2345 a contract has nowhere to run; says "~furrow: increment is a contract without an implementation."
Actor.runInActor(increment({ by: 1 }))
// @ts-expect-error TS2345 the same before it is called; says "or ask an actor that has it through its portal"
Actor.runInActor(increment)
// @ts-expect-error TS2345 the same in the background; says "~furrow: count is a stream. Read it with Actor.streamInActor"
Actor.forkInActor(count({ to: 1 }))
// @ts-expect-error TS2345 the same of a definition; says "~furrow: isPrime is a definition, not a call. Call it: isPrime"
Actor.forkInActor(isPrime)
declare const anything: Record<string, any>
// @ts-expect-error TS2345 an index signature has no sentence; says "only a call crosses, as data"
Actor.runInActor(anything)
declare const unnamed: Call<StreamEndpoint<string, Schema.Void, Schema.Void, Schema.Never>>
// @ts-expect-error TS2345 a name that is not known; says "~furrow: it is a stream. Read it with Actor.streamInActor"
Actor.runInActor(unnamed)
// @ts-expect-error TS2353 an option nobody knows
Actor.runInActor(ping(), { memory: 64 })

declare const Broken: Effect.Effect<never, Kicked>
// @ts-expect-error TS2375 handler error not declared
Actor.fn("x", { module: "", success: Schema.Int })(() => Broken)
// @ts-expect-error TS2375 handler result does not match success
Actor.fn("x", { module: "", success: Schema.Int })(() => Effect.succeed("a"))
// @ts-expect-error TS2375 R (Db) not closed by a layer; says "~furrow: the handler needs test/Db, and `layer` does not close it"
Actor.fn("x", { module: "", success: Schema.Number })(() => Effect.flatMap(Db, (db) => db.get("a")))
// @ts-expect-error TS2375 R (Db) not closed by the layer of another service; says "test/Db, and `layer` does not close it"
Actor.fn("x", { module: "", layer: Layer.succeed(T.Other, { id: 1 }) })(() => Effect.asVoid(Db))
const bothServices = () => Effect.asVoid(Effect.andThen(Db, T.Other))
// @ts-expect-error TS2345 two services are named; says "`layer`", "~furrow: the handler needs test/Other, and `layer` does not"
Actor.fn("x", { module: "" })(bothServices)
// @ts-expect-error TS2375 the same in a dialog; says "~furrow: the handler needs test/Db, and `layer` does not close it"
Actor.dialog("x", { module: "" })(() => Effect.asVoid(Db))
declare const bareService: Effect.Effect<void, never, { readonly bare: true }>
// @ts-expect-error TS2375 a service without a key; says "~furrow: the handler needs a service, and `layer` does not close it"
Actor.fn("x", { module: "" })(() => bareService)
declare const OpenLayer: Layer.Layer<T.Db, never, T.Other>
// @ts-expect-error TS2375 the layer itself is not closed
Actor.fn("x", { module: "", layer: OpenLayer })(() => Effect.void)
// @ts-expect-error TS2345 no module: the actor would not find it
Actor.fn("x", { success: Schema.Int })(() => Effect.succeed(1))
declare const NeedsDb: Schema.Codec<string, string, T.Db, T.Db>
// @ts-expect-error TS2322 a schema with services cannot cross
Actor.fn("x", { module: "", success: NeedsDb })
// @ts-expect-error TS2322 the same in the error
Actor.fn("x", { module: "", error: NeedsDb })
// @ts-expect-error TS2322 the same in a payload field
Actor.fn("x", { module: "", payload: { a: NeedsDb } })
// @ts-expect-error TS2322 the same in a bare contract
Actor.endpoint("x", { success: NeedsDb })

// ---- unions, unify --------------------------------------------------------------------------------------------------

const pick = (b: boolean) => b ? isPrime({ n }) : ping()
is<boolean | void, TooSmall | AE, AR>()(Actor.runInActor(pick(true)))
const u1 = Effect.gen(function*() {
  return yield* n > 1 ? isPrime({ n }) : ping()
})
is<boolean | void, TooSmall, never>()(u1)
const u2 = Effect.flatMap(Effect.void, () => n > 1 ? isPrime({ n }) : Effect.succeed(true))
is<boolean, TooSmall, never>()(u2)
is<[boolean, number], TooSmall, T.Db>()(Effect.all([isPrime({ n }), lookup({ k: "" })]))
is<number, AE, AR>()(
  Actor.runInActor(isPrime({ n })).pipe(Effect.catchTag("TooSmall", ({ n }) => Effect.succeed(n)), Effect.map(Number))
)
const there = Actor.runInActor(isPrime({ n }))
const own = Effect.catchIf(there, Actor.isActorError, () => Effect.succeed(false))
is<boolean, TooSmall, AR>()(own)
const found = Effect.catchTag(there, "ActorLost", () => Effect.succeed(false))
is<boolean, TooSmall | Exclude<AE, ActorError.ActorLost>, AR>()(found)

// ---- generic programs ------------------------------------------------------------------------------------------------

type AnyCall = Actor.EffectCall<any, any, any, AnyCallEndpoint>
const twice = <C extends AnyCall>(call: C) => Effect.andThen(Actor.runInActor(call), Actor.runInActor(call))
is<boolean, TooSmall | AE, AR>()(twice(isPrime({ n })))
const logged = <A, E, R, Ep extends AnyCallEndpoint>(call: Actor.EffectCall<A, E, R, Ep>) => Actor.runInActor(call)
is<boolean, TooSmall | AE, AR>()(logged(isPrime({ n })))
is<boolean, TooSmall | AE, AR>()(isPrime({ n }).pipe(Actor.runInActor))
isS<number, AE, AR>()(count({ to: 3 }).pipe(Actor.streamInActor))
const asked: Parameters<Actor.Portal<typeof isPrime>["run"]>[0] = isPrime({ n })
is<boolean, TooSmall | AE, never>()(one.run(asked))
const askOne = <C extends Parameters<typeof one.run>[0]>(call: C) => one.run(call)
is<boolean, TooSmall | AE, never>()(askOne(isPrime({ n })))
const closed = <L>(layer: Layer.Layer<L>, effect: Effect.Effect<number, never, L>) =>
  Actor.fn("x", { module: "", success: Schema.Number, layer })(() => Effect.andThen(Actor.current, effect))
is<number, never, T.Db | AR>()(closed(DbLive, Effect.as(Db, 1))())

// ---- streams --------------------------------------------------------------------------------------------------------

isS<number, never, never>()(count({ to: 3 }))
isS<number, never, T.Db>()(rows())
isS<number, AE, AR>()(Actor.streamInActor(count({ to: 3 })))
isS<number, AE, AR>()(Actor.streamInActor(rows()))
is<Array<number>, AE, AR>()(Actor.streamInActor(count({ to: 3 })).pipe(Stream.take(3), Stream.runCollect))
// @ts-expect-error TS2345 a plain call is no stream call; says "~furrow: isPrime is a call. Run it with Actor.runInActor"
Actor.streamInActor(isPrime({ n }))
// @ts-expect-error TS2345 a Stream is no stream call; says "~furrow: only a call crosses, as data"
Actor.streamInActor(Stream.make(1))
// @ts-expect-error TS2345 a piped stream call is an ordinary Stream; says "~furrow: only a call crosses, as data"
Actor.streamInActor(count({ to: 3 }).pipe(Stream.take(1)))
// @ts-expect-error TS2345 a definition; says "~furrow: count is a definition, not a call. Call it: count(payload)"
Actor.streamInActor(count)
// @ts-expect-error TS2345 a contract; says "~furrow: ticks is a contract without an implementation. Define it with Actor.fn or"
Actor.streamInActor(ticks({ n: 1 }))
// @ts-expect-error TS2375 an item does not match success
Actor.stream("x", { module: "", success: Schema.Int })(() => Stream.make("a"))
// @ts-expect-error TS2375 R (Db) not closed by a layer; says "~furrow: the handler needs test/Db, and `layer` does not close it"
Actor.stream("x", { module: "", success: Schema.Number })(() => Stream.fromEffect(Effect.as(Db, 1)))

// ---- nursery and portals --------------------------------------------------------------------------------------------

const region = Actor.nursery(Effect.gen(function*() {
  const frank = yield* Actor.start("frank", { expose: [isPrime, count, chat] })
  is<boolean, TooSmall | AE, never>()(frank.run(isPrime({ n: 7 })))
  isS<number, AE, never>()(frank.stream(count({ to: 100 })))
  is<Array<number>, AE, never>()(frank.stream(count({ to: 100 })).pipe(Stream.take(3), Stream.runCollect))
  is<void, never, never>()(frank.cancel("done for today"))
  is<Actor.ActorExit, never, never>()(frank.wait)
  is<Portal.PortalSnapshot, never, never>()(frank.statistics)
  // A contract of the same name and shape is the same endpoint to the types; the run time compares the module.
  frank.run(isPrimeContract({ n: 1 }))
  // @ts-expect-error TS2345 not exposed
  frank.run(ping())
  // @ts-expect-error TS2345 not exposed: a contract with another name
  frank.run(increment({ by: 1 }))
  // @ts-expect-error TS2345 wrong verb: run of a stream; says "~furrow: count is a stream. Read it with portal.stream"
  frank.run(count({ to: 1 }))
  // @ts-expect-error TS2345 wrong verb: run of a dialog; says "~furrow: chat is a dialog. Open it with portal.open"
  frank.run(chat({ room: "a" }))
  // @ts-expect-error TS2345 wrong verb: stream of a plain call; says "~furrow: isPrime is a call. Run it with portal.run"
  frank.stream(isPrime({ n: 1 }))
  // @ts-expect-error TS2345 wrong verb: open of a plain call; says "~furrow: isPrime is a call. Run it with portal.run"
  frank.open(isPrime({ n: 1 }), () => Effect.void)
  // @ts-expect-error TS2345 a definition; says "~furrow: isPrime is a definition, not a call. Call it: isPrime(payload)"
  frank.run(isPrime)
  // @ts-expect-error TS2345 the same; says "~furrow: count is a definition, not a call. Call it: count(payload)"
  frank.stream(count)
  // @ts-expect-error TS2345 the same; says "~furrow: chat is a definition, not a call. Call it: chat(payload)"
  frank.open(chat, () => Effect.void)
  // @ts-expect-error TS2345 the same; says "~furrow: chat is a definition, not a call. Call it: chat(payload)"
  frank.openScoped(chat)
  // @ts-expect-error TS2345 an Effect cannot be sent; says "~furrow: only a call crosses, as data"
  frank.run(Effect.succeed(1))
  // @ts-expect-error TS2769 nothing to run; says "~furrow: increment is a contract without an implementation. Expose what Actor.fn"
  Actor.start("x", { expose: [increment] })
  // @ts-expect-error TS2769 the same beside what is right; says "~furrow: increment is a contract without an implementation"
  Actor.startScoped("x", { expose: [isPrime, increment] })
  // @ts-expect-error TS2769 a call; says "~furrow: isPrime(payload) is a call, not a definition. Expose the definition: isPrime"
  Actor.start("x", { expose: [isPrime({ n: 1 })] })
  // @ts-expect-error TS2769 a Service; says "~furrow: the Service Counter is an actor of its own. Start it without `expose`"
  Actor.start("x", { expose: [Counter] })
  // @ts-expect-error TS2769 an option nobody knows; says "~furrow: the options do not fit: the Service Counter takes `name`"
  Actor.start(Counter, { memory: 64 })
  // @ts-expect-error TS2769 nothing is exposed by accident
  Actor.start("x", {})
  return frank
}))
is<Actor.Portal<typeof isPrime | typeof count | typeof chat>, AE, AR>()(region)
is<Actor.Portal<typeof isPrime>, AE, Actor.Nursery>()(Actor.start("frank", { expose: [isPrime] }))
is<Actor.Portal<typeof isPrime>, AE, AR | Scope.Scope>()(Actor.startScoped("frank", { expose: [isPrime] }))

// The body's own R stays, its Scope and its nursery do not.
is<number, AE, T.Db | AR>()(Actor.nursery(Effect.gen(function*() {
  yield* Effect.scope
  yield* Nursery.Nursery
  return yield* (yield* Db).get("a")
})))

// The error of a job is the nursery's: nothing phantom is left in R.
const background = Actor.nursery(Effect.gen(function*() {
  const job = yield* Actor.forkInActor(isPrime({ n: 7 }))
  is<boolean, TooSmall | AE, never>()(job.result)
  is<void, never, never>()(job.wait)
  is<void, never, never>()(job.cancel("enough"))
  yield* Effect.sleep(1)
}))
is<void, TooSmall | AE, AR>()(background)
const failing = Actor.nursery(Effect.andThen(Actor.forkInActor(isPrime({ n })), Broken))
is<never, Kicked | TooSmall | AE, AR>()(failing)
is<void, AE, AR>()(Actor.nursery(Effect.asVoid(Actor.forkInActor(ping()))))

// @ts-expect-error TS2379 start without an owner: Nursery is missing
runMain(Actor.start("frank", { expose: [isPrime] }))
// @ts-expect-error TS2379 startScoped without an owner: Scope is missing
runMain(Actor.startScoped("frank", { expose: [isPrime] }))
runMain(Effect.scoped(Actor.startScoped("frank", { expose: [isPrime] })))
// @ts-expect-error TS2379 a job outside of a nursery
runMain(Actor.forkInActor(isPrime({ n: 1 })))
// @ts-expect-error TS2379 a service nobody provides
runMain(lookup({ k: "a" }))
runMain(Actor.runInActor(lookup({ k: "a" })))
// @ts-expect-error TS2379 the runtime is missing
Effect.runPromise(Actor.runInActor(ping()))
void Effect.runPromise(Effect.provide(Actor.runInActor(ping()), MemoryActor.layer))

// Portals are contravariant: more endpoints serve where fewer are asked.
declare const both: Actor.Portal<typeof isPrime | typeof count>
declare const one: Actor.Portal<typeof isPrime>
export const fewer: Actor.Portal<typeof isPrime> = both
// @ts-expect-error TS2322 fewer endpoints do not serve where more are asked
export const more: Actor.Portal<typeof isPrime | typeof count> = one

// ---- dialogs --------------------------------------------------------------------------------------------------------

interface Said {
  readonly _tag: "Said"
  readonly text: string
}
type Speech = { readonly _tag: "Ping" } | { readonly _tag: "Say"; readonly text: string }
const talk = Actor.nursery(Effect.gen(function*() {
  const frank = yield* Actor.start("frank", { expose: [chat, isPrime] })
  const opened = frank.open(
    chat({ room: "a" }),
    Effect.fnUntraced(function*(dialog) {
      is<Said, Cause.Done | Kicked | AE, never>()(dialog.stream.receive)
      is<void, Kicked | AE, never>()(dialog.stream.send({ _tag: "Ping" }))
      isS<Said, Kicked | AE, never>()(dialog.stream.toStream)
      is<number, Kicked | AE, never>()(dialog.result)
      // @ts-expect-error TS2322 wrong message
      dialog.stream.send({ _tag: "Pong" })
      return dialog.first.members
    })
  )
  is<number, Kicked | AE, never>()(opened)
  is<Dialog.Dialog<{ readonly members: number }, Speech, Said, number, Kicked>, Kicked | AE, Scope.Scope>()(
    frank.openScoped(chat({ room: "a" }))
  )
  // @ts-expect-error TS2345 wrong verb: stream of a dialog
  frank.stream(chat({ room: "a" }))
  return yield* opened
}))
is<number, Kicked | AE, AR>()(talk)
is<Dialog.Dialog<{ readonly members: number }, Speech, Said, number, Kicked>, Kicked | AE, Scope.Scope>()(
  Actor.openTest(chat({ room: "a" }))
)
Effect.gen(function*() {
  // @ts-expect-error TS2488 a dialog call has no meaning here: it is only data
  yield* chat({ room: "a" })
  // @ts-expect-error TS2488 a bare contract is only data
  yield* increment({ by: 1 })
})
const held = Actor.dialog("held", { module: "", started: Schema.Int, input: Schema.String, output: Schema.Boolean })
held(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* Effect.orDie(dialog.started(1))
  const said: string = yield* Effect.orDie(stream.receive)
  yield* Effect.orDie(stream.send(said === ""))
}))
// @ts-expect-error TS2345 the first value does not match its schema
held((_, dialog) => Effect.orDie(Effect.asVoid(dialog.started("one"))))
// @ts-expect-error TS2339 nothing can be sent before the first value
held((_, dialog) => dialog.send(true))

// ---- services -------------------------------------------------------------------------------------------------------

isL<T.Counter, AE, AR>()(Counter.layer)
isL<T.Worker, AE, AR | T.Counter>()(Worker.layer)
is<Actor.Portal<T.Counter>, never, T.Counter>()(Counter)
is<number, AE, T.Counter>()(Counter.calls.increment({ by: 1 }))
isS<number, AE, T.Counter>()(Counter.calls.ticks({ n: 1 }))
is<number, AE, T.Counter>()(Counter.use((counter) => counter.run(increment({ by: 1 }))))
isL<T.Old, AE, AR>()(Old.layer)
isL<T.User, AE, AR | T.Old>()(T.User.layer)
is<Actor.Portal<T.User>, AE, AR | Scope.Scope | T.Old>()(Actor.startScoped(T.User))
is<Actor.Portal<T.Old>, AE, AR | Scope.Scope>()(Actor.startScoped(Old, { name: "old" }))
isL<T.Counter | T.Worker | T.Old, AE, AR>()(
  Supervisor.layer({}, [Worker, Supervisor.of(Counter, { restart: "transient" }), Old])
)
isL<T.Worker, AE, AR | T.Counter>()(Supervisor.layer({ strategy: "one-for-all" }, [Worker]))
declare const Http: Layer.Layer<T.Db, TooSmall, T.Counter>
isL<T.Counter, AE | TooSmall, AR>()(
  Supervisor.layer({}, [Counter, Supervisor.of(Http, { name: "http", uses: [Counter] })])
)
is<void, Supervisor.RollFailed, T.Counter | T.Worker>()(Supervisor.roll([Counter, Worker], { drain: "1 second" }))
is<void, Supervisor.RollFailed, T.Counter>()(Supervisor.rollAll(Counter, { drain: "1 second", atOnce: 2 }))
isL<T.Counter, AE, AR>()(Supervisor.layer({}, [
  Supervisor.of(Counter, {
    standby: 1,
    warm: (active: Actor.Portal<T.Counter>, _: Actor.Portal<T.Counter>) => active.wait
  })
]))
// @ts-expect-error TS2740 a Layer as a child has a name
Supervisor.of(Http)
isL<T.Web | T.Worker, AE, AR>()(Layer.mergeAll(Web.layer, Worker.layer).pipe(Layer.provide(Counter.layer)))
is<never, AE | Supervisor.GaveUp, AR>()(Actor.launch(Worker.layer.pipe(Layer.provide(Counter.layer))))
runMain(Actor.launch(Worker.layer.pipe(Layer.provide(Counter.layer))))
// @ts-expect-error TS2379 Counter is not provided: visible because of `uses`
runMain(Actor.launch(Worker.layer))
Effect.gen(function*() {
  const counter = yield* Counter
  is<number, AE, never>()(counter.run(increment({ by: 1 })))
  isS<number, AE, never>()(counter.stream(ticks({ n: 1 })))
  // @ts-expect-error TS2345 not an endpoint of it
  counter.run(isPrime({ n: 1 }))
})

const needsDb = Effect.gen(function*() {
  const db = yield* Db
  return { increment: () => db.get("a"), ticks: () => Stream.empty }
})
Counter.serve(needsDb, { layer: DbLive })
Counter.serve(needsDb, { layer: DbLive, main: Effect.forever(Effect.flatMap(Db, (db) => db.get("a"))) })
Worker.serve({ increment: ({ by }) => Effect.succeed(by) }, { main: Effect.scoped(Counter.calls.increment({ by: 1 })) })
Counter.serve({ increment: ({ by }) => Effect.succeed(by), ticks: ({ n }) => Stream.range(1, n) })
Counter.serve({ increment: () => Effect.flatMap(Db, (db) => db.get("a")), ticks: () => Stream.empty }, {
  layer: DbLive
})
// @ts-expect-error TS2345 R (Db) is open; says "~furrow: the implementation needs test/Db, and its `layer` does not close it"
Counter.serve(needsDb)
// @ts-expect-error TS2375 the layer is not closed
Counter.serve(needsDb, { layer: OpenLayer })
const plain = { increment: () => Effect.succeed(1), ticks: () => Stream.empty }
// @ts-expect-error TS2375 R of main is open; says "~furrow: the implementation needs test/Db, and its `layer` does not close it"
Counter.serve(plain, { main: Effect.asVoid(Db) })
// @ts-expect-error TS2375 Web does not use Counter; says "~furrow: the implementation needs the Service Counter, which"
Web.serve(plain, { main: Counter.calls.increment({ by: 1 }) })
// @ts-expect-error TS2375 R of a handler is open; says "~furrow: the implementation needs test/Db, and its `layer` does not"
Counter.serve({ increment: () => Effect.as(Db, 1), ticks: () => Stream.empty })
// @ts-expect-error TS2345 a handler is missing
Counter.serve({ increment: () => Effect.succeed(1) })
// @ts-expect-error TS2375 a handler's result
Counter.serve({ increment: () => Effect.succeed("a"), ticks: () => Stream.empty })
Worker.serve({ increment: ({ by }) => Counter.calls.increment({ by }).pipe(Effect.orDie) })
// @ts-expect-error TS2375 Worker may use Counter, Web may not; says "~furrow: the implementation needs the Service Counter, which"
Web.serve({ increment: ({ by }) => Counter.calls.increment({ by }).pipe(Effect.orDie) })
isL<T.Counter, never, T.Db>()(Counter.layerTest(needsDb))
Rooms.serve({ room: (_, dialog) => Effect.orDie(Effect.asVoid(dialog.started(1))) })
const opened = Effect.flatMap(Rooms, (rooms) => rooms.openScoped(room()))
is<Dialog.Dialog<number, string, number, void, never>, AE, T.Rooms | Scope.Scope>()(opened)

// ---- settings of Services -------------------------------------------------------------------------------------------

const config = { start: 7 }
isL<T.Tuned, AE, AR>()(Tuned.layer({ config }))
isL<T.Tuned, AE, AR>()(Tuned.layer({ name: "t1", unique: true, memoryLimit: 64, config: { start: 7, step: 2 } }))
is<Actor.Portal<T.Tuned>, AE, Actor.Nursery>()(Actor.start(Tuned, { config, await: true }))
is<Actor.Portal<T.Tuned>, AE, AR | Scope.Scope>()(Actor.startScoped(Tuned, { config, name: "t1" }))
is<number, AE, T.Tuned>()(Tuned.calls.increment({ by: 1 }))
isL<T.Eased, AE, AR>()(Eased.layer)
isL<T.Eased, AE, AR>()(Eased.layer({ name: "e1" }))
isL<T.Eased, AE, AR>()(Eased.layer({ config: { step: 2 } }))
is<Actor.Portal<T.Eased>, AE, Actor.Nursery>()(Actor.start(Eased))
is<Actor.Portal<T.Eased>, AE, AR | Scope.Scope>()(Actor.startScoped(Eased, { name: "e1" }))
isL<T.Geared, AE, AR | T.Tuned>()(Geared.layer({ config: new T.Gear({ teeth: 8 }) }))
is<Actor.Portal<T.Geared>, AE, Actor.Nursery | T.Tuned>()(Actor.start(Geared, { config: new T.Gear({ teeth: 8 }) }))
isL<T.Tuned | T.Geared, AE, AR>()(
  Supervisor.layer({}, [Supervisor.of(Tuned, { config }), Supervisor.of(Geared, { config: new T.Gear({ teeth: 8 }) })])
)
// @ts-expect-error TS2554 its settings have to be given
Supervisor.of(Tuned)
// @ts-expect-error TS2322 by Supervisor.of
Supervisor.layer({}, [Tuned])
isL<T.OldTuned, AE, AR>()(T.OldTuned.layer({ config }))
isL<T.Geared, AE, AR>()(
  Geared.layer({ config: new T.Gear({ teeth: 8 }) }).pipe(Layer.provide(Tuned.layer({ config })))
)
Registry.find(Tuned)
/** As a pool takes a Service: whatever its settings are, they stand in the options. */
declare const pooled: <Self, Name extends string, Uses, Config>(
  service: Startable<Self, Name, Uses, Config>,
  options: { readonly size: number } & Configured<Config>
) => Config
pooled(Tuned, { size: 2, config }).start satisfies number
pooled(Eased, { size: 2 })
pooled(Counter, { size: 2 }) satisfies never
// @ts-expect-error TS2345 settings are missing
pooled(Tuned, { size: 2 })
// @ts-expect-error TS2345 settings that must be given are missing
Tuned.layer({})
// @ts-expect-error TS2345 such a Service has no Layer without them
Layer.build(Tuned.layer)
// @ts-expect-error TS2322 a wrong value
Tuned.layer({ config: { start: "7" } })
// @ts-expect-error TS2353 a setting that it does not have
Tuned.layer({ config: { start: 7, end: 9 } })
// @ts-expect-error TS2353 a Service without settings is given none
Counter.layer({ config })
// @ts-expect-error TS2554 settings are missing
Actor.start(Tuned)
// @ts-expect-error TS2769 the same in a Scope; says "~furrow: the options do not fit: the Service Tuned takes `config`, `name`"
Actor.startScoped(Tuned, { name: "t1" })
// @ts-expect-error TS2769 a wrong value; says "~furrow: the options do not fit: the Service Tuned takes `config`, `name`"
Actor.start(Tuned, { config: { start: "7" } })
// @ts-expect-error TS2769 a Service without settings; says "~furrow: the options do not fit: the Service Counter takes `name`"
Actor.start(Counter, { config })
// @ts-expect-error TS2769 settings have names
Actor.Service<never>()("x", { module: "", endpoints: [increment], config: Schema.Int })

Tuned.serve(({ start, step }) => ({ increment: ({ by }) => Effect.succeed(start + step * by) }))
Tuned.serve(
  ({ start }) => Effect.map(Ref.make(start), (ref) => ({ increment: ({ by }) => Ref.updateAndGet(ref, (n) => n + by) }))
)
const fromDb = () => Effect.map(Db, (db) => ({ increment: () => db.get("a") }))
Tuned.serve(fromDb, { layer: DbLive, main: Effect.flatMap(Db, (db) => db.get("a")) })
Tuned.serve(fromDb, { layer: ({ start }) => Layer.succeed(Db, { get: () => Effect.succeed(start) }) })
Geared.serve((gear: T.Gear) => ({
  increment: () => Effect.map(Effect.orDie(Tuned.calls.increment({ by: 1 })), (n) => n * gear.teeth)
}))
const counted = () => Effect.succeed(1)
// @ts-expect-error TS2345 R of build is open; says "~furrow: the implementation needs test/Db, and its `layer` does not close it"
Tuned.serve(fromDb)
// @ts-expect-error TS2769 a function's layer, too; says "~furrow: the implementation needs test/Db, and its `layer` does not"
Tuned.serve(fromDb, { layer: ({ start }) => Layer.succeed(T.Other, { id: start }) })
// @ts-expect-error TS2769 the layer is not closed
Tuned.serve(() => ({ increment: counted }), { layer: () => OpenLayer })
// @ts-expect-error TS2339 a setting that it does not have
Tuned.serve(({ end }) => ({ increment: () => Effect.succeed(end) }))
// @ts-expect-error TS2353 settings are read where there are any
Tuned.serve({ increment: counted })
// @ts-expect-error TS2345 a Service without settings has none to read
Web.serve(() => ({ increment: counted }))
isL<T.Tuned, ActorError.PayloadInvalid, T.Db>()(Tuned.layerTest(fromDb, { config }))
isL<T.Eased, ActorError.PayloadInvalid, never>()(Eased.layerTest(() => ({ increment: counted })))
// @ts-expect-error TS2554 here as there
Tuned.layerTest(fromDb)
Actor.serveFrom(Tuned, () => Promise.resolve({ default: Tuned.serve(() => ({ increment: counted })) }))
T.OldTuned.serveRpc(() => T.GroupLive)
isL<T.OldTuned, ActorError.PayloadInvalid, never>()(T.OldTuned.layerTest(() => T.GroupLive, { config }))
// @ts-expect-error TS2375 a handler is missing; says "~furrow: the Layer lacks a handler for Inc. Add it, or merge the Layer that has it"
T.OldTuned.serveRpc(() => Layer.empty)

// ---- RpcGroups ------------------------------------------------------------------------------------------------------

declare const answering: Actor.Portal<T.Old>
type Answers = RpcGroup.Rpcs<typeof T.Group>
const connecting = Actor.rpcClient(answering, T.Group)
is<RpcClient<Answers, AE>, AE, Scope.Scope>()(connecting)
declare const client: Effect.Success<typeof connecting>
is<number, AE, never>()(client.Inc({ by: 1 }, { headers: { user: "frank" } }))
is<void, AE, never>()(client.Inc({ by: 1 }, { discard: true }))
isS<number, AE, never>()(client.Ticks(undefined, { streamBufferSize: 1 }))
is<Queue.Dequeue<number, AE | Cause.Done>, never, Scope.Scope>()(client.Ticks(undefined, { asQueue: true }))
is<number, T.Denied | AE, never>()(client.Delete({ id: "a" }))
is<void, AE, never>()(client.Delete({ id: "a" }, { discard: true }))
// It is what a program takes that is written for Effect's own client.
declare const program: <E>(client: RpcClient<Answers, E>) => Effect.Effect<number, E>
is<number, AE, never>()(program(client))

// @ts-expect-error TS2339 a Service of a group is called by its client
void Old.calls
// @ts-expect-error TS2551 and implemented by its Layer
Old.serve({})
// @ts-expect-error TS2339 a list of endpoints is no group
Counter.serveRpc(T.GroupLive)
// @ts-expect-error TS2345 a procedure is asked by the client alone
answering.run(increment({ by: 1 }))

Old.serveRpc(T.GroupLive)
// @ts-expect-error TS2379 a handler is missing; says "~furrow: the Layer lacks a handler for Inc. Add it, or merge the Layer that has it"
Old.serveRpc(Layer.empty)
T.Guard.serveRpc(Layer.merge(T.GuardedLive, T.MiddlewareLive))
// @ts-expect-error TS2379 the middleware is missing; says "~furrow: the Layer lacks the middleware Auth of the group. Merge its Layer with"
T.Guard.serveRpc(T.GuardedLive)
// @ts-expect-error TS2379 that of one procedure, too; says "~furrow: the Layer lacks the middleware Timing of the group"
T.Guard.serveRpc(Layer.merge(T.GuardedLive, T.AuthLive))
// @ts-expect-error TS2379 what a Layer needs is closed in it
T.Guard.serveRpc(Layer.merge(T.GuardedLive, T.MiddlewareOfDb))
T.Guard.serveRpc(Layer.merge(T.GuardedLive, Layer.provide(T.MiddlewareOfDb, T.DbLive)))
isL<T.Guard, never, never>()(T.Guard.layerTest(Layer.merge(T.GuardedLive, T.MiddlewareLive)))
isL<T.Guard, never, T.Db>()(T.Guard.layerTest(Layer.merge(T.GuardedLive, T.MiddlewareOfDb)))
// @ts-expect-error TS2379 here as there; says "~furrow: the Layer lacks the middleware Auth of the group"
T.Guard.layerTest(T.GuardedLive)
// A layer that uses another Service is closed by `uses`.
T.User.serveRpc(Layer.effectContext(Effect.as(Old, Context.empty() as Context.Context<Rpc.ToHandler<Answers>>)))

declare const guard: Actor.Portal<T.Guard>
const guarded = Effect.flatMap(Actor.rpcClient(guard, T.Guarded), (client) => client.A())
is<void, T.Denied | AE, Scope.Scope | RpcMiddleware.ForClient<T.Auth>>()(guarded)
const provided = Effect.provide(guarded, T.AuthClient)
is<void, T.Denied | AE, Scope.Scope>()(provided)
// @ts-expect-error TS2379 the client's middleware is missing
runMain(Effect.scoped(guarded))
runMain(Effect.scoped(provided))
// @ts-expect-error TS2375 the error of the middleware is forgotten
export const forgotten: Effect.Effect<void, AE, Scope.Scope | RpcMiddleware.ForClient<T.Auth>> = guarded
declare const erased: RpcGroup.RpcGroup<Rpc.Any>
Actor.Service<never>()("x", { module: "", endpoints: erased })

// ---- who am I -------------------------------------------------------------------------------------------------------

is<Actor.ActorInfo, never, AR>()(Actor.current)
is<Actor.ActorSnapshot, never, AR>()(Actor.statistics)
isS<Actor.ActorEvent, never, AR>()(Actor.events)
is<Actor.Portal<typeof isPrime | typeof increment>, AE, AR>()(Actor.parent([isPrime, increment]))
Effect.gen(function*() {
  const parent = yield* Actor.parent([isPrime, increment])
  is<number, AE, never>()(parent.run(increment({ by: 1 })))
  // @ts-expect-error TS2345 not in the list
  parent.run(ping())
})

// ---- references -----------------------------------------------------------------------------------------------------

declare const toPrime: Actor.ActorRef<typeof isPrime | typeof ping>
declare const toOther: Actor.ActorRef<typeof increment>
const visit = Actor.endpoint("visit", { payload: { whom: Actor.ref([isPrime]) } })
const visitAll = Actor.endpoint("visitAll", { payload: { whom: Schema.Array(Actor.ref([isPrime])) } })
visit({ whom: toPrime })
visitAll({ whom: [toPrime] })
// @ts-expect-error TS2375 that one does not expose it
visit({ whom: toOther })
// @ts-expect-error TS2375 nor there
visitAll({ whom: [toOther] })
// @ts-expect-error TS2322 a name is no reference
visit({ whom: "frank" })
is<Actor.Portal<typeof isPrime | typeof ping>, AE, AR | Scope.Scope>()(Actor.portal(toPrime))

// ---- names ----------------------------------------------------------------------------------------------------------

is<Option.Option<Actor.Portal<typeof isPrime | typeof ping>>, AE, AR | Scope.Scope>()(
  Registry.find([isPrime, ping], "a")
)
is<Option.Option<Actor.Portal<T.Counter>>, AE, AR | Scope.Scope>()(Registry.find(Counter))
is<Option.Option<Actor.Portal<T.Counter>>, AE, AR | Scope.Scope>()(Registry.find(Counter, "c1"))
is<Actor.Portal<typeof isPrime>, AE, AR | Scope.Scope>()(Registry.wait([isPrime], "a", { within: "1 second" }))
is<Actor.Portal<T.Counter>, AE, AR | Scope.Scope>()(Registry.wait(Counter))
is<Option.Option<Registry.Entry>, AE, AR>()(Registry.query("a"))
is<ReadonlyArray<Registry.Entry>, AE, AR>()(Registry.list({ name: "a" }))
isS<Registry.Change, AE, AR>()(Registry.watch())
is<Actor.Portal<typeof increment>, AE, AR>()(Actor.root([increment]))
Effect.gen(function*() {
  const found = yield* Registry.wait([isPrime], "a")
  is<boolean, TooSmall | AE, never>()(found.run(isPrime({ n })))
  // @ts-expect-error TS2345 not asked for
  found.run(ping())
  const again = yield* Actor.portal(found.ref)
  // @ts-expect-error TS2345 a reference leads to no more than its portal
  again.run(ping())
  const counter = yield* Registry.wait(Counter)
  is<number, AE, never>()(counter.run(increment({ by: 1 })))
  // @ts-expect-error TS2345 not of that Service
  counter.run(isPrime({ n }))
})
// @ts-expect-error TS2739 who is found by what it exposes has no name by default
Registry.find([isPrime])
// @ts-expect-error TS2345 a name alone says nothing of what can be asked
Registry.find("a")

// ---- ends -----------------------------------------------------------------------------------------------------------

declare const ended: Actor.Portal<typeof isPrime>
is<void, never, Actor.ActorRuntime>()(Actor.exit("done"))
is<Actor.ActorExit, AE, Actor.ActorRuntime>()(Portals.monitor(ended))
is<Actor.ActorExit, AE, Actor.ActorRuntime>()(Portals.monitor(ended.ref))
is<number, AE, never>()(Portals.drain(ended, "10 seconds"))
is<void, never, never>()(ended.closed)
is<Option.Option<Nursery.Ended>, never, Actor.Nursery>()(Stream.runHead(Nursery.exits))
// @ts-expect-error TS2345 a name alone is no actor
Portals.monitor("frank")
// @ts-expect-error TS2740 a reference gives no power: only a portal can be drained
Portals.drain(ended.ref, 0)

// ---- topics ---------------------------------------------------------------------------------------------------------

type Elements = Topic.Element<{ readonly of: "tea" | "rice"; readonly cents: number }, "tea" | "rice">
is<void, AE, T.Prices>()(T.Prices.publish({ of: "tea", cents: 1 }))
isS<Elements, AE, T.Prices>()(T.Prices.subscribe({ keys: ["tea"], overflow: "drop-oldest" }))
isS<{ readonly of: "tea" | "rice"; readonly cents: number }, AE, T.Prices>()(Topic.messages(T.Prices.subscribe()))
isL<T.Prices, AE, AR>()(T.Prices.layer)
isL<T.Prices, AE, AR>()(Supervisor.layer({}, [T.Prices]))
// @ts-expect-error TS2322 a key that no message has
T.Prices.subscribe({ keys: ["coffee"] })
// @ts-expect-error TS2322 a message of another type
T.Prices.publish({ of: "tea", cents: "1" })

// ---- receivers ------------------------------------------------------------------------------------------------------

type Words = Dialog.MsgStream<"no" | "again", number, Kicked>
declare const words: Words
declare const threes: Effect.Effect<PayloadReceiver.Decision<number, never>, never, T.Db>
is<Words, never, Scope.Scope>()(words.receiving(PayloadReceiver.drop))
is<Words, never, Scope.Scope>()(words.receiving(PayloadReceiver.repair(3)))
is<Words, never, Scope.Scope>()(words.receiving(PayloadReceiver.answer("again")))
is<Words, never, Scope.Scope | T.Db>()(words.receiving(PayloadReceiver.make(() => threes)))
is<Words, never, Scope.Scope>()(
  words.receiving(
    PayloadReceiver.make(({ count }) =>
      Effect.succeed(count > 1 ? PayloadReceiver.cancel("no") : PayloadReceiver.answer("no"))
    )
  )
)
// @ts-expect-error TS2345 a repair that is no item of the stream
words.receiving(PayloadReceiver.repair("three"))
// @ts-expect-error TS2345 an answer that cannot be sent
words.receiving(PayloadReceiver.answer("what?"))
// @ts-expect-error TS2345 a decision of the other direction
words.receiving(PayloadReceiver.make(() => Effect.succeed(PayloadReceiver.answer(3))))
// @ts-expect-error TS2375 a handler that fails: it decides, or dies
words.receiving(PayloadReceiver.make(() => Broken))
// @ts-expect-error TS2375 a handler that decides nothing
words.receiving(PayloadReceiver.make(() => Effect.void))

// ---- refining -------------------------------------------------------------------------------------------------------

declare const failure: TooSmall | AE
if (Actor.isActorError(failure)) {
  const error: AE = failure
  void error
} else {
  const error: TooSmall = failure
  void error
}
void b
