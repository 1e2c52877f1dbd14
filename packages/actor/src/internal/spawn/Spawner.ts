/**
 * The interface of spawners, which start the processes of actors. A caller of a spawner owns the returned process
 * handle and must end the process itself, because no Scope does so.
 *
 * A spawner knows only processes, pipes and signals, and nothing of dialogs or supervision.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type { ActorId, SpawnFailed } from "../errors/ActorError.ts"
import type { Connection } from "../transport/Transport.ts"
import type { Evidence, PostMortem } from "./Evidence.ts"

/**
 * The destination of an output stream of an actor.
 *
 * - The destinations `stdout` and `stderr` copy the actor's output to the parent's stdout or stderr, in whole lines.
 * - The destination `log` makes the parent log the lines of stdout at the level Info, and of stderr at Warning.
 * - The destination `ignore` drops the output of the actor.
 * - The destination `inherit` lets the actor write directly to the parent's stdout or stderr.
 * - A function as destination is called with the bytes of the actor's output, in pieces of any size.
 *
 * Lines that a parent logs for an actor have the annotation `actor`. When several actors have the destination
 * `inherit`, the lines of these actors may be mixed. The errors of an actor whose stderr has the destination `inherit`
 * show no lines of stderr. If a function for an actor's output returns a promise, the parent reads more output when the
 * promise is fulfilled. If a function for an actor's output throws or rejects, it gets no more bytes, and the parent
 * logs a warning.
 *
 * @example
 * ```ts
 * const written: Array<Uint8Array> = []
 * yield* Actor.runInActor(isPrime({ n: 7 }), { stdout: (bytes) => void written.push(bytes), stderr: "log" }) // true
 * ```
 * @category models
 * @since 0.1.0
 */
export type Output =
  | "stdout"
  | "stderr"
  | "log"
  | "ignore"
  | "inherit"
  | ((bytes: Uint8Array) => void | PromiseLike<void>)

/**
 * Settings for the start of an actor's process. A spawner ignores settings of a start that it does not support.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnOptions {
  /** The working directory of the actor. The default working directory of an actor is that of its parent. */
  readonly cwd?: string | undefined
  /**
   * The environment of the actor's process. The field `inherit` names the parent's environment variables that the actor
   * may see (default: all), and the field `set` adds or replaces variables.
   */
  readonly env?: {
    readonly inherit?: "all" | ReadonlyArray<string> | undefined
    readonly set?: { readonly [name: string]: string } | undefined
  } | undefined
  /**
   * Limits the JavaScript heap of the actor's process to this number of MiB. If the heap limit is not positive and
   * finite, the start of the actor fails with `SpawnFailed`. The default heap limit is that of the JavaScript runtime.
   * The heap limit counts objects that have lived for a while (V8's old space). The heap limit does not count the
   * memory of buffers, WebAssembly and native code.
   */
  readonly memoryLimit?: number | undefined
  /**
   * Makes the actor listen for a debugger on a free port, or on the given port. The port and the id of an actor's
   * debugger appear only in the actor's stderr, because the id lets programs run code in the actor.
   */
  readonly inspect?: boolean | number | undefined
  /**
   * The arguments of the actor: its `process.argv` after the path of the main program. The default arguments of an
   * actor are those of its parent.
   */
  readonly argv?: ReadonlyArray<string> | undefined
  /**
   * Additional arguments for the actor's JavaScript engine; they follow the arguments that the actor inherits. A
   * relative path in the setting `execArgv` is relative to the actor's working directory. A relative path in arguments
   * that an actor inherits is relative to the directory in which the parent was started.
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /**
   * The destination of the actor's stdout. The default destination of stdout is the one that the actor's spawner sets,
   * or else the stdout of the actor's parent.
   */
  readonly stdout?: Output | undefined
  /**
   * The destination of the actor's stderr. The default destination of stderr is the one that the actor's spawner sets,
   * or else the stderr of the actor's parent. The last lines of an actor's stderr are kept for errors, unless the
   * actor's stderr is set to `inherit`.
   */
  readonly stderr?: Output | undefined
}

/**
 * A request for one process: the name and uuid of its actor, the definitions that the actor will serve, and the
 * settings of the start.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnRequest {
  /**
   * The identity of the requested actor. The parent decides the name and the uuid of the actor; the spawner adds the
   * process number.
   */
  readonly actor: { readonly name: string; readonly uuid: string }
  /**
   * The definitions of the endpoints that the actor serves. A spawner of actors in memory uses the definitions
   * directly, and need not import their modules.
   */
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  /** The module of the Service that the actor runs; absent for an actor that runs no Service. */
  readonly module: string | undefined
  readonly options: SpawnOptions
}

/**
 * The exit of a process: either its code or its signal is set. `code` and `signal` are both null when the process could
 * not be killed and still exists. The owner of a process that cannot be killed continues without waiting for the end of
 * the process.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  /** Returns evidence about the unexpected end of the process; a spawner need not have this function. */
  readonly evidence?: Evidence | undefined
}

/**
 * The handle of a started process: the connection to the process, the last lines of its stderr, and its exit.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessHandle {
  readonly actor: ActorId
  readonly connection: Connection
  /** Calls `callback` once the process is reaped and its last output has been read. */
  readonly whenExited: (callback: (exit: ProcessExit) => void) => void
  /** The last lines that the process has written to stderr, the oldest first. */
  readonly lastLines: () => ReadonlyArray<string>
  /** Sends a signal to all processes of the process's group. Never throws. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  /**
   * Stores the post-mortem of a process that has ended unexpectedly. If a process handle has no function `bury`, the
   * post-mortem is not stored.
   */
  readonly bury?: ((story: PostMortem) => void) | undefined
}

/**
 * The service that starts the processes of actors: the runtime asks it for each actor that this process starts. The
 * function `spawn` fails with `SpawnFailed` at the step `process` when no process can be started.
 *
 * @example
 * ```ts
 * const error = yield* Spawner.SpawnerDriver.pipe(
 *   Effect.flatMap(({ spawn }) => spawn({ actor: frankId, definitions: [isPrime], module: undefined, options: {} })),
 *   Effect.provideService(Spawner.SpawnerDriver, native.spawner),
 *   Effect.flip
 * )
 * error.step // "process"
 * ```
 * @category services
 * @since 0.1.0
 */
export class SpawnerDriver extends Context.Service<SpawnerDriver, {
  readonly spawn: (request: SpawnRequest) => Effect.Effect<ProcessHandle, SpawnFailed>
  /**
   * The largest number of actors that a parent starts at the same time. When as many starts are running as the setting
   * `atOnce` allows, a further start waits until a running start has ended. By default a parent starts any number of
   * actors at the same time.
   */
  readonly atOnce?: number | undefined
}>()("@furrow/actor/SpawnerDriver") {}
