/**
 * Connections inside one process, for tests and for trees whose actors all live in one process.
 *
 * Bytes arrive in order and in a later microtask than the `write` that sent them, as over a socket. A connection counts
 * as full when more than `highWaterBytes` wait for its reader. After every 256 deliveries in microtasks, the next
 * delivery waits for the next turn of the event loop, so that other work can run.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { eventLoop, Turn, type Wire } from "../settings/Turn.ts"
import { type Connection, type ConnectionHandlers, type TransportDriver, TransportError } from "./Transport.ts"

const highWaterBytes = 256 * 1024

/** The number of deliveries in microtasks after which the event loop turns once. */
const deliveriesPerTurn = 256

class Pipe implements Wire {
  private queue: Array<Uint8Array> = []
  private queued = 0
  private scheduled = false
  private deliveries = 0
  private wasFull = false
  private held = false
  /** The number of bytes that may still pass on this wire before it is cut. */
  private leftBytes = Infinity
  private state: "open" | "ending" | "ended" = "open"
  private reader: ConnectionHandlers | undefined
  /** The `Turn` of the process that reads the bytes of this wire. */
  private readonly turn: Turn
  private readonly drained: () => void

  constructor(turn: Turn, drained: () => void) {
    this.turn = turn
    this.drained = drained
  }

  read(handlers: ConnectionHandlers): void {
    this.reader = handlers
    this.schedule()
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (this.state !== "open") return true
    for (const written of chunks) {
      const chunk = written.length > this.leftBytes ? written.subarray(0, this.leftBytes) : written
      this.leftBytes -= chunk.length
      this.queue.push(chunk)
      this.queued += chunk.length
    }
    if (this.leftBytes === 0) this.state = "ending"
    this.schedule()
    if (this.queued < highWaterBytes) return true
    this.wasFull = true
    return false
  }

  end(): void {
    if (this.state !== "open") return
    this.state = "ending"
    this.schedule()
  }

  hold(): void {
    this.held = true
  }

  release(): void {
    if (!this.held) return
    this.held = false
    this.schedule()
  }

  cut(afterBytes = 0): void {
    if (afterBytes > 0) return void (this.leftBytes = Math.min(this.leftBytes, afterBytes))
    this.queue = []
    this.queued = 0
    // The connection does not call `drain` again for its writer, because the next event is the end of the connection.
    this.wasFull = false
    this.end()
  }

  private schedule(): void {
    if (this.scheduled || this.reader === undefined) return
    this.scheduled = true
    if (++this.deliveries % deliveriesPerTurn === 0) this.turn.rest(this.deliver, this)
    else this.turn.receive(this.deliver, this)
  }

  private readonly deliver = (): void => {
    this.scheduled = false
    const { queue, reader } = this
    if (reader === undefined || this.held) return
    this.queue = []
    this.queued = 0
    for (const chunk of queue) reader.data(chunk)
    if (this.wasFull && this.queued < highWaterBytes) {
      this.wasFull = false
      this.drained()
    }
    if (this.state === "ending" && this.queue.length === 0) {
      this.state = "ended"
      reader.end(undefined)
    }
  }
}

/**
 * Makes the two ends of one connection in memory. Each end runs its callbacks in one of the two given event loops
 * (`Turn`). When one end of the connection is ended or destroyed, the other end learns of it.
 */
export const pair = (left: Turn = eventLoop, right: Turn = eventLoop): readonly [Connection, Connection] => {
  const handlers: [ConnectionHandlers | undefined, ConnectionHandlers | undefined] = [undefined, undefined]
  const leftToRight = new Pipe(right, () => left.enter(() => handlers[0]?.drain()))
  const rightToLeft = new Pipe(left, () => right.enter(() => handlers[1]?.drain()))
  // Bytes that a process wrote before it ended still arrive at the peer; bytes that the process had not read are lost.
  const over = (out: Pipe, back: Pipe) => () => {
    out.end()
    back.cut()
  }
  left.hold(over(leftToRight, rightToLeft))
  right.hold(over(rightToLeft, leftToRight))
  left.wired(rightToLeft, right.pid)
  right.wired(leftToRight, left.pid)
  const end = (own: 0 | 1, out: Pipe, back: Pipe): Connection => ({
    start: (given) => {
      handlers[own] = given
      back.read(given)
    },
    write: (chunks) => out.write(chunks),
    end: () => out.end(),
    destroy: () => {
      out.cut()
      back.cut()
    }
  })
  return [end(0, leftToRight, rightToLeft), end(1, rightToLeft, leftToRight)]
}

/** Makes a transport that connects the actors of one tree inside this process. */
export const hub = (): TransportDriver["Service"] => {
  const listening = new Map<string, { readonly accept: (connection: Connection) => void; readonly turn: Turn }>()
  let last = 0
  return {
    listen: (_, accept) =>
      Effect.map(Turn, (turn) => {
        const address = `/memory/${++last}`
        const close = () => void listening.delete(address)
        listening.set(address, { accept, turn })
        turn.hold(close)
        return { address, close }
      }),
    dial: (address) =>
      Effect.flatMap(Turn, (turn) => {
        const listener = listening.get(address)
        if (listener === undefined) {
          // If the dialled text is no address of this transport, the failure does not prove that an actor is gone.
          const gone = /^\/memory\/\d+$/.test(address)
          return Effect.fail(new TransportError({ gone, reason: `no actor listens at ${address}` }))
        }
        const [near, far] = pair(turn, listener.turn)
        listener.turn.enter(() => listener.accept(far))
        return Effect.succeed(near)
      }),
    dials: (address) => address.startsWith("/memory/")
  }
}
