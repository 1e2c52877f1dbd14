/**
 * The flags of Node that the runtime itself gives to an actor's process. The runtime removes its flags from
 * `process.execArgv` before the program runs, because processes that the actor starts must not inherit them.
 */

/**
 * The size in MiB with which the young generation of an actor's heap begins. V8's default of one MiB for the young
 * generation leads to a dozen collections during an actor's start.
 */
const youngMiB = 8

/**
 * With the runtime's flags, the inspector that SIGUSR1 opens uses any free port. With the runtime's flags, the
 * inspector writes its id only to stderr, because a process that knows the id can run code in the actor.
 */
const inspector: ReadonlyArray<string> = ["--inspect-port=0", "--inspect-publish-uid=stderr"]

/** The runtime's flags stand before the program's flags, which may override them. */
export const startFlags: ReadonlyArray<string> = [`--min-semi-space-size=${youngMiB}`, ...inspector]

/** Removes the runtime's flags from `process.execArgv` at the start of an actor. */
export const takeBackStartFlags = (): void => {
  if (startFlags.every((flag, i) => process.execArgv[i] === flag)) process.execArgv.splice(0, startFlags.length)
}
