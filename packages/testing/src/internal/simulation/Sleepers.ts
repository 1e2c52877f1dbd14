/**
 * Callbacks that wait for their virtual time, in a heap: the callback with the earliest time is first. Of callbacks
 * with equal times, the one that was added first comes first.
 *
 * @since 0.1.0
 */
interface Sleeper {
  readonly at: number
  readonly order: number
  job: (() => void) | undefined
}

const isBefore = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || a.at === b.at && a.order < b.order

export class Sleepers {
  private readonly heap: Array<Sleeper> = []
  private order = 0

  /** Adds a callback that runs at the virtual time `at`, and returns a function that removes the callback. */
  add(at: number, job: () => void): () => void {
    const { heap } = this
    const sleeper: Sleeper = { at, order: this.order++, job }
    let i = heap.length
    heap.push(sleeper)
    for (let up = (i - 1) >> 1; i > 0 && isBefore(sleeper, heap[up]!); up = (i - 1) >> 1) {
      heap[i] = heap[up]!
      i = up
    }
    heap[i] = sleeper
    return () => void (sleeper.job = undefined)
  }

  /** The virtual time, in milliseconds, at which the first of the waiting callbacks is to run. */
  get first(): number | undefined {
    while (this.heap.length > 0 && this.heap[0]!.job === undefined) this.shift()
    return this.heap[0]?.at
  }

  /** Runs, in the order of their times, all waiting callbacks whose virtual time has come. */
  pass(now: number): void {
    while (this.heap.length > 0 && this.heap[0]!.at <= now) this.shift().job?.()
  }

  private shift(): Sleeper {
    const { heap } = this
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let i = 0
    for (let down = 1; down < heap.length; down = 2 * i + 1) {
      if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down++
      if (!isBefore(heap[down]!, last)) break
      heap[i] = heap[down]!
      i = down
    }
    heap[i] = last
    return first
  }
}
