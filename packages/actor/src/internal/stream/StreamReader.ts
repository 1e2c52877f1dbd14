/**
 * The only way a payload is received: decoded by the task that owns it, or turned into its error.
 *
 *   chunks arrive -> Inbox (still encoded) -> pull | receive (decoded here, credit granted here)
 *   the dialog ends -> the readers learn how, once what they may still read is read
 *
 * Calls, streams and dialogs all receive here: one place decides what a wrong payload, a broken rule, a slow reader or
 * the end of a dialog means to a reader. A payload that does not match is its reader's failure and nobody else's
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
import { Inbox, type Overflow } from "./Flow.ts"

export interface ReceiverOptions {
  readonly channel: PeerChannel
  readonly dialog: number
  readonly endpoint: string
  /** Who serves the endpoint. */
  readonly actor: ActorId
  /** Who makes what arrives here. */
  readonly maker: "caller" | "callee"
  readonly items: Payload.Codec<ReadonlyArray<unknown>>
  readonly window: Message.Window
  readonly overflow?: Overflow | undefined
  /** A failure is told before what is still unread: dialogs, whose messages mean nothing after one (features OVR-7). */
  readonly failFirst: boolean
  /** The dialog has ended: nobody waits for credit. */
  readonly isOver: () => boolean
  /** The reader was too slow for its policy. */
  readonly overrun?: (() => void) | undefined
}

/** How far the stream has come, seen by its reader. */
type End =
  | { readonly _tag: "Open" }
  /** No more items: what is unread is still to be read. */
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

export class StreamReader {
  private readonly options: ReceiverOptions
  private readonly inbox: Inbox
  private end: End = { _tag: "Open" }
  private checks: ReadonlyArray<(item: unknown) => string | undefined> = []
  /** Decoded and not yet given out one by one. */
  private decoded: ReadonlyArray<unknown> = []
  private next = 0

  constructor(options: ReceiverOptions) {
    this.options = options
    this.inbox = new Inbox(options.window, options.overflow)
  }

  get isEnded(): boolean {
    return this.end._tag !== "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
  }

  hear(chunk: Message.Yield): void {
    const [pushed, grant] = this.inbox.push(chunk)
    if (pushed === "breach") {
      return this.options.channel.violate({ _tag: "CreditOverrun", dialog: this.options.dialog })
    }
    this.grant(grant)
    if (pushed === "overrun") this.options.overrun?.()
  }

  /** The peer ended its half, or the dialog ended well: what is unread stays readable. */
  finish(): void {
    if (this.end._tag === "Open") this.end = { _tag: "Done" }
    this.inbox.notify()
  }

  /** The dialog failed. */
  fail(failure: Effect.Effect<never, unknown>): void {
    if (this.end._tag !== "Failed") this.end = { _tag: "Failed", failure }
    this.inbox.notify()
  }

  /** Nobody reads any more; what comes is dropped and paid for. Answers with what was unread and readable. */
  close(): ReadonlyArray<unknown> {
    const unread: Array<unknown> = this.decoded.slice(this.next)
    for (let chunk = this.take(); chunk !== undefined; chunk = this.take()) {
      if (chunk.ok) unread.push(...chunk.value)
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

  /** The next chunk. */
  readonly pull: Pull = Effect.suspend(() => {
    if (this.next < this.decoded.length) {
      const rest = this.decoded.slice(this.next)
      this.next = this.decoded.length
      return Effect.succeed(rest as unknown as readonly [unknown, ...Array<unknown>])
    }
    return this.chunk((items) => Effect.succeed(items as readonly [unknown, ...Array<unknown>]), () => this.pull)
  })

  /** The next item. */
  readonly receive: Effect.Effect<unknown, unknown> = Effect.suspend(() => {
    if (this.end._tag === "Failed" && this.options.failFirst) return this.end.failure
    if (this.next < this.decoded.length) return Effect.succeed(this.decoded[this.next++])
    return this.chunk((items) => {
      this.decoded = items
      this.next = 1
      return Effect.succeed(items[0])
    }, () => this.receive)
  })

  /** The next item if there is one now. */
  readonly receiveNow: Effect.Effect<Option.Option<unknown>, unknown> = Effect.suspend(() => {
    const waits = this.end._tag === "Open" && this.inbox.isEmpty && this.next >= this.decoded.length
    return waits ? Effect.succeed(Option.none()) : Effect.map(this.receive, Option.some)
  })

  /** Gives the next chunk to `use`, or ends, or waits for a change and looks again. */
  private chunk<A>(
    use: (items: ReadonlyArray<unknown>) => Effect.Effect<A, unknown>,
    again: () => Effect.Effect<A, unknown>
  ): Effect.Effect<A, unknown> {
    const { end } = this
    if (end._tag === "Failed" && this.options.failFirst) return end.failure
    const items = this.take()
    if (items !== undefined) return items.ok ? use(items.value) : Effect.fail(this.invalid(items.issue))
    switch (end._tag) {
      case "Open":
        return Effect.flatMap(this.inbox.changed, again)
      case "Done":
        return done
      case "Failed":
        return end.failure
    }
  }

  private take(): Payload.Result<ReadonlyArray<unknown>> | undefined {
    const [chunk, grant] = this.inbox.take()
    this.grant(grant)
    if (chunk === undefined) return undefined
    const decoded = this.options.items.decode(chunk.payload)
    if (!decoded.ok) return decoded
    if (decoded.value.length === 0) return { ok: false, issue: "an empty chunk" }
    for (const check of this.checks) {
      for (const item of decoded.value) {
        const issue = check(item)
        if (issue !== undefined) return { ok: false, issue }
      }
    }
    return decoded
  }

  private grant(grant: Message.Window | undefined): void {
    const { channel, dialog, isOver } = this.options
    if (grant === undefined || isOver()) return
    channel.send({ _tag: "Credit", dialog, items: grant.items, bytes: grant.bytes })
  }

  private invalid(issue: string): PayloadInvalid {
    const { actor, endpoint, maker } = this.options
    return new PayloadInvalid({ actor, side: maker, endpoint, part: "item", issue })
  }
}
