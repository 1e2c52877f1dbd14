/** Makes the command line, the environment and the streams of a process that will become an actor. */
import { mark } from "@furrow/actor/ActorProcess"
import type { Output, SpawnOptions, SpawnRequest } from "@furrow/actor/Spawner"
import type * as ChildProcess from "node:child_process"
import * as Os from "node:os"
import { environment, inheritedFlags, isPreloading, resolvedFlags, withoutOwnHeap } from "./arguments.ts"
import * as Builtins from "./builtins.ts"
import { askForCache } from "./compileCache.ts"
import type { Guard } from "./guard.ts"
import { isPassedThrough, type Outputs, stdioOf } from "./outlet.ts"
import { startFlags } from "./startFlags.ts"

/**
 * The folder in which this process was started, to which relative paths in the flags of Node refer. A program may have
 * changed its working directory since its process was started.
 */
const startedIn = process.cwd()

/**
 * An argument that makes an actor's command line longer, because the title of a process cannot be longer than its
 * command line.
 */
const padding = "-".repeat(64)

/** Returns the program's arguments after the executable, which the actor's modules find in `process.argv`. */
const programOf = ({ argv }: SpawnOptions): ReadonlyArray<string> =>
  argv === undefined ? process.argv.slice(1) : [process.argv[1] ?? "", ...argv]

/**
 * The flag with which an actor's inspector writes its id only to stderr, because the id lets any user run code in the
 * actor.
 */
const secretInspector = "--inspect-publish-uid=stderr"
const inspects = /(?:^|\s)--inspect(?:-brk|-wait|-port)?(?:[=\s]|$)/

const flags = (options: SpawnOptions, limited: boolean): ReadonlyArray<string> => {
  const { execArgv = [], inspect = false } = options
  const asked = inspect === false ? [] : [`--inspect=${inspect === true ? 0 : inspect}`]
  const opened = [...asked, ...execArgv, options.env?.set?.["NODE_OPTIONS"] ?? ""].some((flag) => inspects.test(flag))
  return [
    ...resolvedFlags(inheritedFlags(limited ? withoutOwnHeap(process.execArgv) : process.execArgv), startedIn),
    ...(options.memoryLimit === undefined ? [] : [`--max-old-space-size=${Math.ceil(options.memoryLimit)}`]),
    ...(opened ? [secretInspector] : []),
    ...asked,
    ...execArgv
  ]
}

/** The argument that tells an actor that the actors below it do not inherit its heap limit. */
export const limitedHeap = "limited-heap"

/** The settings with which this process starts its actors. */
export interface Settings {
  /** The arguments that make a Node process an actor. */
  readonly script: ReadonlyArray<string>
  /** The flags of Node that load the runtime before the modules that the program preloads. */
  readonly preload: ReadonlyArray<string>
  /** True when this process is an actor with a heap limit of its own. */
  readonly limited?: boolean
  readonly stdout?: Output | undefined
  readonly stderr?: Output | undefined
}

/** The command line of a process to start, without the name of the actor that the process will become. */
export interface Launch {
  /**
   * The flags of Node and the entry file on an actor's command line. After the entry file, the command line of an actor
   * has the actor's name, uuid, guard and parent, and then all other arguments.
   */
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string | undefined
  readonly stdio: ReturnType<typeof stdioOf>
  /** True when code of the program runs before the actor has its name, as in a bundle or with a preloaded module. */
  readonly runsProgram: boolean
}

export const launchOf = (
  options: SpawnOptions,
  { limited = false, preload, script }: Settings,
  outputs: Outputs
): Launch => {
  const isTerminal = process.stdout.isTTY === true && isPassedThrough(outputs)
  const given = environment(process.env, options.env, isTerminal, startedIn)
  const isBundle = script.at(-1) === mark
  const { argument, env } = isBundle ? askForCache(given) : { argument: "-", env: given }
  const asked = flags(options, limited)
  const preloads = isPreloading(asked, env["NODE_OPTIONS"])
  return {
    before: [...startFlags, ...(preloads ? preload : []), ...asked, ...script],
    after: [
      options.memoryLimit === undefined ? "-" : limitedHeap,
      argument,
      padding,
      ...programOf(options)
    ],
    env,
    cwd: options.cwd,
    stdio: stdioOf(outputs),
    runsProgram: isBundle || preloads
  }
}

/**
 * Returns the user, the groups and the priority of this process, which its children inherit, and which its program can
 * change.
 */
export const inherited = () => [
  process.getuid?.(),
  process.geteuid?.(),
  process.getgid?.(),
  process.getegid?.(),
  process.getgroups?.(),
  Os.getPriority()
]

/**
 * Returns the command line of an actor, and the actor's file descriptors from 0 on. The parameter `parent` is the pid
 * of the actor's parent process.
 */
export const commandOf = (
  { after, before, stdio }: Launch,
  actor: SpawnRequest["actor"],
  guard: Guard,
  parent: number
) => {
  const told = [actor.name, actor.uuid, guard.commandLineArgument, String(parent)]
  const { args, fds, file } = guard.command([process.execPath, ...before, ...told, ...after])
  return { file, args, stdio: ["ignore" as const, ...stdio, "pipe" as const, ...fds] }
}

/**
 * Starts the process of an actor by its command line. When the system cannot start a process, the function `begin`
 * throws or returns a process without a pid.
 */
export const begin = (launch: Launch, actor: SpawnRequest["actor"], guard: Guard): ChildProcess.ChildProcess => {
  const { cwd, env } = launch
  const { args, file, stdio } = commandOf(launch, actor, guard, process.pid)
  return Builtins.childProcess().spawn(file, args, {
    stdio,
    detached: true,
    env,
    ...(cwd === undefined ? {} : { cwd })
  })
}
