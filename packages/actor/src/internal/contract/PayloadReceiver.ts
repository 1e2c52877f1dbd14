/**
 * Makes, as values, the decisions of a stream's reader about payloads that do not match their schema.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { PayloadInvalid } from "../errors/ActorError.ts"

const typeId = "~furrow/PayloadReceiver"

/**
 * A payload that does not match its schema: the error that its reader would get, and what the peer sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refused {
  /** The error with which a reader fails when no receiver is in force. */
  readonly error: PayloadInvalid
  /**
   * The value that the peer sent, decoded as far as possible. An item that cannot be decoded is given in its encoded
   * form. The sent value is `None` when the bytes of the payload hold no list of items.
   */
  readonly sent: Option.Option<unknown>
  /** The number of items in the refused payload: one, or all items of a chunk whose items cannot be told apart. */
  readonly count: number
}

/**
 * The outcome of the decision about one payload that does not match its schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision<out Item, out Answer> extends PayloadReceiver<Item, Answer> {
  readonly "~decision": object
}

/**
 * The reader's rule for payloads that do not match their schema: one decision for all payloads, or a handler that
 * decides each payload (`make`). `Item` is the type of an item that replaces a payload, and `Answer` the type of a
 * message to the sender of a payload.
 *
 * @category models
 * @since 0.1.0
 */
export interface PayloadReceiver<out Item, out Answer, out R = never> {
  readonly [typeId]: { readonly item: () => Item; readonly answer: () => Answer; readonly services: () => R }
}

/** The internal form of a decision about a payload, which the runtime reads. */
export type Decided =
  | { readonly _tag: "Fail" }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Repair"; readonly item: unknown }
  | { readonly _tag: "Answer"; readonly message: unknown }
  | { readonly _tag: "Cancel"; readonly reason: string }

/** The internal form of a receiver, which the runtime reads. */
export type Rule =
  | { readonly _tag: "Always"; readonly decided: Decided }
  | { readonly _tag: "Ask"; readonly handler: (refused: Refused) => Effect.Effect<Decided> }

const phantom = (): never => {
  throw new Error("this is a type")
}

const types = { item: phantom, answer: phantom, services: phantom }

const decision = (decided: Decided): Decision<never, never> => ({ [typeId]: types, "~decision": decided })

/**
 * Fails the reader once with `PayloadInvalid`; the messages around the refused payload still arrive. The decision
 * `fail` is the default of a stream without a receiver, and restores this default inside another receiver.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * yield* short.receiving(PayloadReceiver.fail)
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* short.receive // "HI"
 * const error = yield* Effect.flip(short.receive)
 * Actor.isActorError(error) && error._tag // "PayloadInvalid"
 * yield* short.receive // "YO"
 * ```
 * @category decisions
 * @since 0.1.0
 */
export const fail: Decision<never, never> = decision({ _tag: "Fail" })

/**
 * Drops and counts the refused payload, and its reader goes on. The sender of a dropped payload gets credit back as for
 * a payload that was read.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * yield* short.receiving(PayloadReceiver.drop)
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* stream.end
 * yield* Stream.runCollect(short.toStream) // ["HI", "YO"]
 * yield* stream.refusals // { failed: 0, dropped: 1, repaired: 0, answered: 0, cancelled: 0 }
 * ```
 * @category decisions
 * @since 0.1.0
 */
export const drop: Decision<never, never> = decision({ _tag: "Drop" })

/**
 * Replaces the refused payload by the given item. The replacing item is checked as well: an item that does not match
 * its schema fails the reader with `PayloadInvalid { part: "repair" }`.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * yield* short.receiving(PayloadReceiver.repair(".."))
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* stream.end
 * yield* Stream.runCollect(short.toStream) // ["HI", "..", "YO"]
 * ```
 * @category decisions
 * @since 0.1.0
 */
export const repair = <const Item>(item: Item): Decision<Item, never> => decision({ _tag: "Repair", item })

