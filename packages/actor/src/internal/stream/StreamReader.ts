/**
 * Receives the items of a stream: the fiber that reads a payload decodes the payload, or fails with the payload's
 * error.
 *
 *   chunks arrive -> Inbox (still encoded) -> pull | receive (decoded here, credit granted here)
 *   the dialog ends -> the readers learn how, once what they may still read is read
 *
 * Calls, streams and dialogs all receive their values by this module. Only this module decides what a wrong payload, a
 * broken rule, a slow reader or the end of a dialog means for a reader. A payload that does not match its schema fails
 * only its own reader.
 *
 * @since 0.1.0
 */
import type * as Message from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { Rule } from "../contract/PayloadReceiver.ts"
import { type ActorId, PayloadInvalid } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { Turn } from "../settings/Turn.ts"
import { Inbox, type Overflow } from "./Inbox.ts"
import { type Look, Receiving, Slot, Unreadable } from "./Receiving.ts"

export interface ReaderOptions {
  readonly channel: PeerChannel
  /** The dialog whose items are read; its number is known before any item can arrive. */
  readonly dialog: { readonly id: number }
  readonly endpoint: string
  /** The actor that serves the endpoint of the dialog. */
  readonly actor: ActorId
  /** The side of the dialog that makes the items. */
  readonly maker: "caller" | "callee"
  readonly items: Payload.ChunkCodec<unknown>
  readonly window: Message.Window
  readonly overflow?: Overflow | undefined
  /** True when a failure comes before the unread items, as in dialogs, whose messages mean nothing after a failure. */
  readonly failFirst: boolean
  /** True once the dialog has ended, so that no writer waits for credit. */
  readonly isOver: () => boolean
  /** Reports that the reader was too slow for its policy `error`. */
  readonly overrun?: (() => void) | undefined
  readonly events: Events
  /** The rule for items that do not match their schema, when no scope has set a receiver. */
  readonly rule?: Rule | undefined
  /** Cancels the dialog for the reader, and returns when the reader has its failure. */
  readonly cancel: (reason: string) => Effect.Effect<void>
  /**
   * Sends a message back to the peer for the reader. `answer` is absent when the reader can send no message back.
   */
  readonly answer?: ((message: unknown) => "sent" | "full" | Effect.Effect<never, unknown>) | undefined
}

/** The state of the stream as its reader sees it. */
type End =
  | { readonly _tag: "Open" }
  /** No further items of the stream come, and unread items can still be read. */
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly failure: Effect.Effect<never, unknown> }

/**
 * A value that opens a dialog: the payload of a call, or the first value that a callee sends. If a value that opens a
 * dialog does not match its schema, the result names the side that made the value.
 */
export type Received =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: PayloadInvalid }

export const received = (
  payload: Uint8Array,
  codec: Payload.Codec<unknown>,
  from: {
    readonly actor: ActorId
    readonly side: "caller" | "callee"
    readonly endpoint: string
    readonly part: string
  }
): Received => {
  const decoded = codec.decode(payload)
  return decoded.ok ? decoded : { ok: false, error: new PayloadInvalid({ ...from, issue: decoded.issue }) }
}

/** The result of a read: a chunk of decoded items, the end of the stream, or a failure. */
export type Pull = Effect.Effect<readonly [unknown, ...Array<unknown>], unknown>

const done: Effect.Effect<never, Cause.Done> = Cause.done()

/** The side that reads the items of the given side. */
const readerOf = { caller: "callee", callee: "caller" } as const

/** The value that a read returns when no item has come yet. */
export const none: unique symbol = Symbol("none")

export class StreamReader {
  private readonly options: ReaderOptions
  private readonly inbox: Inbox
  private end: End = { _tag: "Open" }
  /** The decoded items of the chunk that is being read; `next` is the index of the first unread item. */
  private decoded: ReadonlyArray<unknown> = []
  private next = 0
  /** True when the chunk may hold a `Slot` for a payload that does not match its schema, besides items. */
  private mixed = false
  /**
   * The schemas and receivers of the reader. `Receiving` is made once the reader sets a schema or receiver, or an item
   * does not match its schema.
   */
  private demands: Receiving | undefined
  private arrival: (() => void) | undefined

  constructor(options: ReaderOptions) {
    this.options = options
    this.inbox = new Inbox(options.window, options.overflow)
  }

  /** The schemas and receivers of the reader, made at the first use. */
  get receiving(): Receiving {
    if (this.demands !== undefined) return this.demands
    const { answer, cancel, channel, endpoint, events, items, maker, rule } = this.options
    return this.demands = new Receiving({
      channel,
      events,
      endpoint,
      rule,
      mismatch: (item) => {
        const encoded = items.encode([item])
        return encoded.ok ? undefined : encoded.issue
      },
      invalid: (part, issue) => this.invalid(issue, part, part === "item" ? maker : readerOf[maker]),
      answer,
      cancel,
      abandon: () => void this.discard(),
      isFailed: () => this.failure !== undefined,
      isEnded: () => this.end._tag !== "Open"
    })
  }

