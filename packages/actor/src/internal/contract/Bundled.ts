/**
 * Finding definitions where there is nothing to import: in a program bundled into one file.
 *
 * There an actor is the bundle itself, started again with a mark on its command line. Its definitions cannot be found
 * among a module's exports, which a bundler drops, so in such a process, and only there, every definition is noted as it
 * is made.
 *
 * @since 0.1.0
 */

/** The mark: the argument behind the script. */
export const mark = "--furrow-actor"

const argv = (globalThis as { readonly process?: { readonly argv?: Array<string> } }).process?.argv

/** Whether this process is an actor of a single-file bundle. */
export const isBundledActor: boolean = argv?.[2] === mark

/** How many arguments the runtime hands to an actor, in front of the arguments of its program. */
const ownArguments = 6

/**
 * Takes the runtime's arguments, which begin at this index, off the command line. What stays is the command line of the
 * program, so that its modules find there what they find in the root.
 */
export const takeOwnArguments = (argv: Array<string>, at: number): ReadonlyArray<string> => {
  const own = argv.slice(at, at + ownArguments)
  argv.splice(1, argv.length, ...argv.slice(at + ownArguments))
  return own
}

/** The runtime's arguments of an actor of a bundle: taken here, because the program's own code runs next. */
export const bundledArguments: ReadonlyArray<string> = isBundledActor ? takeOwnArguments(argv!, 3) : []

const noted: Array<unknown> = []

/** Notes a definition, or a Service's implementation, where it will have to be found. */
export const note = <A>(value: A): A => {
  if (isBundledActor) noted.push(value)
  return value
}

/** Everything noted, as if it were the exports of one module. */
export const exported = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(noted.map((value, index) => [String(index), value]))
