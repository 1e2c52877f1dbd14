/**
 * Starts the process of an actor. A caller of a spawner owns the process handle, and must end the process, because no
 * Scope ends it.
 *
 * A spawner works with processes, pipes and signals, and has no part in dialogs or supervision.
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
 * - `stdout` and `stderr` write the output unchanged to the parent's stream of this name, without mixing lines.
 * - `log` makes the parent log each line of the actor, a line of stdout as Info and a line of stderr as Warning.
 * - `ignore` drops the output of the actor.
 * - `inherit` lets the actor's process write to the parent's stream itself, without keeping lines of stderr for errors.
 * - A function is called with the bytes of the actor's output, in pieces of any size.
 *
 * Lines that a parent logs for an actor have the annotation `actor`. With `inherit`, lines of several actors may be
 * mixed. If a function for the output returns a promise, more bytes are read when the promise is fulfilled. A function
 * for the output that throws or rejects gets no more bytes, and the parent of the actor logs a warning.
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
 * Settings for the start of an actor's process. A spawner ignores options that it does not support.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnOptions {
  /** The working directory of the actor. The default working directory of an actor is that of its parent. */
  readonly cwd?: string | undefined
  /**
   * The environment of the actor's process. `inherit` names the parent's variables that the actor may see (default:
   * all), and `set` adds variables or replaces them.
   */
  readonly env?: {
    readonly inherit?: "all" | ReadonlyArray<string> | undefined
    readonly set?: { readonly [name: string]: string } | undefined
  } | undefined
  /**
   * Limit of the JavaScript heap in MiB. A limit that is not positive and finite fails the start with `SpawnFailed`.
   * The default heap limit is that of the JavaScript runtime. The memory limit counts objects that have lived for a
   * while (V8's old space). The memory of buffers, WebAssembly and native code is not limited.
   */
  readonly memoryLimit?: number | undefined
  /**
   * Makes the actor listen for a debugger on a free port, or on the given port. The port and the id of an actor's
   * debugger appear only in the actor's stderr, because a program that knows the id can run code in the actor.
   */
  readonly inspect?: boolean | number | undefined
  /**
   * The actor's `process.argv` behind the path of the program. The default arguments of an actor are those of its
   * parent.
   */
  readonly argv?: ReadonlyArray<string> | undefined
  /**
   * More arguments for the JavaScript runtime, after those that the actor inherits. A relative path in the additional
   * arguments is relative to the actor's working directory. A relative path in the inherited arguments is relative to
   * the directory where the parent was started.
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /**
   * The destination of the actor's stdout. The default destination of stdout is the one that the actor's spawner sets,
   * or else the stdout of the actor's parent.
   */
  readonly stdout?: Output | undefined
  /**
   * The destination of the actor's stderr. The default destination of stderr is the one that the actor's spawner sets,
   * or else the stderr of the actor's parent. The last lines of stderr are kept for errors, unless the stream is
   * inherited.
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
  /** The definitions that the actor serves, for spawners that need not import the definitions' modules. */
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  /** The module of the Service that the actor runs; absent for an actor that runs no Service. */
  readonly module: string | undefined
  readonly options: SpawnOptions
}

/**
 * The exit of a process: either its code or its signal is set. Code and signal are both null when the process could not
 * be killed and still exists, in which case its owner continues.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  /** Evidence about the unexpected end of a process, which a spawner may leave out. */
  readonly evidence?: Evidence | undefined
}

/**
 * A started process as its parent holds it: the connection to the process, its last lines of stderr, and its end.
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
  /** Sends a signal to the process and to its whole group. Never throws. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  /**
   * Stores the post-mortem of a process that has ended unexpectedly; a process handle without this function drops the
   * post-mortem.
   */
  readonly bury?: ((story: PostMortem) => void) | undefined
}

/**
 * The part of a platform that starts processes: the runtime asks the driver for each actor that this process starts.
 * `spawn` fails with `SpawnFailed` at the step `process` when no process can be started.
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
   * The number of actors that a parent starts at the same time. A start above the number `atOnce` waits for an earlier
   * start to end. The number of starts has no limit by default.
   */
  readonly atOnce?: number | undefined
}>()("@furrow/actor/SpawnerDriver") {}
