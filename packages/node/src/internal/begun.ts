/**
 * The process of an actor in the time from the process's beginning until the process is reaped. A begun process is a
 * child of this process or of the starter (starterProcess.ts).
 */
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable } from "node:stream"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** A callback that receives the exit of a begun process, as the kernel reports it to the parent process. */
export type Exited = (code: number | null, signal: NodeJS.Signals | null) => void

/** A begun process of an actor, with functions that signal the process and wait for the process's exit. */
export interface Begun {
  readonly pid: number
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /**
   * The end of the socketpair that stays in this process; the other end is file descriptor 3 of the begun process. The
   * socket of a begun process is made in the turn of the event loop in which the process is handed over.
   */
  readonly channel: Net.Socket
  /**
   * Calls a function once, at the exit of the begun process. The function that `onExit` returns removes the callback
   * for the exit.
   */
  readonly onExit: (exited: Exited) => () => void
  /** Calls a function once, when the begun process has exited and its output has been read. */
  readonly onClose: (closed: () => void) => void
  /**
   * Sends a signal to the process group of the begun process. After its exit a begun process gets no signal, because
   * its pid may belong to another process.
   */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Answer
  /** Kills the processes that are left in the process group of a begun process that has ended. */
  readonly killLeft: () => Answer
  /**
   * Makes the begun process keep the current process running with the argument `ref`, and no longer with the argument
   * `unref`.
   */
  readonly hold: (how: "ref" | "unref") => void
  /** The reason why a begun process ended, or undefined where the process's exit says the reason. */
  readonly reason: () => string | undefined
}

/**
 * Makes a `Begun` from a child of this process. The kernel reserves the pid of a child until this process has read the
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
