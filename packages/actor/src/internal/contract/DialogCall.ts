/**
 * Declares the contracts of dialogs: linked pairs of fibers that exchange a first value, stream both ways and settle
 * once.
 *
 * A dialog call is only data: it cannot run by itself. `portal.open` opens a dialog with its handler in an actor, and
 * `Actor.openTest` with its handler in this process.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Channel from "effect/Channel"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { Refusals } from "../inspect/Snapshot.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { define } from "../settings/Definitions.ts"
import type { Call, HandlerServices, Implemented } from "./Call.ts"
import * as Endpoint from "./Endpoint.ts"
import type { AnyDialogEndpoint, DialogContract, DialogEndpoint, Fields, Input, SchemaOf, Wire } from "./Endpoint.ts"
import type { LeftOpen } from "./Mistake.ts"
import type { PayloadReceiver } from "./PayloadReceiver.ts"

/**
 * The policy for one reader of `subscribe` that is too slow:
 *
 * - `"wait"`: every reader of the stream is slowed down to the speed of the slow reader
 * - `"lag"`: the stream drops the oldest items that the slow reader has not read, and tells this reader once
 * - `"drop"`: the stream drops the oldest items that the slow reader has not read, without telling this reader
 *
 * @category models
 * @since 0.1.0
 */
export interface SubscribeOptions {
  readonly policy?: "wait" | "lag" | "drop" | undefined
  /** The number of items that may be unread by one reader before its policy applies. Default: 64. */
  readonly capacity?: number | undefined
}

/**
 * The stream of a dialog, with messages in both directions. Messages of one direction keep their order; sending waits
 * while the peer is slow.
 *
 * The stream of a dialog is used once: a closed stream stays closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface MsgStream<in Send, out Receive, out E = never> {
  /**
   * Sends one message, and waits for credit. The method `send` fails with `ChannelClosed` after either side of the
   * dialog has ended.
   */
  readonly send: (message: Send) => Effect.Effect<void, E | ActorError>
  /** Sends many messages, in as few frames as the window allows. */
  readonly sendAll: (messages: Iterable<Send>) => Effect.Effect<void, E | ActorError>
  /**
   * Receives the next message of the dialog. At the end of the stream the method `receive` fails with `Cause.Done` each
   * time, or with the failure of the dialog.
   */
  readonly receive: Effect.Effect<Receive, E | ActorError | Cause.Done>
  /** Receives the next message of the dialog if a message has already come. */
  readonly receiveNow: Effect.Effect<Option.Option<Receive>, E | ActorError | Cause.Done>
  /** The remaining messages of the dialog as a Stream. */
  readonly toStream: Stream.Stream<Receive, E | ActorError>
  /** A Sink that sends its input to the peer, and ends this side's half of the dialog after the last message. */
  readonly toSink: Sink.Sink<void, Send, never, E | ActorError>
  /**
   * The stream as one Channel: the input of the Channel is sent, the end of the input ends this side's half, and the
   * received messages are the output. An error of the Channel's input stays the error of the Channel, and also ends
   * this side's half.
   */
  readonly toChannel: <InErr = never>() => Channel.Channel<
    Arr.NonEmptyReadonlyArray<Receive>,
    E | ActorError | InErr,
    void,
    Arr.NonEmptyReadonlyArray<Send>,
    InErr,
    unknown
  >
  /**
   * Returns a Stream of the messages that are unread now and of all later messages. The Stream ends when the peer sends
   * no more messages, or when the caller's Scope closes. All readers of one dialog get the same messages. Each message
   * is read once from the connection, whatever the number of readers. While subscribers exist, `receive` is a reader
   * beside the subscribers. The method `receive` delays no subscriber, and fails once with `StreamOverrun` when 64
   * messages for it are unread.
   */
  readonly subscribe: (
    options?: SubscribeOptions
  ) => Effect.Effect<Stream.Stream<Receive, E | ActorError>, never, Scope.Scope>
  /**
   * Ends this side's half of the dialog, so that the peer's `receive` ends. The direction from the peer stays open, and
   * a repeated call of `end` has no effect.
   */
  readonly end: Effect.Effect<void>
  /**
   * Ends this side's half of the dialog and stops reading; returns the messages that stay unread. A repeated call of
   * `close` has no effect.
   */
  readonly close: Effect.Effect<ReadonlyArray<Receive>>
  /**
   * Narrows the stream to items that also match `schema`, until the Scope closes. An item that does not match `schema`
   * fails its reader once with `PayloadInvalid`; the messages before and after the item still arrive.
   */
  readonly narrow: <S extends Schema.Top & { readonly Type: Receive; readonly DecodingServices: never }>(
    schema: S
  ) => Effect.Effect<MsgStream<Send, S["Type"], E>, never, Scope.Scope>
  /**
   * Returns this MsgStream with a receiver, which handles refused messages until the caller's Scope closes. The
   * receiver of a stream decides about every message that does not match the stream's schema, or the schema of
   * `narrow`. Of nested receivers the innermost one decides; without a receiver, a message that does not match its
   * schema fails its reader.
   */
  readonly receiving: <Item extends Receive = never, Answer extends Send = never, R = never>(
    receiver: PayloadReceiver<Item, Answer, R>
  ) => Effect.Effect<MsgStream<Send, Receive, E>, never, R | Scope.Scope>
  /** The numbers of messages of this stream so far that did not match their schema, one number for each decision. */
  readonly refusals: Effect.Effect<Refusals>
  /** True when no more messages of the dialog can be received. */
  readonly closed: Effect.Effect<boolean>
}

