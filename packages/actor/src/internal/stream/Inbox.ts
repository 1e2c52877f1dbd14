/**
 * The two ends of one direction of a stream: `Inbox` keeps chunks until their reader takes them and grants credit back,
 * `Outlet` spends credit and makes its writer wait.
 *
 * Chunks stay encoded until their reader takes them: a payload is decoded by the task that owns it, so a wrong one
 * hurts that task only (features WIRE-15).
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type { Window, Yield } from "@furrow/protocol/Message"
import type * as Payload from "@furrow/protocol/Payload"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { StreamOptions } from "../contract/DialogCall.ts"
import { aboveLimit } from "../errors/ActorError.ts"

/** The window our side asks for. */
export const windowOf = (options: StreamOptions | undefined): Window => ({
  items: Math.max(1, Math.floor(options?.window?.items ?? Credit.defaultWindow.items)),
  bytes: Math.max(2, Math.floor(options?.window?.bytes ?? Credit.defaultWindow.bytes))
})

/**
 * What happens when the reader is slow (features OVR-1 to OVR-9, DESIGN D6). `wait`: the writer waits, nothing is lost.
 * The others never slow the writer: `error` ends the dialog, the two `drop` policies lose items.
 *
 * @since 0.1.0
 */
export type Overflow = "wait" | "error" | "drop-oldest" | "drop-newest"

/** What became of a chunk that arrived. */
export type Pushed = "kept" | "breach" | "overrun"

/** What a receiver has and has not read. */
export class Inbox {
  private readonly window: Window
  private readonly overflow: Overflow
  private credit: Credit.Receiver
  private chunks: Array<Yield> = []
  private reading: Yield | undefined
  private kept = 0
  private discarding = false
  private waiting: Array<() => void> = []

  constructor(window: Window, overflow: Overflow = "wait") {
    this.window = window
    this.overflow = overflow
    this.credit = Credit.receiver(window)
  }

  /** Takes a chunk in, and says what to grant at once. */
  push(chunk: Yield): readonly [Pushed, Window | undefined] {
    const credit = Credit.received(this.credit, chunk.items, chunk.payload.length)
    if (credit === undefined || chunk.items > this.window.items) return ["breach", undefined]
    this.credit = credit
    if (this.discarding) return ["kept", this.consume(chunk)]
    if (this.overflow === "wait") {
      this.keep(chunk)
      return ["kept", undefined]
    }
    // The writer is never slowed: what it sent is granted back before it is read.
    const grant = this.consume(chunk)
    if (this.kept + chunk.items <= this.window.items) this.keep(chunk)
    else if (this.overflow === "error") return ["overrun", grant]
    else if (this.overflow === "drop-oldest") {
      while (this.kept + chunk.items > this.window.items && this.chunks.length > 0) {
        this.kept -= this.chunks.shift()!.items
      }
      this.keep(chunk)
    }
    return ["kept", grant]
  }

  /**
   * The oldest chunk, if there is one, and what to grant the sender now: a chunk is paid back when its reader comes for
   * the next one, so a reader is never more than one window behind.
   */
  take(): readonly [Yield | undefined, Window | undefined] {
    const { reading } = this
    const chunk = this.chunks.shift()
    this.reading = this.overflow === "wait" ? chunk : undefined
    if (chunk !== undefined) this.kept -= chunk.items
    return [chunk, reading === undefined ? undefined : this.consume(reading)]
  }

  /** Nobody reads any more: what is here and what comes is dropped, and paid back so that the sender can finish. */
  discard(): Window | undefined {
    this.discarding = true
    let items = 0
    let bytes = 0
    while (this.reading !== undefined || this.chunks.length > 0) {
      const [, grant] = this.take()
      items += grant?.items ?? 0
      bytes += grant?.bytes ?? 0
    }
    return items === 0 && bytes === 0 ? undefined : { items, bytes }
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0
  }

  /** Something changed: a chunk came, or the dialog ended. */
  notify(): void {
    const { waiting } = this
    if (waiting.length === 0) return
    this.waiting = []
    for (const wake of waiting) wake()
  }

  /** Waits for the next change. */
  readonly changed: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    this.waiting.push(wake)
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== wake)
    })
  })

  private keep(chunk: Yield): void {
    this.chunks.push(chunk)
    this.kept += chunk.items
    this.notify()
  }

  private consume(chunk: Yield): Window | undefined {
    const [credit, grant] = Credit.consumed(this.credit, chunk.items, chunk.payload.length)
    this.credit = credit
    return grant
  }
}

/** A chunk grows to about this many bytes before it is cut. */
const targetBytes = 64 * 1024

export interface OutletOptions {
  readonly channel: PeerChannel
  readonly dialog: number
  readonly window: Window
  readonly items: Payload.Codec<ReadonlyArray<unknown>>
  /** Where an item does not match its schema. */
  readonly invalid: (issue: string) => Effect.Effect<never, unknown>
  /** What sending into a dialog that has ended fails with; without it, whoever sends is being interrupted anyway. */
  readonly ended?: Effect.Effect<never, unknown>
}

