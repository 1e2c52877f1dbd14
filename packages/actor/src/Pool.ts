/**
 * A pool runs calls on a number of actors of one kind, for work that would block the calling process.
 *
 * A task goes to the least busy worker, or waits in a queue. Workers are processes: a worker that crashes, does not let
 * go of a task, or has grown too large is replaced, which affects no other task. A pool lives in a Scope: when the
 * Scope closes, the workers end, and no process is left.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Actor from "./Actor.ts"
import { overPool } from "./internal/api/RpcClients.ts"
import type { Startable } from "./internal/api/Service.ts"
import type { Call, Failure, Implemented, Success } from "./internal/contract/Call.ts"
import type { StreamOptions } from "./internal/contract/DialogCall.ts"
import type {
  AnyCallEndpoint,
  AnyDialogEndpoint,
  AnyEndpoint,
  AnyStreamEndpoint
} from "./internal/contract/Endpoint.ts"
import type { Misused, Unexposed } from "./internal/contract/Mistake.ts"
import { optional, type OptionalLayer } from "./internal/contract/OptionalLayer.ts"
import type { Configured } from "./internal/contract/Settings.ts"
import type { ActorError } from "./internal/errors/ActorError.ts"
import { current } from "./internal/local/LocalActor.ts"
import * as Open from "./internal/pool/OpenPool.ts"
import type { PoolFull, TaskTimeout } from "./internal/pool/PoolError.ts"
import * as Snapshot from "./internal/pool/PoolSnapshot.ts"
import * as Promises from "./internal/pool/Promises.ts"
import * as Settings from "./internal/pool/Settings.ts"
import * as Tasks from "./internal/pool/Tasks.ts"
import type { EndpointsOf, Opened, Portal } from "./internal/portal/Portal.ts"
import type { ActorRuntime } from "./internal/settings/ActorRuntime.ts"
import { suspended } from "./internal/settings/suspended.ts"
import type { SpawnOptions } from "./internal/spawn/Spawner.ts"

export type { Durations } from "./internal/pool/Counts.ts"
export { PoolFull, TaskTimeout } from "./internal/pool/PoolError.ts"
export type { PoolSnapshot, WorkerSnapshot } from "./internal/pool/PoolSnapshot.ts"
export type { Signal } from "./internal/pool/Promises.ts"
export type { PoolOptions, Recycle, Size } from "./internal/pool/Settings.ts"

type AnyImplemented = Implemented<AnyEndpoint>

/**
 * The options of one task of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskOptions {
  /**
   * The time that a task may take, including the task's wait for a worker. At the deadline of a task the task's caller
   * continues with the error `TaskTimeout`, whatever the worker does. A worker that does not let go of an overdue task
   * is replaced. A task has no deadline by default.
   */
  readonly within?: Duration.Input | undefined
  /**
   * Tasks with the same key go to the same worker as long as that worker lives, and wait while the worker is busy. A
   * task without a key goes to any worker.
   */
  readonly key?: string | undefined
  /**
   * The number of times that a task may be given to another worker because its worker was lost. A task is repeated only
   * if it had not begun, or if its endpoint is `idempotent`. Default: 1.
   */
  readonly retries?: number | undefined
}

/**
 * The options of a pool's `map`, which runs one task for each item.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapOptions<in I> extends Omit<TaskOptions, "key"> {
  /**
   * True when the answers of `map` come in the order of the items. If the option `ordered` of `map` is false, each
   * answer comes when its task is completed. Default: true.
   */
  readonly ordered?: boolean | undefined
  /**
   * The number of tasks of one `map` that run at the same time. By default `map` runs as many tasks at the same time as
   * all workers have room for.
   */
  readonly concurrency?: number | undefined
  /** Returns the key of the task that `map` runs for an item. */
  readonly key?: ((item: I) => string) | undefined
  /**
   * A callback that `map` calls after each completed item, with the number of completed items and the number of items
   * in work.
   */
  readonly progress?: ((progress: { readonly done: number; readonly running: number }) => void) | undefined
}

