/**
 * The bounds of all cancels of one connection. One fiber sleeps for all bounds: nearly every cancel is acknowledged
 * long before its bound, and a timer for each cancel would cost more than the cancel.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { NumberTable } from "../settings/NumberTable.ts"
import { monotonicMillis } from "../settings/Timeouts.ts"

interface Bound {
  readonly at: number
  readonly elapsed: () => void
}

class CancelBounds {
  private readonly channel: PeerChannel
  private readonly clock: Clock.Clock
  private readonly waiting = new NumberTable<Bound>()
  private begun = 0
  private sleep: { readonly fiber: Fiber.Fiber<void>; readonly until: number; readonly forget: () => void } | undefined

  constructor(channel: PeerChannel, clock: Clock.Clock) {
    this.channel = channel
    this.clock = clock
  }

  add(millis: number, context: Context.Context<never>, elapsed: () => void): () => void {
    const bound = { at: monotonicMillis(this.clock) + millis, elapsed }
    const number = this.begun++
    this.waiting.add(number, bound)
    if (bound.at < (this.sleep?.until ?? Infinity)) this.sleepUntil(bound.at, context)
    return () => void this.waiting.drop(number)
  }

  /**
   * Sleeps until the next bound of a cancel. The fiber of the bounds sleeps on when all cancels are acknowledged,
   * because a later cancel may need it; the fiber ends with the connection.
   */
  private sleepUntil(until: number, context: Context.Context<never>): void {
    this.stop()
    const fiber = Effect.runForkWith(context)(Effect.sleep(Math.max(1, until - monotonicMillis(this.clock))))
    const sleep = { fiber, until, forget: this.channel.whenClosed(() => this.stop()) }
    this.sleep = sleep
    fiber.addObserver(() => {
      if (this.sleep === sleep) this.woke(context)
    })
  }

  private stop(): void {
    const { sleep } = this
    this.sleep = undefined
    sleep?.forget()
    sleep?.fiber.interruptUnsafe()
  }

  private woke(context: Context.Context<never>): void {
    this.stop()
    const now = monotonicMillis(this.clock)
    let next = Infinity
    for (const [number, bound] of this.waiting.entries()) {
      if (bound.at > now) next = Math.min(next, bound.at)
      else if (this.waiting.drop(number) !== undefined) bound.elapsed()
    }
    if (next < (this.sleep?.until ?? Infinity)) this.sleepUntil(next, context)
  }
}

const all = new WeakMap<PeerChannel, Map<Clock.Clock, CancelBounds>>()

/**
 * Calls `elapsed` after a number of milliseconds on the Clock of the context; the returned function prevents the call.
 */
export const within = (
  channel: PeerChannel,
  context: Context.Context<never>,
  millis: number,
  elapsed: () => void
): () => void => {
  const clock = Context.get(context, Clock.Clock)
  const clocks = all.get(channel) ?? new Map<Clock.Clock, CancelBounds>()
  if (clocks.size === 0) all.set(channel, clocks)
  const bounds = clocks.get(clock) ?? new CancelBounds(channel, clock)
  clocks.set(clock, bounds)
  return bounds.add(millis, context, elapsed)
}
