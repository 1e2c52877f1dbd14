/**
 * Begins the process of an actor in one of two ways: as a child of this process, or as a child of the root's starter.
 */
import type { SpawnRequest } from "@furrow/actor/Spawner"
import type * as ChildProcess from "node:child_process"
import { type Begun, ofChild } from "./begun.ts"
import { discard, enter, type Entered, type Living } from "./entered.ts"
import type { Guard } from "./guard.ts"
import { begin, type Launch } from "./launch.ts"
import type { StarterProcess } from "./starterProcess.ts"

export interface Hearer {
  /**
   * Gets the started process in the same turn of the event loop in which the socket to its file descriptor 3 was made.
   */
  readonly begun: (entered: Entered) => void
  readonly failed: (error: Error) => void
}

export class Starts {
  readonly guard: Guard
  private readonly living: Living
  private readonly starter: StarterProcess | undefined

  constructor(guard: Guard, living: Living, starter?: StarterProcess) {
    this.guard = guard
    this.living = living
    this.starter = starter
  }

  /**
   * Begins the process of an actor. The function that `begin` returns cancels a start: a process that begins later is
   * killed, and no callback is called.
   */
  begin(launch: Launch, actor: SpawnRequest["actor"], hearer: Hearer): () => void {
    const { guard, living } = this
    let isGivenUp = false
    const begun = (entered: Entered) => isGivenUp ? discard(entered, guard) : hearer.begun(entered)
    const failed = (error: Error) => void (isGivenUp || hearer.failed(error))
    const here = () =>
      void (isGivenUp || this.beginHere(launch, actor, (one) => begun(enter(one, guard, living, false)), failed))
    if (this.starter?.start(launch, actor, { begun, failed, declined: here }) !== true) here()
    return () => {
      isGivenUp = true
    }
  }

  private beginHere(
    launch: Launch,
    actor: SpawnRequest["actor"],
    begun: (begun: Begun) => void,
    failed: (error: Error) => void
  ): void {
    let child: ChildProcess.ChildProcess
    try {
      child = begin(launch, actor, this.guard)
    } catch (error) {
      return failed(error as Error)
    }
    // Node emits the event `error` for a process that did not begin and has no pid, in this turn of the event loop or
    // later.
    child.on("error", (error) => child.pid === undefined && failed(error))
    if (child.pid === undefined) return
    begun(ofChild(child))
    this.starter?.begunByRoot()
  }
}