/**
 * A pool of actors that expose the definitions `X`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool<in X> {
  readonly "~furrow/Pool": (_: X) => void
  readonly name: string
  /**
   * Runs a call on a worker. Interrupting the call interrupts its fiber in the worker, and waits for that fiber's
   * finalizers no longer than the pool's option `letGo` allows.
   */
  readonly run: <C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">>(
    call: C,
    options?: TaskOptions
  ) => Effect.Effect<Success<C>, Failure<C> | ActorError | PoolFull | TaskTimeout>
  /** Reads a stream from a worker; the stream is a task of the worker until it is closed. */
  readonly stream: <C extends Call<Extract<EndpointsOf<X>, AnyStreamEndpoint>> | Misused<C, "stream", "portal">>(
    call: C,
    options?: Pick<TaskOptions, "key"> & Pick<StreamOptions, "window">
  ) => Stream.Stream<Success<C>, Failure<C> | ActorError | PoolFull>
  /** Opens a dialog with a worker; the dialog is a task of the worker until the dialog's body has ended. */
  readonly open: <
    C extends Call<Extract<EndpointsOf<X>, AnyDialogEndpoint>> | Misused<C, "dialog", "portal">,
    B,
    E2,
    R
  >(
    call: C,
    body: (dialog: Opened<C>) => Effect.Effect<B, E2, R>,
    options?: Omit<TaskOptions, "retries"> & StreamOptions
  ) => Effect.Effect<B, Failure<C> | E2 | ActorError | PoolFull | TaskTimeout, R>
  /** Reserves one worker as one task, for several calls to the same worker. */
  readonly use: <A, E, R>(
    body: (worker: Portal<X>) => Effect.Effect<A, E, R>,
    options?: Omit<TaskOptions, "retries">
  ) => Effect.Effect<A, E | ActorError | PoolFull | TaskTimeout, R>
  /**
   * Runs a call for each item; as many of these calls run at the same time as the workers have room for. The tasks of
   * `map` may wait even when the pool's queue is full, because `map` reads no more items than it works on. The first
   * failure of a task of `map` also fails the stream of answers.
   */
  readonly map: <
    I,
    C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">,
    E2 = never,
    R2 = never
  >(
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    toCall: (item: I) => C,
    options?: MapOptions<I>
  ) => Stream.Stream<Success<C>, Failure<C> | ActorError | TaskTimeout | E2, R2>
  /** A snapshot of the pool: workers, tasks, durations, and the replaced workers by reason. */
  readonly statistics: Effect.Effect<Snapshot.PoolSnapshot>
  /**
   * Makes the pool accept no more tasks, and waits until the accepted tasks are over and the workers are gone. A drain
   * with the option `within` interrupts the tasks that are not over within this time. The drain of a pool waits without
   * a limit by default.
   */
  readonly drain: (within?: Duration.Input) => Effect.Effect<void>
}

const insides = new WeakMap<object, Open.OpenPool>()

const progressOf = (report: (progress: { readonly done: number; readonly running: number }) => void) => {
  let done = 0
  let running = 0
  return <A, E, R>(task: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      running++
      return Effect.onExit(task, () =>
        Effect.sync(() => {
          running--
          report({ done: ++done, running })
        }))
    })
}

/**
 * If a program without type checks gives a task a body that returns no Effect, the task fails at once, which frees its
 * worker.
 */