/**
 * Settings of the receiving side of a stream: its window, and its policy for a slow reader.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions {
  /**
   * The window for messages that this side receives: the number of messages that may be on their way. The default
   * window of a stream has room for 1024 items and 1 MiB.
   */
  readonly window?: { readonly items?: number | undefined; readonly bytes?: number | undefined } | undefined
  /** The policy for a reader of the stream that is too slow. Default: `wait`. */
  readonly overflow?: "wait" | "error" | "drop-oldest" | "drop-newest" | undefined
}

/**
 * A dialog as its callee uses it. The types forbid sending before the first value, because only `started` returns the
 * stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogHandle<in First, in Send, out Receive> {
  /** Sends the first value, once; the caller's `open` then returns. */
  readonly started: (first: First, options?: StreamOptions) => Effect.Effect<MsgStream<Send, Receive>, ActorError>
  /** Cancels the handler of this dialog: the caller fails with a `ContextCancelled` of this actor. */
  readonly cancel: (reason?: string) => Effect.Effect<void>
  /** The actor that has opened this dialog. */
  readonly caller: ActorId
}

/**
 * The state of a dialog as its caller sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogState {
  readonly state: "open" | "cancelling" | "returned" | "failed" | "cancelled"
  /** True when the caller has asked for the cancel of the dialog. */
  readonly cancelCalled: boolean
  /** True when the callee has answered the cancel of the dialog with its last word. */
  readonly cancelAcknowledged: boolean
}

/**
 * A dialog as its caller uses it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialog<out First, in Send, out Receive, out A, out E> {
  /** The first value that the callee of the dialog has sent. */
  readonly first: First
  readonly stream: MsgStream<Send, Receive, E>
  /**
   * The result of the callee, which can be read many times. The result of a dialog that its caller has cancelled fails
   * with the `ContextCancelled` of this cancel.
   */
  readonly result: Effect.Effect<A, E | ActorError>
  /** The end of the dialog, or `None` while the dialog is open. Reading `outcome` never waits and never fails. */
  readonly outcome: Effect.Effect<Option.Option<Exit.Exit<A, E | ActorError>>>
  /**
   * Cancels the dialog: asks the callee to stop, and waits for its last word within a bound. A cancel of the dialog
   * does not interrupt the body of its caller.
   */
  readonly cancel: (reason?: string) => Effect.Effect<void>
  readonly state: Effect.Effect<DialogState>
  readonly callee: ActorId
}

