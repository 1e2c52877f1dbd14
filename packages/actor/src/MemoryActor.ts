/**
 * Runs actors without processes of their own: each actor is a fiber of this process, and the connections between actors
 * are in memory.
 *
 * Actors in memory are for tests, and for programs that want the semantics without the processes. Actors in memory
 * behave to each other like actors in processes: values cross through codecs, a cancel is acknowledged, and an actor
 * can be lost. Timeouts of actors in memory use the program's own Clock, so a whole tree can run under TestClock.
 * Actors in memory lack the isolation of processes. A blocked event loop blocks every actor in memory. A kill
 * interrupts the fibers of an actor in memory: the actor's finalizers run, but no code waits for these finalizers. An
 * actor in memory leaves in order at SIGTERM, as an actor in a process does.
 *
 * @since 0.1.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type { Implemented } from "./internal/contract/Call.ts"
import type { AnyEndpoint } from "./internal/contract/Endpoint.ts"
import { optional, type OptionalLayer } from "./internal/contract/OptionalLayer.ts"
import { withoutCaller } from "./internal/dialog/DialogContext.ts"
import { Discovery, layerTree } from "./internal/discovery/Discovery.ts"
import type { ActorId } from "./internal/errors/ActorError.ts"
import { RuntimeLayerError } from "./internal/errors/RuntimeLayerError.ts"
import * as Platform from "./internal/platform/Platform.ts"
import { type NativeControl, Spawner, type SpawnerPlan } from "./internal/platform/Spawner.ts"
import { Transport, type TransportPlan } from "./internal/platform/Transport.ts"
import * as ChildMain from "./internal/process/ChildMain.ts"
import { ambientsOf, layer as rootLayer, type RootOptions } from "./internal/process/RootMain.ts"
import type { ActorRuntime } from "./internal/settings/ActorRuntime.ts"
import { fileOf } from "./internal/settings/Definitions.ts"
import { Turn } from "./internal/settings/Turn.ts"
import { Waiters } from "./internal/settings/Waiters.ts"
import type { ProcessExit, ProcessHandle, SpawnerDriver, SpawnRequest } from "./internal/spawn/Spawner.ts"
import type { Exposed } from "./internal/spawn/SpawnSpec.ts"
import * as MemoryTransport from "./internal/transport/MemoryTransport.ts"
import { TransportDriver } from "./internal/transport/Transport.ts"

type Plans = Platform.Plans

const find = (request: SpawnRequest) => (exposed: ReadonlyArray<Exposed>): ReadonlyArray<Implemented<AnyEndpoint>> =>
  exposed.map(({ module, name }) => {
    const found = request.definitions.find(({ endpoint, module: from }) => endpoint.name === name && from === module)
    // A parent makes the list of exposed names from its list of definitions, so a missing definition of an exposed name
    // is a mistake in the runtime.
    if (found === undefined) throw new Error(`no definition of ${name}`)
    return found
  })

/**
 * The exit code of an actor in memory that SIGTERM has ended, which is also the exit code of a process that SIGTERM has
 * ended.
 */
const terminatedCode = 143

class MemoryProcess implements ProcessHandle {
  readonly actor: ActorId
  readonly connection: ProcessHandle["connection"]
  private readonly far: ProcessHandle["connection"]
  private fiber: Fiber.Fiber<ChildMain.Ended> | undefined
  private exit: ProcessExit | undefined
  private readonly exits = new Waiters<ProcessExit>()
  private reading: "not begun" | "open" | "ended" = "not begun"
  private killed: string | undefined
  private leave: ChildMain.Started["end"] | undefined
  /** The `Turn` of the parent, in whose event loop the exit of the actor is reported. */
  private readonly parent: Turn
  private readonly turn: Turn

  constructor(actor: ActorId, parent: Turn, turn: Turn) {
    this.actor = actor
    this.parent = parent
    this.turn = turn
    const [near, far] = MemoryTransport.pair(parent, turn)
    this.connection = {
      ...near,
      start: (handlers) => {
        this.reading = "open"
        near.start({
          ...handlers,
          end: (reason) => {
            handlers.end(reason)
            this.reading = "ended"
            this.tellExit()
          }
        })
      }
    }
    this.far = far
  }

  run(
    main: (
      connection: ProcessHandle["connection"],
      onStart: (actor: ChildMain.Started) => void
    ) => Fiber.Fiber<ChildMain.Ended>
  ): void {
    this.turn.enter(() => this.observe(main(this.far, ({ end }) => void (this.leave = end))))
  }