const effectOf = (given: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> =>
  Effect.isEffect(given) ? given : Effect.die(new Error(`the body of a task must give an Effect, not ${String(given)}`))

const poolOf = (open: Open.OpenPool): Pool<any> => {
  const { concurrency, max } = open.table.options
  const room = Math.min(max * concurrency, Number.MAX_SAFE_INTEGER)
  const run = (call: Call<AnyEndpoint>, options: TaskOptions, patient: boolean) =>
    Tasks.run(open, options, (worker) => worker.run(call as never), call?.endpoint, patient)
  const pool: unknown = {
    "~furrow/Pool": () => {},
    name: open.name,
    run: (call: Call<AnyEndpoint>, options: TaskOptions = {}) => run(call, options, false),
    stream: (call: Call<AnyEndpoint>, { key, ...rest }: Pick<TaskOptions, "key"> & StreamOptions = {}) =>
      Tasks.stream(open, key, (worker) => worker.stream(call as never, rest)),
    open: (
      call: never,
      body: (dialog: any) => Effect.Effect<any, any, any>,
      options: TaskOptions & StreamOptions = {}
    ) => Tasks.run(open, options, (worker) => worker.open(call, (dialog) => effectOf(body(dialog)), options)),
    use: (body: (worker: Portal<any>) => Effect.Effect<any, any, any>, options: TaskOptions = {}) =>
      Tasks.run(open, options, (worker) => effectOf(body(worker))),
    map: (
      items: Iterable<unknown> | Stream.Stream<unknown>,
      toCall: (item: unknown) => Call<AnyEndpoint>,
      { concurrency = room, key, ordered = true, progress, retries, within }: MapOptions<unknown> = {}
    ) => {
      return suspended(() => {
        const counted = progress === undefined ? <A, E, R>(task: Effect.Effect<A, E, R>) => task : progressOf(progress)
        return Stream.mapEffect(
          Stream.isStream(items) ? items : Stream.fromIterable(items),
          (item) => counted(run(toCall(item), { retries, within, key: key?.(item) }, true)),
          { concurrency: Settings.mapConcurrency(open.name, concurrency), unordered: !ordered }
        )
      })
    },
    statistics: Effect.sync(() => Snapshot.take(open)),
    drain: (within?: Duration.Input) =>
      within === undefined
        ? open.drain
        : Effect.suspend(() =>
          Effect.timeoutOrElse(open.drain, {
            duration: Settings.drainMillis(open.name, within),
            orElse: () => open.close
          })
        )
  }
  insides.set(pool as object, open)
  return pool as Pool<any>
}

/**
 * The options of a pool whose workers expose a list of definitions. The options of an actor's start apply to each
 * worker of the pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<X extends ReadonlyArray<unknown>> extends Settings.PoolOptions, SpawnOptions {
  /** The definitions that every worker of the pool serves; no other endpoints can be called. */
  readonly expose: X
}

/**
 * The options of a pool whose workers are actors of a Service.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions extends Settings.PoolOptions, SpawnOptions {}

type Start = (name: string) => Effect.Effect<Portal<any>, ActorError, any>

/** The options of each worker's start. */
const spawnOptionsOf = <O extends Settings.PoolOptions>(options: O): Omit<O, keyof Settings.PoolOptions> =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !Settings.names.has(name))) as Omit<
    O,
    keyof Settings.PoolOptions
  >

const makePool = (
  name: string,
  options: Settings.PoolOptions,
  start: Start
): Effect.Effect<Pool<any>, ActorError, any> =>
  Effect.gen(function*() {
    const local = yield* current
    const context = (yield* Effect.context<ActorRuntime>()) as Context.Context<never>
    const settings: Open.Settings = {
      name,
      table: Settings.tableOf(name, options),
      letGo: Settings.letGoMillis(name, options),
      backoff: options.backoff ?? Settings.defaultBackoff,
      start: start as Open.Settings["start"]
    }
    const inspect = () => Snapshot.inspect(open)
    yield* Effect.acquireRelease(
      Effect.sync(() => local.addPool(name, inspect)),
      (remove) => Effect.sync(remove)
    )
    const open: Open.OpenPool = yield* Effect.acquireRelease(
      Effect.sync(() => new Open.OpenPool(settings, local, context)),
      ({ close }) => close
    )
    // Workers that have started are ended before the failure of another worker's start is reported.
    yield* Effect.onError(open.open, () => open.close)
    return poolOf(open)
  })