/**
 * Sends the given message back to the sender of a refused payload in a dialog, and the reader goes on. A reader does
 * not wait until its answer has left: an answer without credit is kept until the sender of the payload grants credit.
 * The reader fails with the payload's `PayloadInvalid` when 64 answers are unsent, and with the error of `send` when an
 * answer cannot be sent.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * yield* short.receiving(PayloadReceiver.answer("sh"))
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* short.receive // "HI"
 * yield* short.receive // "YO"
 * yield* short.receive // "SH"
 * ```
 * @category decisions
 * @since 0.1.0
 */
export const answer = <const Answer>(message: Answer): Decision<never, Answer> => decision({ _tag: "Answer", message })

/**
 * Cancels the dialog or stream of a refused payload with the given reason, in the name of the reading actor. A reader
 * that cancels fails with its own actor's `ContextCancelled` once the peer has ended its side, or the bound of the
 * cancel has passed.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * yield* short.receiving(PayloadReceiver.cancel("too long"))
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* short.receive // "HI"
 * const error = yield* Effect.flip(short.receive)
 * Actor.isActorError(error) && error._tag === "ContextCancelled" && error.reason // "too long"
 * ```
 * @category decisions
 * @since 0.1.0
 */
export const cancel = (reason: string): Decision<never, never> => decision({ _tag: "Cancel", reason })

/**
 * Lets a handler decide each payload, in the fiber of the reader that reads the payload first; other readers wait for
 * the decision. A handler that dies fails the reader in whose fiber it runs; an interrupted handler leaves the payload
 * to the next reader.
 *
 * The handler of a receiver must not read the stream about which it decides: a read of this stream dies, because the
 * handler would wait for itself.
 *
 * @example
 * ```ts
 * const { stream } = yield* frank.openScoped(chat({ room: "kitchen" }))
 * const short = yield* stream.narrow(Schema.String.check(Schema.isMaxLength(2)))
 * const patient = PayloadReceiver.make(({ error, sent }) =>
 *   Effect.as(
 *     Effect.logDebug(error.issue),
 *     Option.isSome(sent) ? PayloadReceiver.repair(String(sent.value).slice(0, 2)) : PayloadReceiver.drop
 *   )
 * )
 * yield* short.receiving(patient)
 * yield* stream.sendAll(["hi", "hello", "yo"])
 * yield* stream.end
 * yield* Stream.runCollect(short.toStream) // ["HI", "HE", "YO"]
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = <Item = never, Answer = never, R = never>(
  handler: (refused: Refused) => Effect.Effect<Decision<Item, Answer>, never, R>
): PayloadReceiver<Item, Answer, R> => ({ [typeId]: types, handler }) as PayloadReceiver<Item, Answer, R>

/** Turns a receiver into the rule that the runtime reads; the handler of the receiver runs in the given context. */
export const ruleOf = (
  receiver: PayloadReceiver<unknown, unknown, unknown>,
  context: Context.Context<never> = Context.empty()
): Rule => {
  const { "~decision": decided, handler } = receiver as {
    readonly "~decision"?: Decided
    readonly handler?: (refused: Refused) => Effect.Effect<Decision<unknown, unknown>>
  }
  if (decided !== undefined) return { _tag: "Always", decided }
  return {
    _tag: "Ask",
    handler: (refused) => Effect.provideContext(Effect.map(Effect.suspend(() => handler!(refused)), decidedOf), context)
  }
}

const decidedOf = (made: Decision<unknown, unknown>): Decided => {
  const decided = made["~decision"] as Decided | undefined
  if (decided !== undefined) return decided
  throw new TypeError("the handler of a PayloadReceiver answers with a decision: fail, drop, repair, answer or cancel")
}

/** The decision that is in force when no receiver is set. */
export const failing: Rule = { _tag: "Always", decided: { _tag: "Fail" } }
