/**
 * One process of a tree as a tool sees it: the process's own answer, where it gave an answer, and the kernel's view.
 */
import type { ActorInspection, FiberInspection } from "@furrow/actor/Inspect"

/** The kernel's view of an actor's process. The kernel's view of a process needs no answer from the process. */
export interface Outside {
  readonly pid: number
  readonly parent: number
  /** The name of the process's actor, or undefined for a root that does not answer. */
  readonly name: string | undefined
  /**
   * The states of the process at the last samples, as letters of the kernel. The letter `R` means that a process runs,
   * `S` that it sleeps, `D` that it is in a system call, and `T` that it is stopped.
   */
  readonly states: ReadonlyArray<string>
  /** The share of a processor core that the process used during the samples: 0 to 1, or more with threads. */
  readonly cpu: number
  /** The kernel function in which the process sleeps, where this user may read the function's name. */
  readonly wchan: string
  /** The number of the system call in which the process stands, where this user may read the number. */
  readonly syscall: string
  /** The commands of the process's children that are not actors. */
  readonly commands: ReadonlyArray<string>
}

export interface Seen {
  readonly outside: Outside
  /** The process's answer about itself, or undefined when the process did not answer in time. */
  readonly inside: ActorInspection | undefined
  /** The fibers of the process's actor, or undefined when the tool did not ask for fibers or could not read them. */
  readonly fibers: ReadonlyArray<FiberInspection> | undefined
}

export const nameOf = ({ inside, outside }: Seen): string => inside?.actor.name ?? outside.name ?? "(a root)"
