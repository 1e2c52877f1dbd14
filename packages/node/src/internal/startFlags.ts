/**
 * The runtime's own flags of an actor's process. It has them before the program runs, and takes them back then: processes
 * that the actor starts with its flags are none of ours.
 */

/**
 * MiB of the young generation that an actor begins with. V8 begins with one, and so collects garbage a dozen times while
 * an actor starts: a tenth of the start's processor time.
 */
const youngMiB = 8

/**
 * The inspector that SIGUSR1 opens has a port of its own, and says its id on stderr alone, which the parent reads: any other
 * process of this machine that knew the id could run code in the actor.
 */
const inspector: ReadonlyArray<string> = ["--inspect-port=0", "--inspect-publish-uid=stderr"]

/** These flags stand before those of the program, which may override them. */
export const startFlags: ReadonlyArray<string> = [`--min-semi-space-size=${youngMiB}`, ...inspector]

/** Takes the flags of an actor's start out of `process.execArgv`; called once, in an actor. */
export const takeBackStartFlags = (): void => {
  if (startFlags.every((flag, i) => process.execArgv[i] === flag)) process.execArgv.splice(0, startFlags.length)
}
