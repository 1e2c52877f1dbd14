/**
 * Wraps a connection so that it shows faults, as far as the duties of a connection allow faults.
 *
 *   write -> lane (waits, is cut up, is joined) -> inner connection -> lane -> data
 *
 * A faulty connection keeps the duties of a transport: bytes keep their order, none are lost before the end, and the
 * end is reported once. All other behaviour of a faulty connection follows from the faults that are configured.
 * Chunks of a faulty connection wait for turns of the event loop, and are split and joined anywhere. A write to a
 * faulty connection may be answered with `false`, and the connection may end at any byte, in one direction or both
 * directions. The same seed causes the same faults of a connection in every run.
 *
 * A test can also stop both directions of a faulty connection (`hold`) and release them. A cut of the connection
 * separates its two actors, as a partition of the network does.
 *
 * @since 0.1.0
 */
import type { Address, Connection, ConnectionHandlers, TransportDriver } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"

/**
 * The directions of a connection that a cut ends; `incoming` is the direction whose bytes arrive at the faulty end.
 * Only the reader of a direction notices the cut of this direction.
 *
 * @category models
 * @since 0.1.0
 */
export type Cut = "both" | "incoming" | "outgoing"

/**
 * Functions of a connection that a test can make throw, as in a broken driver.
 *
 * @category models
 * @since 0.1.0
 */
export type Throws = "write" | "end" | "destroy"

/**
 * The faults that a faulty connection causes; each chance is a number from 0 to 1. Without any fault, the faulty
 * connection behaves like the connection that it wraps.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  readonly seed: number
  /** The largest number of turns of the event loop that a chunk waits. */
  readonly delay?: number | undefined
  /** The chance that a chunk of bytes is split at a random byte; the halves of a split chunk may be split again. */
  readonly split?: number | undefined
  /** The chance that a chunk of bytes is joined with the next chunk. */
  readonly join?: number | undefined
  /**
   * The chance that a write returns `false` although the connection has room. The callback `drain` follows at most
   * `delay` turns of the event loop after a write that returned `false`.
   */
  readonly stall?: number | undefined
  /** Ends the connection after `after` bytes of the direction `counting`, even in the middle of a frame. */
  readonly cut?: { readonly after: number; readonly counting: "incoming" | "outgoing"; readonly how: Cut } | undefined
}

/**
 * The faulty end of a connection, with functions that cause more faults.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  readonly connection: Connection
  /**
   * Ends the faulty connection now. Bytes that wait in the directions that were cut are lost. A repeated call of `cut`
   * has no effect.
   */
  readonly cut: (how?: Cut) => void
  /** Stops both directions of the faulty connection until `release` is called. */
  readonly hold: () => void
  readonly release: () => void
  /** Makes the named methods of the connection throw from now on, although no method of a correct driver throws. */
  readonly throwIn: (...functions: ReadonlyArray<Throws>) => void
  readonly isCut: boolean
}

/**
 * Pseudorandom numbers from 0 to 1, which are the same for the same seed.
 *
 * @example
 * ```ts
 * const next = FaultyTransport.random(7)
 * const again = FaultyTransport.random(7)
 * next() === again() // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const random = (seed: number): () => number => {
  let state = seed | 0
  return () => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
}

/**
 * The number of waiting bytes in one direction of a faulty connection from which on a writer has to wait. The number is
 * large, so that the wrapped connection usually stops the writer first.
 */
const highWaterBytes = 1024 * 1024

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/**
 * One direction of a faulty connection: a queue that passes each chunk on when the chunk's time has come and the
 * reader has room.
 */
class Lane {
  private queue: Array<Uint8Array> = []
  private flow: "open" | "ending" | "ended" = "open"
  private pumping = false
  private blocked = false
  private left: number
  queued = 0
  held = false
  private readonly faults: Faults
  private readonly next: () => number
  private readonly sink: (chunk: Uint8Array) => boolean
  private readonly ended: () => void
  private readonly moved: () => void
  private readonly cut: () => void

  constructor(options: {
    readonly faults: Faults
    readonly next: () => number
    /**
     * Gets each chunk that leaves the queue of this `Lane`. Returns `false` to stop the queue until the method `resume`
     * of the `Lane` is called.
     */
    readonly sink: (chunk: Uint8Array) => boolean
    readonly ended: () => void
    /** A callback that this `Lane` calls each time a chunk has left its queue. */
    readonly moved: () => void
    /**
     * The number of bytes of one direction after which the connection ends; `undefined` for a connection that is not
     * cut.
     */
    readonly after: number | undefined
    readonly cut: () => void
  }) {
    this.faults = options.faults
    this.next = options.next
    this.sink = options.sink
    this.ended = options.ended
    this.moved = options.moved
    this.left = options.after ?? Infinity
    this.cut = options.cut
  }

