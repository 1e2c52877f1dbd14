/**
 * The transport by which actors listen at Unix sockets: an address is the path of a file in the tree's folder.
 *
 * The file of a Unix socket stays behind when a process dies before it can remove the file. An actor that finds a file
 * at its address first dials the address, because the file may have been left by a dead process. A process that answers
 * at the address keeps it, while the file of a dead process is replaced.
 */
import { type Connection, type Listener, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { longestPath, prepare } from "./runtimeFolder.ts"
import * as Socket from "./socket.ts"

const addressOf = (path: string): string => Address.format({ _tag: "Unix", path })

const nobody = ["ECONNREFUSED", "ENOENT", "ENOTSOCK", "ENOTDIR"]

/**
 * True when a process listens at the given Unix socket. The result is also true when the dial fails for a reason that
 * does not say whether a process listens.
 */
export const answers = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ path })
    const say = (answer: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answer))
    }
    socket.once("connect", () => say(true))
    socket.on("error", (error: Socket.SystemError) => say(!nobody.includes(error.code!)))
    return Effect.sync(() => void socket.destroy())
  })

const taken = (path: string, problem: string): TransportError =>
  new TransportError({ gone: false, reason: `the address ${addressOf(path)} is taken (EADDRINUSE): ${problem}` })

/** Removes the socket file of a dead process, and fails where the path holds any other file. */
const clear = (path: string): Effect.Effect<void, TransportError> =>
  Effect.suspend(() => {
    const found = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return Effect.void
    if (!found.isSocket()) return Effect.fail(taken(path, "there is a file that is no socket. Remove it"))
    return Effect.flatMap(answers(path), (living) => {
      if (living) return Effect.fail(taken(path, "another listener is there already. Close that listener first"))
      return Effect.sync(() => Fs.rmSync(path, { force: true }))
    })
  })

/**
 * Binds a Unix socket, and tries a second time after removing a dead socket at the path, or making a missing folder.
 */
const bind = (tree: string, path: string, accept: (connection: Connection) => void) => {
  const attempt = Socket.serve({ path }, accept)
  return Effect.catch(
    Effect.catch(attempt, (error) => {
      switch (error.code) {
        case "EADDRINUSE":
          return Effect.andThen(clear(path), attempt)
        case "ENOENT":
          return Effect.andThen(
            Effect.try({ try: () => prepare(tree), catch: (error) => error as TransportError }),
            attempt
          )
        default:
          return Effect.fail(error)
      }
    }),
    (error) => Effect.fail(error instanceof TransportError ? error : Socket.cannotListen(addressOf(path), error))
  )
}

/**
 * True while the file of an actor's listening socket exists. Cleaners of temporary files and the end of a login delete
 * sockets without an event for the listener. A socket of another process at the actor's path is not removed, because
 * that process cannot give the proof that diallers ask for.
 */
const isThere = (path: string): boolean => {
  try {
    return Fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true
  } catch {
    return false
  }
}

/** Listens at a path in the tree's folder; the folder has to exist before the call. */
export const listen = (
  tree: string,
  path: string,
  accept: (connection: Connection) => void
): Effect.Effect<Listener, TransportError> =>
  Effect.flatMap(bind(tree, path, accept), (server) =>
    Effect.try({
      try: () => {
        Fs.chmodSync(path, 0o600)
        return { ...Socket.listenerOf(server, addressOf(path)), isReachable: () => isThere(path) }
      },
      catch: (error) => {
        server.close()
        return Socket.cannotListen(addressOf(path), error as Socket.SystemError)
      }
    }))

export const dial = (path: string): Effect.Effect<Connection, TransportError> => {
  const most = longestPath(process.platform)
  // A path that is too long for a socket is refused, because the kernel would cut the path to another path.
  if (Buffer.byteLength(path) > most) {
    return Effect.fail(
      new TransportError({
        gone: false,
        reason: `dialling ${
          addressOf(path)
        } failed: the path of a socket has room for ${most} bytes here. Check the address`
      })
    )
  }
  return Socket.connect(addressOf(path), { path })
}
