/**
 * The writer of a connection: the words of one turn of the event loop are sent in one write at the end of the turn. If
 * one turn has many words, the writer writes some of them before the turn ends, so that the peer reads meanwhile.
 *
 * The writer of a connection has two lanes, for control and for data. While the connection accepts data, words of both
 * lanes leave at once, in order. Once the connection is full, words wait in their lanes, and the control lane leaves
 * first: data never holds up a cancel. Senders and new dialogs wait until the connection has room, so the lanes are
 * bounded.
 *
 * A large word leaves in parts if the peer reads parts (`Departure`): one part each time the connection has room, after
 * the words that waited for that room. Control words and small words of other dialogs pass between the parts of a large
 * word.
 *
 * @since 0.1.0
 */
import * as Departure from "@furrow/protocol/Departure"
import * as Envelope from "@furrow/protocol/Envelope"
import { Outbox, type Parts, sizeOf } from "@furrow/protocol/Frame"
import { type Message, words } from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import { eventLoop, type Turn } from "../settings/Turn.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { Connection } from "../transport/Transport.ts"

/**
 * The number of bytes in one turn after which writing begins before the turn ends: a dozen calls, or two chunks of
 * small items.
 */
const flushThresholdBytes = 1024

/**
 * The number of bytes that may wait until the connection has room. Above the limit of waiting bytes no dialog begins,
 * because the dialog's payload would only wait as well.
 */
const maxQueuedBytes = 256 * 1024

type Flow = "room" | "full" | "closed"
type Lane = "control" | "data"

/** The kinds of words that this side sends only as an answer to a word of the peer. */
const answers: ReadonlySet<Message["_tag"]> = new Set(["Return", "Error", "Pong", "CancelAck"])

export class Writer {
  frames = 0
  /** The number of answers to the peer's words that wait because the peer does not read. */
  unread = 0
  bytes = 0
  private flow: Flow = "room"
  private readonly connection: Connection
  private readonly fault: (error: unknown) => void
  private readonly turn: Turn
  private readonly outbox = new Outbox()
  private readonly control: Array<Parts> = []
  private readonly data: Array<Parts> = []
  private readonly waiting = new Waiters()
  private readonly waitingStarts = new Waiters()
  /** The number of bytes that wait in both lanes of the writer together. */
  private queued = 0
  /** Numbers of dialogs whose `Start` has not been handed to the connection yet. */
  private readonly unsentStarts: Array<number> = []
  private scheduled = false
  /** The number of bytes that wait for the write at the end of this turn. */
  private pending = 0
  private departure = Departure.initial
  /** The largest frame in bytes of a peer that reads parts; `undefined` for a peer that reads whole words only. */
  private cutFor: number | undefined
  /** Large payloads that were handed to the connection, which may still be reading their memory. */
  private readonly given: Array<Uint8Array> = []
  /** The `Bye` of this actor, which follows all words that are still queued. */
  private bye: Parts | undefined

  /**
   * Makes the writer of `connection`. The writer calls `fault` with an error that the connection throws, and writes
   * nothing afterwards.
   */
  constructor(connection: Connection, fault: (error: unknown) => void, turn: Turn = eventLoop) {
    this.connection = connection
    this.fault = fault
    this.turn = turn
  }

  get isFull(): boolean {
    return this.flow === "full" || this.departure.waiting.length > 0
  }

  /** True while no word and no sender waits for room in the connection. */
  get isIdle(): boolean {
    return this.flow === "room" && Departure.isEmpty(this.departure) && this.waiting.isEmpty &&
      this.waitingStarts.isEmpty
  }

  /**
   * Makes large words leave in parts from now on, because the peer reads parts and frames of at most `maxFrame` bytes.
   */
  cut(maxFrame: number): void {
    this.cutFor = maxFrame
  }

  /** Numbers of the dialogs whose `Start` has not left as a whole, so that they have not begun at the peer. */
  heldStarts(): ReadonlySet<number> {
    return new Set([...this.unsentStarts, ...Departure.startsOf(this.departure)])
  }

  /**
   * Takes back the waiting words of a dialog; true if no word of the dialog has left, so that the peer never hears of
   * the dialog.
   */
  withdraw(dialog: number): boolean {
    if (!Departure.isUnbegun(this.departure, dialog)) return false
    this.follow(Departure.drop(this.departure, dialog, this.cutFor!))
    return true
  }

  /**
   * Sends a word of this side to the peer. If the parameter `inOrder` is true, the word overtakes no earlier word of
   * its dialog, even if the lane of the word leaves first.
   */
  send(message: Message, inOrder = false): void {
    if (this.flow === "closed") return
    const lane = inOrder ? "data" : words[message._tag].lane
    const parts = Envelope.encode(message)
    const size = sizeOf(parts)
    this.frames++
    this.bytes += size
    if (this.cutFor !== undefined && this.departs(message, lane, parts, this.cutFor)) return
    if (message._tag === "Start") this.unsentStarts.push(message.dialog)
    if (!this.put(parts, lane) && answers.has(message._tag)) this.unread++
  }

  /** True for a word that leaves in parts, or that must wait behind a word that leaves in parts. */
  private departs(message: Message, lane: Lane, parts: Parts, maxFrame: number): boolean {
    const isIdle = Departure.isEmpty(this.departure)
    if (isIdle && !Departure.isLarge(parts)) return false
    if (message._tag === "Bye" && !isIdle) {
      this.bye = parts
      return true
    }
    if (!("dialog" in message) || !Departure.canCut(message.dialog)) return false
    const { dialog } = message
    const word = { parts, isStart: message._tag === "Start" }
    if (Departure.has(this.departure, dialog)) {
      // The last word of a dialog ends the large word that it overtakes, so the other parts of the large word are not
      // sent.
      if (message._tag === "Cancel" || message._tag === "Error" && lane === "control") {
        this.follow(Departure.drop(this.departure, dialog, maxFrame))
      } else if (lane === "data") {
        this.departure = Departure.append(this.departure, dialog, word)
        return true
      }
    }
    if (!Departure.isLarge(parts) && !Departure.mustWait(this.departure, word.isStart)) return false
    this.follow(Departure.add(this.departure, dialog, word, maxFrame))
    this.depart()
    return true
  }

