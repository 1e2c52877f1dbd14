import * as Effect from "effect/Effect"

/**
 * A list of callbacks that wait for one event. The next call of `wake` calls each waiting callback once.
 *
 * A waiting callback that throws does not keep `wake` from calling the other callbacks. `wake` throws the first error
 * after all callbacks have been called.
 *
 * @example
 * ```ts
 * const exits = new ActorProcess.Waiters<number>()
 * const heard: Array<number> = []
 * exits.add((code) => void heard.push(code))
 * const forget = exits.add((code) => void heard.push(-code))
 * forget()
 * exits.wake(7)
 * exits.isEmpty // true
 * heard // [7]
 * ```
 * @category platforms
 * @since 0.1.0
 */
export class Waiters<A = void> {
  /** The set of waiting callbacks, which is made when the first callback is added, because most lists never get one. */
  private waiting: Set<{ readonly callback: (value: A) => void }> | undefined
  private wakes = 0

  /** Adds a callback, and returns a function that removes it. */
  add(callback: (value: A) => void): () => void {
    const waiter = { callback }
    const waiting = this.waiting ??= new Set()
    waiting.add(waiter)
    return () => void waiting.delete(waiter)
  }

  /** All waiting callbacks as objects, so that an observer can distinguish them. */
  get all(): Iterable<object> {
    return this.waiting ?? []
  }

  /** True while no callback waits. */
  get isEmpty(): boolean {
    return this.waiting === undefined || this.waiting.size === 0
  }

  /**
   * Waits for the first `wake` that comes after the call of `next`. A fiber that has decided to wait may be suspended
   * before the wait begins. A `wake` that comes after the call of `next` counts, even if the wait of the fiber has not
   * begun.
   */
  next(): Effect.Effect<void> {
    const { wakes } = this
    return Effect.callback((resume) => {
      if (this.wakes !== wakes) return resume(Effect.void)
      return Effect.sync(this.add(() => resume(Effect.void)))
    })
  }

  /** Calls the callback that has waited longest. */
  wakeFirst(value: A): void {
    const { waiting } = this
    if (waiting === undefined) return
    for (const waiter of waiting) {
      waiting.delete(waiter)
      return waiter.callback(value)
    }
  }

  /**
   * Calls every waiting callback, even when one of the callbacks throws. The first error of a callback is thrown after
   * all callbacks have been called.
   */
  wake(value: A): void {
    this.wakes++
    const { waiting } = this
    if (waiting === undefined || waiting.size === 0) return
    const thrown: Array<unknown> = []
    for (const waiter of Array.from(waiting)) {
      // A callback may have removed a later callback of the same `wake`.
      if (!waiting.delete(waiter)) continue
      try {
        waiter.callback(value)
      } catch (error) {
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }
}
