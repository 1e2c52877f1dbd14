/** Measures the longest time for which the event loop was blocked while an effect ran. */
import * as Effect from "effect/Effect"

export interface Held {
  /** Milliseconds of the longest turn of the event loop by the clock, which includes the time of other programs. */
  readonly wall: number
  /** Milliseconds of processor time of the thread that runs JavaScript, in the turn that used most. */
  readonly processor: number
  readonly seconds: number
}

const processorMillis = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1_000
}

/** Runs an effect, and measures each turn of the event loop in the meantime. */
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
