/** An actor whose parent is the test: it hears every word, and says what it wants. */
import { exitOf } from "@furrow/actor/internal/channel/Farewell"
import { welcome } from "@furrow/actor/internal/channel/Greeting"
import { type OwnerEvent, PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import type { Implemented } from "@furrow/actor/internal/contract/Call"
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import * as Outgoing from "@furrow/actor/internal/dialog/OutgoingDialog"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { type Ended, run, type Started } from "@furrow/actor/internal/process/ChildMain"
import { defaults } from "@furrow/actor/internal/settings/Timeouts"
import { type SpawnSpec, specCodec } from "@furrow/actor/internal/spawn/SpawnSpec"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Network from "@furrow/actor/internal/transport/Network"
import * as Failure from "@furrow/protocol/Failure"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

export const parent = { name: "parent", uuid: "parent", pid: 1 }
export const child = { name: "child", uuid: "child", pid: 2 }

const spec = (definitions: ReadonlyArray<Implemented<any>>, service: SpawnSpec["service"]): SpawnSpec => ({
  actor: child,
  ancestors: [parent],
  expose: definitions.map(({ endpoint, module }) => ({ module, name: endpoint.name })),
  service,
  level: "Info",
  timeouts: defaults,
  platform: {
    tree: "t",
    run: "r",
    secret: new Uint8Array(),
    transports: [],
    spawner: null,
    ambient: [],
    observe: "off",
    graves: null
  }
})

/** Starts the actor; it has been told what to serve when this resolves, and the fiber is its runtime. */
export const start = (definitions: ReadonlyArray<Implemented<any>>, service: SpawnSpec["service"] = null) =>
  Effect.gen(function*() {
    const [near, far] = MemoryTransport.pair()
    const events: Array<OwnerEvent> = []
    const env: DialogContext = { self: parent, events: makeEvents(), level: "Info", cancellation: () => undefined }
    const channel = new PeerChannel({
      connection: near,
      role: "child",
      handshake: { side: "acceptor", welcome: welcome(parent), judge: () => undefined },
      events: env.events
    })
    let started: Started | undefined
    const life = yield* Effect.forkChild(run({
      actor: child,
      connection: far,
      load: async () => definitions,
      loadModule: (module) => import(/* @vite-ignore */ module) as Promise<Record<string, unknown>>,
      platform: () =>
        Effect.succeed({
          network: Network.make([MemoryTransport.hub()], undefined),
          spawner: { spawn: () => Effect.die("no actors here") },
          ambient: Context.empty()
        }),
      onStart: (handed) => {
        started = handed
      }
    }))
    yield* Effect.callback<void>((resume) => channel.onHandshake(() => resume(Effect.void)))
    channel.route((event) => void events.push(event))
    const told = specCodec.encode(spec(definitions, service))
    if (!told.ok) return yield* Effect.die(told.issue)
    channel.send({ _tag: "Spawn", payload: told.value })
    return {
      channel,
      life,
      /** The words that are no part of a dialog, in order. */
      said: () => events.map(({ _tag }) => _tag),
      /** What it tells of its own failures. */
      failures: () =>
        events.flatMap((event) => {
          const failure = event._tag === "Error" ? Failure.decode(event.payload) : undefined
          return failure?.ok === true ? [failure.value] : []
        }),
      call: (call: unknown) => Outgoing.run(channel, env, call as never),
      signal: (reason: string, code: number) => started!.end(reason, code),
      uncaught: (error: unknown) => started!.uncaught(error),
      cancel: (by: typeof parent, reason: string) => channel.send({ _tag: "CancelActor", by, reason, deadline: 5000 }),
      /** How it says it ended. */
      farewell: () => channel.bye === undefined ? undefined : exitOf(channel.bye, child),
      ended: Fiber.join(life) as Effect.Effect<Ended>
    }
  })
