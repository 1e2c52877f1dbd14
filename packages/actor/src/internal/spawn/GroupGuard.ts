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
   * Puts the process group with the number `group`, which is the process number of its leader, under the guard. The
   * caller runs the function that `enter` returns when the leader of the group is reaped; this function kills the
   * group's other processes.
   */
  readonly enter: (group: number) => () => void
  /** Sends a signal through another process of the tree, when the kernel forbids this process to send it. */
  readonly signal: (group: number, signal: "SIGTERM" | "SIGKILL") => void
}
