/**
 * The program of a starter: a bare process of Node that starts the actors of a large one.
 *
 * A program bundled into one file has no file that it could be started from. So it is given the text of the function
 * below, which therefore uses nothing but its parameters. Nothing in it has a name that could be kept: bundlers that keep
 * names call a helper for it, which is not there.
 */
import type * as ChildProcess from "node:child_process"
import type * as Fs from "node:fs"
import type * as Net from "node:net"

/** The first and only word of a starter that is there. */
export interface Ready {
  readonly ready: true
}

/** A process to start. */
export interface Request {
  readonly id: number
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly umask: number
  /** Its descriptors from 0 on. */
  readonly stdio: ReadonlyArray<"ignore" | "pipe" | number>
}

export type Word =
  | Ready
  /** It was begun: its number, and its start time where that is known. */
  | { readonly id: number; readonly pid: number; readonly start: string }
  /** Our end of one of its descriptors, which comes with this word. Fd 3 is the last one. */
  | { readonly id: number; readonly at: number }
  | { readonly id: number; readonly failed: { readonly message: string; readonly code?: string | undefined } }
  | { readonly id: number; readonly exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } }

/** The warden's registry in a starter, behind the three usual descriptors and the pipe of its words. */
export const registryFd = 4

export function starterMain(
  self: NodeJS.Process,
  spawn: typeof ChildProcess.spawn,
  fs: typeof Fs,
  owner: number,
  registry: number
): void {
  // An owner that ended before the kernel was asked for its signal has left us to another process.
  if (self.ppid !== owner) self.exit(1)
  self.title = `furrow-starter[${self.pid}]`
  // A service manager sends these to every process of a program: the owner decides.
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
      // There is no /proc here.
    }
    // In this turn: between a process and its entry in the registry there is nothing that a kill could come into.
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
      // Its bytes are its owner's: nothing is read here before it leaves.
      socket._handle.readStop()
      self.send!({ id: request.id, at }, socket)
    }
  })
  self.send!({ ready: true })
}

/** The program as text. */
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
