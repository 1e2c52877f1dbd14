/**
 * The files that a census has still to count, divided into batches for the workers. A census counts the largest files
 * first, and its batches of files shrink towards the end. Batches that shrink make all workers of a census end at about
 * the same time, whatever time a single file costs.
 *
 * Every file of a census is in exactly one place: it waits, is in a batch, or is done. When an actor of the census is
 * lost, the files of its batch wait again:
 *
 *     waiting --take--> left of a batch --finish, file by file--> done
 *        ^                   |
 *        +-----giveBack------+
 */
import type { Source } from "./sources.ts"

export interface Batch {
  /** The files of a batch of the census that are not done yet. */
  readonly left: Map<string, Source>
  /**
   * True for a batch with one suspect: a file that may have killed an actor. When an actor dies that had a batch with a
   * single suspect, no other file can have killed the actor.
   */
  readonly suspect: boolean
}

const batchesPerActor = 4

export class Work {
  readonly total: number
  /** The waiting files of a census, with the largest last, because files are taken from the end. */
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

  /** Returns the next batch of files of the census, or undefined when no file waits. */
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

  /** Counts a file of a batch of the census as done. */
  finish(batch: Batch, file: string): void {
    if (!batch.left.delete(file)) throw new Error(`${file} was counted, and is not in the batch of its actor`)
    this.finished++
  }

  /**
   * Takes back the batch of files of an actor that was lost. The files of a lost actor's batch become suspects, which
   * the census sends one by one to find the file that killed the actor.
   */
  giveBack(batch: Batch, as: "waiting" | "suspects"): void {
    this[as].push(...batch.left.values())
    if (as === "waiting") { for (const { bytes } of batch.left.values()) this.waitingBytes += bytes }
    batch.left.clear()
  }
}
