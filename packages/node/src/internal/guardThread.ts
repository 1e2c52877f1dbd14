/**
 * The thread by which an actor under the guard `thread` notices the death of its parent, also while its main thread is
 * busy.
 *
 * A program that is bundled into one file has no separate file for a thread. The guard thread is started from the text
 * of a function in guardThread.ts, because a bundle has no separate file for a thread. The function of the guard thread
 * uses only its parameters and what every thread of Node has.
 */
import type * as Net from "node:net"
import type { MessagePort } from "node:worker_threads"

/** A message to the guard thread: a process group below the actor has begun, or its leader was reaped. */
export interface GroupNotice {
  readonly group: number
  readonly began: boolean
}

/** The message by which the guard thread says that it has begun to watch the parent. */
export const watching = "watching"

/** The file descriptor of the pipe that ends when the parent dies. */
export const parentLifeFd = 4

/**
 * Waits for the end of the pipe from the parent, which the kernel closes at the parent's death. At the parent's death
 * the guard thread kills the groups of the actors below its actor, and at last its own group. An ending actor may have
 * left a process in its group that no other actor knows.
 *
 * No function in the text of the guard thread has a name, because the helper by which some bundlers keep names is
 * missing there.
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
        // The process group is empty, or only the warden may signal it. A failed kill is not reported, because the
        // whole process is about to be killed.
      }
    }
  })
  parent.resume()
  port.postMessage(word)
}

/** The code of the guard thread as text. */
export const source = `"use strict";(${guardThread.toString()})(${
  [`require("node:worker_threads").parentPort`, `require("node:net")`, parentLifeFd, JSON.stringify(watching)].join()
})`
