/**
 * The spawner that starts actors as processes on this host.
 *
 * @since 0.1.0
 */
import { logWarning, optional } from "@furrow/actor/ActorProcess"
import { type OptionalLayer, RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import { type NativeControl, type Output, Spawner } from "@furrow/actor/Spawner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Os from "node:os"
import * as Authenticate from "./internal/authenticate.ts"
import { Autopsy } from "./internal/autopsy.ts"
import { refusalOf } from "./internal/child.ts"
import { closeWithProcess, hasUnixSockets } from "./internal/drivers.ts"
import { Living } from "./internal/entered.ts"
import { usualGraves } from "./internal/graves.ts"
import { gravesFolder } from "./internal/gravesMode.ts"
import { choose, type GuardMode } from "./internal/guard.ts"
import { folderOf, levelOf, offer } from "./internal/hatch.ts"
import { launchOf } from "./internal/launch.ts"
import { type SparesMode, sparesMode, type StarterMode, starterMode } from "./internal/modes.ts"
import { noticing } from "./internal/notice.ts"
import { outputsOf } from "./internal/outlet.ts"
import { groupGuard, make } from "./internal/processes.ts"
import { isOneFile, preload, reasonAgainstBundle, script } from "./internal/runChild.ts"
import { SpareProcesses } from "./internal/spareProcesses.ts"
import { StarterProcess } from "./internal/starterProcess.ts"
import { Starts } from "./internal/starts.ts"
import { unsupported } from "./internal/support.ts"

export type { GuardMode } from "./internal/guard.ts"
export type { SparesMode, StarterMode } from "./internal/modes.ts"

/**
 * The options of a spawner for the processes of a tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The guard that ends an actor whose parent can no longer end it. The default guard is `warden` on Linux with
   * `setpriv`, and `thread` elsewhere. A guard that cannot work on this platform is replaced, and the root logs a
   * warning.
   */
  readonly guard?: GuardMode | undefined
  /**
   * The target for the stdout of all actors of the tree; the option `stdout` of an actor's start overrides the target
   * for this actor. By default the stdout of actors goes to the root's stdout. Every actor passes the output of the
   * actors below it on to its own parent, so the root's option decides for the whole tree.
   */
  readonly stdout?: Output | undefined
  /**
   * The target for the stderr of all actors of the tree; the option `stderr` of an actor's start overrides the target
   * for this actor. By default the stderr of actors goes to the root's stderr.
   */
  readonly stderr?: Output | undefined
  /**
   * The spare processes that the root keeps ready for the next starts of actors. The default of the option `spares` is
   * the value of the variable `FURROW_SPARES` in the root's environment, or else `auto`. An unknown value of the option
   * `spares` is ignored, and the root logs a warning.
   */
  readonly spares?: SparesMode | undefined
  /**
   * The folder for the records that actors keep of their calls and for the post-mortems of dead actors, as an absolute
   * path, or `off`. The default of the option `graves` is the value of the root's environment variable `FURROW_GRAVES`,
   * or else the folder `graves` in the runtime folder. A path in the option `graves` that is not absolute is ignored,
   * and the root logs a warning.
   */
  readonly graves?: string | undefined
  /**
   * Says when a large root has a starter, which is a small process that starts the root's actors. The event loop of a
   * large root that starts a process itself stops for some time at each start. The default of the option `starter` is
   * the value of the variable `FURROW_STARTER` in the root's environment, or else `auto`. An unknown value of the
   * option `starter` is ignored, and the root logs a warning.
   */
  readonly starter?: StarterMode | undefined
}

const native = (
  { graves: wantedGraves, guard: wanted, spares: wantedSpares, starter: wantedStarter, stderr, stdout }: Options,
  residue: ReadonlyArray<string>
): Effect.Effect<NativeControl, RuntimeLayerError, Scope.Scope> =>
  Effect.gen(function*() {
    const problem = unsupported(process.versions)
    if (problem !== undefined) {
      const place = { what: "spawner", key: "processes", module: "@furrow/node", step: "layer" } as const
      return yield* new RuntimeLayerError({ ...place, reason: problem })
    }
    const living = new Living()
    const { guard, warning } = choose(wanted)
    for (const folder of residue) guard.folder(folder)
    yield* Effect.addFinalizer(() => Effect.sync(() => guard.release()))
    const ofSpares = sparesMode(wantedSpares, process.env)
    const ofStarter = starterMode(wantedStarter, process.env)
    const graves = hasUnixSockets
      ? gravesFolder(wantedGraves, process.env, usualGraves())
      : { folder: undefined, warning: undefined }
    const autopsy = new Autopsy(graves.folder)
    yield* Effect.addFinalizer(() => Effect.sync(() => autopsy.close()))
    for (const line of [warning, ofSpares.warning, ofStarter.warning, graves.warning]) {
      if (line !== undefined) yield* logWarning(line)
    }
    const settings = { script, preload, stdout, stderr }
    const starter = ofStarter.mode === "off" ? undefined : new StarterProcess(guard, living)
    if (starter !== undefined) yield* Effect.addFinalizer(() => starter.close)
    if (ofStarter.mode === "eager") starter?.prepare()
    const starts = new Starts(guard, living, starter)
    const spares = ofSpares.mode === "off" ? undefined : new SpareProcesses(starts)
    if (spares !== undefined) yield* Effect.addFinalizer(() => spares.close)
    if (ofSpares.mode === "eager") spares?.prepare(launchOf({}, settings, outputsOf({}, settings)))
    const spawner = make(starts, settings, spares, autopsy)
    return {
      spawner: { ...spawner, spawn: noticing(spawner.spawn, reasonAgainstBundle) },
      pid: process.pid,
      host: Os.hostname(),
      refusal: refusalOf(isOneFile()),
      authenticator: Authenticate.authenticator,
      guard: groupGuard(guard, living),
      beginEnd: () => spares?.giveUp(),
      graves: graves.folder,
      observe: {
        level: levelOf(process.env["FURROW_OBSERVE"]),
        offer: (observed, spec) => {
          const folder = folderOf(spec)
          const close = offer(observed, spec)
          if (residue.includes(folder)) return close
          // With the transport over Unix sockets, the doors are in the folder of the sockets, which is removed anyway.
          // With any other transport, the spawner has the folder of the doors removed.
          guard.folder(folder)
          const remove = closeWithProcess(folder)
          return () => {
            close()
            remove()
          }
        }
      },
      killAll: () => living.killAll(),
      stopAll: () => guard.stopAll(),
      continueAll: () => guard.continueAll()
    }
  })

/**
 * Starts every actor of a tree as a process, under the best available guard: `NodeSpawner.layer`, or
 * `NodeSpawner.layer({ guard: "thread" })`.
 *
 * @example
 * ```ts check
 * NodeActor.runMain(program, {
 *   layer: NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard: "thread" })))
 * })
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layer: OptionalLayer<Options, Spawner> = optional(
  (options: Options) => Layer.succeed(Spawner, { plan: undefined, native: (residue) => native(options, residue) }),
  {}
)
