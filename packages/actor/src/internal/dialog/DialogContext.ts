/**
 * The facts that a dialog knows about its actor, and the data that travels beside a payload: the author of a cancel,
 * the remaining time, and the context of traces and logs.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Meta } from "@furrow/protocol/Message"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { ActorId } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { Recorder } from "../inspect/Recorder.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import { isPrograms } from "./Spans.ts"

/** The actor in which a dialog runs, with its settings for dialogs. */
export interface DialogContext {
  readonly self: ActorId
  readonly events: Events
  /**
   * The log level that the callee assumes for a call without a log level. A call carries its log level only if it
   * differs from the level that the callee assumes.
   */
  readonly level: LogLevel.LogLevel
  /**
   * Returns the cancel of the whole actor; `undefined` while the actor is not cancelled. The calls that a cancelled
   * actor makes are cancelled in the name of the author of this cancel.
   */
  readonly cancellation: () => Cancellation | undefined
  /** True while the actor is drained, so that it begins no new call for other actors. */
  readonly isDraining?: (() => boolean) | undefined
  /** The bound of a cancel in milliseconds. The default bound of a cancel is `Timeouts.cancel` of the caller. */
  readonly cancelBound?: number | undefined
  /** The record of the calls that this actor serves, if the actor keeps a record. */
  readonly recorder?: Recorder | undefined
}

/**
 * The dialog of a running handler. A call inside a cancelled handler finds the author of the cancel in the handler's
 * dialog, and is cancelled in the name of this author.
 */
export interface RunningHandler {
  cancellation: Cancellation | undefined
  readonly info: DialogInfo
}

/**
 * The dialog to which the current work belongs, as the work of its caller or of its callee.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogInfo {
  readonly side: "caller" | "callee"
  readonly endpoint: string
  readonly peer: ActorId
  /** A number that distinguishes dialogs of the same endpoint. */
  readonly id: number
}

/**
 * The dialogs in whose bodies this fiber runs, the innermost first. A forked fiber inherits the list of the dialogs in
 * whose bodies it was forked.
 */
export const CurrentBodies: Context.Reference<ReadonlyArray<DialogInfo>> = Context.Reference<ReadonlyArray<DialogInfo>>(
  "@furrow/actor/CurrentBodies",
  { defaultValue: () => [] }
)

export const CurrentDialog: Context.Reference<RunningHandler | undefined> = Context.Reference<
  RunningHandler | undefined
>(
  "@furrow/actor/CurrentDialog",
  {
    defaultValue: () => undefined
  }
)

/**
 * The dialog to which the current work belongs, as the work of its caller or of its callee; none outside a dialog. For
 * the handler of a call or a stream, this call or stream counts as the dialog.
 *
 * @example
 * ```ts
 * const info = yield* frank.open(chat({ room: "kitchen" }), ({ stream }) => Effect.ensuring(Dialog.current, stream.end))
 * Option.map(info, ({ endpoint, side }) => `${side} of ${endpoint}`) // Option.some("caller of chat")
 * yield* Dialog.current // Option.none()
 * ```
 * @category observing
 * @since 0.1.0
 */
export const currentDialog: Effect.Effect<Option.Option<DialogInfo>> = Effect.withFiber((fiber) =>
  Effect.succeed(Option.fromUndefinedOr(fiber.getRef(CurrentBodies)[0] ?? fiber.getRef(CurrentDialog)?.info))
)

/**
 * The point in time by which the current work must be done, or `undefined`. The unit of a deadline is milliseconds of
 * the Clock's monotonic time, which no change of the wall clock moves. `Actor.timeout` sets the deadline, and every
 * call carries it to its actor.
 *
 * @example
 * ```ts
 * yield* Timeouts.Deadline // undefined
 * const deadline = yield* Timeouts.Deadline.pipe(Actor.timeout("1 minute"))
 * const left = (deadline ?? Infinity) - Number(yield* Clock.monotonicTimeNanos) / 1_000_000
 * left > 59_000 && left <= 60_000 // true
 * ```
 * @category references
 * @since 0.1.0
 */
export const Deadline: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "@furrow/actor/Deadline",
  {
    defaultValue: () => undefined
  }
)

/**
 * Drops from a context the values that belong to one call or to the fiber of a start. The dropped values do not cross
 * to a started actor, because each call to the started actor brings values of its own.
 */
export const withoutCaller: <R>(context: Context.Context<R>) => Context.Context<never> = Context.omit(
  CurrentDialog,
  Deadline,
  References.CurrentLogAnnotations,
  References.CurrentLogSpans,
  Tracer.ParentSpan,
  Scope.Scope
) as <R>(context: Context.Context<R>) => Context.Context<never>

/** Runs a request of the runtime itself in any fiber, without the caller's trace, log context and deadline. */
export const onOwnAccount = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(effect, withoutCaller as (context: Context.Context<R>) => Context.Context<R>)

