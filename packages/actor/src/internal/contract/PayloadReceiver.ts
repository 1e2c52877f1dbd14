/**
 * Decisions about payloads that do not match: what a reader of a stream says to them, as values.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { PayloadInvalid } from "../errors/ActorError.ts"

const typeId = "~furrow/PayloadReceiver"

/**
 * A payload that does not match: what its reader would fail with, and what the peer sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refused {
  /** The failure of a reader that has no receiver in force. */
  readonly error: PayloadInvalid
  /**
   * The value as it came, decoded as far as it could be: of an item that crosses in another form, that form. None where the
   * bytes hold no such items.
   */
  readonly sent: Option.Option<unknown>
  /** The number of items for which the payload stands: one, or all of a chunk whose items cannot be told apart. */
  readonly count: number
}

/**
 * The fate of one payload that does not match.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision<out Item, out Answer> extends PayloadReceiver<Item, Answer> {
  readonly "~decision": object
}

/**
 * The fate of payloads that do not match, in the words of their reader: a decision for all of them, or a handler that
 * decides each (`make`). `Item` is what it may put in their place, `Answer` what it may send back.
 *
 * @category models
 * @since 0.1.0
 */
export interface PayloadReceiver<out Item, out Answer, out R = never> {
  readonly [typeId]: { readonly item: () => Item; readonly answer: () => Answer; readonly services: () => R }
}

/** A decision in the form that the runtime reads. */
export type Decided =
  | { readonly _tag: "Fail" }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Repair"; readonly item: unknown }
  | { readonly _tag: "Answer"; readonly message: unknown }
  | { readonly _tag: "Cancel"; readonly reason: string }

/** A receiver in the form that the runtime reads. */
export type Rule =
  | { readonly _tag: "Always"; readonly decided: Decided }
  | { readonly _tag: "Ask"; readonly handler: (refused: Refused) => Effect.Effect<Decided> }

const phantom = (): never => {
  throw new Error("this is a type")
}

const types = { item: phantom, answer: phantom, services: phantom }

const decision = (decided: Decided): Decision<never, never> => ({ [typeId]: types, "~decision": decided })

/**
 * The payload fails its reader with `PayloadInvalid`, once; the messages around it arrive. This is the default, and inside
 * of another receiver it restores the default.
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
 * The payload is dropped and counted, and its reader goes on. The sender gets its credit back as for one that was read.
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
 * The item stands in the place of the payload. It is checked itself: one that does not match fails the reader with
 * `PayloadInvalid { part: "repair" }`.
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
 * The message goes back to the sender of the payload, in a dialog, and the reader goes on. It never waits in front of the
 * reader: without credit it is kept until there is some. A reader with 64 answers that wait fails with the payload's
 * `PayloadInvalid`; an answer that cannot be sent fails it with the error of `send`.
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
 * The dialog or stream is cancelled with this reason, in the name of this actor. The reader fails with our own
 * `ContextCancelled` when the other side has ended, or its bound has passed.
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
 * A handler decides each payload, in the fiber of the reader that comes to it first; the others wait for it. A handler that
 * dies fails that reader; one that is interrupted leaves the payload to the next reader.
 *
 * It must not read the stream it decides about: that dies, because it would wait for itself.
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

/** The decisions of a receiver in the form that the runtime reads; its handler runs in the given context. */
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

/** The decision that is in force where no receiver is set. */
export const failing: Rule = { _tag: "Always", decided: { _tag: "Fail" } }
