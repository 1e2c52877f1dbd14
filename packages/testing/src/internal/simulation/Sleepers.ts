/**
 * Jobs that wait for a moment of virtual time, in a heap: the job with the earliest moment is first, and of equal
 * moments the job that was added first.
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

  /** Adds a job that runs at a moment of virtual time, and returns a function that removes the job. */
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

  /** The moment of virtual time, in milliseconds, at which the first waiting job runs. */
  get first(): number | undefined {
    while (this.heap.length > 0 && this.heap[0]!.job === undefined) this.shift()
    return this.heap[0]?.at
  }

  /** Runs every waiting job whose moment has come, in order. */
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
