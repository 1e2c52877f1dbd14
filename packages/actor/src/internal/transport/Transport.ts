/**
 * Moves bytes between two actors, in order, and makes the connections for that.
 *
 * A connection knows no messages, no dialogs and no actors. It owes its user three things: bytes arrive in the order
 * they were written, a peer that stops reading makes `write` answer `false` until `drain`, and the end is reported
 * once. It is made of callbacks, not effects: this is the hot path, where a fiber per chunk is what costs.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { ActorId } from "../errors/ActorError.ts"

export type { Authenticator } from "@furrow/protocol/Handshake"

/**
 * The callbacks by which a connection tells its one user what happens. None of these may throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionHandlers {
  readonly data: (bytes: Uint8Array) => void
  /** Called when there is room again after `write` answered `false`. */
  readonly drain: () => void
  /** Called once, when no more data will come. `reason` is set where the end is not a clean one. */
  readonly end: (reason: string | undefined) => void
  /**
   * Gives memory to a connection that can read into it. Any other connection hands over chunks of its own by `data`.
   */
  readonly direct?: DirectHandlers | undefined
}

/**
 * The callbacks of a connection that spares its user a copy: large words are read straight into the place where they stay.
 * None of these may throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectHandlers {
  /** The memory for the bytes that are read next, where they have a place already. It is asked for before each read. */
  readonly room: () => Uint8Array | undefined
  /** Called when this many bytes have been read into the room that was given last. */
  readonly filled: (size: number) => void
  /** Takes bytes as `data` does, except that they belong to the connection again once this returns. */
  readonly lend: (bytes: Uint8Array) => void
}

/**
 * One open connection, which moves bytes in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** Starts reading. It is called once. */
  readonly start: (handlers: ConnectionHandlers) => void
  /**
   * Queues the chunks in order; `false` when the connection is full. The connection owns the bytes from this call on.
   */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  /**
   * True when the bytes of every write have been copied or sent, so that the memory of the chunks may be used again. Without it,
   * written chunks are left to the garbage collection. A connection around another one that keeps chunks leaves it out.
   */
  readonly hasLeft?: (() => boolean) | undefined
  /** Sends the queued bytes, then ends this side's half of the connection. */
  readonly end: () => void
  /** Ends both halves at once; queued bytes are lost. */
  readonly destroy: () => void
  /**
   * Bytes that both ends of an encrypted connection have and no other connection has, as TLS exports them. The proof of
   * membership is made over them, so that it is worth nothing on any other connection. Default: there are none.
   */
  readonly binding?: Uint8Array | undefined
  /**
   * True where the other end has shown a certificate of an authority that this side trusts. A tree that trusts certificates
   * (`trust: "certificate"`) takes its holder for a member. Default: it has not.
   */
  readonly certified?: boolean | undefined
  /**
   * True where the peer can be gone without an end, as over a cable that is cut. The runtime then asks for signs of life
   * (`Timeouts.silence`). Default: the end always shows.
   */
  readonly silent?: boolean | undefined
}

/**
 * The place where an actor listens: a text of its transport, as `/unix/<absolute path>`, `/ip4/127.0.0.1/tcp/4711` or
 * `/memory/7`.
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
  /** Takes no new connections, and leaves no trace in the file system. Open connections stay open. */
  readonly close: () => void
  /**
   * True when a dial of the address still gets here, for a door that can be taken away from outside (a file that is
   * deleted). Asked each time the address is given out, so it is cheap, and it never throws. If not, the actor closes
   * this listener and listens again. Default: yes.
   */
  readonly isReachable?: (() => boolean) | undefined
}

/**
 * An actor cannot listen at all, or there is no answer at an address. `gone` is true when the address has no listener
 * any more; `reason` says what to do.
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
  /** The address has no listener any more: its actor has ended, or listens elsewhere by now. Its parent knows which. */
  readonly gone: boolean
  readonly reason: string
}> {
  override get message(): string {
    return this.reason
  }
}

/**
 * A live transport of one actor: it listens, dials and moves bytes between strangers. Proof that each side belongs to
 * the tree is the runtime's, over whatever connects the two.
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
  /** True when an address belongs to this transport: a dial takes the first transport that says so. */
  readonly dials: (address: Address) => boolean
  /** Listens, and hands over each new connection before any byte of it is read. */
  readonly listen: (
    actor: ActorId,
    accept: (connection: Connection) => void
  ) => Effect.Effect<Listener, TransportError>
  /** Dials an address. Interrupting the dial gives the connection up. */
  readonly dial: (address: Address) => Effect.Effect<Connection, TransportError>
  /** Removes what an actor below this one left when it died. It never throws. */
  readonly forget?: ((actor: ActorId) => void) | undefined
  /** The folders that live as long as the tree: the guard of the root removes them, however the tree ends. */
  readonly residue?: ReadonlyArray<string> | undefined
}>()("@furrow/actor/TransportDriver") {}
