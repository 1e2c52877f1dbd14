/**
 * Checks the items of a stream with the reader's schemas (`narrow`), and lets the reader's receivers (`receiving`)
 * decide about refused items.
 *
 * When a reader has set several receivers, the receiver that was set last decides about refused items. A receiver's
 * handler runs in the fiber of a reader; the module `Receiving` checks and carries out the handler's decisions.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type Decided, failing, type Refused, type Rule } from "../contract/PayloadReceiver.ts"
import type { PayloadInvalid } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import { noRefusals, type Refusals } from "../inspect/Snapshot.ts"
import { Waiters } from "../settings/Waiters.ts"
import * as Refusal from "./Refusal.ts"

export interface ReceivingOptions {
  readonly channel: PeerChannel
  readonly events: Events
  readonly endpoint: string
  /**
   * The rule for refused items that applies while no receiver is set. By default, an item that does not match its
   * schema fails its reader.
   */
  readonly rule?: Rule | undefined
  /**
   * Returns the issue of a value that does not match the schema of the stream's items; `undefined` for a value that
   * matches.
   */
  readonly mismatch: (item: unknown) => string | undefined
  /**
   * Makes the error of an item from the peer, or of a repaired item from this side's receiver, that does not match its
   * schema.
   */
  readonly invalid: (part: "item" | "repair", issue: string) => PayloadInvalid
  /**
   * Sends a receiver's answer to the peer; returns `full` when too many answers wait for credit, or the error of
   * sending. The function `answer` is absent when the reader of a stream can send the peer no messages.
   */
  readonly answer?: ((message: unknown) => "sent" | "full" | Effect.Effect<never, unknown>) | undefined
  /** Cancels the dialog of the stream. */
  readonly cancel: (reason: string) => Effect.Effect<void>
  /** Ends the reading of the stream: all unread and later items are dropped. */
  readonly abandon: () => void
  /** True once the stream has failed and its readers get this failure before the unread items. */
  readonly isFailed: () => boolean
  /** True once no more items of the stream come. */
  readonly isEnded: () => boolean
}

/** A refused item, which keeps its position among the stream's items until a decision is made. */
export class Slot {
  state: Refusal.State = Refusal.open
  readonly issue: string
  readonly sent: Option.Option<unknown>
  readonly count: number
  /** True for an item that matches the schema of its contract, and that only a narrower schema refuses. */
  readonly isItem: boolean

  constructor(issue: string, sent: Option.Option<unknown>, count: number, isItem = false) {
    this.issue = issue
    this.sent = sent
    this.count = count
    this.isItem = isItem
  }

  /** Gives the machine of this refused item an input; returns false when the input changes nothing. */
  input(input: Refusal.Input): boolean {
    const { state } = this
    this.state = Refusal.step(state, input)
    return this.state !== state
  }
}

/** An error at a position of a stream: the next read fails with it, and the read after that gets the next item. */
export class Unreadable {
  readonly error: () => unknown
  constructor(error: () => unknown) {
    this.error = error
  }
}

/**
 * The result for a reader that asks for the next item: an item, a skipped item, a failure, or a refused item without a
 * decision. The field `place` is the value that the stream's buffer must hold from now on in place of the next item.
 */
export type Look =
  | { readonly _tag: "Item"; readonly place: unknown; readonly item: unknown }
  | { readonly _tag: "Skip"; readonly place: unknown }
  /**
   * The result for an item that makes the next read of the stream fail. The field `refused` is the number of refused
   * items that caused the failure.
   */
  | {
    readonly _tag: "Fail"
    readonly place: unknown
    readonly failure: Effect.Effect<never, unknown>
    readonly refused: number
  }
  /** A receiver's handler must decide about the refused item, or is deciding. */
  | { readonly _tag: "Undecided"; readonly place: Slot }

/**
 * The streams for which a receiver's handler runs in this fiber; a handler that read its own stream would wait for
 * itself.
 */
const Deciding = Context.Reference<ReadonlyArray<Receiving>>("@furrow/actor/Deciding", { defaultValue: () => [] })

export class Receiving {
  private readonly options: ReceivingOptions
  private checks: ReadonlyArray<(item: unknown) => string | undefined> = []
  private rules: ReadonlyArray<{ readonly rule: Rule }> = []
  private counts = noRefusals
  private readonly waiting = new Waiters()

  constructor(options: ReceivingOptions) {
    this.options = options
  }

  /** True while a narrower schema may refuse items that match the schema of their contract. */
  get isNarrowed(): boolean {
    return this.checks.length > 0
  }

  get refusals(): Refusals {
    return this.counts
  }

