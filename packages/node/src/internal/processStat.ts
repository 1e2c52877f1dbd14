/** Reads facts about a process from /proc, which only Linux has. */
import { statFields } from "./proc.ts"
import { send } from "./signals.ts"

interface Stat {
  /**
   * The state of a process, as a letter that the kernel uses for this state. In the state of a process, `R` means that
   * it runs, `T` that it is stopped, and `Z` that it is dead and not reaped.
   */
  readonly state: string
  /** The time at which a process was started, in the kernel's ticks. */
  readonly start: string
}

const statOf = (pid: number): Stat | undefined => {
  if (process.platform !== "linux") return undefined
  const fields = statFields(pid)
  return fields && { state: fields[0] ?? "", start: fields[19] ?? "-" }
}

/** Returns the time at which a process was started, in the kernel's ticks, or `-` on a system without `/proc`. */
export const startOf = (pid: number): string => statOf(pid)?.start ?? "-"

/** False where a pid belongs to a process that was started at another time than the given one. */
export const isSame = (pid: number, start: string): boolean => {
  const now = startOf(pid)
  return now === "-" || start === "-" || now === start
}

/** True while the process with the given pid and start time lives. */
export const isRunning = (pid: number, start: string): boolean => {
  const stat = statOf(pid)
  if (stat === undefined) return process.platform !== "linux" && send(pid, 0) !== "nobody"
  return stat.state !== "Z" && stat.state !== "X" && (start === "-" || stat.start === start)
}