/**
 * Makes a pool in the Scope of the context. The function `make` returns the pool when its first workers are ready, and
 * fails if one of these workers does not start. The workers of a pool end when its Scope closes, and tasks that still
 * wait for a worker fail with `ActorUnreachable`.
 *
 * The workers of a pool are called `name-1`, `name-2` and so on; `name` defaults to the name of the first endpoint.
 *
 * @example
 * ```ts
 * const pool = yield* Pool.make({ expose: [isPrime, count], size: { min: 1, max: 4 }, queue: 1000 })
 * yield* pool.run(isPrime({ n: 1009 }), { within: "5 seconds" }) // true
 * yield* Stream.runCollect(pool.map([5, 6, 7], (n) => isPrime({ n }))) // [true, false, true]
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = <const X extends ReadonlyArray<AnyImplemented | Unexposed<X>>>(
  options: Options<X> & { readonly name?: string | undefined }
): Effect.Effect<Pool<X[number]>, ActorError, ActorRuntime | Scope.Scope> =>
  Effect.suspend(() => {
    const { expose, name, ...spawn } = spawnOptionsOf(options)
    const definitions = expose as ReadonlyArray<AnyImplemented>
    return makePool(
      name ?? definitions[0]?.endpoint.name ?? "pool",
      options,
      (worker) => Actor.startScoped(worker, { ...spawn, expose: definitions })
    )
  })

/**
 * Makes a pool of the actors of a Service in the Scope of the context: each worker is one actor of the Service, with
 * its own state. The Services that the Service `uses` stand in the requirements R and serve all workers; the option
 * `config` holds the settings of every worker.
 *
 * @example
 * ```ts
 * const pool = yield* Pool.of(Counter, { size: 2 })
 * yield* pool.run(increment({ by: 2 }), { key: "a" }) // 2
 * yield* pool.run(increment({ by: 3 }), { key: "a" }) // 5
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const of = <Self, Name extends string, Uses, Config>(
  service: Startable<Self, Name, Uses, Config>,
  options: ServiceOptions & Configured<Config> & { readonly name?: string | undefined }
): Effect.Effect<Pool<Self>, ActorError, ActorRuntime | Scope.Scope | Uses> =>
  Effect.suspend(() => {
    const { name = service.key, ...spawn } = spawnOptionsOf(options)
    return makePool(name, options, (worker) =>
      Actor.startScoped(service as any, { ...spawn, name: worker } as any) as ReturnType<Start>)
  })

/**
 * The class of a pool as a Service: its key in the context, and its Layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolClass<in out Self, Name extends string, X, out Uses> extends Context.Service<Self, Pool<X>> {
  new(_: never): Context.ServiceClass.Shape<Name, Pool<X>>
  readonly key: Name
  /**
   * The Layer that makes the pool with the options of the pool class. A call of the property `layer` with other options
   * returns a Layer that makes the pool with those options.
   */
  readonly layer: OptionalLayer<Partial<ServiceOptions>, Self, ActorError, ActorRuntime | Uses>
}

interface MakeService<Self> {
  <const Name extends string, const X extends ReadonlyArray<AnyImplemented | Unexposed<X>>>(
    name: Name,
    options: Options<X>
  ): PoolClass<Self, Name, X[number], never>
  <const Name extends string, S, N extends string, Uses, Config>(
    name: Name,
    options: ServiceOptions & Configured<Config> & { readonly of: Startable<S, N, Uses, Config> }
  ): PoolClass<Self, Name, S, Uses>
}

/**
 * Declares a pool as a Service: a class that is the pool's key in the context, with the `layer` that makes the pool.
 * The option `expose` lists the definitions that the workers serve, or the option `of` names a Service whose actors are
 * the workers.
 *
 * @example
 * ```ts
 * class Primes extends Pool.Service<Primes>()("Primes", { expose: [isPrime], size: { min: 1, max: 4 } }) {}
 *
 * const answer = Effect.gen(function*() {
 *   const primes = yield* Primes
 *   return yield* primes.run(isPrime({ n: 7 }), { within: "5 seconds" })
 * })
 * yield* Effect.provide(answer, Primes.layer) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>(): MakeService<Self> =>
  ((name: string, options: ServiceOptions & { readonly expose: any; readonly of: any }) => {
    const service: any = Context.Service<Self, Pool<any>>()(name as never)
    const layerOf = (overrides: Partial<ServiceOptions>): Layer.Layer<any, ActorError, any> => {
      const { expose, of: workers, ...rest } = { ...options, ...overrides, name }
      return Layer.effect(service, workers === undefined ? make({ ...rest, expose }) : of(workers, rest))
    }
    let layer: unknown
    Object.defineProperty(service, "layer", {
      get: () => layer ??= optional(layerOf, {}),
      configurable: true
    })
    return service
  }) as unknown as MakeService<Self>

/**
 * Makes a client of an Effect RpcGroup over a pool whose Service serves the group: each request is a task of the pool
 * with the given options. A client over a pool is like a client of `Actor.rpcClient`, but its requests may also fail
 * with `PoolFull` and `TaskTimeout`.
 *
 * Each worker builds the handlers of its RpcGroup once. A handler of an RpcGroup gets the same client id with each
 * request of the same RpcClient.
 *
 * @example
 * ```ts
 * const pool = yield* Pool.of(Todos, { size: 2 })
 * const client = yield* Pool.rpcClient(pool, TodoRpcs, { within: "5 seconds" })
 * yield* client.Add({ title: "sow" }) // 1
 * ```
 * @category conversions
 * @since 0.1.0
 */
