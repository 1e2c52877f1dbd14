/**
 * Sends signals to processes and process groups, and returns the answer of the kernel.
 *
 * The kernel's answer ESRCH is the only one that says that the process does not exist. The kernel's answer EPERM says
 * that this process may not signal another one, because one of the two has changed its user (`process.setuid`).
 */

export type Answer = "sent" | "nobody" | "forbidden"

/** Returns the operating system's name of an error, such as `ESRCH`. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/**
 * True for a group whose processes are all dead and not reaped. For a group of dead processes Darwin answers EPERM, and
 * the group's leader is not found either.
 */
const isDeadGroup = (pid: number): boolean => process.platform === "darwin" && pid < 0 && send(-pid, 0) !== "forbidden"

/**
 * Sends a signal to one process, or to a group where the number is negative. The signal 0 only asks whether the process
 * exists.
 */
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
 * Kills the processes that are left in the group of a process that has been reaped. While a process is in a group, the
 * kernel gives the group's number to no new process. A process group is empty where a new process has the number of the
 * group.
 */
export const killLeftIn = (group: number): Answer => send(group, 0) === "nobody" ? send(-group, "SIGKILL") : "nobody"
