/**
 * Signals to processes and groups of them, with the answer of the kernel.
 *
 * Only ESRCH says that no process is there. EPERM says that there is one that this process may not signal: it has
 * changed its user since (`process.setuid`), or the other has.
 */

export type Answer = "sent" | "nobody" | "forbidden"

/** The system's name of an error, as `ESRCH`. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Darwin answers EPERM for a group in which all are dead and not reaped; then its leader is not found either. */
const isDeadGroup = (pid: number): boolean => process.platform === "darwin" && pid < 0 && send(-pid, 0) !== "forbidden"

/** Sends a signal to one process, or to a group where the number is negative; 0 only asks. */
export const send = (pid: number, signal: NodeJS.Signals | 0): Answer => {
  try {
    process.kill(pid, signal)
    return "sent"
  } catch (error) {
    if (codeOf(error) === "ESRCH") return "nobody"
    if (codeOf(error) === "EPERM") return isDeadGroup(pid) ? "nobody" : "forbidden"
    throw error
  }
}

/**
 * Kills the processes that are left in the group of a process that has been reaped. While the group has a process the
 * kernel gives its number to no new one, so a process of that number means that the group is empty.
 */
export const killLeftIn = (group: number): Answer => send(group, 0) === "nobody" ? send(-group, "SIGKILL") : "nobody"