  /**
   * Adds a check for the stream's items: an item for which the function `check` returns an issue is refused. The
   * returned function removes the check again.
   */
  narrow(check: (item: unknown) => string | undefined): () => void {
    this.checks = [...this.checks, check]
    return () => {
      this.checks = this.checks.filter((other) => other !== check)
    }
  }

  /**
   * Adds a receiver's rule, which decides what happens to refused items of the stream. The returned function removes
   * the rule again.
   */
  receive(rule: Rule): () => void {
    const entry = { rule }
    this.rules = [...this.rules, entry]
    return () => {
      this.rules = this.rules.filter((other) => other !== entry)
    }
  }

  /**
   * Checks one value in the buffer of the stream, and returns the result for the stream's reader. If the decision about
   * a refused item needs no handler, the decision is made at once.
   */
  look(place: unknown): Look {
    if (place instanceof Unreadable) return { _tag: "Fail", place, failure: Effect.fail(place.error()), refused: 0 }
    const slot = this.slotOf(place)
    if (!(slot instanceof Slot)) return { _tag: "Item", place: slot, item: slot }
    if (slot.state._tag === "Open" && this.rule._tag === "Always") {
      const { decided } = this.rule
      // A receiver that lets refused items fail does not settle the item, because a later receiver may decide otherwise
      // about it.
      if (decided._tag === "Fail") return { _tag: "Fail", place, failure: this.failure(slot), refused: slot.count }
      if (decided._tag !== "Cancel") this.settle(slot, decided)
    }
    const { state } = slot
    switch (state._tag) {
      case "Repaired":
        return { _tag: "Item", place: slot, item: state.item }
      case "Failed":
        return { _tag: "Fail", place: slot, failure: state.failure, refused: 0 }
      case "Skipped":
        return { _tag: "Skip", place: slot }
      case "Cancelled":
        return this.options.isEnded() ? { _tag: "Skip", place: slot } : { _tag: "Undecided", place: slot }
      default:
        return { _tag: "Undecided", place: slot }
    }
  }

  /** True for an item that can be read without checking it with a narrower schema or asking a receiver. */
  isPlain(place: unknown): boolean {
    return this.checks.length === 0 && !(place instanceof Slot || place instanceof Unreadable)
  }

  /**
   * Returns the item at a position of the stream; returns `otherwise` if no item can be read there. The function
   * `itemOf` makes no decision about a refused item.
   */
  itemOf(place: unknown, otherwise: unknown): unknown {
    if (place instanceof Unreadable) return otherwise
    const slot = this.slotOf(place)
    if (!(slot instanceof Slot)) return slot
    return slot.state._tag === "Repaired" ? slot.state.item : otherwise
  }

  /**
   * True when the readers of a refused item must wait: a receiver's handler must decide, or a receiver has cancelled
   * the dialog of the stream.
   */
  isUndecided({ state }: Slot): boolean {
    if (state._tag === "Open") return this.rule._tag === "Ask" || this.rule.decided._tag === "Cancel"
    return state._tag === "Deciding" || state._tag === "Cancelled" && !this.options.isEnded()
  }

  /**
   * Counts refused items by the decision about them, for the stream and its connection. An event about refused items is
   * published whenever their count passes a power of two.
   */
  count(fate: keyof Refusals, count: number): void {
    if (count === 0) return
    const { channel, endpoint, events } = this.options
    const [counts, isTold] = Refusal.counted(this.counts, fate, count)
    this.counts = counts
    channel.countRefused(fate, count)
    if (!isTold) return
    const event = { _tag: "PayloadRefused", actor: channel.peer, endpoint, fate, count: counts[fate] } as const
    // The event about refused items is published in a later turn of the event loop, because a listener of events may
    // read this stream.
    channel.turn.later(() => events.publish(event), this)
  }

  /**
   * Asks a receiver's handler about a refused item, or waits if another reader has already asked. After a decision
   * about a refused item, its reader looks at the same position of the stream again.
   */
  decide(slot: Slot): Effect.Effect<void, unknown> {
    return Effect.uninterruptibleMask((restore) => {
      const { rule } = this
      if (rule._tag === "Always" && rule.decided._tag !== "Cancel") return restore(this.turn(slot))
      if (!slot.input({ _tag: "Ask" })) return restore(this.turn(slot))
      const asked = rule._tag === "Always" ? Effect.succeed(rule.decided) : restore(this.ask(slot, rule.handler))
      return Effect.flatMap(Effect.exit(asked), (exit) => {
        const cancelled = this.answered(slot, exit)
        this.wake()
        // The cancel of the dialog is uninterruptible, because other readers wait for the dialog's end; a bound ends
        // the cancel.
        if (cancelled !== undefined) return this.options.cancel(cancelled)
        return Exit.isFailure(exit) && slot.state._tag === "Open" ? Effect.failCause(exit.cause) : Effect.void
      })
    })
  }

