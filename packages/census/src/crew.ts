/**
 * Counts a folder with a crew of actors: every actor asks for a batch of files, streams its rows back, and asks again.
 *
 * An actor that dies is replaced, and what was left of its batch is done again. Rows that came are kept, so no file is
 * missed or counted twice. A file that kills its actor even when it is sent alone becomes a row with that error.
 *
 * The crew may be told to kill actors itself (`crashes`): with SIGKILL, in the middle of a batch, at even distances.
 */
import { Actor, ActorError } from "@furrow/actor"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
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
  /** From the first start to the last actor ready. */
  readonly starting: Duration.Duration
  /** From all actors ready to the last row here. */
  readonly counting: Duration.Duration
  readonly killed: number
  readonly replaced: number
  /** Files that were sent a second time. */
  readonly repeated: number
}

type Member = Actor.Portal<typeof measureFiles>

/** A place in the crew. Its actor changes when one dies. */
interface Place {
  readonly name: string
  portal: Member | undefined
  batch: Batch | undefined
  condemned: boolean
}

const hire = (name: string) => Actor.startScoped(name, { expose: [measureFiles] })

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
    case "Unreported":
      return "its exit was never reported"
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It died by itself before we came.
  }
}

const files = (n: number) => n === 1 ? "1 file" : `${n} files`

/** One count of one folder: what the places of the crew share. */
class Count {
  readonly rows = new Map<string, Row>()
  readonly tally = { killed: 0, replaced: 0, repeated: 0 }
  readonly places: ReadonlyArray<Place>
  private readonly work: Work
  private readonly sources: Sources
  private readonly options: Options
  private readonly progress: Progress

  constructor(sources: Sources, options: Options, members: ReadonlyArray<Member>, progress: Progress) {
    this.sources = sources
    this.options = options
    this.progress = progress
    this.work = new Work(sources.files, options.actors)
    this.places = members.map((portal) => ({ name: portal.name, portal, batch: undefined, condemned: false }))
  }

  /** Batch after batch, until nothing waits. */
  readonly fill = (place: Place) =>
    Effect.gen({ self: this }, function*() {
      for (let batch = this.work.take(); batch !== undefined; batch = this.work.take()) {
        place.batch = batch
        const portal = place.portal ?? (yield* this.replace(place))
        yield* this.crashIfDue(place)
        const names = Array.from(batch.left.keys())
        yield* portal.stream(measureFiles({ folder: this.sources.folder, files: names })).pipe(
          Stream.runForEach((row) => this.receive(place, batch, row)),
          Effect.catchTag("ActorLost", (error) => this.lost(place, portal, batch, error))
        )
        if (batch.left.size > 0) return yield* Effect.die(new Error(`${files(batch.left.size)} of a batch missed`))
      }
      if (place.condemned) yield* this.needless(place)
    })

  /** Killed so late that all its rows were on their way: no actor is missed. */
  private readonly needless = ({ portal }: Place) =>
    portal === undefined ? Effect.void : Effect.andThen(
      portal.wait,
      this.progress.say(`lost ${ActorError.formatActor(portal.actor)} when all its work was done`)
    )

  private readonly replace = (place: Place) =>
    Effect.tap(hire(place.name), (portal) => {
      place.portal = portal
      this.tally.replaced++
      return this.progress.say(`started ${ActorError.formatActor(portal.actor)} in its place`)
    })

  private readonly receive = (place: Place, batch: Batch, row: Row) =>
    Effect.suspend(() => {
      const bytes = batch.left.get(row.file)?.bytes ?? 0
      this.work.finish(batch, row.file)
      this.rows.set(row.file, row)
      return Effect.andThen(this.progress.advance(bytes), this.crashIfDue(place))
    })

  private readonly lost = (place: Place, portal: Member, batch: Batch, error: ActorError.ActorLost) =>
    Effect.gen({ self: this }, function*() {
      // A waiter for an actor has seen its end; otherwise the Scope would log it.
      yield* portal.wait
      const { condemned } = place
      place.portal = undefined
      place.condemned = false
      const { left, suspect } = batch
      yield* this.progress.say(
        `lost ${ActorError.formatActor(portal.actor)} (${howLost(error)}) with ${files(left.size)} of its batch left`
      )
      const [file] = left.keys()
      if (suspect && !condemned && file !== undefined) {
        yield* this.receive(place, batch, new KilledItsActor({ file, reason: howLost(error) }))
      } else {
        this.tally.repeated += left.size
        this.work.giveBack(batch, condemned ? "waiting" : "suspects")
      }
    })

  /** Kills an actor that has work left, if it is time: the one at this place, or else another. */
  private readonly crashIfDue = (here: Place): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { killed } = this.tally
      const { crashes } = this.options
      const due = killed < crashes && this.work.done >= Math.floor(this.work.total * (killed + 1) / (crashes + 1))
      if (!due) return Effect.void
      const canDie = ({ batch, condemned, portal }: Place) =>
        portal !== undefined && !condemned && (batch?.left.size ?? 0) > 0
      const victim = [here, ...this.places].find(canDie)
      if (victim?.portal === undefined) return Effect.void
      victim.condemned = true
      this.tally.killed++
      const { actor } = victim.portal
      kill(actor.pid)
      return this.progress.say(
        `killed ${ActorError.formatActor(actor)} with SIGKILL, ${this.work.done} of ${files(this.work.total)} done`
      )
    })
}

/** Counts every file once. The actors live as long as this runs, and end together. */
export const count = (sources: Sources, options: Options) =>
  Effect.acquireUseRelease(
    Scope.make("parallel"),
    (crew) =>
      Effect.gen(function*() {
        const { actors } = options
        const screen = yield* Screen
        const names = Array.from({ length: actors }, (_, index) => `census-${index + 1}`)
        const [starting, members] = yield* Effect.timed(Effect.forEach(names, hire, { concurrency: "unbounded" }))
        return yield* screen.during(sources, (progress) =>
          Effect.gen(function*() {
            const counted = new Count(sources, options, members, progress)
            const [counting] = yield* Effect.timed(
              Effect.forEach(counted.places, counted.fill, { concurrency: "unbounded", discard: true })
            )
            return { rows: counted.rows, actors, starting, counting, ...counted.tally } satisfies Census
          }))
      }).pipe(Scope.provide(crew)),
    (crew) => Scope.close(crew, Exit.void)
  )
