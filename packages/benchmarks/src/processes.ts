/** Starts the processes with which actors are compared, and reads the memory of any process from /proc. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { fileURLToPath } from "node:url"

/** Returns the MiB of memory that a process shares with no other process, and that its end would free. */
export const privateMiB = (pid: number): number => {
  const [, kib] = /^Private_Dirty:\s+(\d+) kB$/m.exec(Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? []
  return Number(kib) / 1024
}

/**
 * Milliseconds from the moment when a spare or a starter sets its process title until it tells its owner that it waits.
 */
const sayMillis = 50

const isTitled = (title: string) => (pid: string): boolean => {
  try {
    return Fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(title)
  } catch {
    return false
  }
}

/** Waits until a child process with the given title exists, and has sent the message that it waits for a start. */
const waitsFor = (title: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const children = Fs.readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").trim().split(" ")
    const isThere = children.some(isTitled(title))
    return Effect.flatMap(Effect.sleep(isThere ? sayMillis : 10), () => isThere ? Effect.void : waitsFor(title))
  })

/** Waits until a spare of the benchmark's process is ready for a start. */
export const spareWaits = waitsFor("furrow-spare[")

/** Waits until the starter of the benchmark's large process can start actors. */
export const starterServes = waitsFor("furrow-starter[")

/** A process that a benchmark has started, with its pid, and the time that its start took. */
export interface Started {
  readonly millis: number
  readonly pid: number
}

/** Starts the smallest Node process, which is killed when the Scope closes. */
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

/** Forks a module and waits for the first message of the process, which is killed when the Scope closes. */
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
