/**
 * The platform's guard as others may ask it: for process groups of programs that are no actors.
 *
 * @since 0.1.0
 */

/**
 * Puts process groups under the guard of the tree: their processes end when this process does, however it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupGuard {
  /**
   * The words before the command line of a process that is to be guarded; `undefined` where nothing is guarded here. Throws
   * where no process can be started.
   */
  readonly prefix: () => ReadonlyArray<string> | undefined
  /** A process of that number leads a group of its own. The result is called when it was reaped: what it left is killed. */
  readonly enter: (group: number) => () => void
  /** Sends a signal that the kernel refuses this process to send, if a process of the tree can. */
  readonly signal: (group: number, signal: "SIGTERM" | "SIGKILL") => void
}
