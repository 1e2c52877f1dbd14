/**
 * The processes below a root that the guard of the tree knows: each process is entered when it begins, and removed when
 * it is reaped.
 */
import type { Begun } from "./begun.ts"
import type { Guard } from "./guard.ts"
import { send } from "./signals.ts"

/** The processes that this process has started and not yet reaped, which a forced end of the tree kills. */
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

/** A process that the guard of the tree knows. */
export interface Entered {
  readonly begun: Begun
  /**
   * Makes the guard forget a process when the process is reaped, because the kernel may then give its pid to another
   * process.
   */
  readonly reaped: () => void
}

/**
 * Makes a process known to the guard of the tree. The parameter `isTold` is true when the warden already knows of the
 * process.
 */
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

/** Kills a process whose owner has gone, and makes the guard forget the process at its exit. */
export const discard = ({ begun, reaped }: Entered, guard: Guard): void => {
  begun.onExit(() => {
    begun.killLeft()
    reaped()
  })
  begun.channel?.destroy()
  if (begun.signal("SIGKILL") === "forbidden") guard.signal(begun.pid, "SIGKILL")
}
