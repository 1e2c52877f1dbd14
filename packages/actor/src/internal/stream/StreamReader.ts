/**
 * Receives the items of a stream: the fiber that reads a chunk also decodes it, and gets the error of a wrong payload.
 *
 *   chunks arrive -> Inbox (still encoded) -> pull | receive (decoded here, credit granted here)
 *   the dialog ends -> the readers learn how, once what they may still read is read
 *
 * Calls, streams and dialogs all receive their values through `StreamReader`. Only `StreamReader` decides what a reader
 * gets after a wrong payload, a violation, an overflow or the end of a dialog. An item that does not match its schema
 * fails only the reader that reads this item.
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
  /** The dialog whose items are read; the number of the dialog is known before any item can arrive. */
  readonly dialog: { readonly id: number }
  readonly endpoint: string
  /** The actor that serves the endpoint of the dialog. */
  readonly actor: ActorId
  /** The side of the dialog that sends the items. */
  readonly maker: "caller" | "callee"
  readonly items: Payload.ChunkCodec<unknown>
  readonly window: Message.Window
  readonly overflow?: Overflow | undefined
  /** True when a reader gets the failure of the dialog at once, and not only after the unread items. */
  readonly failFirst: boolean
  /** Returns true once the dialog has ended; the reader then grants no more credit. */
  readonly isOver: () => boolean
  /** A callback for a reader that was too slow under the overflow policy `error`. */
  readonly overrun?: (() => void) | undefined
  readonly events: Events
  /** The rule for refused items that applies while no receiver is set. */
  readonly rule?: Rule | undefined
  /** Cancels the dialog of the stream. */
  readonly cancel: (reason: string) => Effect.Effect<void>
  /**
   * Sends the answer of the reader's receiver to the peer. The function `answer` is absent when the reader can send the
   * peer no messages.
   */
  readonly answer?: ((message: unknown) => "sent" | "full" | Effect.Effect<never, unknown>) | undefined
}

/** The state of the stream as its reader sees it. */
type End =
  | { readonly _tag: "Open" }
  /** No further items of the stream will come, but unread items can still be read. */
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly failure: Effect.Effect<never, unknown> }

/**
 * The decoded first value of one side of a dialog: the payload of the caller, or the first value of the callee. If the
 * value does not match its schema, the error names the side (caller or callee) that sent the value.
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

/** The effect of a read: it gives a chunk of decoded items, or fails with the end of the stream or with a failure. */
export type Pull = Effect.Effect<readonly [unknown, ...Array<unknown>], unknown>

const done: Effect.Effect<never, Cause.Done> = Cause.done()

/** The side of a dialog that reads the items of the given side. */
const readerOf = { caller: "callee", callee: "caller" } as const

/** The value that a read returns when no item has come yet. */
export const none: unique symbol = Symbol("none")

export class StreamReader {
  private readonly options: ReaderOptions
  private readonly inbox: Inbox
  private end: End = { _tag: "Open" }
  /** The decoded items of the chunk that is being read; the field `next` is the index of the first unread item. */
  private decoded: ReadonlyArray<unknown> = []
  private next = 0
  /** True when the decoded chunk may contain a `Slot` (a refused item) or an error beside plain items. */
  private mixed = false
  /**
   * The narrower schemas and the receivers of the reader; `undefined` until they are needed. A `Receiving` is made only
   * when the reader sets a schema or a receiver, or when an item does not match its schema.
   */
  private demands: Receiving | undefined
  private arrival: (() => void) | undefined

  constructor(options: ReaderOptions) {
    this.options = options
    this.inbox = new Inbox(options.window, options.overflow)
  }

  /** The narrower schemas and the receivers of the reader, which are made at their first use. */
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

  /** Returns the number of unread items, and whether the reader waits for more items. */
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

