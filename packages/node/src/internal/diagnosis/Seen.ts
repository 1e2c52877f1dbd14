/**
 * One process of a tree as a tool sees it: its own answer, where it gave one, and the kernel's.
 */
import type { ActorInspection, FiberInspection } from "@furrow/actor/Inspect"

/** The kernel's view of a process. It needs no answer of it. */
export interface Outside {
  readonly pid: number
  readonly parent: number
  /** Its name as an actor; a root that does not answer has none. */
  readonly name: string | undefined
  /** The last states: `R` runs, `S` sleeps, `D` is in a system call, `T` is stopped. */
  readonly states: ReadonlyArray<string>
  /** The share of a core that it used meanwhile: 0 to 1, or more with threads. */
  readonly cpu: number
  /** The kernel's function that it sleeps in, where that may be read. */
  readonly wchan: string
  /** The call of the kernel that it stands in, by its number, where that may be read. */
  readonly syscall: string
  /** The commands of its children that are no actors. */
  readonly commands: ReadonlyArray<string>
}

export interface Seen {
  readonly outside: Outside
  /** None of a process that did not answer in time. */
  readonly inside: ActorInspection | undefined
  /** None where they were not asked for, or cannot be seen. */
  readonly fibers: ReadonlyArray<FiberInspection> | undefined
}

export const nameOf = ({ inside, outside }: Seen): string => inside?.actor.name ?? outside.name ?? "(a root)"
