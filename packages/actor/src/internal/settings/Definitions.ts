/**
 * Finding definitions where there is nothing to import: in a program bundled into one file.
 *
 * There an actor is the bundle itself, started again with a mark on its command line. Its definitions cannot be found
 * among a module's exports, which a bundler drops, so in such a process, and only there, every definition is noted as it
 * is made.
 *
 * @since 0.1.0
 */

/**
 * The argument behind the script that marks a process as an actor of a single-file bundle.
 *
 * @example
 * ```ts
 * ActorProcess.mark // "--furrow-actor"
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const mark = "--furrow-actor"

const argv = (globalThis as { readonly process?: { readonly argv?: Array<string> } }).process?.argv

/**
 * True where this process is an actor of a single-file bundle: a main program then runs that actor instead of itself.
 *
 * @example
 * ```ts
 * ActorProcess.isBundledActor // false
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const isBundledActor: boolean = argv?.[2] === mark

/** How many arguments the runtime hands to an actor, in front of the arguments of its program. */
const ownArguments = 6

/**
 * Takes the runtime's arguments off the command line and returns them; they begin at the index `at`. The command line
 * of the program stays, so that its modules find there what they find in the root.
 *
 * @example
 * ```ts
 * const argv = ["node", "childMain.js", "frank", "9e8d", "thread", "4700", "", "0", "main.js", "--verbose"]
 * ActorProcess.takeOwnArguments(argv, 2) // ["frank", "9e8d", "thread", "4700", "", "0"]
 * argv // ["node", "main.js", "--verbose"]
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const takeOwnArguments = (argv: Array<string>, at: number): ReadonlyArray<string> => {
  const own = argv.slice(at, at + ownArguments)
  argv.splice(1, argv.length, ...argv.slice(at + ownArguments))
  return own
}

/**
 * The runtime's arguments of an actor of a bundle, which are taken off the command line before the program's own code
 * runs. Empty in every other process.
 *
 * @example
 * ```ts
 * ActorProcess.bundledArguments // []
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const bundledArguments: ReadonlyArray<string> = isBundledActor ? takeOwnArguments(argv!, 3) : []

const noted: Array<unknown> = []

/** Notes a definition, or a Service's implementation, where it will have to be found. */
export const note = <A>(value: A): A => {
  if (isBundledActor) noted.push(value)
  return value
}

/**
 * Gives every definition of a single-file bundle as if it were the exports of one module. Empty in every process that
 * is no actor of a bundle.
 *
 * @example
 * ```ts
 * ActorProcess.exported() // {}
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const exported = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(noted.map((value, index) => [String(index), value]))
