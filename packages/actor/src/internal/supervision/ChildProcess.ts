/**
 * The process of one child: the handle that the spawner has returned, and the end of the process. The spawner of a
 * child's process may be one that the user has defined. If a function of a user's process handle throws, the error is
 * logged, and the owner of the child continues.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { formatActor } from "../errors/ActorError.ts"
import { elapsed } from "../settings/Elapsed.ts"
import { logError } from "../settings/Log.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { Evidence, PostMortem } from "../spawn/Evidence.ts"
import type { ProcessExit, ProcessHandle } from "../spawn/Spawner.ts"
import type { End } from "./OwnedActor.ts"

/** The end of a process, and the evidence about it. */
export interface Ended {
  readonly end: End
  readonly evidence: Evidence | undefined
}

export class ChildProcess {
  private readonly handle: ProcessHandle
  private readonly context: Context.Context<never>
  private readonly ends = new Waiters<Ended>()

  constructor(handle: ProcessHandle, context: Context.Context<never>) {
    this.handle = handle
    this.context = context
  }

  /** Begins to wait for the end of the process; then the callbacks of `whenEnded` are called. */
  watch(): void {
    const ended = (exit: ProcessExit) =>
      this.attempt(
        "a callback for its exit",
        () => this.ends.wake({ end: endOf(exit), evidence: evidenceOf(exit) })
      )
    this.attempt("whenExited of its process", () => this.handle.whenExited(ended))
  }

  /**
   * Registers a callback that is called when the process is reaped and its last output has been read. Callbacks must be
   * registered with `whenEnded` before `watch` is called.
   */
  whenEnded(callback: (ended: Ended) => void): void {
    this.ends.add(callback)
  }

  /** Sends a signal to all processes of the child's process group. */
  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.attempt("signal of its process", () => this.handle.signal(signal))
  }

  /** Returns the last lines that the child's process has written to stderr, the oldest first. */
  lastLines(): ReadonlyArray<string> {
    const lines = this.attempt("lastLines of its process", () => this.handle.lastLines())
    return Array.isArray(lines) ? lines.map(String) : []
  }

  /** Stores the post-mortem of the process, if the platform stores post-mortems. */
  bury(story: PostMortem): void {
    this.attempt("bury of its process", () => this.handle.bury?.(story))
  }

  /** Calls `done` when the process has ended, or after the given milliseconds. */
  awaitEnd(millis: number, done: () => void): void {
    let waiting = true
    const finish = () => {
      if (!waiting) return
      waiting = false
      timer.interruptUnsafe()
      done()
    }
    const timer = Effect.runForkWith(this.context)(elapsed(millis))
    timer.addObserver(finish)
    this.ends.add(finish)
  }

  /**
   * Runs a function of the spawner or of the transport, which may be a user's code. Logs the error and returns
   * `undefined` if the given function throws.
   */
  attempt<A>(what: string, f: () => A): A | undefined {
    try {
      return f()
    } catch (error) {
      const text = `${what} threw for ${formatActor(this.handle.actor)}; the runtime goes on`
      Effect.runForkWith(this.context)(logError(text, error))
      return undefined
    }
  }

  /** Logs an error with the loggers of the root. */
  logError(text: string): void {
    Effect.runForkWith(this.context)(logError(text))
  }
}

/**
 * Returns the evidence that a spawner gives about the end of a process, or `undefined` if the evidence is no object.
 */
const evidenceOf = (exit: ProcessExit | undefined): Evidence | undefined =>
  typeof exit?.evidence === "object" && exit.evidence !== null ? exit.evidence : undefined

const endOf = (exit: ProcessExit | undefined): End => {
  if (typeof exit?.signal === "string") return { _tag: "Signalled", signal: exit.signal }
  if (typeof exit?.code === "number") return { _tag: "Exited", code: exit.code }
  // A spawner reports an exit whose code and signal are both null if it could not kill the process, which may still
  // run.
  return exit?.code === null && exit.signal === null ? { _tag: "Unreported" } : { _tag: "Exited", code: -1 }
}