  private observe(fiber: Fiber.Fiber<ChildMain.Ended>): void {
    this.fiber = fiber
    fiber.addObserver((exit) => {
      // An ended actor in memory ends its half of the connection, and does not cut the connection, so that the actor's
      // last word still arrives. A killed actor sends and receives nothing more: its handlers are interrupted, and no
      // new handler starts.
      if (this.killed === undefined) this.far.end()
      else this.far.destroy()
      const code = exit._tag === "Success" ? exit.value.code : Cause.hasInterruptsOnly(exit.cause) ? 0 : 1
      this.turn.exit()
      this.finish(this.killed === undefined ? { code, signal: null } : { code: null, signal: this.killed })
    })
  }

  private finish(exit: ProcessExit): void {
    if (this.exit !== undefined) return
    this.exit = exit
    this.tellExit()
  }

  /**
   * Reports the exit of an actor in memory when all words of the actor have been read, as a process's exit is reported.
   */
  private tellExit(): void {
    const { exit, reading } = this
    if (exit !== undefined && reading !== "open") this.parent.later(() => this.exits.wake(exit), this)
  }

  // The functions of a process handle are its own properties, because a program's spawner may copy the handle and
  // replace some functions.
  readonly whenExited = (callback: (exit: ProcessExit) => void): void => {
    if (this.exit !== undefined && this.reading !== "open") callback(this.exit)
    else this.exits.add(callback)
  }

  readonly lastLines = (): ReadonlyArray<string> => []

  readonly signal = (signal: "SIGTERM" | "SIGKILL"): void => {
    if (signal === "SIGTERM") return this.turn.enter(() => this.leave?.(signal, terminatedCode))
    this.killed ??= signal
    // The kill of an actor in memory interrupts its fiber, so that the fiber's finalizers run. The connection of the
    // killed actor is cut first, so that its parent reads no word of the finalizers.
    if (!this.turn.exit()) this.far.destroy()
    this.turn.enter(() => this.fiber?.interruptUnsafe())
    // A kill does not wait for finalizers, because a finalizer that never ends would keep the actor for ever.
    this.finish({ code: null, signal })
  }
}

/**
 * The pid of an actor in memory is above every pid of an operating system, so a signal to this pid reaches no process.
 */
const firstPid = 10_000_000

/**
 * A function of a test that changes the process handle of each child. The parent then uses the process handle that the
 * function returns.
 *
 * @category models
 * @since 0.1.0
 */
export type Between = (process: ProcessHandle) => ProcessHandle

/**
 * A function of a test that gets the transport between actors that dial each other, and returns the transport that the
 * whole tree uses instead.
 *
 * @category models
 * @since 0.1.0
 */
export type BetweenPeers = (transport: TransportDriver["Service"]) => TransportDriver["Service"]

/**
 * The options of a root in memory, with functions by which a test changes process handles and the transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends RootOptions {
  readonly between?: Between | undefined
  readonly betweenPeers?: BetweenPeers | undefined
  /**
   * The way in which the members of a tree prove to each other that they belong to the tree. By default the members of
   * a tree in memory need no proof, because no other process can dial an actor in memory.
   */
  readonly authenticator?: NativeControl["authenticator"]
}

/** The transport of a tree in memory: one hub that the root and all actors share. */
const memoryTransport = (betweenPeers: BetweenPeers = (transport) => transport): TransportPlan => {
  const hub = betweenPeers(MemoryTransport.hub())
  const plan = { module: "furrow:memory", key: "memory" }
  return {
    parts: [{
      ...plan,
      data: Effect.succeed({ ...plan, settings: "null" }),
      layer: Layer.succeed(TransportDriver, hub)
    }]
  }
}

interface Crypto {
  readonly randomBytes: (size: number) => Uint8Array
  readonly createHmac: (algorithm: string, key: Uint8Array) => {
    readonly update: (data: Uint8Array) => { readonly digest: () => Uint8Array }
  }
}

/**
 * Makes the functions with which two actors prove to each other that they know the secret of the tree. Actors in memory
 * need the proof only with a transport of the user, which other processes may dial.
 */
const authenticatorOver = (crypto: Crypto) => (secret: Uint8Array): Authenticator => ({
  nonce: new Uint8Array(crypto.randomBytes(32)),
  mac: (data) => new Uint8Array(crypto.createHmac("sha256", secret).update(data).digest())
})

