/**
 * The transports that this package brings: Unix sockets in a private folder, tcp, and TLS over it.
 *
 *   root                      an actor                   another actor
 *   a folder's name ── told ──► unix(folder).listen  ◄──── unix(folder).dial
 *   close(folder)             forget(child)
 *
 * The root decides and makes nothing yet: the first actor that listens makes the folder, and removes folders beside it
 * whose root is dead and whose sockets do not answer any more. Leftovers of an actor are removed by its parent (`forget`),
 * those of a tree by its root (`close`); after `kill -9` of the root the warden does it (`Guard.folder`). Without a
 * warden (the guards `thread` and `none`, a root that had started no actor yet) a killed root's folder stays until the
 * next tree of this user listens.
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

/** Node has no Unix sockets on Windows: its paths are named pipes there, which no folder protects. */
export const hasUnixSockets = process.platform !== "win32"

const refused = (reason: string) => Effect.fail(new TransportError({ gone: false, reason }))

const attempt = <A>(look: () => A): Effect.Effect<A, TransportError> =>
  Effect.try({ try: look, catch: (error) => error as TransportError })

/**
 * Removes what trees left whose root is dead. If a process answers, the actor only looks dead from here, as from a
 * container.
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

/** An address by its kind, or the reason why the text is no address. */
const parsed = (address: string) => Address.parse(address)

const isOf = (tag: "Unix" | "Tcp" | "Tls") => (address: string): boolean => {
  const found = parsed(address)
  return found.ok && found.value._tag === tag
}

/** Milliseconds between the death of an actor and the second sweep, which removes the leftovers of its own actors. */
const orphanSweepMillis = 1000

/** Removes the sockets of dead actors from a tree's folder: at once, and again when the actors below them are dead, too. */
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
    // Many deaths at once lead to one more sweep.
    if (timer !== undefined) {
      more = true
      return
    }
    RuntimeFolder.removeDead(tree)
    look()
  }
}

/**
 * Unix sockets in this folder of a tree. A listener keeps no process alive; a connection does.
 */
export const unix = (folder: string): TransportDriver["Service"] => ({
  dials: isOf("Unix"),
  // Listening and dialling wait for no peer, and are not interrupted: that would leave a socket without an owner.
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

/** Tcp at this place, by default on the loopback at a free port. */
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

/** Tcp under mutual TLS. The certificate files are read when this process first listens or dials. */
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
 * The end of a tree, for its root: removes the folder with all that is in it. Synchronous and silent, so that it can be
 * the last thing a process does.
 */
export const close = (folder: string): void => {
  RuntimeFolder.removeTree(folder)
  RuntimeFolder.removeIfLast(folder)
}

/** The folders of the roots in this process. One listener for the process's exit removes them all. */
const ours = new Set<string>()

const closeOurs = (): void => {
  for (const folder of ours) close(folder)
}

/** Removes the folder at the end of the process, for a root that is not waited for. The result removes the folder at once. */
export const closeWithProcess = (folder: string): () => void => {
  if (ours.size === 0) process.on("exit", closeOurs)
  ours.add(folder)
  return () => {
    ours.delete(folder)
    if (ours.size === 0) process.off("exit", closeOurs)
    close(folder)
  }
}
