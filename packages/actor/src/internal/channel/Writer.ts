/**
 * The one writer of a connection: what is said in one turn of the event loop leaves in one write at its end. Where much
 * is said in one turn, it begins to leave earlier, so that the peer reads while we still speak.
 *
 * Two lanes. While the connection has room both go straight out, in order. Once it is full the words wait here, and
 * when there is room again the control lane goes first: data can never hold up a cancel. Senders of data wait for room
 * before they queue more, so what waits here is bounded by what is in flight.
 *
 * @since 0.1.0
 */
import * as Envelope from "@furrow/protocol/Envelope"
import { Outbox, type Parts, sizeOf } from "@furrow/protocol/Frame"
import { type Message, words } from "@furrow/protocol/Message"
import type { Connection } from "../transport/Transport.ts"

/** So many bytes leave without waiting for the end of the turn: a dozen calls, or two chunks of small items. */
const flushThresholdBytes = 1024

type Flow = "room" | "full" | "closed"

/** What a peer is owed for what it said: it decides how many there are. */
const answers: ReadonlySet<Message["_tag"]> = new Set(["Return", "Error", "Pong", "CancelAck"])

export class Writer {
  frames = 0
  /** Answers that wait for a peer which does not read. */
  unread = 0
  bytes = 0
  private flow: Flow = "room"
  private readonly connection: Connection
  private readonly outbox = new Outbox()
  private readonly control: Array<Parts> = []
  private readonly data: Array<Parts> = []
  private waiting: Array<() => void> = []
  private scheduled = false
  /** Bytes in the outbox. */
  private pending = 0

  constructor(connection: Connection) {
    this.connection = connection
  }

  get isFull(): boolean {
    return this.flow === "full"
  }

  send(message: Message): void {
    if (this.flow === "closed") return
    const parts = Envelope.encode(message)
    const size = sizeOf(parts)
    this.frames++
    this.bytes += size
    if (this.flow === "full") {
      const lane = words[message._tag].lane === "control" ? this.control : this.data
      lane.push(parts)
      if (answers.has(message._tag)) this.unread++
      return
    }
    this.outbox.push(parts)
    this.pending += size
    if (this.pending < flushThresholdBytes) this.schedule()
    else this.flush()
  }

  /** Calls back once when there is room, or the connection has closed. */
  whenRoom(callback: () => void): () => void {
    this.waiting.push(callback)
    return () => {
      this.waiting = this.waiting.filter((waiter) => waiter !== callback)
    }
  }

  drain(): void {
    if (this.flow !== "full") return
    this.flow = "room"
    this.unread = 0
    for (const lane of [this.control, this.data]) {
      for (const parts of lane) this.outbox.push(parts)
      lane.length = 0
    }
    this.flush()
    if (this.flow === "room") this.wake()
  }

  /** Sends what is queued, then ends. */
  end(): void {
    if (this.flow === "closed") return
    for (const parts of [...this.control, ...this.data]) this.outbox.push(parts)
    if (!this.outbox.isEmpty) this.connection.write(this.outbox.take())
    this.connection.end()
    this.close()
  }

  /** Nothing is said any more; whoever waits for room finds out. */
  close(): void {
    this.flow = "closed"
    this.wake()
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = []
    for (const callback of waiting) callback()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    void Promise.resolve().then(() => {
      this.scheduled = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.flow !== "room" || this.outbox.isEmpty) return
    this.pending = 0
    if (!this.connection.write(this.outbox.take())) this.flow = "full"
  }
}