/**
 * A dialog call as data, which `portal.open` opens in an actor, and `Actor.openTest` in this process, where the handler
 * needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogCall<out R, out Ep extends AnyDialogEndpoint> extends Call<Ep> {
  readonly "~R": () => R
  readonly definition: Implemented<Ep>
}

/**
 * A dialog endpoint with its handler. A dialog endpoint that is called with a payload returns a dialog call.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogFn<Ep extends AnyDialogEndpoint, out R> extends Implemented<Ep> {
  (payload: Input<Ep>): DialogCall<R, Ep>
}

/**
 * The contract of a dialog without its handler, which builds calls that only an actor can answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogDef<Ep extends AnyDialogEndpoint> {
  (payload: Input<Ep>): Call<Ep>
  readonly endpoint: Ep
}

type V = typeof Schema.Void
type N = typeof Schema.Never
type Local<R> = Exclude<R, Scope.Scope>

const callTypeId = "~furrow/Call"

/**
 * Defines a dialog that an actor can hold: a first value (`started`), messages to the actor (`input`) and from it
 * (`output`), and one result. A dialog without `input` or without `output` has no messages in the direction of the
 * omitted schema.
 *
 * The handler of a dialog gets the payload and the dialog, whose `started` returns the stream. All other options of
 * `Actor.dialog` are the same as those of `Actor.fn`.
 *
 * @example
 * ```ts
 * export const echo = Actor.dialog("echo", {
 *   module: import.meta.url,
 *   input: Schema.String,
 *   output: Schema.String
 * })((_, dialog) => Actor.orDie(Effect.gen(function*() {
 *   const stream = yield* dialog.started()
 *   yield* Stream.runForEach(stream.toStream, (message) => stream.send(message))
 * })))
 *
 * const parrot = yield* Actor.startScoped("parrot", { expose: [echo] })
 * const dialog = yield* parrot.openScoped(echo())
 * yield* dialog.stream.send("hello")
 * yield* dialog.stream.receive // "hello"
 * ```
 * @category defining actors
 * @since 0.1.0
 */
export const dialog = <
  const Name extends string,
  P extends Wire | Fields = V,
  First extends Wire = V,
  In extends Wire = N,
  Out extends Wire = N,
  A extends Wire = V,
  E extends Wire = N,
  L = never
>(
  name: Name,
  options: DialogContract<P, First, In, Out, A, E> & {
    readonly module: string
    readonly layer?: Layer.Layer<L, any, ActorRuntime> | undefined
  }
) =>
<R extends L | HandlerServices | LeftOpen<R, L | HandlerServices> = never>(
  handler: (
    payload: SchemaOf<P>["Type"],
    dialog: DialogHandle<First["Type"], Out["Type"], In["Type"]>
  ) => Effect.Effect<A["Type"], E["Type"], R>
): DialogFn<DialogEndpoint<Name, SchemaOf<P>, First, In, Out, A, E>, Local<R>> => {
  const endpoint = Endpoint.make("dialog", name, options)
  const definition: unknown = Object.assign(
    (input: unknown) => ({ [callTypeId]: callTypeId, endpoint, module: options.module, definition, input }),
    { endpoint, module: options.module, layer: options.layer, handler }
  )
  return define(definition, { kind: "endpoint", module: options.module, name }) as DialogFn<
    DialogEndpoint<Name, SchemaOf<P>, First, In, Out, A, E>,
    Local<R>
  >
}

/**
 * Declares the contract of a dialog without its implementation: a Service implements it.
 *
 * @example
 * ```ts
 * const auction = Actor.dialogEndpoint("auction", { input: Schema.Int, output: Schema.Int, success: Schema.Int })
 * auction().endpoint.kind // "dialog"
 * ```
 * @category defining actors
 * @since 0.1.0
 */
export const dialogEndpoint = <
  const Name extends string,
  P extends Wire | Fields = V,
  First extends Wire = V,
  In extends Wire = N,
  Out extends Wire = N,
  A extends Wire = V,
  E extends Wire = N
>(
  name: Name,
  contract?: DialogContract<P, First, In, Out, A, E>
): DialogDef<DialogEndpoint<Name, SchemaOf<P>, First, In, Out, A, E>> => {
  const endpoint = Endpoint.make("dialog", name, contract)
  const def: unknown = Object.assign(
    (input: unknown) => ({ [callTypeId]: callTypeId, endpoint, module: undefined, input }),
    { endpoint }
  )
  return def as DialogDef<DialogEndpoint<Name, SchemaOf<P>, First, In, Out, A, E>>
}
