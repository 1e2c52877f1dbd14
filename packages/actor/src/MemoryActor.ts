/**
 * Actors without processes: the same runtime, each actor a fiber here, connected by memory.
 *
 * For tests and for programs that want the semantics but not the processes. Everything is as between processes: values
 * cross through their codecs, cancellation is acknowledged, a lost actor is lost. Time is the program's own Clock, so
 * a whole tree runs under TestClock. Not here: the isolation. A blocked event loop blocks every actor, and a killed
 * actor is interrupted: nobody waits for its finalizers, but they run.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ActorMain from "./internal/actor/ActorMain.ts"
import { layer as rootLayer, type RootOptions } from "./internal/actor/RootRuntime.ts"
import type { ActorRuntime } from "./internal/contract/ActorRuntime.ts"
import type { Implemented } from "./internal/contract/Call.ts"
import type { AnyEndpoint } from "./internal/contract/Endpoint.ts"
import { withoutCaller } from "./internal/dialog/Env.ts"
import type { ActorId } from "./internal/errors/ActorError.ts"
import { type ProcessExit, type ProcessHandle, Spawner, type SpawnRequest } from "./internal/spawn/Spawner.ts"
import type { Exposed } from "./internal/spawn/SpawnSpec.ts"
import * as MemoryTransport from "./internal/transport/MemoryTransport.ts"
import { Transport } from "./internal/transport/Transport.ts"

const exits: { readonly [E in ActorMain.Ended]: number } = {
  "done": 0,
  "boot-failed": 1,
  "parent-lost": 0,
  "uncaught": 70
}

const find = (request: SpawnRequest) => (exposed: ReadonlyArray<Exposed>): ReadonlyArray<Implemented<AnyEndpoint>> =>
  exposed.map(({ module, name }) => {
    const found = request.definitions.find(({ endpoint, module: from }) => endpoint.name === name && from === module)
    // Both lists are made by the same parent, one from the other.
    if (found === undefined) throw new Error(`no definition of ${name}`)
    return found
  })

class MemoryProcess implements ProcessHandle {
  readonly actor: ActorId
  readonly connection: ProcessHandle["connection"]
  private readonly far: ProcessHandle["connection"]
  private fiber: Fiber.Fiber<ActorMain.Ended> | undefined
  private exit: ProcessExit | undefined
  private callbacks: Array<(exit: ProcessExit) => void> = []
  private killed: string | undefined

  constructor(actor: ActorId) {
    this.actor = actor
    const [near, far] = MemoryTransport.pair()
    this.connection = near
    this.far = far
  }

  run(main: (connection: ProcessHandle["connection"]) => Fiber.Fiber<ActorMain.Ended>): void {
    const fiber = main(this.far)
    this.fiber = fiber
    fiber.addObserver((exit) => {
      // What it said last is still on its way: its end of the connection goes after that. One that was killed says and
      // hears nothing more: its handlers are interrupted, and no new one starts in it.
      if (this.killed === undefined) this.far.end()
      else this.far.destroy()
      const code = exit._tag === "Success" ? exits[exit.value] : Cause.hasInterruptsOnly(exit.cause) ? 0 : 1
      this.finish(this.killed === undefined ? { code, signal: null } : { code: null, signal: this.killed })
    })
  }

  private finish(exit: ProcessExit): void {
    if (this.exit !== undefined) return
    this.exit = exit
    const { callbacks } = this
    this.callbacks = []
    void Promise.resolve().then(() => {
      for (const callback of callbacks) callback(exit)
    })
  }

  whenExited(callback: (exit: ProcessExit) => void): void {
    if (this.exit !== undefined) callback(this.exit)
    else this.callbacks.push(callback)
  }

  lastLines(): ReadonlyArray<string> {
    return []
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.killed ??= signal
    // Nothing it says from here on is heard.
    if (signal === "SIGKILL") this.far.destroy()
    this.fiber?.interruptUnsafe()
    // A kill waits for no finalizer, here neither: one that never ends would keep the actor for ever.
    if (signal === "SIGKILL") this.finish({ code: null, signal })
  }
}

/** Above every pid a system hands out: a signal sent to an actor in memory hits nobody. */
const firstPid = 10_000_000

/**
 * What stands between every parent of the tree and its actors, for tests: the handle it gets instead of `process`.
 *
 * @since 0.1.0
 */
export type Between = (process: ProcessHandle) => ProcessHandle

/**
 * What stands between actors that dial each other, for tests: the transport that all of the tree get instead.
 *
 * @since 0.1.0
 */
export type BetweenPeers = (transport: Transport["Service"]) => Transport["Service"]

/** Nobody outside this process can dial: there is nothing to prove. */
const network = { transport: "memory", folder: "", secret: new Uint8Array(0) }

/** Starts actors as fibers of the program that uses it. */
const spawnerLayer = (between: Between = (process) => process): Layer.Layer<Spawner, never, Transport> =>
  Layer.effect(
    Spawner,
    Effect.gen(function*() {
      const transport = yield* Transport
      let lastPid = firstPid
      const spawner: Spawner["Service"] = {
        spawn: (request) =>
          Effect.withFiber((fiber) => {
            const actor = { ...request.actor, pid: ++lastPid }
            const process = new MemoryProcess(actor)
            process.run((connection) =>
              Effect.runForkWith(withoutCaller(fiber.context))(
                ActorMain.run({
                  actor,
                  connection,
                  load: async (exposed) => find(request)(exposed),
                  loadModule: (module) => import(/* @vite-ignore */ module) as Promise<Record<string, unknown>>,
                  spawner,
                  transport: () => transport
                })
              )
            )
            return Effect.succeed(between(process))
          })
      }
      return spawner
    })
  )

/**
 * The runtime of a root whose actors live in this process.
 *
 * @example
 * ```ts
 * it.effect("counts", () => program.pipe(Effect.provide(MemoryActor.layer)))
 * ```
 * @since 0.1.0
 */
export const layer: Layer.Layer<ActorRuntime> = Layer.suspend(() => layerWith({}))

/**
 * The same, for a root that is called something or serves something itself, or whose actors have a test around them.
 *
 * @since 0.1.0
 */
export const layerWith = (
  { between, betweenPeers = (transport) => transport, ...options }: RootOptions & {
    readonly between?: Between | undefined
    readonly betweenPeers?: BetweenPeers | undefined
  }
): Layer.Layer<ActorRuntime> =>
  rootLayer({ ...options, pid: 0, network }).pipe(
    Layer.provide(spawnerLayer(between)),
    Layer.provide(Layer.sync(Transport, () => betweenPeers(MemoryTransport.hub())))
  )
