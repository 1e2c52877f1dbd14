/**
 * A process that was begun and not yet reaped. A begun process is a child of this process, or of the starter, a helper
 * process (starterProcess.ts).
 */
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable } from "node:stream"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** Receives the exit of a process, as the kernel reports it to the parent. */
export type Exited = (code: number | null, signal: NodeJS.Signals | null) => void

/** A process that was begun and not yet reaped, with functions that signal the process and wait for its exit. */
export interface Begun {
  readonly pid: number
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /**
   * The end of this process on the socketpair that is file descriptor 3 of the begun process. The socket of a begun
   * process is made in the same turn in which the process is handed over.
   */
  readonly channel: Net.Socket
  /** Calls back once, at the exit of the begun process. The returned function removes the callback for the exit. */
  readonly onExit: (exited: Exited) => () => void
  /** Calls back once, when the begun process has exited and its output has been read. */
  readonly onClose: (closed: () => void) => void
  /**
   * Signals the process's group. After the exit of a begun process no signal is sent, because its number may belong to
   * another process.
   */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Answer
  /** Kills the processes that are left in the group of a process that has ended. */
  readonly killLeft: () => Answer
  /** Makes the begun process keep the current process running (`ref`), or not (`unref`). */
  readonly hold: (how: "ref" | "unref") => void
  /** The reason why a begun process ended, when its exit does not tell the reason; undefined in all other cases. */
  readonly reason: () => string | undefined
}

/**
 * Makes a `Begun` from a child of this process. The kernel keeps the number of a child until this process has read the
 * child's exit.
 */
export const ofChild = (child: ChildProcess.ChildProcess): Begun => {
  const pid = child.pid!
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    channel: child.stdio[3] as unknown as Net.Socket,
    onExit: (exited) => {
      child.once("exit", exited)
      return () => void child.off("exit", exited)
    },
    onClose: (closed) => void child.once("close", closed),
    signal: (signal) => child.exitCode === null && child.signalCode === null ? send(-pid, signal) : "nobody",
    killLeft: () => killLeftIn(pid),
    hold: (how) => {
      child[how]()
      for (const stream of child.stdio) (stream as Partial<Net.Socket> | null)?.[how]?.()
    },
    reason: () => undefined
  }
}
