/**
 * Starts the process of an actor. The caller owns the process handle, and must end the process, because no Scope does.
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
 * - `stdout`, `stderr`: the parent's stream of this name. Bytes arrive unchanged, and lines of several actors are not
 *   mixed.
 * - `log`: the parent logs each line with the annotation `actor`, stdout as Info and stderr as Warning.
 * - `ignore`: the output is dropped.
 * - `inherit`: the process writes to the parent's stream itself. Lines may be torn then, and the last lines of stderr
 *   are not kept.
 * - a function: it is called with the bytes, in pieces of any size. If the function returns a promise, more bytes are
 *   read when the promise is fulfilled. One that throws or rejects gets no more, and its parent logs a warning.
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
  /** The working directory of the actor. Default: the working directory of its parent. */
  readonly cwd?: string | undefined
  /**
   * Environment of the actor. `inherit` names the parent's variables that the actor may see (default: all), and `set`
   * adds variables or replaces them.
   */
  readonly env?: {
    readonly inherit?: "all" | ReadonlyArray<string> | undefined
    readonly set?: { readonly [name: string]: string } | undefined
  } | undefined
  /**
   * Limit of the JavaScript heap in MiB. A limit that is not positive and finite fails the start with `SpawnFailed`.
   * Default: the limit of the JavaScript runtime. The memory limit counts objects that have lived for a while (V8's old
   * space). Buffers, WebAssembly memory and native code are not limited.
   */
  readonly memoryLimit?: number | undefined
  /**
   * Makes the actor listen for a debugger on a free port, or on the given port. Only the actor's stderr shows the port
   * and the id: a program that knows the id can run code in the actor.
   */
  readonly inspect?: boolean | number | undefined
  /** The actor's `process.argv` behind the path of the program. Default: the arguments of its parent. */
  readonly argv?: ReadonlyArray<string> | undefined
  /**
   * More arguments for the JavaScript runtime, after those that the actor inherits. A relative path among them is
   * relative to the actor's working directory; a path among the inherited arguments is relative to the directory where
   * the parent was started.
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /**
   * The destination of the actor's stdout. Default: the destination that its spawner sets, or else its parent's stdout.
   */
  readonly stdout?: Output | undefined
  /**
   * The destination of the actor's stderr. Default: the destination that its spawner sets, or else its parent's stderr.
   * The last lines of stderr are kept for errors, unless the stream is inherited.
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
  /** The identity of the actor. The parent decides name and uuid; the spawner adds the process number. */
  readonly actor: { readonly name: string; readonly uuid: string }
  /** The definitions that the actor serves, for spawners that need not import them. */
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  /** The module of the Service that the actor runs; absent when it runs none. */
  readonly module: string | undefined
  readonly options: SpawnOptions
}

/**
 * The exit of a process: either its code or its signal is set. Code and signal are both null when the process could not
 * be killed and still exists; its owner continues all the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  /** Evidence about an unexpected end. Default: there are none. */
  readonly evidence?: Evidence | undefined
}

/**
 * A started process as its parent holds it: the connection to it, its last lines, its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessHandle {
  readonly actor: ActorId
  readonly connection: Connection
  /** Calls `callback` once the process is reaped and its last output has been read. */
  readonly whenExited: (callback: (exit: ProcessExit) => void) => void
  /** The last lines of stderr, the oldest first. */
  readonly lastLines: () => ReadonlyArray<string>
  /** Sends a signal to the process and to its whole group. Never throws. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  /** Stores the story of an unexpected end. Default: the story is dropped. */
  readonly bury?: ((story: PostMortem) => void) | undefined
}

/**
 * The part of a platform that starts processes: the runtime asks it for each actor that this process starts. `spawn`
 * fails with `SpawnFailed` at the step `process` when no process can be started.
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
   * The number of actors that a parent starts at the same time. Further starts wait for their turn. Default: no limit.
   */
  readonly atOnce?: number | undefined
}>()("@furrow/actor/SpawnerDriver") {}
