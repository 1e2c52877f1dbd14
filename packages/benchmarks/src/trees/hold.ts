/** Measures the longest time for which an Effect blocked the event loop. */
import * as Effect from "effect/Effect"

export interface Held {
  /**
   * Milliseconds of the longest turn of the event loop by the clock, which includes the time that other programs took.
   */
  readonly wall: number
  /** Milliseconds of processor time that the JavaScript thread used in its most expensive turn of the event loop. */
  readonly processor: number
  readonly seconds: number
}

const processorMillis = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1_000
}

/** Runs an Effect, and measures each turn of the event loop during its run. */
export const held = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, Held], E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    let [wall, processor] = [0, 0]
    let last = [performance.now(), processorMillis()] as const
    let isOver = false
    const tick = () => {
      const now = [performance.now(), processorMillis()] as const
      wall = Math.max(wall, now[0] - last[0])
      processor = Math.max(processor, Math.min(now[0] - last[0], now[1] - last[1]))
      last = now
      if (!isOver) setImmediate(tick)
    }
    setImmediate(tick)
    return Effect.map(effect, (answer) => {
      isOver = true
      tick()
      return [answer, { wall, processor, seconds: (performance.now() - start) / 1_000 }] as const
    })
  })
