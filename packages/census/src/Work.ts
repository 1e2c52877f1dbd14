/**
 * Work that is still to do, as batches for the next worker. The largest files go first, and batches shrink as the work
 * does, so that everybody ends at about the same time whatever a file costs.
 *
 * Every file is in one place, and a batch whose actor is lost comes back:
 *
 *     waiting --take--> left of a batch --finish, file by file--> done
 *        ^                   |
 *        +-----giveBack------+
 */
import type { Source } from "./sources.ts"

export interface Batch {
  /** The part of it that is not done. */
  readonly left: Map<string, Source>
  /** One file that may have killed an actor before: nothing else is to blame if it happens again. */
  readonly suspect: boolean
}

const batchesPerActor = 4

export class Work {
  readonly total: number
  /** The largest last, where it is taken from. */
  private readonly waiting: Array<Source>
  private readonly suspects: Array<Source> = []
  private readonly actors: number
  private waitingBytes = 0
  private finished = 0

  constructor(sources: ReadonlyArray<Source>, actors: number) {
    this.total = sources.length
    this.actors = actors
    this.waiting = sources.toSorted((a, b) => a.bytes - b.bytes)
    for (const { bytes } of sources) this.waitingBytes += bytes
  }

  get done(): number {
    return this.finished
  }

  /** The next batch; none when nothing waits. */
  take(): Batch | undefined {
    const suspect = this.suspects.pop()
    if (suspect !== undefined) return { left: new Map([[suspect.file, suspect]]), suspect: true }
    const share = this.waitingBytes / (this.actors * batchesPerActor)
    const left = new Map<string, Source>()
    let bytes = 0
    while (this.waiting.length > 0 && (left.size === 0 || bytes < share)) {
      const source = this.waiting.pop()!
      left.set(source.file, source)
      bytes += source.bytes
    }
    this.waitingBytes -= bytes
    return left.size === 0 ? undefined : { left, suspect: false }
  }

  /** A file of the batch is done. */
  finish(batch: Batch, file: string): void {
    if (!batch.left.delete(file)) throw new Error(`${file} was counted, and is not in the batch of its actor`)
    this.finished++
  }

  /** The batch's actor is lost. As suspects, its files go out one by one, to find the one that did it. */
  giveBack(batch: Batch, as: "waiting" | "suspects"): void {
    this[as].push(...batch.left.values())
    if (as === "waiting") { for (const { bytes } of batch.left.values()) this.waitingBytes += bytes }
    batch.left.clear()
  }
}
