/**
 * A history, looked at from several sides: the facts that checks decide by.
 */
import type * as Simulation from "@furrow/testing/Simulation"
import type { How, Timed } from "./History.ts"
import type { Program } from "./Program.ts"
import type { Result } from "./Run.ts"

type Of<Tag extends Timed["_tag"]> = Extract<Timed, { readonly _tag: Tag }>

/** A history, looked at from several sides. */
export interface Facts {
  readonly program: Program
  readonly run: Simulation.Run
  readonly events: ReadonlyArray<Timed>
  readonly of: <Tag extends Timed["_tag"]>(tag: Tag) => ReadonlyArray<Of<Tag>>
  /** The place of an event in the history. */
  readonly indexOf: (event: Timed) => number
  /** When an actor, or one that it lives in, was hurt first, as an index; Infinity for never. */
  readonly hurtAt: (actor: string) => number
  readonly isHurt: (actor: string) => boolean
  /** True when actors were stopped for a while, which makes all others late. */
  readonly isStopped: boolean
  /** The time in milliseconds at which the last held connection is free again; 0 when none was held. */
  readonly heldUntil: number
  /** Milliseconds that are added to every bound. */
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
  // An actor that is ended while its connection is held does not hear of it, and is killed at last.
  for (const held of of("Held")) {
    if (isKilled(run, held.actor) && !first.has(held.actor)) first.set(held.actor, indexOf(held))
  }
  // The name of an actor below another one begins with its parent's.
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

/** Virtual time passes while work is done, and the machine is shared: every bound gets this much more. */
const virtualSlackMillis = 1_500

/** Kinds whose calls reach other actors than the one they are made to. */
export const farther: ReadonlySet<string> = new Set(["far", "cross", "find", "hasty", "shared", "census", "ambush"])
