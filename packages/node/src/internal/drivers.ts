/**
 * The drivers of the transports of `@furrow/node`: of Unix sockets in a private folder, of TCP, and of TLS over TCP.
 *
 *   root                      an actor                   another actor
 *   a folder's name ── told ──► unix(folder).listen  ◄──── unix(folder).dial
 *   close(folder)             forget(child)
 *
 * The root chooses a transport without making a folder or a socket. The first actor of a tree that listens makes the
 * tree's folder, and removes folders of dead trees whose sockets do not answer. By functions of the driver, a parent
 * removes the socket files of its dead child (`forget`), and a root removes the socket files of its tree (`close`).
 * After a SIGKILL of the root the warden removes the files of the tree (`Guard.folder`). A tree under the guard
 * `thread` or `none` has no warden, and neither has a tree without an actor. In a tree without a warden, a killed
 * root's folder stays until the next tree of this user listens.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import { type Connection, type TransportDriver, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import type { Place } from "./listening.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"
import * as TcpSocket from "./tcpSocket.ts"
import * as TlsSocket from "./tlsSocket.ts"
import * as UnixSocket from "./unixSocket.ts"

/** True where Node has Unix sockets. On Windows the paths of Node's sockets name pipes, which no folder protects. */
export const hasUnixSockets = process.platform !== "win32"

const refused = (reason: string) => Effect.fail(new TransportError({ gone: false, reason }))

const attempt = <A>(look: () => A): Effect.Effect<A, TransportError> =>
  Effect.try({ try: look, catch: (error) => error as TransportError })

/**
 * Removes the folders of trees whose root is dead and whose sockets do not answer. The folder of a process that answers
 * stays, because a process in another container only looks dead from this container.
 */
export const sweep = (tree: string): Effect.Effect<void> =>
  Effect.forEach(RuntimeFolder.deadBeside(tree), (dead) =>
    Effect.gen(function*() {
      for (const path of RuntimeFolder.sockets(dead)) {
        if (yield* UnixSocket.answers(path)) return
      }
      RuntimeFolder.removeTree(dead)
    }), { discard: true })

const listenUnix = (tree: string, actor: ActorId, accept: (connection: Connection) => void) =>
  Effect.gen(function*() {
    const path = yield* attempt(() => RuntimeFolder.socketPath(tree, actor))
    if (yield* attempt(() => RuntimeFolder.prepare(tree))) yield* sweep(tree)
    return yield* UnixSocket.listen(tree, path, accept)
  })

/** Returns a parsed address, or the reason why the text is not an address. */
const parsed = (address: string) => Address.parse(address)

const isOf = (tag: "Unix" | "Tcp" | "Tls") => (address: string): boolean => {
  const found = parsed(address)
  return found.ok && found.value._tag === tag
}

/**
 * Milliseconds between the death of an actor and the second sweep of sockets, which removes the sockets of the actor's
 * own children.
 */
const orphanSweepMillis = 1000

/**
 * Removes the sockets of dead actors from a tree's folder at once, and again when the actors below the dead actors are
 * dead.
 */
const cleaner = (tree: string) => {
  let timer: NodeJS.Timeout | undefined
  let more = false
  const again = () => {
    timer = undefined
    RuntimeFolder.removeDead(tree)
    if (more) look()
  }
  const look = () => {
    more = false
    timer = setTimeout(again, orphanSweepMillis).unref()
  }
  return (actor: ActorId): void => {
    RuntimeFolder.removeSocket(tree, actor)
    // Several deaths of actors within a second cause only one further sweep of the sockets.
    if (timer !== undefined) {
      more = true
      return
    }
    RuntimeFolder.removeDead(tree)
    look()
  }
}

/**
 * Returns the driver of Unix sockets in the given folder of a tree. A listener at a Unix socket does not keep the
 * process alive, while an open connection does.
 */
export const unix = (folder: string): TransportDriver["Service"] => ({
  dials: isOf("Unix"),
  // The functions `listen` and `dial` of a driver wait for no peer. An interruption of `listen` or `dial` would leave a
  // socket without an owner, so both functions are uninterruptible.
  listen: (actor, accept) =>
    Effect.uninterruptible(
      Effect.suspend(() => hasUnixSockets ? listenUnix(folder, actor, accept) : refused(noUnixSockets))
    ),
  dial: (address) =>
    Effect.suspend(() => {
      const found = parsed(address)
      if (!found.ok || found.value._tag !== "Unix") return refused(`${address} is no address of a Unix socket`)
      return hasUnixSockets ? UnixSocket.dial(found.value.path) : refused(noUnixSockets)
    }),
  forget: cleaner(folder),
  residue: [folder]
})

const noUnixSockets = "Windows has no Unix sockets for Node: use NodeTransport.layerTcp"

/** Returns the driver of TCP, which listens by default at a free port of the loopback. */
export const tcp = (place: Place = TcpSocket.loopback): TransportDriver["Service"] => ({
  dials: isOf("Tcp"),
  listen: (_, accept) => Effect.uninterruptible(Effect.suspend(() => TcpSocket.listen(place, accept))),
  dial: (address) =>
    Effect.suspend(() => {
      const found = parsed(address)
      return found.ok && found.value._tag === "Tcp"
        ? TcpSocket.dial(found.value)
        : refused(`${address} is no address of tcp`)
    })
})

/**
 * Returns the driver of TCP under mutual TLS. The driver of TLS reads the files of the certificates when its process
 * first listens or dials.
 */
export const tls = (place: Place, files: TlsSocket.Files): TransportDriver["Service"] => {
  let made: TlsSocket.Means | undefined
  const means = Effect.try({
    try: () => made ??= TlsSocket.meansOf(files),
    catch: (error) => new TransportError({ gone: false, reason: (error as Error).message })
  })
  return {
    dials: isOf("Tls"),
    listen: (_, accept) =>
      Effect.uninterruptible(Effect.flatMap(means, (means) => TlsSocket.listen(means, place, accept))),
    dial: (address) =>
      Effect.suspend(() => {
        const found = parsed(address)
        return found.ok && found.value._tag === "Tls"
          ? Effect.flatMap(means, (means) => TlsSocket.dial(means, found.value as Address.Tls))
          : refused(`${address} is no address of TLS`)
      })
  }
}

/**
 * Removes the folder of a tree and the folder's contents at the end of the tree. The removal of a tree's folder is
 * synchronous and reports no errors, so that the process can exit right after it.
 */
export const close = (folder: string): void => {
  RuntimeFolder.removeTree(folder)
  RuntimeFolder.removeIfLast(folder)
}

/**
 * The folders of the trees whose roots are in this process. One listener for the exit of the process removes the
 * folders of all trees with a root in the process.
 */
const ours = new Set<string>()

const closeOurs = (): void => {
  for (const folder of ours) close(folder)
}

/**
 * Removes the folder of a root's tree at the exit of the process, because the process may exit before the root has
 * ended. The function that `closeWithProcess` returns removes the tree's folder at once.
 */
export const closeWithProcess = (folder: string): () => void => {
  if (ours.size === 0) process.on("exit", closeOurs)
  ours.add(folder)
  return () => {
    ours.delete(folder)
    if (ours.size === 0) process.off("exit", closeOurs)
    close(folder)
  }
}
