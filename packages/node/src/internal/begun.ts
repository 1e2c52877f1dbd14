/**
 * A process that was begun and not yet reaped: a child of this process, or of the starter beside it (starterProcess.ts).
 */
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable } from "node:stream"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** An exit of a process as its parent hears it from the kernel. */
export type Exited = (code: number | null, signal: NodeJS.Signals | null) => void

export interface Begun {
  readonly pid: number
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Our end of its fd 3, made in the turn in which this value was handed over. */
  readonly channel: Net.Socket
  /** Calls back once, at its exit; the result forgets the callback. */
  readonly onExit: (exited: Exited) => () => void
  /** Calls back once, when it has exited and its output has been read. */
  readonly onClose: (closed: () => void) => void
  /** Signals its group. After its exit the number may be another process's, and nothing is sent. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Answer
  /** Kills the processes that it left in its group when it ended. */
  readonly killLeft: () => Answer
  /** Keeps this process running, or lets it end. */
  readonly hold: (how: "ref" | "unref") => void
  /** Why it ended, where that is not told by its exit. */
  readonly reason: () => string | undefined
}

/** A child of this process. The kernel keeps its number until we have heard of its exit. */
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
