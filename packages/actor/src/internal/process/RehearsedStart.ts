/**
 * Rehearses the start of an actor, in a process that is not yet an actor.
 *
 * Most of the time of an actor's start is spent on code that runs for the first time. A spare process starts a trial
 * actor in its own memory, calls the actor once and ends it, before the process becomes an actor itself. The trial
 * start uses a connection in memory, and includes the greeting, `Spawn`, the import, `Ready`, a first call and the end.
 * When the trial is over, nothing of the trial actor is left in the process except the compiled code.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connectionLost } from "../channel/ends.ts"
import type { SpawnFailed } from "../errors/ActorError.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import { fromSpec, type NativeProcess } from "../platform/Platform.ts"
import { defaults } from "../settings/Timeouts.ts"
import { boot } from "../spawn/Boot.ts"
import type { SpawnSpec } from "../spawn/SpawnSpec.ts"
import { pair } from "../transport/MemoryTransport.ts"
import { type ActorMainOptions, run } from "./ChildMain.ts"

/**
 * The functions of a platform that the rehearsal of a start needs.
 *
 * @category models
 * @since 0.2.0
 */
export interface StartToRehearse extends Pick<ActorMainOptions, "load" | "loadModule"> {
  readonly native: NativeProcess
  readonly expose: SpawnSpec["expose"]
  readonly transports: SpawnSpec["platform"]["transports"]
}

/** The length in bytes of the secret in a rehearsal; this secret protects no data. */
const secretBytes = 32

const self = { name: "rehearsal", uuid: "rehearsal", pid: 0 }
const parent = { name: "rehearsal-parent", uuid: "rehearsal-parent", pid: 0 }

const specOf = ({ expose, transports }: StartToRehearse): SpawnSpec => ({
  actor: self,
  ancestors: [parent],
  expose,
  service: null,
  level: "None",
  timeouts: defaults,
  platform: {
    tree: "rehearsal",
    run: "rehearsal",
    secret: new Uint8Array(secretBytes),
    transports,
    spawner: null,
    ambient: [],
    observe: "off",
    graves: null
  }
})

/**
 * Starts and ends an actor inside this process, unseen by other actors, so that the start of a real actor finds
 * compiled code. The function `rehearseStart` fails with the error of the rehearsed start.
 *
 * @example
 * ```ts
 * const load = () => Promise.resolve([isPrime])
 * const { importModule } = native
 * yield* ActorProcess.rehearseStart({ native, expose: [], transports: [], load, loadModule: importModule }) // undefined
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const rehearseStart = (options: StartToRehearse): Effect.Effect<void, SpawnFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const [near, far] = pair()
    const spec = specOf(options)
    const ended = yield* Effect.forkScoped(
      run({
        actor: self,
        connection: far,
        load: options.load,
        loadModule: options.loadModule,
        platform: (spec) => fromSpec(spec, options.native),
        onReady: (pieces) => {
          while (pieces.next().done !== true);
        }
      }),
      { startImmediately: true }
    )
    const channel = yield* boot({
      handle: { actor: self, connection: near, whenExited: () => {}, lastLines: () => [], signal: () => {} },
      self: parent,
      spec,
      events: makeEvents(),
      context: yield* Effect.context<never>(),
      deadline: spec.timeouts.spawn,
      explain: (done) => done(connectionLost(self, "rehearsed")),
      start: () => {},
      ready: () => {},
      failure: () => undefined
    })
    channel.send({ _tag: "CancelActor", by: parent, reason: "rehearsed", deadline: spec.timeouts.finalizers })
    yield* Fiber.await(ended)
  }))