  /** The number of unread items, and whether the reader waits for more items. */
  inspect(): { readonly items: number; readonly waiting: boolean } {
    const { items, waiting } = this.inbox.inspect()
    return { items: items + this.decoded.length - this.next, waiting }
  }

  get waiters(): Iterable<object> {
    return this.inbox.waiters
  }

  get isEnded(): boolean {
    return this.end._tag !== "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
  }

  /** Adds a chunk of items that has arrived. A chunk beyond the granted credit ends the connection. */
  hear(word: Message.Yield): void {
    const [pushed, grant] = this.inbox.push(word)
    if (pushed === "breach") {
      return this.options.channel.violate({ _tag: "CreditOverrun", dialog: this.options.dialog.id })
    }
    this.grant(grant)
    if (pushed === "overrun") this.options.overrun?.()
    this.arrived()
  }

  /**
   * Records that no further items come, because the peer ended its half or the dialog ended without a failure. Unread
   * items can still be read after the end of the stream.
   */
  finish(): void {
    if (this.end._tag === "Open") this.end = { _tag: "Done" }
    this.demands?.wake()
    this.arrived()
  }

  /** Records that the dialog has failed. */
  fail(failure: Effect.Effect<never, unknown>): void {
    if (this.end._tag !== "Failed") this.end = { _tag: "Failed", failure }
    this.demands?.wake()
    this.arrived()
  }

  /**
   * Ends the reading of the stream: later items are dropped, and their credit is granted back. Returns the unread items
   * that match their schema.
   */
  close(): ReadonlyArray<unknown> {
    const unread: Array<unknown> = []
    while (this.isFilled()) {
      for (let i = this.next; i < this.decoded.length; i++) {
        const item = this.readable(this.decoded[i])
        if (item !== none) unread.push(item)
      }
      this.next = this.decoded.length
    }
    this.discard()
    this.finish()
    return unread
  }

  private discard(): void {
    this.decoded = []
    this.next = 0
    this.grant(this.inbox.discard())
  }

  // ---- one reader -------------------------------------------------------------------------------------------------

  /**
   * Reads the next chunk, up to an item that cannot be read. An item that cannot be read fails the first reader that
   * reaches this item.
   */
  readonly pull: Pull = this.pullOr(() => this.pull)

  /** Reads a chunk once; `again` is the next step of a reader that had to wait. */
  pullOr(again: () => Pull): Pull {
    return Effect.suspend(() => {
      const over = this.over
      if (over !== undefined) return over
      if (!this.isFilled()) return Effect.flatMap(this.inbox.changed, again)
      const { decoded, next } = this
      if (this.isMixed) return this.pullMixed(again)
      this.next = decoded.length
      return Effect.succeed((next === 0 ? decoded : decoded.slice(next)) as readonly [unknown, ...Array<unknown>])
    })
  }

  private pullMixed(again: () => Pull): Pull {
    const items: Array<unknown> = []
    for (; this.next < this.decoded.length; this.next++) {
      const item = this.readable(this.decoded[this.next])
      if (item === none) break
      items.push(item)
    }
    return items.length === 0 ? this.passed(again) : Effect.succeed(items as [unknown, ...Array<unknown>])
  }

  /** Reads the next item of the stream, and waits until it comes. */
  get receive(): Effect.Effect<unknown, unknown> {
    return this.receiveOr(() => this.receive)
  }

