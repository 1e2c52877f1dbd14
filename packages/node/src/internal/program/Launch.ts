/**
 * Makes the command that starts an external program under the guard of the tree.
 *
 * The root may be killed after a program's process has started and before the guard knows the process. The process of a
 * program begins as a shell, which waits for a line on a pipe before the shell becomes the program. When the pipe to a
 * program's shell ends before a line has come, the shell exits and the program never runs.
 */
import type { GroupGuard } from "@furrow/actor/ActorProcess"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"

const shell = "/bin/sh"

/**
 * The file descriptors of which one is chosen for the shell that waits before a program runs. The redirection `<&3` of
 * a POSIX shell takes only one digit, so 9 is the highest descriptor.
 */
const gateFds = [3, 4, 5, 6, 7, 8, 9] as const

const isExecutable = (file: string): boolean => {
  try {
    Fs.accessSync(file, Fs.constants.X_OK)
    return Fs.statSync(file).isFile()
  } catch {
    return false
  }
}

const isFolder = (path: string): boolean => {
  try {
    return Fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** Returns the PATH in which a program's executable is searched for, which comes from the program's own environment. */
const pathOf = ({ env, extendEnv }: ChildProcess.CommandOptions): string => {
  const given = env?.["PATH"]
  const own = env === undefined || extendEnv === true && !("PATH" in env) ? process.env["PATH"] : undefined
  return (typeof given === "string" ? given : own) ?? "/usr/bin:/bin"
}

/** Returns the reason why the command of a program cannot be started, as far as it can be known before the start. */
export const problemOf = ({ args, command, options }: ChildProcess.StandardCommand): string | undefined => {
  for (const stream of ["stdout", "stderr"] as const) {
    if (options[stream] !== undefined && options[stream] !== "pipe") {
      return `its command has the option ${stream}: a program's output is read by its owner, so leave it out`
    }
  }
  if (options.detached === false) return "its command has detached: false: a program leads a group of its own"
  if (options.shell !== undefined && options.shell !== false) {
    return args.length === 0 ? undefined : "the option shell cannot be combined with arguments"
  }
  const { cwd = process.cwd() } = options
  if (!isFolder(cwd)) return `its working directory ${cwd} does not exist, or is no directory`
  if (command.includes("/")) {
    const file = Path.resolve(cwd, command)
    return isExecutable(file) ? undefined : `${file} does not exist, or cannot be executed`
  }
  const path = pathOf(options)
  return path.split(":").some((folder) => isExecutable(Path.join(folder, command)))
    ? undefined
    : `"${command}" is not in PATH (${path})`
}

/**
 * Matches the names of environment variables that a shell passes on to its programs. A shell drops variables with other
 * names, such as `discovery.type`, from the environment of a program that it starts.
 */
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/

const env = "/usr/bin/env"

/**
 * Returns the words `/usr/bin/env -- NAME=VALUE ...` for the environment variables that a shell drops. With these words
 * before its command, the program gets the variables although a shell starts it. The values of the program's
 * environment variables are redacted, so that no error shows them.
 */
const givenBack = ({ env: own, extendEnv }: ChildProcess.CommandOptions): ReadonlyArray<Word> => {
  const all = own === undefined ? process.env : extendEnv === true ? { ...process.env, ...own } : own
  const dropped = Object.entries(all).flatMap(([name, value]) =>
    value === undefined || shellName.test(name)
      ? []
      : [Redacted.make(`${name}=${Redacted.isRedacted(value) ? Redacted.value(value) : value}`)]
  )
  return dropped.length === 0 || !isExecutable(env) ? [] : [env, "--", ...dropped]
}

type Word = ChildProcess.StandardCommand["args"][number]

export interface Launch {
  readonly command: ChildProcess.StandardCommand
  /**
   * The descriptor on which the program's shell waits for a line, or undefined where no guard has to know the process
   * before the program runs.
   */
  readonly gate: number | undefined
}

/** Returns the command that starts a program under the guard, with defaults for its streams and its bounds. */
export const prepare = (
  { args, command, options }: ChildProcess.StandardCommand,
  guard: GroupGuard | undefined,
  forceKillMillis: number
): Launch => {
  const given: ChildProcess.CommandOptions = {
    forceKillAfter: forceKillMillis,
    ...options,
    stdin: options.stdin ?? "ignore",
    detached: true
  }
  const prefix = guard?.prefix()
  if (prefix === undefined) return { command: ChildProcess.make(command, args, given), gate: undefined }
  const gate = gateFds.find((fd) => options.additionalFds?.[`fd${fd}`] === undefined)
  if (gate === undefined) throw new Error("the descriptors 3 to 9 of its command are all used: leave one of them free")
  const { shell: wanted, ...direct } = given
  const program = wanted === undefined || wanted === false
    ? [command, ...args]
    : [wanted === true ? shell : wanted, "-c", command]
  const [file, ...rest] = [
    ...prefix,
    shell,
    "-c",
    `read -r furrow_go <&${gate} && exec ${gate}<&- && exec "$@"`,
    "furrow-gate",
    ...givenBack(options),
    ...program
  ] as [string, ...ReadonlyArray<string>]
  const additionalFds = { ...options.additionalFds, [`fd${gate}`]: { type: "input" } as const }
  return { command: ChildProcess.make(file, rest, { ...direct, additionalFds }), gate }
}
