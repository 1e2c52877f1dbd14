/**
 * The door of one actor for observers: a socket in the folder of its tree, with a key of its own beside it. The module
 * `door.ts` is loaded at the first knock. The door of an actor shuts when no observer has been connected for ten
 * seconds.
 *
 * The files of a door's socket and of its key have mode 0600, in a folder of mode 0700. The key of a door is new each
 * time and differs from the tree's secret. The key of a door proves no membership of the tree, and the secret of the
 * tree does not open the door.
 */
import type { Observed, ProcessInspection } from "@furrow/actor/Inspect"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { adopt } from "./adopt.ts"
import { authenticator } from "./authenticate.ts"
import * as Builtins from "./builtins.ts"
import { sweep } from "./drivers.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"

const keyBytes = 32

/** The number of observers that may look into an actor at the same time. */
const maxObservers = 16

/** Milliseconds without an observer after which an actor's door shuts. */
const idleMillis = 10_000

const nanosPerMilli = 1_000_000

/**
 * Milliseconds between two samples of the event loop's delay. Each sample of the event loop is the time since the
 * previous sample, and therefore never shorter than the pause between samples.
 */
const sampleMillis = 10

/**
 * Returns a function that measures the memory and the event loop of this process. The measured delay of the event loop
 * is the worst delay since the last measurement.
 */
const measure = (delay: { readonly max: number; readonly reset: () => void }) => (): ProcessInspection => {
  const { external, heapUsed, rss } = process.memoryUsage()
  const { system, user } = process.cpuUsage()
  const worst = Math.max(0, delay.max / nanosPerMilli - sampleMillis)
  delay.reset()
  return {
    uptimeMillis: Math.round(process.uptime() * 1000),
    cpuMillis: Math.round((system + user) / 1000),
    rssBytes: rss,
    heapUsedBytes: heapUsed,
    heapLimitBytes: Builtins.v8().getHeapStatistics().heap_size_limit,
    externalBytes: external,
    loopUtilization: Builtins.perfHooks().performance.eventLoopUtilization().utilization,
    loopDelayMillis: Math.round(worst)
  }
}

const listen = (server: Net.Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ path, exclusive: true }, () => {
      server.off("error", reject)
      server.on("error", () => {})
      resolve()
    })
  })

/**
 * Opens the door of this actor for observers, and returns a function that shuts the door. The door of an actor also
 * shuts by itself when no observer is connected for a while, and the function `shut` is then called.
 */
export const open = async (observed: Observed, folder: string, shut: () => void): Promise<() => void> => {
  if (RuntimeFolder.prepare(folder)) await Effect.runPromise(sweep(folder))
  const { key: keyPath, socket: path } = RuntimeFolder.doorPaths(folder, observed.actor)
  const key = new Uint8Array(Builtins.crypto().randomBytes(keyBytes))
  const delay = Builtins.perfHooks().monitorEventLoopDelay({ resolution: sampleMillis })
  const observers = new Map<Net.Socket, () => void>()
  let idle: NodeJS.Timeout | undefined
  const server = Net.createServer({ noDelay: true }, (socket) => {
    // The connection of an observer does not keep the process of the actor alive.
    socket.unref()
    socket.on("error", () => {})
    if (observers.size >= maxObservers) return void socket.destroy()
    clearTimeout(idle)
    observers.set(socket, () => {})
    socket.once("close", () => {
      observers.delete(socket)
      if (observers.size === 0) wait()
    })
    const cut = observed.serve(adopt(socket), {
      authenticator: authenticator(key),
      process: measure(delay),
      fibers: async (works) => (await import("./fiberView.ts")).view(works),
      stack: async (pid) => (await import("./stacks.ts")).stackOf(pid),
      profile: async (millis) => (await import("./profiles.ts")).profile(millis),
      heap: async function*() {
        yield* (await import("./profiles.ts")).heap()
      }
    })
    observers.set(socket, cut)
  })
  const remove = () => {
    for (const file of [path, keyPath]) Fs.rmSync(file, { force: true })
  }
  const close = () => {
    clearTimeout(idle)
    delay.disable()
    server.close()
    for (const cut of Array.from(observers.values())) cut()
    remove()
    shut()
  }
  const wait = () => {
    clearTimeout(idle)
    idle = setTimeout(close, idleMillis).unref()
  }
  remove()
  // An actor writes the key of its door before it opens the door's socket, so that a tool that finds the socket finds
  // the key.
  Fs.writeFileSync(keyPath, key, { mode: 0o600, flag: "wx" })
  try {
    await listen(server, path)
    Fs.chmodSync(path, 0o600)
  } catch (error) {
    remove()
    throw error
  }
  server.unref()
  delay.enable()
  wait()
  return close
}
