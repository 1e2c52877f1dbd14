/**
 * Callbacks that wait for one thing, and are called once when it happens.
 *
 * @since 0.1.0
 */
export class Waiters<A = void> {
  private waiting = new Set<{ readonly callback: (value: A) => void }>()

  /** Answers with the way to stop waiting. */
  add(callback: (value: A) => void): () => void {
    const waiter = { callback }
    this.waiting.add(waiter)
    return () => void this.waiting.delete(waiter)
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0
  }

  /** Calls who has waited longest. */
  wakeFirst(value: A): void {
    for (const waiter of this.waiting) {
      this.waiting.delete(waiter)
      return waiter.callback(value)
    }
  }

  /** Calls everybody, also where one of them throws; the first error is thrown afterwards. */
  wake(value: A): void {
    if (this.waiting.size === 0) return
    const thrown: Array<unknown> = []
    for (const waiter of Array.from(this.waiting)) {
      // A callback before it may have made it stop waiting.
      if (!this.waiting.delete(waiter)) continue
      try {
        waiter.callback(value)
      } catch (error) {
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }
}