export const rpcClient = <Self, Rpcs extends Rpc.Any>(
  pool: Pool<Self>,
  group: RpcGroup.RpcGroup<Rpcs>,
  options: Omit<TaskOptions, "retries"> = {}
): Effect.Effect<
  RpcClient<Rpcs, ActorError | PoolFull | TaskTimeout>,
  ActorError,
  Scope.Scope | Rpc.MiddlewareClient<Rpcs>
> => overPool(pool.name, group, (body) => pool.use(body, options))

/**
 * A pool for code without Effect. A promise of a `PromisePool` is rejected with the error of its task, which is an
 * instance of the error's class.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromisePool<in X> {
  readonly "~furrow/PromisePool": (_: X) => void
  /**
   * Runs a call on a worker of the pool. Aborting the `signal` of a call interrupts the call. The promise of an aborted
   * call is rejected with the signal's reason once the worker has let go of the call's task.
   */
  readonly run: <C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">>(
    call: C,
    options?: TaskOptions & { readonly signal?: Promises.Signal | undefined }
  ) => Promise<Success<C>>
  /**
   * Reads a stream: `for await`. A consumer that leaves the loop over a stream stops the stream's producer in the
   * worker.
   */
  readonly stream: <C extends Call<Extract<EndpointsOf<X>, AnyStreamEndpoint>> | Misused<C, "stream", "portal">>(
    call: C,
    options?: Pick<TaskOptions, "key"> & { readonly signal?: Promises.Signal | undefined }
  ) => AsyncIterable<Success<C>>
  /** Runs a call for each item, and yields the answers when the consumer's loop asks for them. */
  readonly map: <I, C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">>(
    items: Iterable<I>,
    toCall: (item: I) => C,
    options?: MapOptions<I> & { readonly signal?: Promises.Signal | undefined }
  ) => AsyncIterable<Success<C>>
  readonly statistics: () => Snapshot.PoolSnapshot
  readonly drain: (within?: Duration.Input) => Promise<void>
}

/**
 * Gives a pool in the form of promises and async iterables. A `PromisePool` uses the clock and the loggers of the pool
 * from which it is made, and ends with that pool's Scope.
 *
 * @example
 * ```ts
 * const pool = Pool.toPromises(yield* Pool.make({ expose: [isPrime], size: 1 }))
 * yield* Effect.promise(() => pool.run(isPrime({ n: 7 }), { signal: AbortSignal.timeout(10_000) })) // true
 * ```
 * @category conversions
 * @since 0.1.0
 */
export const toPromises = <X>(pool: Pool<X>): PromisePool<X> => {
  const { context } = insides.get(pool)!
  const of = pool as Pool<any>
  type Signal = { readonly signal?: Promises.Signal | undefined }
  const promises: unknown = {
    "~furrow/PromisePool": () => {},
    run: (call: never, { signal, ...options }: TaskOptions & Signal = {}) =>
      Promises.promise(context, of.run(call, options), signal),
    stream: (call: never, { signal, ...options }: Pick<TaskOptions, "key"> & Signal = {}) =>
      Promises.iterable(context, of.stream(call, options), signal),
    map: (
      items: Iterable<unknown>,
      toCall: (item: unknown) => never,
      { signal, ...options }: MapOptions<unknown> & Signal = {}
    ) => Promises.iterable(context, of.map(items, toCall, options), signal),
    statistics: () => Effect.runSync(pool.statistics),
    drain: (within?: Duration.Input) => Promises.promise(context, pool.drain(within), undefined)
  }
  return promises as PromisePool<X>
}
