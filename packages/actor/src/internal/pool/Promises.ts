/**
 * Runs Effects and Streams of a pool as promises and async iterables, for code without Effect. An aborted `AbortSignal`
 * interrupts the Effect or the Stream that it was passed with.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

/**
 * The part of the platform's `AbortSignal` that pools read.
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

/**
 * Runs an effect as a promise. The promise of an effect rejects with the error of the effect, or with the signal's
 * reason if the signal ended the effect.
 */
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

/**
 * Reads a stream as an async iterable that fetches each item when its reader asks for it. Leaving the loop over the
 * iterable closes the stream, and waits until the stream is closed.
 */
export const iterable = <A>(
  context: Context.Context<never>,
  stream: Stream.Stream<A, unknown>,
  signal: Signal | undefined
): AsyncIterable<A> =>
  signal === undefined
    ? Stream.toAsyncIterableWith(stream, context)
    : { [Symbol.asyncIterator]: () => untilAborted(context, stream, signal) }

/**
 * The states of an iterator over a stream's items. In the state `aborted` of an iterator, its signal was aborted, and
 * the reader has not learned of the abort yet.
 */
type Reading = "new" | "open" | "aborted" | "over"

const done = { done: true, value: undefined } as const

/** Closes the stream of an iterable when the signal of the iterable is aborted. */
const untilAborted = <A>(
  context: Context.Context<never>,
  stream: Stream.Stream<A, unknown>,
  signal: Signal
): AsyncIterator<A> => {
  const items = Stream.toAsyncIterableWith(stream, context)[Symbol.asyncIterator]()
  let reading: Reading = "new"
  const is = (state: Reading) => reading === state
  const leave = (state: Reading) => {
    reading = state
    signal.removeEventListener("abort", abort)
  }
  const abort = () => {
    leave("aborted")
    // A failure of closing the stream is ignored here, because the reader of the iterable gets this failure.
    items.return!().catch(() => {})
  }
  const over = () => leave("over")
  const item = async (): Promise<IteratorResult<A>> => {
    try {
      const next = await items.next()
      if (next.done === true && is("open")) over()
      return next
    } catch (error) {
      if (!is("aborted")) over()
      if (is("over")) throw error
      return done
    }
  }
  return {
    next: async () => {
      if (is("over")) return done
      // A stream whose signal is aborted before its first item never begins.
      if (is("new")) {
        reading = signal.aborted ? "aborted" : "open"
        if (is("open")) signal.addEventListener("abort", abort)
      }
      const next = is("open") ? await item() : done
      if (!is("aborted")) return next
      over()
      await items.return!()
      throw signal.reason
    },
    return: async () => {
      over()
      return await items.return!()
    }
  }
}
