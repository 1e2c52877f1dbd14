/** Facts about the history of a run, by which checks decide whether the run has a fault. */
import type * as Simulation from "@furrow/testing/Simulation"
import type { How, Timed } from "./History.ts"
import type { Program } from "./Program.ts"
import type { Result } from "./Run.ts"

type Of<Tag extends Timed["_tag"]> = Extract<Timed, { readonly _tag: Tag }>

/** The history of a run, with functions that look up facts for the checks. */
export interface Facts {
  readonly program: Program
  readonly run: Simulation.Run
  readonly events: ReadonlyArray<Timed>
  readonly of: <Tag extends Timed["_tag"]>(tag: Tag) => ReadonlyArray<Of<Tag>>
  /** Returns the position of an event in the history of a run. */
  readonly indexOf: (event: Timed) => number
  /**
   * Returns the position in the history of the first event that harmed an actor or an actor above it; Infinity for an
   * unharmed actor.
   */
  readonly hurtAt: (actor: string) => number
  readonly isHurt: (actor: string) => boolean
  /** True when a step stopped an actor for a while in the run, so that every other actor may be late. */
  readonly isStopped: boolean
  /** The time in milliseconds at which the last held connection was released; 0 when no step held a connection. */
  readonly heldUntil: number
  /** Milliseconds that are added to every bound in the checks of this history. */
  readonly slackMillis: number
}

const indices = (events: ReadonlyArray<Timed>) => {
  const map = new Map(events.map((event, i) => [event, i]))
  return (event: Timed): number => map.get(event)!
}

const isKilled = ({ history }: Simulation.Run, actor: string): boolean =>
  history.some((happening) => happening.actor === actor && happening.text === "exits: SIGKILL")

export const factsOf = ({ events, program, run, slackMillis = virtualSlackMillis }: Result): Facts => {
  const groups = new Map<string, Array<Timed>>()
  for (const event of events) {
    const group = groups.get(event._tag)
    if (group === undefined) groups.set(event._tag, [event])
    else group.push(event)
  }
  const of = <Tag extends Timed["_tag"]>(tag: Tag) => (groups.get(tag) ?? []) as unknown as ReadonlyArray<Of<Tag>>
  const indexOf = indices(events)
  const first = new Map<string, number>()
  for (const hurt of of("Hurt")) if (!first.has(hurt.actor)) first.set(hurt.actor, indexOf(hurt))
  // The word `CancelActor` does not arrive while a step lets no bytes pass on a connection. The owner then kills the
  // actor.
  for (const held of of("Held")) {
    if (isKilled(run, held.actor) && !first.has(held.actor)) first.set(held.actor, indexOf(held))
  }
  // The names of actors form a path: the name of an actor begins with the name of its parent.
  const hurtAt = (actor: string) =>
    Math.min(
      Infinity,
      ...Array.from(first, ([hurt, at]) => actor === hurt || actor.startsWith(`${hurt}.`) ? at : Infinity)
    )
  return {
    program,
    run,
    events,
    of,
    indexOf,
    hurtAt,
    isHurt: (actor) => hurtAt(actor) < Infinity,
    heldUntil: Math.max(0, ...of("Held").map(({ at, millis }) => at + millis)),
    isStopped: of("Hurt").some(({ what }) => what === "stop"),
    slackMillis
  }
}

export const has = ({ words }: How, word: string): boolean => words.includes(word)

export type Check = (facts: Facts) => ReadonlyArray<string>

/**
 * Milliseconds that are added to every bound of a check, because virtual time passes while the actors of one process
 * work.
 */
const virtualSlackMillis = 1_500

/** The kinds of steps of a random program whose calls also reach other actors than the actor of the step. */
export const farther: ReadonlySet<string> = new Set(["far", "cross", "find", "hasty", "shared", "census", "ambush"])