/** Returns the cancellation with which the calls of an interrupted fiber are cancelled: its author and its reason. */
export const cancellationOf = (fiber: Fiber.Fiber<unknown, unknown>, env: DialogContext, bound: number): Cancellation =>
  fiber.getRef(CurrentDialog)?.cancellation ?? env.cancellation() ??
    { by: env.self, reason: "interrupted", deadline: bound }

/** Returns the milliseconds for which a caller waits for the answer to its cancel. */
export const cancelBoundOf = (fiber: Fiber.Fiber<unknown, unknown>, env: DialogContext): number =>
  env.cancelBound ?? fiber.getRef(Timeouts).cancel

/**
 * Converts milliseconds to the form that the protocol carries: a whole number that is neither negative nor infinite.
 */
export const wireMillis = (millis: number): number => Math.min(Math.max(0, Math.ceil(millis)), Number.MAX_SAFE_INTEGER)

/** Log annotations that mean the same in another process stay unchanged; all others become text. */
const portable = (value: unknown): unknown => {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value
    default:
      return value === null ? null : String(value)
  }
}

/**
 * Returns the innermost span around a fiber that the program's tracer or another process has made, and skips spans of
 * Effect's default tracer.
 */
const readSpanOf = ({ cache: { span, tracer } }: Fiber.Fiber<unknown, unknown>): Tracer.AnySpan | undefined => {
  if (isPrograms(tracer)) return span
  let read: Tracer.AnySpan | undefined = span
  while (read?._tag === "Span") read = Option.getOrUndefined(read.parent)
  return read
}

/**
 * The data that crosses beside the payload of a call, or `null` when there is no such data, as in most calls. The
 * parameter `span` is the span of the call itself, if it is traced.
 */
export const metaOf = (
  fiber: Fiber.Fiber<unknown, unknown>,
  baseLevel: LogLevel.LogLevel,
  span: Tracer.AnySpan | undefined = readSpanOf(fiber)
): Meta | null => {
  const at = fiber.getRef(Deadline)
  const deadline = at === Infinity ? undefined : at
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const level = fiber.cache.minimumLogLevel
  const names = Object.keys(annotations)
  if (deadline === undefined && level === baseLevel && names.length === 0) {
    return span === undefined ? null : traceOf(span)
  }
  return {
    ...(deadline === undefined ? {} : { deadline: wireMillis(deadline - now(fiber)) }),
    ...(span === undefined ? {} : { trace: [span.traceId, span.spanId, span.sampled] as const }),
    ...(level === baseLevel ? {} : { level }),
    ...(names.length === 0
      ? {}
      : { annotations: Object.fromEntries(names.map((name) => [name, portable(annotations[name])])) })
  }
}

/**
 * The trace data of the last call's span, which are kept for the next call, because a program makes many calls in one
 * span.
 */
let traced: Meta & { readonly trace: NonNullable<Meta["trace"]> } = { trace: ["", "", false] }

const traceOf = ({ sampled, spanId, traceId }: Tracer.AnySpan): Meta => {
  const [lastTrace, lastSpan, wasSampled] = traced.trace
  if (spanId !== lastSpan || traceId !== lastTrace || sampled !== wasSampled) {
    traced = { trace: [traceId, spanId, sampled] }
  }
  return traced
}

const now = (fiber: Fiber.Fiber<unknown, unknown>): number => monotonicMillis(fiber.getRef(Clock.Clock))

const levels: ReadonlyArray<string> = ["All", "Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None"]

/**
 * The context of the last handler whose call came with a trace, which is kept because most calls of one span have the
 * same handler.
 */
let last:
  | { readonly base: Context.Context<any>; readonly meta: Meta; readonly context: Context.Context<any> }
  | undefined

/**
 * Makes the context in which a handler runs: the context of its actor, with the data beside the payload of the call.
 */
export const withMeta = <R>(base: Context.Context<R>, meta: Meta | null): Context.Context<R> => {
  if (meta === null) return base
  if (last !== undefined && meta === last.meta && base === last.base) return last.context
  const context = contextOf(base, meta)
  // A context with a deadline is not kept, because each call has a deadline of its own.
  if (meta.deadline === undefined) last = { base, meta, context }
  return context
}

const contextOf = <R>(base: Context.Context<R>, meta: Meta): Context.Context<R> => {
  let context = base
  if (meta.deadline !== undefined) {
    context = Context.add(context, Deadline, monotonicMillis(Context.get(base, Clock.Clock)) + meta.deadline)
  }
  if (meta.trace !== undefined) {
    const [traceId, spanId, sampled] = meta.trace
    context = Context.add(context, Tracer.ParentSpan, Tracer.externalSpan({ traceId, spanId, sampled })) as typeof base
  }
  if (meta.level !== undefined && levels.includes(meta.level)) {
    context = Context.add(context, References.MinimumLogLevel, meta.level as LogLevel.LogLevel)
  }
  if (meta.annotations !== undefined) {
    const inherited = Context.get(base, References.CurrentLogAnnotations)
    context = Context.add(context, References.CurrentLogAnnotations, { ...inherited, ...meta.annotations })
  }
  return context
}