/** What a sender may still send. */
export class Outlet {
  private credit: Credit.Sender
  private readonly options: OutletOptions
  private waiting: Array<() => void> = []
  private over = false
  /** Average size of an item so far: how many make a chunk. */
  private averageBytes = 0

  constructor(options: OutletOptions) {
    this.options = options
    this.credit = Credit.sender(options.window)
  }

  /** `false` where the peer granted more than its window. */
  grant(items: number, bytes: number): boolean {
    const credit = Credit.granted(this.credit, items, bytes)
    if (credit === undefined) return false
    this.credit = credit
    const { waiting } = this
    this.waiting = []
    for (const wake of waiting) wake()
    return true
  }

  /** The dialog is over: whoever waits for credit looks again, and finds out. */
  release(): void {
    this.over = true
    const { waiting } = this
    this.waiting = []
    for (const wake of waiting) wake()
  }

  /** How many items make a chunk that can be paid for now; one before the size of an item is known. */
  get affordable(): number {
    const { averageBytes, credit } = this
    if (averageBytes === 0) return Math.min(1, credit.items)
    const bySize = Math.max(1, Math.floor(Math.min(targetBytes, credit.bytes) / averageBytes))
    return Math.min(credit.items, Credit.largestChunk(credit.window), bySize)
  }

  /** Calls back once when there may be more credit, or the dialog is over. */
  whenGranted(callback: () => void): void {
    this.waiting.push(callback)
  }

  /** Sends everything as one chunk, or nothing. */
  sendNow(items: ReadonlyArray<unknown>): "sent" | "no-credit" | "invalid" {
    if (this.over) return "sent"
    const encoded = this.encode(items)
    if (!encoded.ok) return "invalid"
    if (!Credit.canSpend(this.credit, items.length, encoded.value.length)) return "no-credit"
    this.say(items.length, encoded.value)
    return "sent"
  }

  /** Sends in order, in as few chunks as the window and the size allow; waits where the reader is slow. */
  send(items: ReadonlyArray<unknown>): Effect.Effect<void, unknown> {
    return Effect.suspend(() => this.from(items, 0))
  }

  private from(items: ReadonlyArray<unknown>, start: number): Effect.Effect<void, unknown> {
    let at = start
    let alone = false
    while (at < items.length) {
      if (this.over) return this.options.ended ?? Effect.never
      if (this.options.channel.writer.isFull) return Effect.flatMap(this.room, () => this.from(items, at))
      const count = alone ? Math.min(1, this.credit.items) : this.fitting(items.length - at)
      if (count === 0) return Effect.flatMap(this.granted, () => this.from(items, at))
      const encoded = this.encode(at === 0 && count === items.length ? items : items.slice(at, at + count))
      if (!encoded.ok) {
        if (count === 1) return this.options.invalid(encoded.issue)
        // The items before the wrong one still arrive.
        alone = true
        continue
      }
      if (!Credit.canSpend(this.credit, count, encoded.value.length)) return this.later(items, at, count, encoded.value)
      this.say(count, encoded.value)
      at += count
    }
    return Effect.void
  }

  /** A chunk that cannot be paid for yet: it waits encoded, and is sent as it is. */
  private later(
    items: ReadonlyArray<unknown>,
    at: number,
    count: number,
    payload: Uint8Array
  ): Effect.Effect<void, unknown> {
    return Effect.flatMap(this.granted, () => {
      if (this.over) return this.from(items, at)
      if (!Credit.canSpend(this.credit, count, payload.length)) return this.later(items, at, count, payload)
      this.say(count, payload)
      return this.from(items, at + count)
    })
  }

  private encode(items: ReadonlyArray<unknown>): Payload.Result<Uint8Array> {
    const encoded = this.options.items.encode(items)
    if (!encoded.ok) return encoded
    const size = encoded.value.length
    const limit = this.options.channel.maxFrame - 64
    if (size > limit) return { ok: false, issue: aboveLimit(size, limit + 64) }
    this.averageBytes = size / items.length
    return encoded
  }

  private say(items: number, payload: Uint8Array): void {
    this.credit = Credit.spend(this.credit, items, payload.length)!
    this.options.channel.send({ _tag: "Yield", dialog: this.options.dialog, items, payload })
  }

  private fitting(left: number): number {
    const bySize = this.averageBytes === 0 ? 64 : Math.max(1, Math.floor(targetBytes / this.averageBytes))
    return Math.min(left, this.credit.items, Credit.largestChunk(this.credit.window), bySize)
  }

  private readonly granted: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    this.waiting.push(wake)
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== wake)
    })
  })

  private readonly room: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const forget = this.options.channel.writer.whenRoom(() => resume(Effect.void))
    return Effect.sync(forget)
  })
}
