/**
 * The thread by which an actor under the guard `thread` notices the death of its parent, even while the actor's main
 * thread is busy.
 *
 * An actor whose program is bundled into one file has no separate file for the guard thread. The guard thread is
 * started from the source text of a function in guardThread.ts. The function of the guard thread uses only its
 * parameters and the globals that every thread of Node has.
 */
import type * as Net from "node:net"
import type { MessagePort } from "node:worker_threads"

/**
 * A message to the guard thread: a process group below the actor has begun, or the leader of a process group was
 * reaped.
 */
export interface GroupNotice {
  readonly group: number
  readonly began: boolean
}

/** The message by which the guard thread says that it watches the actor's parent. */
export const watching = "watching"

/** The file descriptor of the pipe that ends when the actor's parent dies. */
export const parentLifeFd = 4

/**
 * Waits for the end of the pipe from the actor's parent, which the kernel closes at the parent's death. At the parent's
 * death the guard thread kills the process groups of the actors below its actor, and at last its own process group. An
 * actor that ended may have left a process in its process group, and no other actor knows this process.
 *
 * No function in the source text of the guard thread has a name, because some bundlers add a helper for names that the
 * thread lacks.
 */
export function guardThread(port: MessagePort, net: typeof Net, fd: number, word: string): void {
  const below = new Set<number>()
  port.on("message", ({ began, group }: GroupNotice) => {
    if (began) below.add(group)
    else below.delete(group)
  })
  const parent = new net.Socket({ fd })
  parent.on("error", () => {})
  parent.on("close", () => {
    for (const pid of [...Array.from(below, (group) => -group), -process.pid, process.pid]) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // A kill fails where the process group is empty, or where only the warden may signal the group. The guard
        // thread ignores a failed kill, because its whole process is about to be killed.
      }
    }
  })
  parent.resume()
  port.postMessage(word)
}

/** The source text of the guard thread. */
export const source = `"use strict";(${guardThread.toString()})(${
  [`require("node:worker_threads").parentPort`, `require("node:net")`, parentLifeFd, JSON.stringify(watching)].join()
})`
