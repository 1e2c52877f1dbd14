/** Starts the processes with which actors are compared, and reads the memory of any process from /proc. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { fileURLToPath } from "node:url"

/** Returns the MiB that would be free without a process, not counting memory that the process shares with others. */
export const privateMiB = (pid: number): number => {
  const [, kib] = /^Private_Dirty:\s+(\d+) kB$/m.exec(Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? []
  return Number(kib) / 1024
}

/** Milliseconds between the title of a process that waits and the message by which the process says that it waits. */
const sayMillis = 50

const isTitled = (title: string) => (pid: string): boolean => {
  try {
    return Fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(title)
  } catch {
    return false
  }
}

/** Waits until a process with this title runs beside the actors of this process, and has said that it waits. */
const waitsFor = (title: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const children = Fs.readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").trim().split(" ")
    const isThere = children.some(isTitled(title))
    return Effect.flatMap(Effect.sleep(isThere ? sayMillis : 10), () => isThere ? Effect.void : waitsFor(title))
  })

/** Waits until a spare of this process is ready for a start. */
export const spareWaits = waitsFor("furrow-spare[")

/** Waits until the starter of this large process can start actors. */
export const starterServes = waitsFor("furrow-starter[")

/** A process that is ready, with its pid, and the time that its start took. */
export interface Started {
  readonly millis: number
  readonly pid: number
}

/** Starts the smallest Node process, which ends with the Scope. */
export const startBare = (bare: string): Effect.Effect<Started, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Started & { readonly child: ChildProcess.ChildProcess }>((resume) => {
      const start = performance.now()
      const child = ChildProcess.spawn(process.execPath, [bare], { stdio: ["ignore", "ignore", "ignore", "pipe"] })
      const socket = child.stdio[3] as unknown as Net.Socket
      socket.once("data", () => {
        resume(Effect.succeed({ millis: performance.now() - start, pid: child.pid!, child }))
      })
    }),
    ({ child }) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        ;(child.stdio[3] as unknown as Net.Socket).destroy()
      })
  )

/** Forks a module and waits for the first message of the process, which ends with the Scope. */
export const forked = (module: string, args: ReadonlyArray<string>, options: ChildProcess.ForkOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<ChildProcess.ChildProcess>((resolve, reject) => {
        const file = fileURLToPath(new URL(module, import.meta.url))
        const child = ChildProcess.fork(file, [...args], { execArgv: [], ...options })
        child.once("error", reject).once("message", () => resolve(child))
      })
    ),
    (child) =>
      Effect.promise(() =>
        new Promise<void>((resolve) => {
          child.once("exit", () => resolve())
          child.disconnect()
        })
      )
  )
