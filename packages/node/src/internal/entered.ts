/**
 * The processes of a root that are under its guard: entered when they begin, and taken out when they are reaped.
 */
import type { Begun } from "./begun.ts"
import type { Guard } from "./guard.ts"
import { send } from "./signals.ts"

/** The processes that this process has started and not yet reaped, and that a forced end of the tree kills. */
export class Living {
  private readonly kills = new Map<number, () => void>()

  add(pid: number, guard: Guard, signal: Begun["signal"] = (name) => send(-pid, name)): () => void {
    this.kills.set(pid, () => {
      if (signal("SIGKILL") === "forbidden") guard.signal(pid, "SIGKILL")
    })
    return () => void this.kills.delete(pid)
  }

  killAll(): void {
    for (const kill of this.kills.values()) kill()
  }
}

/** A process that is under the guard. */
export interface Entered {
  readonly begun: Begun
  /** Takes the process out of the guard when it is reaped, because the kernel may then use its number for another process. */
  readonly reaped: () => void
}

/** Puts a process under the guard. `isTold` is true when the warden knows of the process already. */
export const enter = (begun: Begun, guard: Guard, living: Living, isTold: boolean): Entered => {
  const { pid } = begun
  const forget = living.add(pid, guard, begun.signal)
  guard.started(pid, isTold)
  return {
    begun,
    reaped: () => {
      forget()
      guard.ended(pid)
    }
  }
}

/** Kills a process for which nothing waits any more, and takes it out of the guard at its exit. */
export const discard = ({ begun, reaped }: Entered, guard: Guard): void => {
  begun.onExit(() => {
    begun.killLeft()
    reaped()
  })
  begun.channel?.destroy()
  if (begun.signal("SIGKILL") === "forbidden") guard.signal(begun.pid, "SIGKILL")
}
