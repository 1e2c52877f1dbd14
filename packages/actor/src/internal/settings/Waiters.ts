import * as Effect from "effect/Effect"

/** A waiting callback, with its neighbours in the order of waiting. */
interface Waiter<A> {
  readonly callback: (value: A) => void
  before: Waiter<A> | undefined
  after: Waiter<A> | undefined
  waits: boolean
}

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
  private first: Waiter<A> | undefined
  private last: Waiter<A> | undefined
  private wakes = 0

  /** Adds a callback, and returns a function that removes it. */
  add(callback: (value: A) => void): () => void {
    const waiter: Waiter<A> = { callback, before: this.last, after: undefined, waits: true }
    if (this.last === undefined) this.first = waiter
    else this.last.after = waiter
    this.last = waiter
    return () => void this.remove(waiter)
  }

  /** All waiting callbacks as objects, so that an observer can distinguish them. */
  get all(): ReadonlyArray<object> {
    return this.waiting
  }

  /** True while no callback waits. */
  get isEmpty(): boolean {
    return this.first === undefined
  }

  /**
   * Returns an effect that waits for the first call of the method `wake` after the call of the method `next`. If the
   * method `wake` is called before a fiber runs the returned effect, the effect ends at once.
   */
  next(): Effect.Effect<void> {
    const { wakes } = this
    return Effect.callback((resume) => {
      if (this.wakes !== wakes) return resume(Effect.void)
      return Effect.sync(this.add(() => resume(Effect.void)))
    })
  }

  /** Calls the oldest of the waiting callbacks with the given value, and removes this callback. */
  wakeFirst(value: A): void {
    const { first } = this
    if (first !== undefined && this.remove(first)) first.callback(value)
  }

  /**
   * Calls every waiting callback, even when one of the callbacks throws. The first error of a callback is thrown after
   * all callbacks have been called.
   */
  wake(value: A): void {
    this.wakes++
    if (this.first === undefined) return
    const thrown: Array<unknown> = []
    for (const waiter of this.waiting) {
      // The callback of an earlier waiter may have removed a later waiter from the list.
      if (!this.remove(waiter)) continue
      try {
        waiter.callback(value)
      } catch (error) {
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }

  private get waiting(): ReadonlyArray<Waiter<A>> {
    const all: Array<Waiter<A>> = []
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.after) all.push(waiter)
    return all
  }

  /** Removes a waiting callback from the list; returns false if the callback no longer waits. */
  private remove(waiter: Waiter<A>): boolean {
    if (!waiter.waits) return false
    const { after, before } = waiter
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    waiter.waits = false
    // A removed callback leads to no other callback, so that it keeps no memory of later waits.
    waiter.before = waiter.after = undefined
    return true
  }
}
