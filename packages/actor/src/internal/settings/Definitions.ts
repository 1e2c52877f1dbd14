/**
 * The definitions made in this process, by kind, module and name.
 *
 * An actor finds by module and name the definitions that it is to serve. A bundler drops and renames exports, so an
 * actor's process records every definition when it is made, until the actor serves. A root records no definitions,
 * because a root may make definitions for as long as it lives.
 *
 * @since 0.1.0
 */

/**
 * The command-line argument that marks a process as an actor of a bundle that holds the runtime.
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
 * True when this process is an actor of a bundle that holds the runtime. An actor of a bundle runs no main program.
 *
 * @example
 * ```ts
 * ActorProcess.isBundledActor // false
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const isBundledActor: boolean = argv?.[2] === mark

/** The number of command-line arguments that the runtime gives an actor, in front of the program's own arguments. */
const ownArguments = 7

/**
 * Takes the runtime's arguments off the command line, from the index `at` on, and returns these arguments. The
 * program's arguments stay, so that the program's modules see the same arguments as in the root.
 *
 * @example
 * ```ts
 * const argv = ["node", "childMain.js", "frank", "9e8d", "thread", "4700", "-", "-", "---", "main.js", "--verbose"]
 * ActorProcess.takeOwnArguments(argv, 2) // ["frank", "9e8d", "thread", "4700", "-", "-", "---"]
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
 * runs. The list of the runtime's arguments is empty in every process that is no actor of a bundle.
 *
 * @example
 * ```ts
 * ActorProcess.bundledArguments // []
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const bundledArguments: ReadonlyArray<string> = isBundledActor ? takeOwnArguments(argv!, 3) : []

/**
 * A kind of definition that an actor looks up by name.
 *
 * @category models
 * @since 0.1.0
 */
export type DefinitionKind = "endpoint" | "service" | "transport" | "spawner" | "ambient"

/**
 * The name of a definition among those of its kind in its module. A Service and a plan are named by their key.
 *
 * @category models
 * @since 0.1.0
 */
export interface DefinitionName {
  readonly kind: DefinitionKind
  readonly module: string
  readonly name: string
}

interface Definition extends DefinitionName {
  readonly value: unknown
  /**
   * True where the definition names the module of its implementation. Of several definitions with one name, a
   * definition that names the module of its implementation is used first.
   */
  readonly leads: boolean
  /** An Error whose stack shows where the definition was made; the stack is read only for an error message. */
  readonly made: Error
}

let recorded: Array<Definition> | undefined = isBundledActor ? [] : undefined

/**
 * Begins to record the definitions of this process. An actor that records definitions finds by name the definitions of
 * modules that it imports, exported or not. An actor of a bundle begins the record in its first line.
 *
 * @example
 * ```ts
 * ActorProcess.recordDefinitions()
 * ActorProcess.forgetDefinitions()
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const recordDefinitions = (): void => {
  recorded ??= []
}

/**
 * Ends the record of definitions and drops its contents, once the actor has found the definitions that it serves.
 *
 * @example
 * ```ts
 * ActorProcess.forgetDefinitions()
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const forgetDefinitions = (): void => {
  recorded = undefined
}

/** Records a definition, if this process keeps a record. */
export const define = <A>(value: A, named: DefinitionName, leads = false): A => {
  recorded?.push({ ...named, value, leads, made: new Error() })
  return value
}

/**
 * Returns the file of a definition's `module`. The part behind a `#` distinguishes modules that a bundler has joined to
 * one file.
 *
 * @example
 * ```ts
 * ActorProcess.fileOf("file:///app/program.mjs#orders") // "file:///app/program.mjs"
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const fileOf = (module: string): string => module.replace(/#.*$/, "")

const described: Readonly<Record<DefinitionKind, (name: string) => string>> = {
  endpoint: (name) => `endpoints named "${name}"`,
  service: (name) => `implementations of the Service "${name}"`,
  transport: (key) => `transports of the key "${key}"`,
  spawner: (key) => `spawners of the key "${key}"`,
  ambient: (key) => `ambient Layers of the key "${key}"`
}

/** The place in the module where the definition was made, if the recorded stack shows the place. */
const placeOf = ({ made }: Definition): string => {
  const frames = (made.stack ?? "").split("\n").filter((line) => !/\(?node:|\bat async\b/.test(line))
  return /([^\s(]+:\d+:\d+)\)?$/.exec(frames.at(-1) ?? "")?.[1] ?? "a place that is not known"
}

/**
 * Returns the definition that was made under this name in this process; `undefined` when no such definition was made,
 * or no record is kept. An error that names both places is thrown when two definitions have the name.
 *
 * @example
 * ```ts
 * ActorProcess.definitionOf({ kind: "endpoint", module: isPrime.module, name: "isPrime" }) // undefined
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const definitionOf = ({ kind, module, name }: DefinitionName): unknown => {
  const all = (recorded ?? []).filter((made) => made.kind === kind && made.module === module && made.name === name)
  const leading = all.filter(({ leads }) => leads)
  const found = leading.length > 0 ? leading : all
  if (found.length <= 1) return found[0]?.value
  throw new Error(
    `${module} makes ${found.length} ${described[kind](name)} (at ${found.map(placeOf).join(" and at ")}): an actor ` +
      "finds it by module and name. Rename one of them; where a bundler put two modules into one file, a mark keeps " +
      "them apart: `module: import.meta.url + \"#orders\"`"
  )
}
