/**
 * Sends signals to processes and process groups, and returns the answer of the kernel.
 *
 * Only the kernel's answer ESRCH to a signal says that the process does not exist. The kernel's answer EPERM to a
 * signal says that the sender may not signal the process, because one of the two has changed its user.
 */

export type Answer = "sent" | "nobody" | "forbidden"

/** Returns the operating system's name of an error, such as `ESRCH`. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/**
 * True for a process group whose processes are all dead and not reaped. Darwin answers a signal to a process group of
 * dead processes with EPERM, and finds no leader of the group.
 */
const isDeadGroup = (pid: number): boolean => process.platform === "darwin" && pid < 0 && send(-pid, 0) !== "forbidden"

/**
 * Sends a signal to the process with the given pid, or to a process group, whose number is given as a negative number.
 * The signal 0 only asks the kernel whether the process exists.
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
 * Kills the processes that are left in the process group of a process that has been reaped. While a process group has a
 * process, the kernel gives the group's number to no new process. A process group is empty where a new process has the
 * group's number as its pid.
 */
export const killLeftIn = (group: number): Answer => send(group, 0) === "nobody" ? send(-group, "SIGKILL") : "nobody"
