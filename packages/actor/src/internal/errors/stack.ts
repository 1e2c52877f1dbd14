/**
 * Errors that arrive from afar are built deep inside the runtime, in no fiber of the user's: a stack of these frames would tell
 * nothing. Built here they have none, and show the far stack (as `cause`) and the frames that Effect itself adds, of the fiber
 * that fails.
 *
 * @since 0.1.0
 */
const limited = Error as unknown as { stackTraceLimit?: number }

/**
 * Runs `f` without recording stacks, for errors that arrive from afar: a stack of the runtime's own frames tells
 * nothing. It runs `f` as it is where the platform cannot do so.
 *
 * @example
 * ```ts
 * ActorProcess.withoutStack(() => new Error("far away").stack) // "Error: far away"
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const withoutStack = <A>(f: () => A): A => {
  const before = limited.stackTraceLimit
  if (before === undefined) return f()
  try {
    limited.stackTraceLimit = 0
  } catch {
    // A program may freeze `Error`: its errors then keep their stacks.
    return f()
  }
  try {
    return f()
  } finally {
    limited.stackTraceLimit = before
  }
}