  /**
   * Writes the frames that a step of the machine `Departure` sends. A frame that begins a large word takes the control
   * lane, as every `Start` does.
   */
  private follow([departure, frames]: Departure.Step): void {
    this.departure = departure
    for (const parts of frames) this.put(parts, "control")
  }

  /** Writes the parts of a word at once, or puts them into their lane while the connection is full. */
  private put(parts: Parts, lane: Lane): boolean {
    const size = sizeOf(parts)
    if (this.flow === "full") {
      this[lane].push(parts)
      this.queued += size
      return false
    }
    this.collect(parts)
    this.pending += size
    if (this.pending < flushThresholdBytes) this.schedule()
    else this.flush()
    return true
  }

  private collect(parts: Parts): void {
    this.outbox.push(parts)
    if (parts.tail !== undefined) this.note(parts.tail)
  }

  /** Remembers a large payload that was handed to the connection as a whole. */
  private note(payload: Uint8Array): void {
    if (payload.length >= Payload.minReleasedBytes && this.connection.hasLeft !== undefined) this.given.push(payload)
  }

  /** Gives back the memory of large payloads that have left. */
  private release(): void {
    if (this.given.length === 0 || !this.connection.hasLeft!()) return
    for (const payload of this.given) Payload.releaseWritten(payload)
    this.given.length = 0
  }

  /** Collects the next part of a large word, and the words that waited for its last part. */
  private collectPart(): void {
    if (this.cutFor === undefined) return
    const next = Departure.next(this.departure, this.cutFor)
    if (next === undefined) return
    this.departure = next.state
    for (const parts of next.frames) this.collect(parts)
    if (next.gone !== undefined) this.note(next.gone)
    if (this.bye === undefined || !Departure.isEmpty(this.departure)) return
    this.outbox.push(this.bye)
    this.bye = undefined
  }

  /** Sends parts of large words while the connection has room. */
  private depart(): void {
    while (this.flow === "room" && this.departure.leaving.length > 0) {
      this.collectPart()
      this.flush()
    }
  }

  /** Calls `callback` once, when this sender may send, or when the connection has closed. */
  whenRoom(callback: () => void): () => void {
    return this.waiting.add(callback)
  }

  /** True when another dialog may begin now, because fewer bytes wait than the limit of waiting bytes. */
  get admitsStart(): boolean {
    return this.departure.waiting.length === 0 && (this.flow !== "full" || this.queued < maxQueuedBytes)
  }

  /**
   * Calls `callback` once, when a dialog may begin or the connection has closed. The callbacks of waiting dialogs are
   * called one by one, in the order in which they were registered.
   */
  whenAdmitted(callback: () => void): () => void {
    return this.waitingStarts.add(callback)
  }

  drain(): void {
    if (this.flow !== "full") return
    this.flow = "room"
    this.release()
    this.unread = 0
    for (const lane of [this.control, this.data]) {
      for (const parts of lane) this.collect(parts)
      lane.length = 0
    }
    this.queued = 0
    // At least one part of a large word leaves each time the connection has room again, so that small words cannot
    // delay it for ever.
    this.collectPart()
    this.flush()
    // Each time the connection has room again, at least one waiting sender and one waiting dialog may send, so that
    // none waits for ever.
    if (this.departure.waiting.length === 0) {
      do this.waiting.wakeFirst()
      while (!this.isFull && !this.waiting.isEmpty)
    }
    this.depart()
    while (this.admitsStart && !this.waitingStarts.isEmpty) this.waitingStarts.wakeFirst()
  }

  /** Sends the queued words of the writer, then ends this side's half of the connection. */
  end(): void {
    if (this.flow === "closed") return
    for (const parts of [...this.control, ...this.data]) this.outbox.push(parts)
    while (this.departure.leaving.length > 0) this.collectPart()
    const rest = this.outbox.isEmpty ? undefined : this.outbox.take()
    this.flow = "closed"
    try {
      if (rest !== undefined) this.connection.write(rest)
      this.connection.end()
    } catch (error) {
      this.fault(error)
    }
    this.wakeAll()
  }

  /** Ends all writing, and wakes the senders that wait for room, which then find the connection closed. */
  close(): void {
    this.flow = "closed"
    this.giveUp()
    this.wakeAll()
  }

  /** Drops large words that have not left, and records the dialogs that these words would have begun. */
  private giveUp(): void {
    this.unsentStarts.push(...Departure.startsOf(this.departure))
    this.departure = Departure.initial
  }

  private wakeAll(): void {
    this.waiting.wake()
    this.waitingStarts.wake()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.turn.later(this.turnEnded, this)
  }

  private readonly turnEnded = (): void => {
    this.scheduled = false
    this.flush()
  }

  private flush(): void {
    if (this.flow !== "room" || this.outbox.isEmpty) return
    this.pending = 0
    this.unsentStarts.length = 0
    try {
      if (!this.connection.write(this.outbox.take())) this.flow = "full"
      this.release()
    } catch (error) {
      this.flow = "closed"
      this.giveUp()
      this.fault(error)
    }
  }
}
