/**
 * Records the definitions (endpoints, Services, plans) that are made in this process, by kind, module and name.
 *
 * An actor finds the definitions that its parent wants it to serve by their module and name. A bundler drops and
 * renames exports. Until an actor has found its definitions, its process records every definition that is made. A root
 * records no definitions, because its record of definitions would never end.
 *
 * @since 0.1.0
 */

/**
 * The command-line argument by which a process that runs a bundle knows that it is an actor and no root.
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
 * True when this process is an actor and runs a bundle that contains the runtime of Furrow. An actor that runs a bundle
 * must not run the bundle's main program.
 *
 * @example
 * ```ts
 * ActorProcess.isBundledActor // false
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const isBundledActor: boolean = argv?.[2] === mark

/** The number of command-line arguments that the runtime puts in front of an actor's own arguments. */
const ownArguments = 7

/**
 * Removes the runtime's arguments from the command line, from the index `at` on, and returns these arguments. The
 * user's arguments stay in `argv`, so that the user's modules see the same arguments as in the root.
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
 * The runtime's arguments of an actor that runs a bundle; they are removed from the command line before the user's code
 * runs. The list `bundledArguments` is empty in every process that is no actor or runs no bundle.
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
 * The kind, the module and the name by which an actor finds a definition. A Service and a plan are named by their key.
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
   * True when the definition of a Service names another module as the module of its implementation. When several
   * definitions have one name, a definition that names the module of its implementation is preferred.
   */
  readonly leads: boolean
  /** An Error whose stack shows where the definition was made; the stack is read only for an error message. */
  readonly made: Error
}

let recorded: Array<Definition> | undefined = isBundledActor ? [] : undefined

/**
 * Begins to record all endpoints, Services and platform Layers that modules of this process define from now on. An
 * actor that records definitions finds every definition of the modules that it imports, whether or not the definition
 * is exported. The first line of a bundle makes an actor record definitions.
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
 * Forgets the recorded definitions and records no more, once the actor has found the definitions that it serves.
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

/** Records a definition, unless this process is a root or has already found the definitions that it serves. */
export const define = <A>(value: A, named: DefinitionName, leads = false): A => {
  recorded?.push({ ...named, value, leads, made: new Error() })
  return value
}

/**
 * Returns the file of a definition's `module`. The text behind a `#` in `module` distinguishes modules that a bundler
 * has joined to one file.
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

/** Returns the line of the module in which a definition was made, if the recorded stack shows this line. */
const placeOf = ({ made }: Definition): string => {
  const frames = (made.stack ?? "").split("\n").filter((line) => !/\(?node:|\bat async\b/.test(line))
  return /([^\s(]+:\d+:\d+)\)?$/.exec(frames.at(-1) ?? "")?.[1] ?? "a place that is not known"
}

/**
 * Returns the recorded definition of a name; `undefined` when no definition of this name was made, or this process
 * records none. The function `definitionOf` throws an error that names both lines of code when two definitions have the
 * same name.
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
