/**
 * Makes connections between two actors, which move bytes in order.
 *
 * A connection moves only bytes, and knows no words, dialogs or actors. A connection guarantees three things to its
 * user: bytes arrive in the order in which they were written, `write` returns `false` when the peer stops reading until
 * `drain` is called, and the end is reported once. The interface of connections consists of callbacks and not of
 * effects, because a fiber for each chunk would be too slow.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { ActorId } from "../errors/ActorError.ts"

export type { Authenticator } from "@furrow/protocol/Handshake"

/**
 * The callbacks by which a connection reports events to its one user. The callbacks of a connection must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionHandlers {
  readonly data: (bytes: Uint8Array) => void
  /** A callback for the moment at which the connection has room again, after `write` returned `false`. */
  readonly drain: () => void
  /**
   * A callback that is called once, when no more data will come. `reason` is set if the connection did not end cleanly.
   */
  readonly end: (reason: string | undefined) => void
  /**
   * Callbacks for a connection that can read bytes straight into memory of its user. A connection that cannot read
   * straight into memory delivers its own chunks by `data`.
   */
  readonly direct?: DirectHandlers | undefined
}

/**
 * The callbacks of a connection that saves its user a copy: large words are read straight into their final memory. The
 * callbacks of a direct connection must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectHandlers {
  /**
   * The memory for the bytes that are read next, if their final place is known already. A connection that reads into
   * its user's memory calls `room` before each read.
   */
  readonly room: () => Uint8Array | undefined
  /** A callback for the moment at which this many bytes have been read into the memory that `room` returned last. */
  readonly filled: (size: number) => void
  /** Takes bytes as `data` does, but the connection may use the bytes again once `lend` returns. */
  readonly lend: (bytes: Uint8Array) => void
}

/**
 * One open connection, which moves bytes in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** Starts the reading of the connection. The user of the connection calls `start` once. */
  readonly start: (handlers: ConnectionHandlers) => void
  /**
   * Queues the chunks in order; `false` when the connection is full. The connection owns the written bytes from the
   * call of `write` on.
   */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  /**
   * True when the bytes of every write have been copied or sent, so that the memory of the chunks may be used again.
   * Without `hasLeft`, written chunks are left to the garbage collection. A connection that wraps another connection
   * and keeps chunks must leave `hasLeft` out.
   */
  readonly hasLeft?: (() => boolean) | undefined
  /** Sends the queued bytes of the connection, and ends this side's half after them. */
  readonly end: () => void
  /** Ends both halves of the connection at once, so queued bytes are lost. */
  readonly destroy: () => void
  /**
   * Bytes that only the two ends of an encrypted connection share, as TLS exports them. The proof of membership is made
   * over the bytes of `binding`, so that the proof is worthless on any other connection. By default a connection has no
   * `binding`.
   */
  readonly binding?: Uint8Array | undefined
  /**
   * True when the other end has shown a certificate of an authority that this side trusts. A tree that trusts
   * certificates (`trust: "certificate"`) accepts the holder of the certificate as a member. By default the other end
   * has shown no certificate.
   */
  readonly certified?: boolean | undefined
  /**
   * True when the peer can vanish without an end of the connection, as when a cable is cut. The runtime asks a peer
   * that can vanish for signs of life (`Timeouts.silence`). By default every end of the peer also ends the connection.
   */
  readonly silent?: boolean | undefined
}

/**
 * The place where an actor listens: a text that its transport reads, such as `/unix/<absolute path>`,
 * `/ip4/127.0.0.1/tcp/4711` or `/memory/7`.
 *
 * @category models
 * @since 0.1.0
 */
export type Address = string

/**
 * An actor's open listener: the address where it listens, and the function to stop it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  readonly address: Address
  /**
   * Stops the listener, which then accepts no new connections, and leaves no file in the file system. Open connections
   * of a closed listener stay open.
   */
  readonly close: () => void
  /**
   * True when a dial of the address still reaches this listener, for a listener that can be removed from outside, such
   * as a deleted socket file. An actor calls `isReachable` each time it gives out the address of a listener, so the
   * check must be cheap, and must never throw. An actor closes its listener and listens again when `isReachable`
   * returns false. By default a listener counts as reachable.
   */
  readonly isReachable?: (() => boolean) | undefined
}

/**
 * The error of a transport: an actor cannot listen at all, or no actor answers at an address. `gone` is true when
 * nothing listens at the address any more; `reason` says what the user can do next.
 *
 * @example
 * ```ts
 * const { dial } = yield* openTcp("127.0.0.1")
 * const error = yield* Effect.flip(dial("/ip4/127.0.0.1/tcp/1"))
 * error.gone // true
 * ```
 * @category errors
 * @since 0.1.0
 */
export class TransportError extends Data.TaggedError("TransportError")<{
  /**
   * True when nothing listens at the address any more: its actor has ended, or listens elsewhere. Only the parent of
   * the actor knows whether the actor has ended.
   */
  readonly gone: boolean
  readonly reason: string
}> {
  override get message(): string {
    return this.reason
  }
}

/**
 * A live transport of one actor: it listens, dials and moves bytes between actors that do not know each other yet. The
 * runtime proves, over the connection of any transport, that each side belongs to the tree.
 *
 * @example
 * ```ts
 * const driver = yield* openTcp("127.0.0.1")
 * const { address, close } = yield* driver.listen(frankId, (connection) => connection.end())
 * driver.dials(address) // true
 * close()
 * ```
 * @category services
 * @since 0.1.0
 */
export class TransportDriver extends Context.Service<TransportDriver, {
  /** True when an address belongs to this transport; the first transport that returns true dials the address. */
  readonly dials: (address: Address) => boolean
  /** Listens for dials, and delivers each new connection before any byte of the connection is read. */
  readonly listen: (
    actor: ActorId,
    accept: (connection: Connection) => void
  ) => Effect.Effect<Listener, TransportError>
  /** Dials an address of an actor. The interruption of a dial closes its connection. */
  readonly dial: (address: Address) => Effect.Effect<Connection, TransportError>
  /** Removes the files that an actor below this actor left behind when it died. `forget` never throws. */
  readonly forget?: ((actor: ActorId) => void) | undefined
  /** The folders that live as long as the tree; the guard of the root removes them, however the tree ends. */
  readonly residue?: ReadonlyArray<string> | undefined
}>()("@furrow/actor/TransportDriver") {}
