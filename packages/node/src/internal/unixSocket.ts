/**
 * Actors behind Unix sockets: a file in the tree's folder is the address.
 *
 * The file outlives a process that had no time to remove it. So an address that is taken is dialled: it stays with
 * a listener that answers; without an answer the file is that of a dead process, and is replaced.
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

/** True when the socket has a listener. In doubt it has one. */
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

/** Removes what a dead process left at this path; fails where it is anything else. */
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

/** Binds once more where the first attempt could be helped: a file in the way, or a folder that went away. */
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
 * Cleaners of temporary files delete sockets, and the end of a login its runtime folder: those who listen notice nothing.
 * A socket that another process has put there is left alone: the proof tells its diallers that it is another's.
 */
const isThere = (path: string): boolean => {
  try {
    return Fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true
  } catch {
    return false
  }
}

/** Listens at a path in the tree's folder, which is there already. */
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
  // A path that was cut to the allowed length would be another path.
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
