/**
 * A process that was begun and not yet reaped: a child of this process, or of the starter beside it (starterProcess.ts).
 */
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable } from "node:stream"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** An exit of a process as its parent hears it from the kernel. */
export type Exited = (code: number | null, signal: NodeJS.Signals | null) => void

/** A process that was begun and not yet reaped, with the ways to signal it and to hear its exit. */
export interface Begun {
  readonly pid: number
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** This side's end of the process's fd 3. The socket was made in the turn in which this value is handed over. */
  readonly channel: Net.Socket
  /** Calls back once, at the exit of the process; the result forgets the callback. */
  readonly onExit: (exited: Exited) => () => void
  /** Calls back once, when the process has exited and its output has been read. */
  readonly onClose: (closed: () => void) => void
  /** Signals the process's group. Nothing is sent after its exit, because the number may belong to another process. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Answer
  /** Kills the processes that are left in the group of a process that has ended. */
  readonly killLeft: () => Answer
  /** Makes the begun process keep the current process running (`ref`), or not (`unref`). */
  readonly hold: (how: "ref" | "unref") => void
  /** The reason why the process ended, when its exit does not tell the reason; otherwise undefined. */
  readonly reason: () => string | undefined
}

/** Makes the value of a child of this process. The kernel keeps the child's number until this process has heard of its exit. */
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