  /** Wakes the readers that wait for a decision, so that they look at the refused item again. */
  wake(): void {
    this.waiting.wake()
  }

  private get rule(): Rule {
    return this.rules.at(-1)?.rule ?? this.options.rule ?? failing
  }

  /**
   * Checks a value in the stream's buffer with the schemas that the reader has set now. Returns the item, or an object
   * of the class `Slot` for a refused item.
   */
  private slotOf(place: unknown): unknown {
    if (!(place instanceof Slot)) return this.checked(place)
    const { isItem, sent, state } = place
    // A repaired item is checked like any other item, so a narrower schema may refuse the repaired item.
    if (state._tag === "Repaired") return this.issueOf(state.item) === undefined ? place : this.checked(state.item)
    if (state._tag !== "Open" || !isItem || Option.isNone(sent)) return place
    return this.issueOf(sent.value) === undefined ? sent.value : place
  }

  private checked(item: unknown): unknown {
    const issue = this.issueOf(item)
    return issue === undefined ? item : new Slot(issue, Option.some(item), 1, true)
  }

  private issueOf(item: unknown): string | undefined {
    for (const check of this.checks) {
      const issue = check(item)
      if (issue !== undefined) return issue
    }
    return undefined
  }

  private failure({ issue }: Slot): Effect.Effect<never, PayloadInvalid> {
    return Effect.fail(this.options.invalid("item", issue))
  }

  private ask(slot: Slot, handler: (refused: Refused) => Effect.Effect<Decided>): Effect.Effect<Decided> {
    const { count, issue, sent } = slot
    return Effect.withFiber((fiber) =>
      Effect.provideService(
        Effect.suspend(() => handler({ error: this.options.invalid("item", issue), sent, count })),
        Deciding,
        [...fiber.getRef(Deciding), this]
      )
    )
  }

  /**
   * Carries out the decision of a receiver's handler; returns the reason of the cancel if the decision cancels the
   * dialog.
   */
  private answered(slot: Slot, exit: Exit.Exit<Decided>): string | undefined {
    if (Exit.isSuccess(exit)) {
      if (exit.value._tag !== "Cancel") this.settle(slot, exit.value)
      else {
        this.meet(slot, "cancelled", { _tag: "Cancelled" })
        this.options.abandon()
        return exit.value.reason
      }
    } else if (Cause.hasInterrupts(exit.cause)) slot.input({ _tag: "Withdrawn" })
    else this.meet(slot, "failed", { _tag: "Failed", failure: Effect.failCause(exit.cause) })
    return undefined
  }

  private settle(slot: Slot, decided: Exclude<Decided, { readonly _tag: "Cancel" }>): void {
    const { invalid, mismatch } = this.options
    const fails = (failure: Effect.Effect<never, unknown>) => this.meet(slot, "failed", { _tag: "Failed", failure })
    switch (decided._tag) {
      case "Fail":
        return fails(this.failure(slot))
      case "Drop":
        return this.meet(slot, "dropped", { _tag: "Skipped" })
      case "Repair": {
        const { item } = decided
        const issue = mismatch(item) ?? this.issueOf(item)
        return issue === undefined
          ? this.meet(slot, "repaired", { _tag: "Repaired", item })
          : fails(Effect.fail(invalid("repair", issue)))
      }
      case "Answer": {
        const said = this.options.answer?.(decided.message) ?? Effect.die(noWayBack(this.options.endpoint))
        if (said === "sent") return this.meet(slot, "answered", { _tag: "Skipped" })
        return fails(said === "full" ? this.failure(slot) : said)
      }
    }
  }

  private meet(slot: Slot, kind: keyof Refusals, fate: Refusal.Fate): void {
    if (slot.input({ _tag: "Decided", fate })) this.count(kind, slot.count)
  }

  /**
   * Waits while a receiver's handler decides about the refused item in the fiber of another reader, or while the dialog
   * is being cancelled.
   */
  private turn(slot: Slot): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      if (slot.state._tag === "Deciding" && fiber.getRef(Deciding).includes(this)) {
        return Effect.die(new Error(`a PayloadReceiver of ${this.options.endpoint} reads the stream it decides about`))
      }
      return Effect.callback<void>((resume) => {
        if (!this.mustWait(slot)) return resume(Effect.void)
        return Effect.sync(this.waiting.add(() => resume(Effect.void)))
      })
    })
  }

  private mustWait({ state }: Slot): boolean {
    const { isEnded, isFailed } = this.options
    return !isFailed() && (state._tag === "Deciding" || state._tag === "Cancelled" && !isEnded())
  }
}

const noWayBack = (endpoint: string): TypeError =>
  new TypeError(
    `a PayloadReceiver of ${endpoint} answers, and its stream has one way only: fail, drop, repair or cancel`
  )
