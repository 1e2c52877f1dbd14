/**
 * Starts the process of an actor. The caller owns the handle that it gets, and must end it, because no Scope does.
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
 * The place where a stream of an actor goes.
 *
 * - `stdout`, `stderr`: that stream of its parent. Bytes arrive unchanged, lines of several actors whole.
 * - `log`: each line is logged by its parent with the annotation `actor`, stdout as Info and stderr as Warning.
 * - `ignore`: nowhere.
 * - `inherit`: the parent's stream of the same name itself. Lines may be torn, and the last ones of stderr are not kept.
 * - a function: it gets the bytes in pieces of any size. More is read when the promise it may return is fulfilled. One
 *   that throws or rejects gets no more, and its parent logs a warning.
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
 * Settings for the start of an actor's process. A spawner ignores those that have no meaning for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnOptions {
  /** The working directory of the actor. Default: that of its parent. */
  readonly cwd?: string | undefined
  /**
   * Environment of the actor. `inherit` names the parent's variables it may see (default: all of them), `set` adds to
   * them or replaces them.
   */
  readonly env?: {
    readonly inherit?: "all" | ReadonlyArray<string> | undefined
    readonly set?: { readonly [name: string]: string } | undefined
  } | undefined
  /**
   * Limit of the JavaScript heap in MiB: positive and finite, `SpawnFailed` otherwise. Default: the runtime's own. It counts
   * objects that have lived for a while (V8's old space). Buffers, WebAssembly memory and native code are not limited.
   */
  readonly memoryLimit?: number | undefined
  /**
   * Listen for a debugger on a free port, or on this one. Port and id are said on the actor's stderr alone: whoever knows
   * the id can run code in the actor.
   */
  readonly inspect?: boolean | number | undefined
  /**
   * The actor's `process.argv` behind the path of the program. Default: the arguments of its parent.
   */
  readonly argv?: ReadonlyArray<string> | undefined
  /**
   * More arguments for the JavaScript runtime, after those that the actor inherits. A relative path among them means the actor's working
   * directory; in those it inherits, the directory where the parent was started.
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /** The target of the actor's stdout. Default: that of its spawner, else its parent's stdout. */
  readonly stdout?: Output | undefined
  /**
   * The target of the actor's stderr. Default: that of its spawner, else its parent's stderr. Its last lines are kept for
   * errors, unless it is inherited.
   */
  readonly stderr?: Output | undefined
}

/**
 * The wish for one process: its name and uuid, what it will serve, and how it is to be started.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnRequest {
  /** The identity of the actor. The parent decides name and uuid; the spawner adds the process number. */
  readonly actor: { readonly name: string; readonly uuid: string }
  /** The definitions that the actor serves, for spawners that need no import. */
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  /** The module of the Service that the actor runs; absent where it runs none. */
  readonly module: string | undefined
  readonly options: SpawnOptions
}

/**
 * The end of a process: one of the two is set. Both are null when the process is still there, because it could not be
 * killed: its owner goes on all the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  /** Traces of an unexpected end. Default: there are none. */
  readonly evidence?: Evidence | undefined
}

/**
 * A started process, in the hands of its parent: the connection to it, its last lines, its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessHandle {
  readonly actor: ActorId
  readonly connection: Connection
  /** Calls `callback` once the process is reaped and its last output is read. */
  readonly whenExited: (callback: (exit: ProcessExit) => void) => void
  /** The last lines of stderr, the oldest first. */
  readonly lastLines: () => ReadonlyArray<string>
  /** Sends a signal to the process and everything in its group. Never throws. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  /** Keeps the story of an unexpected end. Default: the story is dropped. */
  readonly bury?: ((story: PostMortem) => void) | undefined
}

/**
 * The part of a platform that starts processes: the runtime asks it for every actor that is started here. `spawn` fails
 * with `SpawnFailed` at the step `process` where there is none to start.
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
  /** The bound on the actors that a parent starts at once. Further starts wait for their turn. Default: any number. */
  readonly atOnce?: number | undefined
}>()("@furrow/actor/SpawnerDriver") {}
