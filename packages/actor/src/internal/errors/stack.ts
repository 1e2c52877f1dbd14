/**
 * Errors that arrive from afar are built deep inside the runtime, in no fiber of the user's: a stack of these frames
 * tells nobody anything (features ERR-18). Built here they have none, and what is shown is the far stack (as `cause`)
 * and the frames that Effect itself adds, of the fiber that fails.
 *
 * @since 0.1.0
 */
const limited = Error as unknown as { stackTraceLimit?: number }

/** Runs `f` without recording stacks; where the platform cannot do without, with them. */
export const withoutStack = <A>(f: () => A): A => {
  const before = limited.stackTraceLimit
  if (before === undefined) return f()
  limited.stackTraceLimit = 0
  try {
    return f()
  } finally {
    limited.stackTraceLimit = before
  }
}
