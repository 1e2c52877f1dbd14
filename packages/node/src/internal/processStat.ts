/** Reads a process from /proc, which only Linux has. */
import * as Fs from "node:fs"
import { send } from "./signals.ts"

interface Stat {
  /**
   * The state of the process as the kernel's letter: `R` means that the process runs, `T` that it is stopped, and `Z`
   * that it is dead and not reaped.
   */
  readonly state: string
  /** The time at which a process was started, in the kernel's ticks. */
  readonly start: string
}

const statOf = (pid: number): Stat | undefined => {
  if (process.platform !== "linux") return undefined
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name of a process in /proc/PID/stat may hold brackets, so fields are counted from the last closing bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { state: fields[0] ?? "", start: fields[19] ?? "-" }
  } catch {
    return undefined
  }
}

/** Returns the time at which a process was started, in the kernel's ticks; `-` where the system does not tell it. */
export const startOf = (pid: number): string => statOf(pid)?.start ?? "-"

/** False where a pid belongs to a process that was started at another time. */
export const isSame = (pid: number, start: string): boolean => {
  const now = startOf(pid)
  return now === "-" || start === "-" || now === start
}

/** True while the process with this number and start time lives. */
export const isRunning = (pid: number, start: string): boolean => {
  const stat = statOf(pid)
  if (stat === undefined) return process.platform !== "linux" && send(pid, 0) !== "nobody"
  return stat.state !== "Z" && stat.state !== "X" && (start === "-" || stat.start === start)
}
