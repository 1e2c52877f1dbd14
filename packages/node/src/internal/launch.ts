/**
 * The command line and the surroundings of a process that is to be an actor.
 */
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

/** The folder in which Node has read our own flags: the program may have left it since. */
const startedIn = process.cwd()

/** A process title cannot be longer than the command line was. */
const padding = "-".repeat(64)

/** The program's command line behind the executable, as the actor's modules are to find it. */
const programOf = ({ argv }: SpawnOptions): ReadonlyArray<string> =>
  argv === undefined ? process.argv.slice(1) : [process.argv[1] ?? "", ...argv]

/** The debugger's id lets any user run code in the actor: it is said on the actor's stderr, and nowhere else. */
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

/** The flags on an actor's command line: its heap limit is its own. */
export const limitedHeap = "limited-heap"

/** The way this process starts its actors. */
export interface Settings {
  /** The arguments that make a process of Node one of our actors. */
  readonly script: ReadonlyArray<string>
  /** The flags that come before those of a program that preloads something. */
  readonly preload: ReadonlyArray<string>
  /** This process is an actor with a heap limit of its own. */
  readonly limited?: boolean
  readonly stdout?: Output | undefined
  readonly stderr?: Output | undefined
}

/** A process to start, without the name of the actor that it is to be. */
export interface Launch {
  /** The flags of Node and the entry; then, behind name, uuid, guard and parent, the other arguments. */
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string | undefined
  readonly stdio: ReturnType<typeof stdioOf>
  /** Code of the program runs there before the actor has its name: a bundle is the program, a preload is part of it. */
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

/** All that a process inherits without being told, and that this process may have changed since. */
export const inherited = () => [
  process.getuid?.(),
  process.geteuid?.(),
  process.getgid?.(),
  process.getegid?.(),
  process.getgroups?.(),
  Os.getPriority()
]

/** The command line of the actor, and its descriptors from 0 on. `parent` is the process that will be its parent. */
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

/** Starts it; throws, or has no pid, where there is no process to be had. */
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
