/**
 * The only way a payload is received: decoded by the task that owns it, or turned into its error.
 *
 *   chunks arrive -> Inbox (still encoded) -> pull | receive (decoded here, credit granted here)
 *   the dialog ends -> the readers learn how, once what they may still read is read
 *
 * Calls, streams and dialogs all receive here: one place decides what a wrong payload, a broken rule, a slow reader or
 * the end of a dialog means to a reader. A payload that does not match is its reader's failure alone
 * (features PLD-5, WIRE-15).
 *
 * @since 0.1.0
 */
import type * as Message from "@furrow/protocol/Message"
import type * as Payload from "@furrow/protocol/Payload"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type ActorId, PayloadInvalid } from "../errors/ActorError.ts"
import { Inbox, type Overflow } from "./Inbox.ts"

export interface ReaderOptions {
  readonly channel: PeerChannel
  /** The dialog, whose id is known once something can arrive. */
  readonly dialog: { readonly id: number }
  readonly endpoint: string
  /** The actor that serves the endpoint. */
  readonly actor: ActorId
  /** The actor that makes the items. */
  readonly maker: "caller" | "callee"
  readonly items: Payload.Codec<ReadonlyArray<unknown>>
  readonly window: Message.Window
  readonly overflow?: Overflow | undefined
  /** A failure is told before the unread items: dialogs, whose messages mean nothing after one (features OVR-7). */
  readonly failFirst: boolean
  /** The dialog has ended: no writer waits for credit. */
  readonly isOver: () => boolean
  /** The reader was too slow for its policy. */
  readonly overrun?: (() => void) | undefined
}

/** How far the stream has come, seen by its reader. */
type End =
  | { readonly _tag: "Open" }
  /** No more items: unread ones are still to be read. */
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly failure: Effect.Effect<never, unknown> }

/** A value that opens something, a call's payload or a dialog's first value; or whose fault it is that there is none. */
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

/** A chunk of decoded items, the end, or a failure. */
export type Pull = Effect.Effect<readonly [unknown, ...Array<unknown>], unknown>

const done: Effect.Effect<never, Cause.Done> = Cause.done()

/** Stands among the items where none can be read: its reader fails once, and the next item follows. */
class Unreadable {
  readonly error: () => unknown
  constructor(error: () => unknown) {
    this.error = error
  }
}

/** No item is there now. */
export const none: unique symbol = Symbol("none")

export class StreamReader {
  private readonly options: ReaderOptions
  private readonly inbox: Inbox
  private end: End = { _tag: "Open" }
  /** Of the chunk that is being read: `next` is the first that was not. */
  private decoded: ReadonlyArray<unknown> = []
  private next = 0
  /** True when something unreadable may be among them. */
  private mixed = false
  private checks: ReadonlyArray<(item: unknown) => string | undefined> = []
  private arrival: (() => void) | undefined

  constructor(options: ReaderOptions) {
    this.options = options
    this.inbox = new Inbox(options.window, options.overflow)
  }

  get isEnded(): boolean {
    return this.end._tag !== "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
  }

  /** A chunk arrived. More than was granted ends the connection. */
  hear(word: Message.Yield): void {
    const [pushed, grant] = this.inbox.push(word)
    if (pushed === "breach") {
      return this.options.channel.violate({ _tag: "CreditOverrun", dialog: this.options.dialog.id })
    }
    this.grant(grant)
    if (pushed === "overrun") this.options.overrun?.()
    this.arrived()
  }

  /** The peer ended its half, or the dialog ended well: unread items stay readable. */
  finish(): void {
    if (this.end._tag === "Open") this.end = { _tag: "Done" }
    this.arrived()
  }

  /** The dialog failed. */
  fail(failure: Effect.Effect<never, unknown>): void {
    if (this.end._tag !== "Failed") this.end = { _tag: "Failed", failure }
    this.arrived()
  }

  /** Reading is over; items that still come are dropped and paid for. Answers with what was unread and readable. */
  close(): ReadonlyArray<unknown> {
    const unread: Array<unknown> = []
    while (this.isFilled()) {
      for (let i = this.next; i < this.decoded.length; i++) {
        const item = this.decoded[i]
        if (this.errorOf(item) === undefined) unread.push(item)
      }
      this.next = this.decoded.length
    }
    this.decoded = []
    this.next = 0
    this.grant(this.inbox.discard())
    this.finish()
    return unread
  }

  /** Reads only what also passes `check` (an issue, or nothing) until the returned function is called (PLD-6). */
  narrow(check: (item: unknown) => string | undefined): () => void {
    this.checks = [...this.checks, check]
    return () => {
      this.checks = this.checks.filter((other) => other !== check)
    }
  }

  // ---- one reader -------------------------------------------------------------------------------------------------

