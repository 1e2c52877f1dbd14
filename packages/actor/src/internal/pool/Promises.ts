/**
 * Effects and Streams of a pool for code without Effect: an `AbortSignal` is an interruption.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

/**
 * An `AbortSignal`, as every platform has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Signal {
  readonly aborted: boolean
  readonly reason: unknown
  readonly addEventListener: (type: "abort", listener: () => void) => void
  readonly removeEventListener: (type: "abort", listener: () => void) => void
}

const isAborted = (signal: Signal | undefined): boolean => signal?.aborted ?? false

/** Rejects with the error itself; with the reason of the signal where that ended it. */
export const promise = async <A>(
  context: Context.Context<never>,
  effect: Effect.Effect<A, unknown>,
  signal: Signal | undefined
): Promise<A> => {
  if (isAborted(signal)) throw signal!.reason
  const exit = await Effect.runPromiseExitWith(context)(effect, signal === undefined ? {} : { signal: signal as never })
  if (Exit.isSuccess(exit)) return exit.value
  if (isAborted(signal) && Cause.hasInterruptsOnly(exit.cause)) throw signal!.reason
  throw Cause.squash(exit.cause)
}

/** The reason of a signal as a failure, once it is aborted. */
const aborted = (signal: Signal): Effect.Effect<never, unknown> =>
  Effect.callback<never, unknown>((resume) => {
    const abort = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort)
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

/** Items as they are asked for; leaving the loop closes the stream, and waits for it. */
export const iterable = <A>(
  context: Context.Context<never>,
  stream: Stream.Stream<A, unknown>,
  signal: Signal | undefined
): AsyncIterable<A> =>
  Stream.toAsyncIterableWith(
    signal === undefined ? stream : Stream.suspend(() => untilAborted(stream, signal)),
    context
  )

/** Nothing of a stream begins whose signal is aborted before. */
const untilAborted = <A>(stream: Stream.Stream<A, unknown>, signal: Signal): Stream.Stream<A, unknown> =>
  signal.aborted ? Stream.fail(signal.reason) : Stream.interruptWhen(stream, aborted(signal))
