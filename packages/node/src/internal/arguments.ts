/** Makes the command line and the environment for the process of a child actor. */
import * as Path from "node:path"
import { pathToFileURL } from "node:url"

/** Matches flags of Node that hold for one process only, and that children do not inherit. */
const ownFlags =
  /^--(inspect|watch|test|cpu-prof|heap-prof|prof|trace-event|redirect-warnings|report-on|input-type|eval=|print=)/
const evalFlags = new Set(["-i", "--interactive", "-c", "--check"])
/**
 * The flags of Node that take the next argument on the command line as code. The code behind a flag such as `--eval`
 * may itself look like a flag of Node.
 */
const evalFlagsWithCode = new Set(["-e", "--eval", "-p", "--print", "-pe"])

/**
 * Returns the flags of the parent's Node that its children inherit: all flags except those for debugging, watching,
 * testing and evaluating. An argument behind a dropped flag of Node is the value of that flag, unless the argument is a
 * flag itself.
 */
export const inheritedFlags = (flags: ReadonlyArray<string>): ReadonlyArray<string> => {
  const out: Array<string> = []
  for (let i = 0; i < flags.length; i++) {
    const flag = flags[i]!
    const withCode = evalFlagsWithCode.has(flag)
    if (!withCode && !evalFlags.has(flag) && !ownFlags.test(flag)) {
      out.push(flag)
      continue
    }
    const next = flags[i + 1]
    const hasValue = withCode || !flag.includes("=") && next !== undefined && !next.startsWith("-")
    if (hasValue) i++
  }
  return out
}

/** Flags of Node whose value is the path of a file. */
const fileFlags = new Set(["--env-file", "--env-file-if-exists", "--experimental-config-file"])
/**
 * Flags of Node whose value is the name of a module. The value of a module flag of Node is a path only when it begins
 * with a dot.
 */
const moduleFlags = new Set(["--import", "--require", "-r", "--loader", "--experimental-loader"])

/** True when the flags of a process make Node load a module before the main module. */
export const isPreloading = (flags: ReadonlyArray<string>, options = ""): boolean =>
  [...flags, ...options.split(/\s+/)].some((flag) => moduleFlags.has(flag.replace(/=.*/s, "")))

const resolved = (flag: string, value: string, folder: string): string => {
  if (fileFlags.has(flag)) return Path.resolve(folder, value)
  if (!/^\.\.?(?:[/\\]|$)/.test(value)) return value
  const path = Path.resolve(folder, value)
  return flag === "--require" || flag === "-r" ? path : pathToFileURL(path).href
}

/** Makes relative paths in flags of Node absolute, from the folder in which this process was started. */
export const resolvedFlags = (flags: ReadonlyArray<string>, folder: string): ReadonlyArray<string> =>
  flags.map((flag, i) => {
    const before = flags[i - 1]
    if (before !== undefined && (fileFlags.has(before) || moduleFlags.has(before))) {
      return resolved(before, flag, folder)
    }
    const at = flag.indexOf("=")
    const name = flag.slice(0, at)
    return at > 0 && (fileFlags.has(name) || moduleFlags.has(name))
      ? `${name}=${resolved(name, flag.slice(at + 1), folder)}`
      : flag
  })

/**
 * Makes relative paths in the variable NODE_OPTIONS absolute. The value of NODE_OPTIONS stays as it is where it
 * contains a quoted option.
 */
const resolvedOptions = (options: string, folder: string): string =>
  options.includes("\"") ? options : resolvedFlags(options.split(/\s+/), folder).join(" ")

const heap = /^--max[-_]old[-_]space[-_]size=/

/**
 * Removes the flag with the heap limit that an actor was started with. The children of an actor with a heap limit of
 * its own get the heap limit of the program, if the program sets one.
 */
export const withoutOwnHeap = (flags: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own = flags.findLastIndex((flag) => heap.test(flag))
  return own === -1 ? flags : flags.toSpliced(own, 1)
}

/** Removes the debugger's flags from NODE_OPTIONS, because every child would open the same port. */
const undebugged = (options: string): string => options.replace(/(^|\s)--inspect(-[a-z-]+)?(=\S*)?(?=\s|$)/g, "").trim()

interface EnvRules {
  readonly inherit?: "all" | ReadonlyArray<string> | undefined
  readonly set?: { readonly [name: string]: string } | undefined
}

/**
 * Returns the environment of a child: the inherited variables without the debugger's flags, then the variables that
 * were set for the child. A child gets the variable FORCE_COLOR where this process writes to a terminal.
 */
export const environment = (
  ours: Readonly<Record<string, string | undefined>>,
  rules: EnvRules | undefined,
  isTerminal: boolean,
  startedIn: string
): Record<string, string | undefined> => {
  const inherit = rules?.inherit ?? "all"
  const base = inherit === "all" ? ours : Object.fromEntries(inherit.map((name) => [name, ours[name]]))
  // A child writes its output to a pipe, and so without colours. FORCE_COLOR makes the child write colours if this
  // process passes the output on to a terminal.
  const colour = isTerminal && base["FORCE_COLOR"] === undefined && base["NO_COLOR"] === undefined
    ? { FORCE_COLOR: "1" }
    : {}
  const nodeOptions = base["NODE_OPTIONS"]
  const options = nodeOptions === undefined ? {} : { NODE_OPTIONS: resolvedOptions(undebugged(nodeOptions), startedIn) }
  return { ...base, ...options, ...colour, ...rules?.set }
}
