/**
 * The flags that the runtime itself gives to an actor's process. The runtime's flags are removed from
 * `process.execArgv` before the program runs, because processes that the actor starts with `execArgv` must not get
 * them.
 */

/**
 * The size in MiB with which the young generation of an actor's heap begins. V8's default of one MiB leads to a dozen
 * collections while an actor starts, which take a tenth of the processor time of the start.
 */
const youngMiB = 8

/**
 * The flags let the inspector that SIGUSR1 opens use any free port. The inspector writes its id only to stderr, which
 * the parent reads, because a process that knows the id can run code in the actor.
 */
const inspector: ReadonlyArray<string> = ["--inspect-port=0", "--inspect-publish-uid=stderr"]

/** The flags of the runtime stand before those of the program, which may override them. */
export const startFlags: ReadonlyArray<string> = [`--min-semi-space-size=${youngMiB}`, ...inspector]

/** Removes the flags of an actor's start from `process.execArgv`; called once, in an actor. */
export const takeBackStartFlags = (): void => {
  if (startFlags.every((flag, i) => process.execArgv[i] === flag)) process.execArgv.splice(0, startFlags.length)
}