  /**
   * Adds a chunk of items that has arrived. A chunk that exceeds the granted credit is a violation, so the connection
   * is closed.
   */
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
   * items of a stream can still be read after the call of `finish`.
   */
  finish(): void {
    if (this.end._tag === "Open") this.end = { _tag: "Done" }
    this.demands?.wake()
    this.arrived()
  }

  /** Records the failure of the dialog for the readers of its stream. */
  fail(failure: Effect.Effect<never, unknown>): void {
    if (this.end._tag !== "Failed") this.end = { _tag: "Failed", failure }
    this.demands?.wake()
    this.arrived()
  }

  /**
   * Ends the reading of the stream: later items are dropped, and their credit is granted back. The function `close`
   * returns the unread items that match their schema.
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
   * Reads the next chunk of items, up to a refused item. Without a receiver, a refused item fails the first read that
   * begins at its position.
   */
  readonly pull: Pull = this.pullOr(() => this.pull)

  /**
   * Reads the next chunk of items. If no item has arrived yet, the reader waits for a change of the stream, and then
   * runs the effect that `again` returns.
   */
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
   * Reads the next item if there is one now. If the next item is refused, the function `receiveNow` waits for the
   * decision about the item.
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

  /**
   * Handles a refused item in front of the next item: the read fails once, skips the refused item, or waits for a
   * decision.
   */
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

  /** Sets or removes the callback that is called at each change of the stream, before the waiting readers are woken. */
  share(arrival: (() => void) | undefined): void {
    this.arrival = arrival
  }

  /**
   * Takes the next item for the members of a fan-out; a refused item is taken as an object of the class `Slot`. The
   * function `poll` returns `none` when no item has come, or when a receiver must first decide about a refused item.
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

  /** The refused item about which a receiver must decide before more items can be read, if there is one. */
  get undecided(): Slot | undefined {
    const place = this.decoded[this.next]
    return place instanceof Slot && this.receiving.isUndecided(place) ? place : undefined
  }

  /** True while the decoded chunk has unread items, which are already in memory. */
  get hasDecoded(): boolean {
    return this.next < this.decoded.length
  }

  /**
   * Puts back items that were taken but not read; if `error` is given, the next read fails with this error before it
   * gets the items.
   */
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

  /** The failure that a reader gets when the stream has ended and no item is left; `undefined` before that. */
  get over(): Effect.Effect<never, unknown> | undefined {
    const { end } = this
    if (end._tag === "Open") return undefined
    if (end._tag === "Failed" && this.options.failFirst) return end.failure
    if (this.next < this.decoded.length || !this.inbox.isEmpty) return undefined
    return end._tag === "Failed" ? end.failure : done
  }

  /** The failure of the dialog, if readers get this failure before the unread items. */
  get failure(): Effect.Effect<never, unknown> | undefined {
    return this.end._tag === "Failed" && this.options.failFirst ? this.end.failure : undefined
  }

  get turn(): Turn {
    return this.options.channel.turn
  }

  /** Waits for the next change of the stream, such as a new chunk or the stream's end. */
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

  /** True when the items of the decoded chunk must be checked one by one before they are read. */
  get isMixed(): boolean {
    return this.mixed || this.demands !== undefined && this.demands.isNarrowed
  }

  /** Checks the first unread item of the stream, but does not take the item. */
  private look(): Look {
    const found = this.receiving.look(this.decoded[this.next])
    if (found._tag !== "Fail" && found._tag !== "Skip" && found.place !== this.decoded[this.next]) {
      this.decoded = this.decoded.with(this.next, found.place)
      this.mixed = true
    }
    return found
  }

  private readable(place: unknown): unknown {
    return this.receiving.isPlain(place) ? place : this.receiving.itemOf(place, none)
  }

  /** True when an unread item is there; decodes the next chunk if all items of the last chunk have been read. */
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
   * Decodes the items of a chunk one by one, after the chunk could not be decoded as a whole. Each item that does not
   * match its schema becomes a `Slot`, which stands for a refused item.
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
