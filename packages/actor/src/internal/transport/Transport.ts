/**
 * The interface of transports, which make connections between two actors.
 *
 * A connection moves bytes, and knows nothing of words, dialogs or actors. A connection keeps the order of bytes, and
 * reports its end once. When the peer stops reading, `write` returns `false` until the connection calls `drain`.
 * Connections use callbacks instead of effects, because a fiber for each chunk of bytes would be too slow.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { ActorId } from "../errors/ActorError.ts"

export type { Authenticator } from "@furrow/protocol/Handshake"

/**
 * The callbacks by which a connection reports arrived bytes, new room and its end to its one user. The callbacks of a
 * connection must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionHandlers {
  readonly data: (bytes: Uint8Array) => void
  /** A callback for the moment at which the connection has room again, after `write` returned `false`. */
  readonly drain: () => void
  /**
   * A callback that is called once, when no more bytes will come over the connection. The argument `reason` is set if
   * the connection did not end cleanly.
   */
  readonly end: (reason: string | undefined) => void
  /**
   * Additional callbacks for a connection that can read bytes directly into memory of its user. A connection that
   * cannot read directly into its user's memory calls `data` with chunks of its own.
   */
  readonly direct?: DirectHandlers | undefined
}

/**
 * The callbacks of a connection that reads large words directly into their final memory, which saves its user a copy.
 * The callbacks of a connection that reads directly into its user's memory must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectHandlers {
  /**
   * Returns the memory into which the next bytes should be read; `undefined` if their final memory is not known yet. A
   * connection that can read directly into its user's memory calls the function `room` before each read.
   */
  readonly room: () => Uint8Array | undefined
  /**
   * A callback that is called when the given number of bytes has been read into the memory that `room` returned last.
   */
  readonly filled: (size: number) => void
  /**
   * A callback for arrived bytes, like the callback `data` of a connection. The connection may reuse the memory of the
   * bytes once the callback `lend` has returned.
   */
  readonly lend: (bytes: Uint8Array) => void
}

/**
 * One open connection, which moves bytes in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /**
   * Starts to read from the connection, and sets the callbacks. The user of a connection calls `start` exactly once.
   */
  readonly start: (handlers: ConnectionHandlers) => void
  /**
   * Queues the chunks in order; returns `false` when the connection is full. After `write` the written bytes belong to
   * the connection.
   */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  /**
   * True when the bytes of every `write` have been copied or sent, so that the memory of the chunks may be reused. If a
   * connection has no function `hasLeft`, the memory of written chunks is never reused. A connection that wraps another
   * connection and itself keeps chunks must not have the function `hasLeft`.
   */
  readonly hasLeft?: (() => boolean) | undefined
  /** Sends the queued bytes of the connection, and then ends the half of the connection in which this side writes. */
  readonly end: () => void
  /** Ends both directions of the connection at once, so that queued bytes are lost. */
  readonly destroy: () => void
  /**
   * Bytes that only the two ends of an encrypted connection know, as TLS exports them. The proof of membership includes
   * the bytes of `binding`, so that the proof is worthless on any other connection. By default a connection does not
   * have the field `binding`.
   */
  readonly binding?: Uint8Array | undefined
  /**
   * True when the other end of the connection has shown a certificate of an authority that this end trusts. In a tree
   * with `trust: "certificate"`, an end that has shown a certificate counts as a member. By default the other end of a
   * connection counts as having shown no certificate.
   */
  readonly certified?: boolean | undefined
  /**
   * True when the peer can vanish without this end noticing, for example when a cable is cut. The runtime asks a peer
   * that can vanish unnoticed for signs of life (`Timeouts.silence`). By default the connection counts as one that ends
   * whenever its peer ends.
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
   * Closes the listener: it accepts no new connections, and its files are removed from the file system. Connections
   * that a listener has accepted stay open when the listener is closed.
   */
  readonly close: () => void
  /**
   * Returns true while a dial of the address still reaches this listener, and false, for example, after another process
   * has deleted the socket file. An actor calls `isReachable` each time it gives out the listener's address, so
   * `isReachable` must be cheap and must never throw. When `isReachable` returns false, the actor closes the listener
   * and listens again. A listener without `isReachable` counts as reachable.
   */
  readonly isReachable?: (() => boolean) | undefined
}

/**
 * The error of a transport: the actor cannot listen, or no actor answers at the dialled address. The field `gone` is
 * true when no actor listens at the dialled address any more; the field `reason` says what the user can do next.
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
   * True when no actor listens at the dialled address any more, because the actor has ended or listens elsewhere. Only
   * the parent of the actor knows whether the actor has ended.
   */
  readonly gone: boolean
  readonly reason: string
}> {
  override get message(): string {
    return this.reason
  }
}

/**
 * The driver of a transport in one actor, which listens and dials for this actor. A driver need not check who has
 * dialled: over each new connection the runtime makes both ends prove that they belong to the tree.
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
  /**
   * True when an address belongs to this transport; of several transports, the first that returns true dials the
   * address.
   */
  readonly dials: (address: Address) => boolean
  /** Listens for the actor, and passes each new connection to `accept` before any byte of the connection is read. */
  readonly listen: (
    actor: ActorId,
    accept: (connection: Connection) => void
  ) => Effect.Effect<Listener, TransportError>
  /** Dials an address of an actor. When a dial is interrupted, its half-open connection is closed. */
  readonly dial: (address: Address) => Effect.Effect<Connection, TransportError>
  /**
   * Removes the files, such as socket files, that a dead actor below this actor has left behind. `forget` never throws.
   */
  readonly forget?: ((actor: ActorId) => void) | undefined
  /** The folders that exist as long as the tree; the guard of the root removes these folders, however the tree ends. */
  readonly residue?: ReadonlyArray<string> | undefined
}>()("@furrow/actor/TransportDriver") {}
