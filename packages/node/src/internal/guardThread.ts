/**
 * The thread by which an actor under the guard `thread` notices that its parent is gone, however busy its main thread is.
 *
 * A program bundled into one file has no file that a thread could be started from. So the thread is given the text of the
 * function below, which therefore uses nothing but its parameters and what every thread of Node has.
 */
import type * as Net from "node:net"
import type { MessagePort } from "node:worker_threads"

/** A message to the guard thread: a process group below the actor has begun, or its leader was reaped. */
export interface GroupNotice {
  readonly group: number
  readonly began: boolean
}

/** The message of the guard thread when it has begun to watch the parent. */
export const watching = "watching"

/** The descriptor of the pipe whose end tells that the parent is gone. */
export const parentLifeFd = 4

/**
 * Waits for the end of the pipe from the parent. Then it kills the groups of the actors below, and at last its own: an
 * actor that was just ending may have left a process in its group that no other actor of the tree knows of.
 *
 * Nothing in it has a name that could be kept: bundlers that keep names call a helper for it, which is not there.
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
        // The group is empty, or the warden has to do it: there is no one left here to tell.
      }
    }
  })
  parent.resume()
  port.postMessage(word)
}

/** The thread as text. */
export const source = `"use strict";(${guardThread.toString()})(${
  [`require("node:worker_threads").parentPort`, `require("node:net")`, parentLifeFd, JSON.stringify(watching)].join()
})`
