/**
 * The processes of a root that are under its guard: entered when they begin, and taken out when they are reaped.
 */
import type { Begun } from "./begun.ts"
import type { Guard } from "./guard.ts"
import { send } from "./signals.ts"

/** The processes this one has started and not yet reaped: what a forced end has to kill. */
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

export interface Entered {
  readonly begun: Begun
  /** Takes it out again: the kernel may use its number for another process. */
  readonly reaped: () => void
}

/** Enters a process. `isTold` where the warden knows of it already. */
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

/** Kills a process that nothing waits for any more, and takes it out at its exit. */
export const discard = ({ begun, reaped }: Entered, guard: Guard): void => {
  begun.onExit(() => {
    begun.killLeft()
    reaped()
  })
  begun.channel?.destroy()
  if (begun.signal("SIGKILL") === "forbidden") guard.signal(begun.pid, "SIGKILL")
}