  receiveOr(again: () => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => {
      const over = this.over
      if (over !== undefined) return over
      return this.isFilled() ? this.first(again) : Effect.flatMap(this.inbox.changed, again)
    })
  }

  /**
   * Reads the next item if there is one now. If the next payload does not match its schema, the read waits for the
   * decision about the payload.
   */
  get receiveNow(): Effect.Effect<Option.Option<unknown>, unknown> {
    return Effect.suspend(() => {
      const waits = this.end._tag === "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
      if (waits) return Effect.succeed(Option.none())
      const over = this.over
      if (over !== undefined) return over
      if (!this.isFilled()) return Effect.succeed(Option.none())
      if (this.isMixed && this.readable(this.decoded[this.next]) === none) return this.passed(() => this.receiveNow)
      return Effect.map(this.receive, Option.some)
    })
  }

  private first(again: () => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const place = this.decoded[this.next]
    const item = this.isMixed ? this.readable(place) : place
    if (item === none) return this.passed(again)
    this.next++
    return Effect.succeed(item)
  }

  /** Handles the payload before the next item: fails its reader once, skips it, or has it decided. */
  private passed<A>(again: () => Effect.Effect<A, unknown>): Effect.Effect<A, unknown> {
    const found = this.look()
    switch (found._tag) {
      case "Fail":
        this.next++
        this.receiving.count("failed", found.refused)
        return found.failure
      case "Skip":
        this.next++
        return again()
      case "Undecided":
        return Effect.flatMap(this.receiving.decide(found.place), again)
      case "Item":
        return again()
    }
  }

  // ---- several readers --------------------------------------------------------------------------------------------

  /** Calls `arrival` at each change, before the waiting readers are woken; `undefined` ends these calls. */
  share(arrival: (() => void) | undefined): void {
    this.arrival = arrival
  }

  /**
   * Takes an item, or the value that fails each reader that reaches it. `none` means that no item has come, or that a
   * receiver must decide first.
   */
  poll(): unknown {
    while (this.isFilled()) {
      if (!this.isMixed) return this.decoded[this.next++]
      const found = this.look()
      if (found._tag === "Undecided") return none
      this.next++
      if (found._tag !== "Skip") return found.place
    }
    return none
  }

  /** The payload about which a receiver has to decide before more can be read, if there is one. */
  get undecided(): Slot | undefined {
    const place = this.decoded[this.next]
    return place instanceof Slot && this.receiving.isUndecided(place) ? place : undefined
  }

  /** True while the decoded chunk has unread items, so that reading them needs no more memory. */
  get hasDecoded(): boolean {
    return this.next < this.decoded.length
  }

  /** Puts items back that were taken but not read, and in front of these items the error for the next reader. */
  putBack(items: ReadonlyArray<unknown>, error: (() => unknown) | undefined): void {
    if (items.length === 0 && error === undefined) return
    this.decoded = [
      ...(error === undefined ? [] : [new Unreadable(error)]),
      ...items,
      ...this.decoded.slice(this.next)
    ]
    this.next = 0
    this.mixed = true
    this.arrived()
  }

  /** The failure of a reader that has no item left to read, once the stream has ended. */
  get over(): Effect.Effect<never, unknown> | undefined {
    const { end } = this
    if (end._tag === "Open") return undefined
    if (end._tag === "Failed" && this.options.failFirst) return end.failure
    if (this.next < this.decoded.length || !this.inbox.isEmpty) return undefined
    return end._tag === "Failed" ? end.failure : done
  }

  /** The failure that comes before the unread items, if there is one. */
  get failure(): Effect.Effect<never, unknown> | undefined {
    return this.end._tag === "Failed" && this.options.failFirst ? this.end.failure : undefined
  }

  get turn(): Turn {
    return this.options.channel.turn
  }

  /** Waits for the next change of the stream after the call of `changed`. */
  get changed(): Effect.Effect<void> {
    return this.inbox.changed
  }

  /** Wakes the readers of the stream, so that they look again for items. */
  notify(): void {
    this.inbox.notify()
  }

  // ---- inside -----------------------------------------------------------------------------------------------------

  private arrived(): void {
    this.arrival?.()
    this.inbox.notify()
  }

  /** True when the items of the decoded chunk have to be checked one by one. */
  get isMixed(): boolean {
    return this.mixed || this.demands !== undefined && this.demands.isNarrowed
  }

  /** Looks at the first unread position, and returns what a reader finds there without moving on. */
  private look(): Look {
    const found = this.receiving.look(this.decoded[this.next])
    // A failure or a skipped item is not stored at its position, because the reader passes it at once.
    if (found._tag !== "Fail" && found._tag !== "Skip" && found.place !== this.decoded[this.next]) {
      this.decoded = this.decoded.with(this.next, found.place)
      this.mixed = true
    }
    return found
  }

  private readable(place: unknown): unknown {
    return this.receiving.isPlain(place) ? place : this.receiving.itemOf(place, none)
  }

  /** True when an item is available; decodes the next chunk if the last chunk has been read. */
  private isFilled(): boolean {
    if (this.next < this.decoded.length) return true
    const [chunk, grant] = this.inbox.take()
    this.grant(grant)
    if (chunk === undefined) return false
    const decoded = this.options.items.decode(chunk.payload)
    this.mixed = !decoded.ok || decoded.value.length === 0
    if (!this.mixed) Payload.releaseRead(chunk.payload)
    this.decoded = decoded.ok && !this.mixed
      ? decoded.value
      : this.apart(chunk, decoded.ok ? "an empty chunk" : decoded.issue)
    this.next = 0
    return true
  }

  /**
   * Decodes the items of a chunk one by one, because the chunk does not decode as a whole. Each item that does not
   * match its schema becomes a `Slot`.
   */
  private apart({ items, payload }: Message.Yield, issue: string): ReadonlyArray<unknown> {
    const each = this.options.items.decodeEach(payload)
    if (each === undefined || each.length === 0) return [new Slot(issue, Option.none(), items)]
    return each.map((item) => item.ok ? item.value : new Slot(item.issue, item.sent, 1))
  }

  private grant(grant: Message.Window | undefined): void {
    const { channel, dialog, isOver } = this.options
    if (grant === undefined || isOver()) return
    channel.send({ _tag: "Credit", dialog: dialog.id, items: grant.items, bytes: grant.bytes })
  }

  private invalid(issue: string, part: string, side: "caller" | "callee"): PayloadInvalid {
    const { actor, endpoint } = this.options
    return new PayloadInvalid({ actor, side, endpoint, part, issue })
  }
}
