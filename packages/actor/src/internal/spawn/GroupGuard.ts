/**
 * The part of a platform's guard that watches the process groups of external programs.
 *
 * @since 0.1.0
 */

/**
 * Puts process groups under the guard of the tree: when this process ends in any way, the guard ends the groups'
 * processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupGuard {
  /**
   * Returns the command and arguments to put in front of a guarded program's command line; `undefined` when this
   * platform guards no programs. The function `prefix` throws when this process cannot start a guarded program.
   */
  readonly prefix: () => ReadonlyArray<string> | undefined
  /**
   * Puts a process group under the guard; the argument `group` is the process number of the group's leader. The method
   * `enter` returns a function that kills the other processes of the group. The caller must run the returned function
   * when the leader of the group is reaped.
   */
  readonly enter: (group: number) => () => void
  /** Sends a signal through another process of the tree, when the kernel forbids this process to send it. */
  readonly signal: (group: number, signal: "SIGTERM" | "SIGKILL") => void
}