  /** The next chunk: the items up to one that cannot be read, which fails the reader that finds it first. */
  readonly pull: Pull = this.pullOr(() => this.pull)

  /** The same; `again` is what a reader does that had to wait. */
  pullOr(again: () => Pull): Pull {
    return Effect.suspend(() => {
      const over = this.over
      if (over !== undefined) return over
      if (!this.isFilled()) return Effect.flatMap(this.inbox.changed, again)
      const { decoded, next } = this
      let end = decoded.length
      if (this.mixed || this.checks.length > 0) {
        for (end = next; end < decoded.length && this.errorOf(decoded[end]) === undefined;) end++
      }
      if (end === next) return this.failNext()
      this.next = end
      const items = next === 0 && end === decoded.length ? decoded : decoded.slice(next, end)
      return Effect.succeed(items as readonly [unknown, ...Array<unknown>])
    })
  }

  /** The next item. */
  readonly receive: Effect.Effect<unknown, unknown> = this.receiveOr(() => this.receive)

  receiveOr(again: () => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => {
      const over = this.over
      if (over !== undefined) return over
      if (!this.isFilled()) return Effect.flatMap(this.inbox.changed, again)
      const item = this.decoded[this.next]
      if ((this.mixed || this.checks.length > 0) && this.errorOf(item) !== undefined) return this.failNext()
      this.next++
      return Effect.succeed(item)
    })
  }

  /** The next item if there is one now. */
  readonly receiveNow: Effect.Effect<Option.Option<unknown>, unknown> = Effect.suspend(() => {
    const waits = this.end._tag === "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
    return waits ? Effect.succeed(Option.none()) : Effect.map(this.receive, Option.some)
  })

  // ---- several readers --------------------------------------------------------------------------------------------

  /** Calls `arrival` when there is something new, before every waiting reader; `undefined` to stop. */
  share(arrival: (() => void) | undefined): void {
    this.arrival = arrival
  }

  /** Takes an item as it came, readable or not, or `none`. */
  poll(): unknown {
    return this.isFilled() ? this.decoded[this.next++] : none
  }

  /** The rest of the chunk that is being read is at hand: no more memory is needed to have it. */
  get hasDecoded(): boolean {
    return this.next < this.decoded.length
  }

  /** Puts back items that were taken and not read; and in front of them, the error for the next reader. */
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

  /** Why this item cannot be read, if so. */
  errorOf(item: unknown): unknown {
    if (item instanceof Unreadable) return item.error()
    for (const check of this.checks) {
      const issue = check(item)
      if (issue !== undefined) return this.invalid(issue)
    }
    return undefined
  }

  /** The error of a reader with nothing left to read, if it is time for that. */
  get over(): Effect.Effect<never, unknown> | undefined {
    const { end } = this
    if (end._tag === "Open") return undefined
    if (end._tag === "Failed" && this.options.failFirst) return end.failure
    if (this.next < this.decoded.length || !this.inbox.isEmpty) return undefined
    return end._tag === "Failed" ? end.failure : done
  }

  /** The failure that is told before the unread items, if there is one. */
  get failure(): Effect.Effect<never, unknown> | undefined {
    return this.end._tag === "Failed" && this.options.failFirst ? this.end.failure : undefined
  }

  /** Waits for the next change. */
  get changed(): Effect.Effect<void> {
    return this.inbox.changed
  }

  /** Readers look again. */
  notify(): void {
    this.inbox.notify()
  }

  // ---- inside -----------------------------------------------------------------------------------------------------

  private arrived(): void {
    this.arrival?.()
    this.inbox.notify()
  }

  /** The next item fails its reader, once. */
  private failNext(): Effect.Effect<never, unknown> {
    return Effect.fail(this.errorOf(this.decoded[this.next++]))
  }

  /** True when there is an item; decodes the next chunk where it is its turn. */
  private isFilled(): boolean {
    if (this.next < this.decoded.length) return true
    const [chunk, grant] = this.inbox.take()
    this.grant(grant)
    if (chunk === undefined) return false
    const decoded = this.options.items.decode(chunk.payload)
    const issue = decoded.ok ? decoded.value.length === 0 ? "an empty chunk" : undefined : decoded.issue
    this.decoded = decoded.ok && issue === undefined ? decoded.value : [new Unreadable(() => this.invalid(issue!))]
    this.mixed = issue !== undefined
    this.next = 0
    return true
  }

  private grant(grant: Message.Window | undefined): void {
    const { channel, dialog, isOver } = this.options
    if (grant === undefined || isOver()) return
    channel.send({ _tag: "Credit", dialog: dialog.id, items: grant.items, bytes: grant.bytes })
  }

  private invalid(issue: string): PayloadInvalid {
    const { actor, endpoint, maker } = this.options
    return new PayloadInvalid({ actor, side: maker, endpoint, part: "item", issue })
  }
}
