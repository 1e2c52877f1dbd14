/**
 * A root in memory whose actors the test can let die: as `MemoryActor.layer`, with strings attached.
 */
import { withoutCaller } from "@furrow/actor/internal/dialog/DialogContext"
import { layerTree } from "@furrow/actor/internal/discovery/Discovery"
import { Spawner } from "@furrow/actor/internal/platform/Spawner"
import { Transport } from "@furrow/actor/internal/platform/Transport"
import { run } from "@furrow/actor/internal/process/ChildMain"
import * as RootRuntime from "@furrow/actor/internal/process/RootMain"
import type { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import type { ProcessExit, ProcessHandle, SpawnerDriver } from "@furrow/actor/internal/spawn/Spawner"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Network from "@furrow/actor/internal/transport/Network"
import { TransportDriver } from "@furrow/actor/internal/transport/Transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** One actor, and what can happen to it. */
export interface Puppet {
  /** Its process goes away, without a word, with these last lines on stderr. */
  readonly die: (exit: Partial<ProcessExit>, lines?: ReadonlyArray<string>) => void
  /** Its process is reaped, and nobody has seen the end of its connection yet. */
  readonly reap: (exit: Partial<ProcessExit>) => void
  /** A foreign error reaches the top of its process. */
  readonly uncaught: (error: unknown) => void
  /** Its connection ends; its process stays. */
  readonly unplug: () => void
  /** It does not hear its parent any more: its event loop might as well stand still. */
  readonly deafen: () => void
  /** The signals it was sent. */
  readonly signals: ReadonlyArray<string>
}

export interface Theatre {
  readonly layer: Layer.Layer<ActorRuntime>
  /** The latest actor of this name. */
  readonly puppet: (name: string) => Puppet
  /** Every process that was started and has not exited. */
  readonly living: () => ReadonlyArray<string>
}

interface Options {
  /** Names of actors that answer no signal but SIGKILL. */
  readonly stubborn?: ReadonlyArray<string>
}

/** A theatre of its own for one test. */
export const make = (options: Options = {}, root: RootRuntime.RootOptions = {}): Theatre => {
  const transport = MemoryTransport.hub()
  const network = Network.make([transport], undefined)
  const puppets = new Map<string, Puppet>()
  const living = new Set<string>()
  let pid = 0
  const spawner: SpawnerDriver["Service"] = {
    spawn: (request) =>
      Effect.withFiber((fiber) => {
        const actor = { ...request.actor, pid: ++pid }
        const label = `${actor.name}@${actor.pid}`
        const [near, far] = MemoryTransport.pair()
        const signals: Array<string> = []
        let deaf = false
        let terminated = false
        let exited: ProcessExit | undefined
        let lines: ReadonlyArray<string> = []
        let callbacks: Array<(exit: ProcessExit) => void> = []
        let uncaught: (error: unknown) => void = () => {}
        const exit = (status: ProcessExit) => {
          if (exited !== undefined) return
          exited = status
          living.delete(label)
          const waiting = callbacks
          callbacks = []
          queueMicrotask(() => waiting.forEach((callback) => callback(status)))
        }
        const die: Puppet["die"] = ({ code = null, signal = null }, last = []) => {
          lines = last
          exit({ code, signal })
          far.destroy()
          main.interruptUnsafe()
        }
        living.add(label)
        const main = Effect.runForkWith(withoutCaller(fiber.context))(run({
          actor,
          connection: far,
          loadModule: async () => ({}),
          load: async () => request.definitions,
          platform: () => Effect.succeed({ network, spawner, ambient: Context.empty() }),
          onStart: (started) => {
            uncaught = started.uncaught
          }
        }))
        main.addObserver((ended) => {
          far.end()
          if (terminated) exit({ code: null, signal: "SIGTERM" })
          exit({ code: ended._tag === "Success" ? ended.value.code : 1, signal: null })
        })
        puppets.set(actor.name, {
          die,
          reap: ({ code = null, signal = null }) => exit({ code, signal }),
          uncaught: (error) => uncaught(error),
          unplug: () => far.destroy(),
          deafen: () => {
            deaf = true
          },
          signals
        })
        const handle: ProcessHandle = {
          actor,
          connection: {
            ...near,
            write: (chunks) => deaf || near.write(chunks),
            end: () => deaf ? undefined : near.end()
          },
          whenExited: (callback) => exited === undefined ? void callbacks.push(callback) : callback(exited),
          lastLines: () => lines,
          signal: (signal) => {
            signals.push(signal)
            if (signal === "SIGKILL") return die({ signal })
            if (options.stubborn?.includes(actor.name) === true) return
            terminated = true
            main.interruptUnsafe()
          }
        }
        return Effect.succeed(handle)
      })
  }
  return {
    layer: Layer.orDie(RootRuntime.layer(root)).pipe(
      Layer.provide([
        Layer.succeed(Spawner, {
          plan: undefined,
          native: () =>
            Effect.succeed({
              spawner,
              pid: 0,
              refusal: undefined,
              authenticator: undefined,
              killAll: () => {},
              stopAll: () => {},
              continueAll: () => {}
            })
        }),
        Layer.succeed(Transport, {
          parts: [{
            module: "furrow:memory",
            key: "memory",
            data: Effect.succeed({ module: "furrow:memory", key: "memory", settings: "null" }),
            layer: Layer.succeed(TransportDriver, transport)
          }]
        }),
        layerTree
      ])
    ),
    puppet: (name) => puppets.get(name)!,
    living: () => Array.from(living)
  }
}
