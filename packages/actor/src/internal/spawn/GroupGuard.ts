/**
 * The platform's guard for process groups of programs that are no actors.
 *
 * @since 0.1.0
 */

/**
 * Puts process groups under the guard of the tree: the guard ends their processes when this process ends, however it
 * ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupGuard {
  /**
   * The command and arguments to put before the command line of a guarded process; `undefined` when this platform
   * guards no processes. `prefix` throws when this process can start no guarded process.
   */
  readonly prefix: () => ReadonlyArray<string> | undefined
  /**
   * Records that the process with the number `group` leads a process group of its own. The caller runs the returned
   * function once this process is reaped, which kills the processes that remain in the process's group.
   */
  readonly enter: (group: number) => () => void
  /**
   * Sends a signal that the kernel forbids this process to send, through another process of the tree that may send it.
   */
  readonly signal: (group: number, signal: "SIGTERM" | "SIGKILL") => void
}
