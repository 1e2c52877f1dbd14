/**
 * The program of a starter: a small process of Node that starts the actors of a large root.
 *
 * A root whose program is bundled into one file has no separate file for its starter. The starter runs the source text
 * of a function in starterMain.ts, which uses only its parameters. The source text contains no named function, because
 * some bundlers make named functions call a helper, which the starter does not have.
 */
import type * as ChildProcess from "node:child_process"
import type * as Fs from "node:fs"
import type * as Net from "node:net"

/** The first message of a starter, which says that it is ready. */
export interface Ready {
  readonly ready: true
}

/** A request of the root to its starter to start a process. */
export interface Request {
  readonly id: number
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly umask: number
  /** The file descriptors of the requested process, from 0 on. */
  readonly stdio: ReadonlyArray<"ignore" | "pipe" | number>
}

export type Word =
  | Ready
  /**
   * The starter has begun the requested process, with the given pid, and with its start time where the system shows it.
   */
  | { readonly id: number; readonly pid: number; readonly start: string }
  /**
   * A message together with which the root gets the socket to one file descriptor (`at`) of the new process. The socket
   * to file descriptor 3 is sent last.
   */
  | { readonly id: number; readonly at: number }
  | { readonly id: number; readonly failed: { readonly message: string; readonly code?: string | undefined } }
  | { readonly id: number; readonly exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } }

/**
 * The number of the file descriptor of a starter's pipe to the warden, on which the starter reports process groups. The
 * descriptor of the pipe to the warden comes after the starter's three usual descriptors and its pipe for messages.
 */
export const registryFd = 4

export function starterMain(
  self: NodeJS.Process,
  spawn: typeof ChildProcess.spawn,
  fs: typeof Fs,
  owner: number,
  registry: number
): void {
  // A root that died before the kernel's death signal was set has left the starter to another parent process.
  if (self.ppid !== owner) self.exit(1)
  self.title = `furrow-starter[${self.pid}]`
  // A service manager sends SIGTERM and other signals to every process of a program. The starter ignores signals of a
  // service manager, because the starter's root decides when the starter ends.
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) self.on(name, () => {})
  self.on("disconnect", () => self.exit(0))
  self.on("message", (request: Request) => {
    let child: ChildProcess.ChildProcess
    try {
      self.umask(request.umask)
      child = spawn(request.file, request.args, {
        stdio: request.stdio as ChildProcess.StdioOptions,
        detached: true,
        cwd: request.cwd,
        env: request.env
      })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return void self.send!({ id: request.id, failed: { code, message } })
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return
      self.send!({ id: request.id, failed: { code: error.code, message: error.message } })
    })
    const pid = child.pid
    if (pid === undefined) return
    let start = "-"
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
      start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "-"
    } catch {
      // On a system without /proc the start time of a begun process stays unknown.
    }
    // The starter reports a new process to the warden in the turn in which the process begins, so that no kill can come
    // in between.
    for (let i = 0; registry >= 0 && i < 100; i++) {
      try {
        fs.writeSync(registry, `+ ${pid} ${owner} ${start}\n`)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") break
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      }
    }
    child.on("exit", (code, signal) => self.send!({ id: request.id, exit: { code, signal } }))
    self.send!({ id: request.id, pid, start })
    for (const at of [1, 2, 3]) {
      const socket = child.stdio[at] as unknown as
        | Net.Socket & { readonly _handle: { readonly readStop: () => void } }
        | null
      if (socket === null || socket === undefined) continue
      // The starter reads no byte from the socket of the new process, because the socket goes to the root, which needs
      // all bytes.
      socket._handle.readStop()
      self.send!({ id: request.id, at }, socket)
    }
  })
  self.send!({ ready: true })
}

/** Returns the source text of the starter's program. */
export const sourceOf = (owner: number, hasRegistry: boolean): string =>
  `"use strict";(${starterMain.toString()})(${
    [
      "process",
      `require("node:child_process").spawn`,
      `require("node:fs")`,
      String(owner),
      String(hasRegistry ? registryFd : -1)
    ].join()
  })`