  get isFull(): boolean {
    return this.blocked || this.queued >= highWaterBytes
  }

  /** True when all bytes of the queue have moved on and the reader of this direction has room. */
  get isClear(): boolean {
    return !this.blocked && this.queued === 0
  }

  push(chunk: Uint8Array): void {
    if (this.flow !== "open") return
    this.queue.push(chunk)
    this.queued += chunk.length
    this.pump()
  }

  end(): void {
    if (this.flow !== "open") return
    this.flow = "ending"
    this.pump()
  }

  /** Drops the bytes that wait in the queue of this direction, and lets no further bytes pass. */
  drop(): void {
    this.queue = []
    this.queued = 0
    this.flow = "ended"
  }

  resume(): void {
    this.blocked = false
    this.held = false
    this.pump()
  }

  private pump(): void {
    if (this.pumping) return
    const turns = Math.floor(this.next() * ((this.faults.delay ?? 0) + 1))
    // A queue without a delay passes bytes on at once.
    if (turns === 0) return this.pass()
    this.pumping = true
    later(turns, () => {
      this.pumping = false
      this.pass()
    })
  }

  /** Passes the first chunk of the queue on, and each later chunk when the time of that chunk comes. */
  private pass(): void {
    while (!this.blocked && !this.held && this.flow !== "ended") {
      const chunk = this.head()
      if (chunk === undefined) {
        if (this.flow !== "ending") return
        this.flow = "ended"
        return this.ended()
      }
      const fits = Math.min(chunk.length, this.left)
      this.left -= fits
      this.blocked = !this.sink(fits === chunk.length ? chunk : chunk.subarray(0, fits))
      this.moved()
      if (this.left <= 0) return this.cut()
      if ((this.faults.delay ?? 0) > 0) return this.pump()
    }
  }

  /** Takes the next chunk of the queue, which may be a piece of a chunk or several joined chunks. */
  private head(): Uint8Array | undefined {
    const { join = 0, split = 0 } = this.faults
    let chunk = this.queue.shift()
    if (chunk === undefined) return undefined
    while (join > 0 && this.queue.length > 0 && this.next() < join) chunk = concat(chunk, this.queue.shift()!)
    if (split > 0 && chunk.length > 1 && this.next() < split) {
      const at = 1 + Math.floor(this.next() * (chunk.length - 1))
      this.queue.unshift(chunk.subarray(at))
      chunk = chunk.subarray(0, at)
    }
    this.queued -= chunk.length
    return chunk
  }
}

const later = (turns: number, run: () => void): void => {
  if (turns <= 0) run()
  else setImmediate(() => later(turns - 1, run))
}

class FaultyEnd implements Link {
  readonly connection: Connection
  private handlers: ConnectionHandlers | undefined
  private readonly inner: Connection
  private readonly faults: Faults
  private readonly next: () => number
  private readonly incoming: Lane
  private readonly outgoing: Lane
  private told = false
  private owed = false
  private stalled = false
  private readonly broken = new Set<Throws>()
  private over: { -readonly [K in "incoming" | "outgoing"]: boolean } = { incoming: false, outgoing: false }

  constructor(inner: Connection, faults: Faults) {
    this.inner = inner
    this.faults = faults
    this.next = random(faults.seed)
    const { cut } = faults
    const end = () => this.cut(cut!.how)
    this.incoming = new Lane({
      faults,
      next: this.next,
      sink: (chunk) => {
        this.handlers!.data(chunk)
        return true
      },
      ended: () => this.tell(undefined),
      moved: () => {},
      after: cut?.counting === "incoming" ? cut.after : undefined,
      cut: end
    })
    this.outgoing = new Lane({
      faults,
      next: this.next,
      sink: (chunk) => inner.write([chunk]),
      ended: () => inner.end(),
      moved: () => this.pay(),
      after: cut?.counting === "outgoing" ? cut.after : undefined,
      cut: end
    })
    this.connection = {
      start: (handlers) => this.start(handlers),
      write: (chunks) => this.may("write") && this.write(chunks),
      end: () => this.may("end") && this.outgoing.end(),
      destroy: () => this.may("destroy") && this.destroy(),
      binding: inner.binding,
      silent: inner.silent
    }
  }

