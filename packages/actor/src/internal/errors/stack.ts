/**
 * Errors from another actor are built deep inside the runtime, in no fiber of the user, so their stack would hold only
 * frames of the runtime. An error that this module builds has no stack of its own. An error from another actor shows
 * the stack of that actor (as `cause`), and the frames that Effect adds for the fiber that fails.
 *
 * @since 0.1.0
 */
const limited = Error as unknown as { stackTraceLimit?: number }

/**
 * Runs `f` without recording stacks, for errors of another actor: the stack would hold only frames of the runtime. On a
 * platform without a stack limit `f` runs unchanged.
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
    // Errors keep the runtime's stack in a program that has frozen `Error`.
    return f()
  }
  try {
    return f()
  } finally {
    limited.stackTraceLimit = before
  }
}
