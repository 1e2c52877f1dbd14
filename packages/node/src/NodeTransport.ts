/**
 * How the actors of a tree on this machine reach each other beside the connections between parents and children: over
 * Unix sockets in a private folder, or over tcp on the loopback.
 *
 *   root                      an actor                    another actor
 *   network() ── is told ──►  make(network).listen  ◄──── make(network).dial
 *   close()                   forget(child)
 *
 * The root decides and makes nothing yet: the first actor that listens makes the folder, and removes folders beside it
 * whose root is dead and where nobody answers any more. What an actor leaves is removed by its parent (`forget`), what a
 * tree leaves by its root (`close`); after `kill -9` of the root the warden does it (`Guard.folder`). Without a warden
 * (the guards `thread` and `none`, a root that had started no actor yet) a killed root's folder stays until the next tree
 * of this user listens.
 *
 * It knows nothing of who dials whom, nor of what is said. Who dials is a stranger until he has proven that he knows the
 * network's secret: `authenticator` is the tool for it, the handshake asks.
 *
 * @since 0.1.0
 */
import type { ActorId } from "@furrow/actor/ActorError"
import {
  type Authenticator,
  type Connection,
  type Listener,
  type Network,
  type Transport,
  TransportError
} from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Builtins from "./internal/builtins.ts"
import * as RuntimeFolder from "./internal/runtimeFolder.ts"
import * as TcpSocket from "./internal/tcpSocket.ts"
import * as UnixSocket from "./internal/unixSocket.ts"

/**
 * What the tree listens with (default: `unix`; on Windows `tcp`), and where the folders of this user's trees are
 * (default: `$XDG_RUNTIME_DIR/furrow`, or `furrow-<uid>` among the temporary files).
 *
 * @since 0.1.0
 */
export interface Options {
  readonly transport?: "unix" | "tcp" | undefined
  readonly runtimeFolder?: string | undefined
}

/** Node has no Unix sockets on Windows: its paths are named pipes there, which no folder protects. */
const hasUnixSockets = process.platform !== "win32"

/**
 * A new tree's network: a folder that nobody has used before, and a secret that nobody has seen. Makes no files.
 *
 * @since 0.1.0
 */
export const network = (options: Options = {}): Network => ({
  transport: options.transport ?? (hasUnixSockets ? "unix" : "tcp"),
  folder: RuntimeFolder.newTree(options.runtimeFolder),
  secret: new Uint8Array(Builtins.crypto().randomBytes(32))
})

const refused = (reason: string) => Effect.fail(new TransportError({ gone: false, reason }))

const attempt = <A>(look: () => A): Effect.Effect<A, TransportError> =>
  Effect.try({ try: look, catch: (error) => error as TransportError })

/** Removes what trees left whose root is dead. Where somebody answers it only looks dead from here, as from a container. */
const sweep = (tree: string): Effect.Effect<void> =>
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

const listen = (
  network: Network,
  actor: ActorId,
  accept: (connection: Connection) => void
): Effect.Effect<Listener, TransportError> => {
  if (network.transport === "tcp") return TcpSocket.listen(accept)
  if (network.transport !== "unix") return refused(`Node has no transport "${network.transport}": use "unix" or "tcp"`)
  if (!hasUnixSockets) return refused("Windows has no Unix sockets for Node: use the option `transport: \"tcp\"`")
  return listenUnix(network.folder, actor, accept)
}

const dial = (address: string): Effect.Effect<Connection, TransportError> => {
  const parsed = Address.parse(address)
  if (!parsed.ok) return refused(`no such address can be dialled: ${parsed.issue}`)
  switch (parsed.value._tag) {
    case "Tcp":
      return TcpSocket.dial(parsed.value)
    case "Unix":
      if (hasUnixSockets) return UnixSocket.dial(parsed.value.path)
      return refused(`${address} cannot be dialled: Windows has no Unix sockets for Node`)
    case "Memory":
      return refused(
        `${address} cannot be dialled: it is an address in the memory of a process. Dial another of the actor's`
      )
  }
}

/** For one connection: what is signed is never signed again. */
const authenticatorWith = (secret: Uint8Array) => (): Authenticator => ({
  nonce: new Uint8Array(Builtins.crypto().randomBytes(32)),
  mac: (data) => new Uint8Array(Builtins.crypto().createHmac("sha256", secret).update(data).digest())
})

/** After the death of an actor its own actors die: so long (milliseconds) until what they leave is looked for. */
const below = 1000

/** Removes what the dead leave in a tree's folder: at once, and once more when what was below them is dead too. */
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
    timer = setTimeout(again, below).unref()
  }
  return (actor: ActorId): void => {
    RuntimeFolder.removeSocket(tree, actor)
    // Many deaths at once are one look.
    if (timer !== undefined) {
      more = true
      return
    }
    RuntimeFolder.removeDead(tree)
    look()
  }
}

/**
 * The transport of one actor, root or not, in this network. It dials whatever address it can read, whatever the tree
 * itself listens with. A listener keeps no process alive; a connection does.
 *
 * @since 0.1.0
 */
export const make = (network: Network): Transport["Service"] => ({
  // Neither waits for anybody: interrupted in between it would leave a socket that nobody owns.
  listen: (actor, accept) => Effect.uninterruptible(Effect.suspend(() => listen(network, actor, accept))),
  dial: (address) => Effect.suspend(() => dial(address)),
  authenticator: authenticatorWith(network.secret),
  forget: network.transport === "unix" ? cleaner(network.folder) : () => {}
})

/**
 * The end of a tree, for its root: removes the folder with all that is in it. Synchronous and silent, so that it can be
 * the last thing a process does.
 *
 * @since 0.1.0
 */
export const close = (network: Network): void => {
  RuntimeFolder.removeTree(network.folder)
  RuntimeFolder.removeIfLast(network.folder)
}
