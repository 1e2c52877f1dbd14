/**
 * Counts the files of a folder with a pool of actors, where a worker gets batches of files and streams their rows back.
 *
 * The pool of a census replaces a worker that dies, and another worker counts the rest of the dead worker's batch. Rows
 * that have arrived from a dead worker are kept, so that no file is missed or counted twice. A file that kills its
 * actor even in a batch of its own becomes a row with the error that the file kills actors.
 *
 * With the option `crashes`, the census itself kills actors with SIGKILL, each time after the same number of counted
 * files.
 */
import { type Actor, ActorError, Pool } from "@furrow/actor"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { measureFiles } from "./actor.ts"
import { KilledItsActor, type Row } from "./row.ts"
import { type Progress, Screen } from "./Screen.ts"
import type { Sources } from "./sources.ts"
import { type Batch, Work } from "./Work.ts"

export interface Options {
  readonly actors: number
  readonly crashes: number
}

export interface Census {
  readonly rows: ReadonlyMap<string, Row>
  readonly actors: number
  /** The time from the start of the first actor of the census's count until the last actor of the count is ready. */
  readonly starting: Duration.Duration
  /**
   * The time from the moment when all actors of the census are ready until the last row has arrived in the main
   * process.
   */
  readonly counting: Duration.Duration
  readonly killed: number
  readonly replaced: number
  /** The number of files that the census sent to an actor a second time. */
  readonly repeated: number
}

const howLost = ({ how }: ActorError.ActorLost): string => {
  switch (how._tag) {
    case "Exited":
      return `it exited with code ${how.code}`
    case "Signalled":
      return how.signal
    case "Killed":
      return `we killed it: ${how.reason}`
    case "OutOfMemory":
      return "it ran out of memory"
    case "ConnectionClosed":
      return "its connection closed"
    case "Silent":
      return "it fell silent"
    case "Unreported":
      return "its exit was never reported"
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // The kill of an actor by the census has no effect where the actor is already dead.
  }
}

const files = (n: number) => n === 1 ? "1 file" : `${n} files`

/** A worker of the census with the batch of files that it counts. */
interface Shift {
  readonly actor: ActorError.ActorId
  readonly batch: Batch
}

/** The count of one folder by the census, with the state that all batches of files share. */
class Count {
  readonly rows = new Map<string, Row>()
  readonly tally = { killed: 0, replaced: 0, repeated: 0 }
  private readonly work: Work
  private readonly shifts = new Set<Shift>()
  private readonly known = new Set<number>()
  private readonly condemned = new Set<number>()
  private readonly pool: Pool.Pool<typeof measureFiles>
  private readonly sources: Sources
  private readonly options: Options
  private readonly progress: Progress

  constructor(pool: Pool.Pool<typeof measureFiles>, sources: Sources, options: Options, progress: Progress) {
    this.pool = pool
    this.sources = sources
    this.options = options
    this.progress = progress
    this.work = new Work(sources.files, options.actors)
  }

  /** Counts batch after batch of files with all workers of the pool, until no file waits. */
  readonly run = Effect.gen({ self: this }, function*() {
    const { workers } = yield* this.pool.statistics
    for (const { actor } of workers) if (actor !== undefined) this.known.add(actor.pid)
    yield* Effect.replicateEffect(this.batches, this.options.actors, { concurrency: "unbounded", discard: true })
  })

  private readonly batches = Effect.gen({ self: this }, function*() {
    for (let batch = this.work.take(); batch !== undefined; batch = this.work.take()) {
      yield* this.pool.use((worker) => this.measure(worker, batch)).pipe(
        Effect.catchTag("ActorLost", (error) => this.lost(batch, error))
      )
      if (batch.left.size > 0) return yield* Effect.die(new Error(`${files(batch.left.size)} of a batch missed`))
    }
  })

  private readonly measure = (worker: Actor.Portal<typeof measureFiles>, batch: Batch) =>
    Effect.suspend(() => {
      const shift: Shift = { actor: worker.actor, batch }
      this.shifts.add(shift)
      const rows = worker.stream(measureFiles({ folder: this.sources.folder, files: Array.from(batch.left.keys()) }))
      return this.welcome(shift).pipe(
        Effect.andThen(this.crashIfDue(shift)),
        Effect.andThen(Stream.runForEach(rows, (row) => this.receive(shift, row))),
        Effect.ensuring(Effect.sync(() => this.shifts.delete(shift)))
      )
    })

  private readonly welcome = ({ actor }: Shift) =>
    Effect.suspend(() => {
      if (this.known.has(actor.pid)) return Effect.void
      this.known.add(actor.pid)
      this.tally.replaced++
      return this.progress.say(`started ${ActorError.formatActor(actor)} in its place`)
    })

  private readonly receive = (shift: Shift, row: Row) =>
    Effect.andThen(this.done(shift.batch, row), Effect.suspend(() => this.crashIfDue(shift)))

  private readonly done = (batch: Batch, row: Row) =>
    Effect.suspend(() => {
      const bytes = batch.left.get(row.file)?.bytes ?? 0
      this.work.finish(batch, row.file)
      this.rows.set(row.file, row)
      return this.progress.advance(bytes)
    })

  private readonly lost = (batch: Batch, error: ActorError.ActorLost) =>
    Effect.gen({ self: this }, function*() {
      const condemned = this.condemned.has(error.actor.pid)
      const { left, suspect } = batch
      yield* this.progress.say(
        `lost ${ActorError.formatActor(error.actor)} (${howLost(error)}) with ${files(left.size)} of its batch left`
      )
      const [file] = left.keys()
      if (suspect && !condemned && file !== undefined) {
        yield* this.done(batch, new KilledItsActor({ file, reason: howLost(error) }))
      } else {
        this.tally.repeated += left.size
        this.work.giveBack(batch, condemned ? "waiting" : "suspects")
      }
    })

  /**
   * Kills an actor of the census with unfinished files, if a kill is due: the actor of the given batch, or else another
   * actor.
   */
  private readonly crashIfDue = (here: Shift): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { killed } = this.tally
      const { crashes } = this.options
      const due = killed < crashes && this.work.done >= Math.floor(this.work.total * (killed + 1) / (crashes + 1))
      if (!due) return Effect.void
      const canDie = ({ actor, batch }: Shift) => !this.condemned.has(actor.pid) && batch.left.size > 0
      const actor = [here, ...this.shifts].find(canDie)?.actor
      if (actor === undefined) return Effect.void
      this.condemned.add(actor.pid)
      this.tally.killed++
      kill(actor.pid)
      return this.progress.say(
        `killed ${ActorError.formatActor(actor)} with SIGKILL, ${this.work.done} of ${files(this.work.total)} done`
      )
    })
}

/**
 * Counts every file of the census once. The actors of a census's count live as long as the Effect of the count runs, and
 * end together.
 */
export const count = (sources: Sources, options: Options) =>
  Effect.gen(function*() {
    const { actors } = options
    const screen = yield* Screen
    // The screen of the census reports lost actors, so the count turns off the warnings of its pool.
    const hire = Pool.make({ name: "census", expose: [measureFiles], size: actors }).pipe(
      Effect.provideService(References.MinimumLogLevel, "Error")
    )
    const [starting, pool] = yield* Effect.timed(hire)
    return yield* screen.during(sources, (progress) =>
      Effect.gen(function*() {
        const counted = new Count(pool, sources, options, progress)
        const [counting] = yield* Effect.timed(counted.run)
        return { rows: counted.rows, actors, starting, counting, ...counted.tally } satisfies Census
      }))
  }).pipe(Effect.scoped)