const proofOf = (
  transport: TransportPlan | undefined,
  wanted: NativeControl["authenticator"]
): Effect.Effect<NativeControl["authenticator"], RuntimeLayerError> =>
  Effect.suspend(() => {
    // No other process can dial an actor in memory, so its peers need no proof.
    if (wanted !== undefined || transport === undefined) return Effect.succeed(wanted)
    const { process } = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => unknown } }
    const crypto = process?.getBuiltinModule?.("node:crypto") as Crypto | undefined
    if (crypto !== undefined) return Effect.succeed(authenticatorOver(crypto))
    const reason = "this JavaScript runtime has no node:crypto, which the proof of membership needs"
    const [{ key, module } = { key: "?", module: "?" }] = transport.parts
    return Effect.fail(new RuntimeLayerError({ what: "transport", key, module, step: "layer", reason }))
  })

/** Starts actors as fibers of the calling program; each actor builds its platform from the plans of its tree. */
const makeSpawner = (
  plans: Plans,
  native: NativeControl["authenticator"],
  between: Between
): SpawnerDriver["Service"] => {
  let lastPid = firstPid
  const spawner: SpawnerDriver["Service"] = {
    spawn: (request) =>
      Effect.withFiber((fiber) => {
        const actor = { ...request.actor, pid: ++lastPid }
        const parent = fiber.getRef(Turn)
        // Each actor in memory has its own metrics, as an actor in a process has.
        const registry = new Map()
        const context = Context.add(
          parent.start(actor, withoutCaller(fiber.context)),
          Metric.MetricRegistry,
          registry
        ) as Context.Context<never>
        const process = new MemoryProcess(actor, parent, Context.get(context, Turn))
        process.run((connection, onStart) =>
          Effect.runForkWith(context)(
            ChildMain.run({
              actor,
              connection,
              onStart,
              load: async (exposed) => find(request)(exposed),
              loadModule: (module) => import(/* @vite-ignore */ fileOf(module)) as Promise<Record<string, unknown>>,
              platform: (spec) => Platform.fromPlans(plans, spec, { authenticator: native, spawner })
            })
          )
        )
        return Effect.succeed(between(process))
      })
  }
  return spawner
}

const nothing = () => {}

const memorySpawner = (
  plans: Plans,
  plan: SpawnerPlan["plan"],
  given: TransportPlan | undefined,
  { authenticator: wanted, between = (process) => process }: Options
): SpawnerPlan => ({
  plan,
  native: () =>
    Effect.map(proofOf(given, wanted), (authenticator) => ({
      spawner: makeSpawner(plans, authenticator, between),
      pid: 0,
      refusal: undefined,
      authenticator,
      killAll: nothing,
      stopAll: nothing,
      continueAll: nothing
    }))
})

const layerOf = (options: Options): Layer.Layer<ActorRuntime, RuntimeLayerError> =>
  Layer.unwrap(Effect.map(Effect.context<never>(), (context) => {
    const given = Context.getOption(context, Transport)
    const transport = Option.getOrElse(given, () => memoryTransport(options.betweenPeers))
    // A Spawner in the context wraps the spawner in memory, and starts no processes.
    const plan = Option.getOrUndefined(Context.getOption(context, Spawner))?.plan
    const plans: Plans = {
      ambient: ambientsOf(options),
      transports: transport.parts,
      spawner: plan
    }
    const discovery = Option.match(Context.getOption(context, Discovery), {
      onNone: () => layerTree,
      onSome: (discovery) => Layer.succeed(Discovery, discovery)
    })
    return rootLayer(options).pipe(
      Layer.provide([
        Layer.succeed(Transport, transport),
        Layer.succeed(Spawner, memorySpawner(plans, plan, Option.getOrUndefined(given), options)),
        discovery
      ])
    )
  }))

/**
 * The runtime of a root whose actors are fibers of the calling process, such as `MemoryActor.layer({ name: "shop" })`.
 * The runtime of `MemoryActor.layer` uses a Transport or a Discovery from the context. If the context has neither a
 * Transport nor a Discovery, the whole tree stays in memory. If the context has a Spawner that was made with
 * `Spawner.portable`, this Spawner wraps the spawner in memory. The spawner of a platform is not used, so no process is
 * started.
 *
 * @example
 * ```ts
 * yield* Effect.provide(program, MemoryActor.layer) // true
 * const { name } = yield* Effect.provide(Actor.current, MemoryActor.layer({ name: "shop" }))
 * name // "shop"
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layer: OptionalLayer<Options, ActorRuntime, RuntimeLayerError> = optional(layerOf, {})