  get isCut(): boolean {
    return this.over.incoming || this.over.outgoing
  }

  readonly hold = (): void => {
    this.incoming.held = true
    this.outgoing.held = true
  }

  readonly release = (): void => {
    this.incoming.resume()
    this.outgoing.resume()
    this.pay()
  }

  readonly throwIn = (...functions: ReadonlyArray<Throws>): void => {
    for (const one of functions) this.broken.add(one)
  }

  private may(what: Throws): true {
    if (this.broken.has(what)) throw new Error(`this ${what} is broken`)
    return true
  }

  readonly cut = (how: Cut = "both"): void => {
    if (how !== "incoming" && !this.over.outgoing) {
      this.over.outgoing = true
      this.outgoing.drop()
      // Bytes that have reached the inner connection before a cut still arrive, and only then the peer sees the end.
      this.inner.end()
    }
    if (how !== "outgoing" && !this.over.incoming) {
      this.over.incoming = true
      this.incoming.drop()
      later(1, () => this.tell("cut"))
    }
    this.pay()
  }

  private start(handlers: ConnectionHandlers): void {
    this.handlers = handlers
    this.inner.start({
      data: (bytes) => this.incoming.push(bytes),
      drain: () => {
        this.outgoing.resume()
        this.pay()
      },
      end: (reason) => {
        // An end of the inner connection that has a reason is reported at once, ahead of bytes in transit.
        if (reason !== undefined) {
          this.incoming.drop()
          this.tell(reason)
        } else this.incoming.end()
      }
    })
  }

  private write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (this.over.outgoing) return true
    for (const chunk of chunks) this.outgoing.push(chunk)
    if (!this.stalled && this.next() < (this.faults.stall ?? 0)) {
      this.stalled = true
      later(1 + Math.floor(this.next() * ((this.faults.delay ?? 0) + 1)), () => {
        this.stalled = false
        this.pay()
      })
    }
    if (!this.stalled && !this.outgoing.isFull) return true
    this.owed = true
    return false
  }

  /** Tells a waiting writer that the connection has room again. */
  private pay(): void {
    if (!this.owed || this.stalled || (!this.over.outgoing && !this.outgoing.isClear)) return
    this.owed = false
    if (this.handlers !== undefined && !this.told) this.handlers.drain()
  }

  private destroy(): void {
    this.outgoing.drop()
    this.incoming.drop()
    this.inner.destroy()
    later(1, () => this.tell(undefined))
  }

  private tell(reason: string | undefined): void {
    if (this.told || this.handlers === undefined) return
    this.told = true
    this.handlers.end(reason)
  }
}

/**
 * Wraps one end of a connection, with faults in both of its directions.
 *
 * @example
 * ```ts
 * const [socket] = sockets
 * const link = FaultyTransport.wrap(SocketConnection.make(socket), { seed: 1, delay: 3, split: 0.5 })
 * link.hold()
 * link.release()
 * link.isCut // false
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const wrap = (connection: Connection, faults: Faults): Link => new FaultyEnd(connection, faults)

/**
 * Makes a pair of connections whose near end is faulty.
 *
 * @example
 * ```ts
 * const make = () => [SocketConnection.make(sockets[0]), SocketConnection.make(sockets[1])] as const
 * const [near] = FaultyTransport.pair(make, { seed: 1 })
 * near.cut()
 * near.isCut // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const pair = (
  make: () => readonly [Connection, Connection],
  faults: Faults
): readonly [near: Link, far: Connection] => {
  const [near, far] = make()
  return [wrap(near, faults), far]
}

/**
 * A transport that adds faults to the connections it dials, for peers of a tree in memory. The function `faults` is
 * called for each dialled connection, and may return different faults for different connections. The function
 * `onLink` gets each faulty connection, so that a test can hold or cut the connection.
 *
 * @example
 * ```ts
 * const layer = MemoryActor.layer({
 *   betweenPeers: (transport) => FaultyTransport.dialling(transport, () => ({ seed: 1, delay: 3 }))
 * })
 * yield* Effect.provide(Actor.runInActor(isPrime({ n: 7 })), layer) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const dialling = (
  transport: TransportDriver["Service"],
  faults: (address: Address) => Faults,
  onLink: (link: Link, address: Address) => void = () => {}
): TransportDriver["Service"] => ({
  ...transport,
  dial: (address) =>
    Effect.map(transport.dial(address), (connection) => {
      const link = wrap(connection, faults(address))
      onLink(link, address)
      return link.connection
    })
})
