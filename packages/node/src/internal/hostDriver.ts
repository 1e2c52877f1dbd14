/**
 * Holds the names of one user on one host: the first process that binds the names' socket holds the names for all
 * processes.
 *
 *   first process      binds host/keys.sock, keeps the keys, writes host/keys.json and host/held before each answer
 *   other processes    dial it; when its connection ends one of them binds, and goes on with what was written
 *
 * The times of the host's leases are times of the system's clock, which all processes of the host share. After a reboot
 * the state of the host's names keeps only the fencing tokens.
 */
import { type DiscoveryDriver, DiscoveryDriverError, makeDriver } from "@furrow/actor/Discovery"
import type { Connection, Listener, TransportError } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as HostFiles from "./hostFiles.ts"
import * as HostLines from "./hostLines.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"
import * as UnixSocket from "./unixSocket.ts"

type Driver = DiscoveryDriver["Service"]

const now = (): number => Number(process.hrtime.bigint() / 1_000_000n)

/**
 * Milliseconds that a new engine of this host waits before it reads the stored names, because the previous engine may
 * still answer a request.
 */
const lastAnswerMillis = 50
const attempts = 10
const againMillis = 20

const pause = (millis: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

interface Backend {
  readonly driver: Driver
  readonly isOpen: () => boolean
  readonly close: () => void
}

const failed = (cause: unknown): DiscoveryDriverError =>
  new DiscoveryDriverError({ reason: (cause as Error).message, cause })

/**
 * Returns the inode of the file at a path. A changed inode shows the holder of the names that another process has bound
 * the socket after the holder.
 */
const inodeOf = (path: string): number | undefined => Fs.lstatSync(path, { throwIfNoEntry: false })?.ino

const keep = (folder: string, path: string, scope: Scope.Scope) =>
  Effect.gen(function*() {
    const guests = new Set<Connection>()
    const kept: { driver?: Driver } = {}
    const serve = (connection: Connection) => {
      if (kept.driver === undefined) return
      HostLines.answer(kept.driver, connection, () => guests.delete(connection))
    }
    const listener: Listener = yield* UnixSocket.listen(folder, path, (connection) => {
      guests.add(connection)
      serve(connection)
    })
    const own = inodeOf(path)
    let isOpen = true
    const close = () => {
      if (!isOpen) return
      isOpen = false
      // The holder of the names removes the socket's file only where the file is still the socket that the holder has
      // bound.
      if (inodeOf(path) === own) listener.close()
      for (const guest of guests) guest.destroy()
    }
    const files = HostFiles.open(folder, () => {
      if (inodeOf(path) === own) return
      close()
      throw new Error("another process holds the names of this host: the next question goes there")
    })
    if (files.isThere()) yield* pause(lastAnswerMillis)
    const restored = yield* files.restored
    const made = yield* Scope.provide(makeDriver({ now, ...files.saving, ...restored }), scope)
    kept.driver = made
    // Connections that came while the new holder of the names read the stored state are served now.
    for (const connection of guests) serve(connection)
    yield* Scope.addFinalizer(scope, Effect.sync(close))
    return { driver: made, isOpen: () => isOpen, close }
  }).pipe(Effect.uninterruptible)

const join = (path: string): Effect.Effect<Backend, TransportError> => Effect.map(UnixSocket.dial(path), HostLines.ask)

/** Dials the holder of the names, or makes this process the holder by binding the socket, whichever succeeds first. */
const find = (folder: string, scope: Scope.Scope): Effect.Effect<Backend, DiscoveryDriverError> => {
  const path = Path.join(folder, "keys.sock")
  const once = Effect.catch(join(path), (error) =>
    error.gone
      ? Effect.andThen(
        Effect.try({ try: () => RuntimeFolder.prepare(folder), catch: (error) => error as TransportError }),
        keep(folder, path, scope)
      )
      : Effect.fail(error))
  const again = (left: number): Effect.Effect<Backend, DiscoveryDriverError> =>
    Effect.catch(once as Effect.Effect<Backend, TransportError>, (error) =>
      // The bind of the socket fails if another process became the engine of this host first; the next attempt then
      // dials this process.
      left > 0 ? Effect.andThen(pause(againMillis), again(left - 1)) : Effect.fail(failed(error)))
  return again(attempts)
}

export const make = (folder: string): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const one = Semaphore.makeUnsafe(1)
    let current: { readonly backend: Backend; readonly scope: Scope.Closeable } | undefined
    const leave = Effect.suspend(() => {
      if (current === undefined) return Effect.void
      const { backend, scope } = current
      current = undefined
      backend.close()
      return Scope.close(scope, Exit.void)
    })
    yield* Effect.addFinalizer(() => leave)
    const backend = one.withPermits(1)(Effect.gen(function*() {
      if (current?.backend.isOpen() === true) return current.backend
      yield* leave
      const own = yield* Scope.fork(scope)
      const found = yield* Effect.onError(find(folder, own), () => Scope.close(own, Exit.void))
      current = { backend: found, scope: own }
      return found
    }))
    const through = <A>(question: (driver: Driver) => Effect.Effect<A, DiscoveryDriverError>) =>
      Effect.flatMap(backend, ({ driver }) => question(driver))
    return {
      create: (key, value, lease) => through((driver) => driver.create(key, value, lease)),
      renew: (lease) => through((driver) => driver.renew(lease)),
      remove: (key, token) => through((driver) => driver.remove(key, token)),
      get: (key) => through((driver) => driver.get(key)),
      list: (prefix, after) => through((driver) => driver.list(prefix, after)),
      changes: (prefix) => Stream.unwrap(Effect.map(backend, ({ driver }) => driver.changes(prefix)))
    }
  })
