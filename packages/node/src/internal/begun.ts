/**
 * The process of an actor in the time from the process's beginning until the process is reaped. A begun process is a
 * child of this process or of the starter (starterProcess.ts).
 */
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable } from "node:stream"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** A callback that gets the exit code of an actor's process, or the signal that killed the process. */
export type Exited = (code: number | null, signal: NodeJS.Signals | null) => void

/** The process of an actor, with functions that signal the process and wait for its exit. */
export interface Begun {
  readonly pid: number
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /**
   * The socket of this process to the actor's process, which has the other end of the connection as its file descriptor
   * 3. The socket is made in the turn of the event loop in which the caller gets the process.
   */
  readonly channel: Net.Socket
  /**
   * Calls a function once, at the exit of the process. The function that `onExit` returns removes the callback for the
   * exit.
   */
  readonly onExit: (exited: Exited) => () => void
  /** Calls a function once, when the process has exited and its output has been read. */
  readonly onClose: (closed: () => void) => void
  /**
   * Sends a signal to the process group of the process. A process that has exited gets no signal, because its pid may
   * belong to another process.
   */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Answer
  /** Kills the processes that are left in the process group after the exit of the process. */
  readonly killLeft: () => Answer
  /**
   * With the argument `ref`, this process stays alive as long as the actor's process runs. With the argument `unref`,
   * this process may end before the actor's process.
   */
  readonly hold: (how: "ref" | "unref") => void
  /** The reason why the process ended, or undefined where its exit code or signal says the reason. */
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
