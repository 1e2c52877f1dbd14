/**
 * The guard of a tree ends an actor whose parent can no longer end it. No actor outlives the process that started it,
 * not even after a SIGKILL of the root.
 *
 * The guard `warden` is the default on Linux. Under the guard `warden` every actor is started by
 * `setpriv --pdeathsig KILL`, so that the kernel kills the actor when its parent dies. The death signal that the
 * program `setpriv` requests kills even an actor that is busy, blocked or stopped, and the actors below it. A process
 * that an actor started by itself belongs to the process group of the actor.
 *
 * The guard `thread` is the default where the guard `warden` cannot work. Under the guard `thread` a thread in every
 * actor watches a pipe from the parent, and kills the actor's process group when the pipe ends. The guard thread works
 * while the main thread of its actor is busy or blocked, but not while the process is stopped. A guard thread costs its
 * actor memory and time at the start (docs/lifetimes.md).
 *
 * Under the guards `warden` and `thread` a small shell beside the tree, the warden (warden.ts), knows every process
 * group. The warden kills the process groups of a dead root and of ended actors, and process groups that a parent may
 * not signal. When an actor or its parent changes its user, the kernel forgets the death signal, but the warden still
 * kills the actor's group.
 *
 * Under the guard `none` an actor ends when its connection to its parent ends. A busy actor notices the end of the
 * connection late.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Builtins from "./builtins.ts"
import * as GuardThread from "./guardThread.ts"
import { startOf } from "./processStat.ts"
import { send } from "./signals.ts"
import * as Warden from "./warden.ts"

/**
 * The guards of a tree, which are the ways to end an actor whose parent can no longer end it:
 *
 * - Under the guard `warden`, the kernel ends an actor when the actor's parent dies (Linux).
 * - Under the guard `thread`, a thread of each actor ends the actor when the actor's parent dies.
 * - Under the guard `none`, an actor that is busy when its parent is killed is left behind.
 *
 * Under the guards `warden` and `thread`, a shell beside the tree ends the processes that a dead root has left. The
 * warden is a shell and needs `/bin/sh`.
 *
 * @category models
 * @since 0.1.0
 */
export type GuardMode = "warden" | "thread" | "none"

export interface Command {
  readonly file: string
  readonly args: ReadonlyArray<string>
  /** The file descriptors that a child inherits from its parent, from descriptor 4 on. */
  readonly fds: ReadonlyArray<number | "pipe">
}

/**
 * Returns the path of an installed executable by its name. The root looks up the path of the guard's executable,
 * because an actor may be given another PATH or none.
 */
const locate = (name: string): string | undefined =>
  (process.env["PATH"] ?? "/usr/bin:/bin").split(":").map((folder) => `${folder}/${name}`).find((file) => {
    try {
      Fs.accessSync(file, Fs.constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/**
 * Returns the path of the installed program `setpriv`, if the program has the option `--pdeathsig`, which the version
 * in busybox lacks.
 */
const setprivHere = (): string | undefined => {
  const file = locate("setpriv")
  if (file === undefined) return undefined
  const { status } = Builtins.childProcess().spawnSync(file, ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", ":"], {
    stdio: "ignore"
  })
  return status === 0 ? file : undefined
}

/** The number of the entry in /proc/self/auxv that says whether the kernel treats this program as privileged. */
const secureEntry = 23n

/**
 * True when the actors that this process starts lose their death signal, which the kernel would send to them when their
 * parent dies. The kernel removes the death signal of an executable with file capabilities, or of one that runs as the
 * user or group of its file. Actors run the same executable as this process, so the entry AT_SECURE in /proc/self/auxv
 * says whether they lose the signal.
 */
export const losesDeathSignal = (file = "/proc/self/auxv"): boolean => {
  let bytes: Buffer
  try {
    bytes = Fs.readFileSync(file)
  } catch (error) {
    // The error EACCES means that the kernel treats the executable of this process as privileged, and has given
    // /proc/self/auxv to the superuser.
    return (error as NodeJS.ErrnoException).code === "EACCES"
  }
  const words = new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~15)))
  const at = words.findIndex((word, i) => i % 2 === 0 && word === secureEntry)
  return at >= 0 && words[at + 1] !== 0n
}

type Probed = { readonly setpriv: string } | { readonly problem: string }

/**
 * Returns the path of the program `setpriv` for the guard `warden`, or the reason why this guard cannot work on this
 * computer.
 */
const probe = (): Probed => {
  if (process.platform !== "linux") return { problem: `it needs Linux, and this is ${process.platform}` }
  // The kernel sends the death signal to an actor when the thread that spawned the actor ends. A worker thread of a
  // root ends before the root's process, and the kernel would then kill the actors that the thread started.
  if (!Builtins.workerThreads().isMainThread) return { problem: "actors are being started from a worker thread" }
  if (losesDeathSignal()) {
    return { problem: `${process.execPath} has file capabilities, or is setuid, and the kernel drops the signal then` }
  }
  const setpriv = setprivHere()
  return setpriv === undefined
    ? { problem: "`setpriv --pdeathsig` is not available (util-linux has it, busybox does not)" }
    : { setpriv }
}

export interface Chosen {
  readonly guard: Guard
  /** The warning that another guard was chosen than the requested guard, or undefined without a warning. */
  readonly warning: string | undefined
}

const warningNoGuard = "an actor that is busy or blocked when its parent is killed will be left behind"

/** Chooses the guard of a root: the requested guard, or the best guard of this platform. */
export const choose = (wanted: GuardMode | undefined): Chosen => {
  if (wanted === "none") return { guard: new Guard({ mode: "none" }), warning: `guard "none": ${warningNoGuard}` }
  const thread = () => new Guard({ mode: "thread", registry: Warden.isPossible() ? "own" : undefined })
  if (wanted === "thread") return { guard: thread(), warning: undefined }
  const probed = probe()
  if ("setpriv" in probed) {
    return { guard: new Guard({ mode: "warden", registry: "own", setpriv: probed.setpriv }), warning: undefined }
  }
  return {
    guard: thread(),
    warning: wanted === "warden" || process.platform === "linux"
      ? `the guard "warden" cannot hold here: ${probed.problem}. The guard "thread" is used: it costs about 8 MB an actor`
      : undefined
  }
}

/**
 * The number of the file descriptor of an actor's pipe to the warden, on which the actor reports process groups.
 * Descriptor 3 is the connection to the parent. Under the guard `thread`, the guard thread watches a pipe on descriptor
 * 4, so the pipe to the warden gets 5.
 */
const registryOf = { warden: 4, thread: 5 } as const

/**
 * Returns the argument on an actor's command line that names the actor's guard, and says whether the actor has
 * inherited a pipe to the warden.
 */
const tell = ({ mode, registry, setpriv }: Options): string =>
  setpriv !== undefined ? `${mode}=${setpriv}` : registry === undefined ? mode : `${mode}=registry`

/** True when an argument of an actor's command line says that a guard thread watches the actor's parent. */
export const watches = (argument: string | undefined): boolean => argument?.split("=")[0] === "thread"

/**
 * Returns the guard of an actor, which the actor's command line names. The parameter `watch` is the guard thread of an
 * actor under the guard `thread`.
 */
export const inherited = (argument: string | undefined, watch?: Watch): Guard => {
  const [mode, more] = argument?.split("=") ?? []
  if (mode === "warden") return new Guard({ mode, setpriv: more, registry: registryOf.warden })
  if (mode !== "thread") return new Guard({ mode: "none" })
  return new Guard({ mode, registry: more === undefined ? undefined : registryOf.thread, watch })
}

/** Returns the child pids of all processes by the pid of the parent, from the command `ps`, which every Unix has. */
const children = (): ReadonlyMap<number, ReadonlyArray<number>> => {
  const { stdout } = Builtins.childProcess().spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
  const below = new Map<number, Array<number>>()
  for (const line of stdout?.split("\n") ?? []) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number) as [number, number]
    below.set(parent, [...below.get(parent) ?? [], pid])
  }
  return below
}

const descendants = (): ReadonlyArray<number> => {
  const below = children()
  const under = (pid: number): ReadonlyArray<number> => (below.get(pid) ?? []).flatMap((pid) => [pid, ...under(pid)])
  return under(process.pid)
}

interface Options {
  readonly mode: GuardMode
  /**
   * The path of the program `setpriv`, which asks the kernel for the death signal, or undefined when the guard does not
   * use this program.
   */
  readonly setpriv?: string | undefined
  /**
   * The descriptor of an inherited pipe to the warden, or `own` for a pipe that this process makes with its first
   * actor.
   */
  readonly registry?: number | "own" | undefined
  readonly watch?: Watch | undefined
}

export class Guard {
  /** The argument on an actor's command line that names the actor's guard. */
  readonly commandLineArgument: string
  private readonly options: Options
  private registry: number | undefined
  /** The warden that this process has started, or undefined when this process has started no warden. */
  private warden: Warden.Warden | undefined
  /** Folders that the warden removes at the end of its tree. */
  private readonly removes: Array<string> = []
  /** The process groups of this process's own actors that have not ended. */
  private readonly running = new Set<number>()
  private released = false
  /** Process groups that this process has stopped at Ctrl-Z itself, because the tree has no warden. */
  private stopped: ReadonlyArray<number> = []

  constructor(options: Options) {
    this.options = options
    this.commandLineArgument = tell(options)
    this.registry = typeof options.registry === "number" ? options.registry : undefined
  }

  /**
   * Makes the warden remove a folder of sockets at the end of the tree. The root names the tree's folder to the guard
   * before the root starts its first actor. Without a warden, the tree's folder stays behind when the root is killed.
   */
  folder(path: string): void {
    if (this.registry === undefined && Path.isAbsolute(path)) this.removes.push(path)
  }

  /** Returns the command that starts an actor under this guard. */
  command(argv: ReadonlyArray<string>): Command {
    const { mode, registry } = this.options
    const fds = [...mode === "thread" ? ["pipe" as const] : [], ...registry === undefined ? [] : [this.openRegistry()]]
    return { ...this.wrapped(argv), fds }
  }

  /**
   * Returns the command that starts the starter under this guard. The starter has no guard thread, and inherits a pipe
   * to the warden, on which it reports the process groups that it begins.
   */
  starterCommand(argv: ReadonlyArray<string>): Command {
    const { registry } = this.options
    return { ...this.wrapped(argv), fds: registry === undefined ? [] : [this.openRegistry()] }
  }

  /**
   * Returns the arguments before the command line of an external program, which put the program under this guard. A
   * tree without a warden starts a warden before its first external program. The result `undefined` means that the tree
   * can have no warden, so that no guard ends the external program.
   */
  prefix(): ReadonlyArray<string> | undefined {
    const { registry, setpriv } = this.options
    if (registry === undefined) return undefined
    this.openRegistry()
    return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"]
  }

  /**
   * Makes the guard know the process group of an actor or an external program that was started below this process. The
   * parameter `isTold` says that the starter has already told the warden of the process group. The warden would take a
   * repeated notice of a process group for the notice of another group with the same number.
   */
  started(group: number, isTold = false): void {
    this.running.add(group)
    this.options.watch?.say({ group, began: true })
    if (this.registry !== undefined && !isTold) this.tell(`+ ${group} ${process.pid} ${startOf(group)}`)
  }

  /** Makes the guard kill all process groups below an actor that was reaped. */
  ended(group: number): void {
    this.options.watch?.say({ group, began: false })
    this.tell(`- ${group}`)
    this.running.delete(group)
    this.closeWarden()
  }

  /** True when the tree has a warden, or will have one with its first actor. */
  get hasRegistry(): boolean {
    return this.options.registry !== undefined
  }

  get hasWarden(): boolean {
    return this.registry !== undefined
  }

  /** Makes the warden send a signal to a process group that the kernel forbids this process to signal. */
  signal(group: number, signal: "SIGTERM" | "SIGKILL"): void {
    this.tell(`k ${group} ${signal.slice(3)}`)
  }

  /** Stops every process of the tree, because Ctrl-Z at the terminal stops only the root. */
  stopAll(): void {
    if (this.options.registry !== undefined) return void this.tell("s")
    this.stopped = descendants()
    for (const pid of this.stopped) send(pid, "SIGSTOP")
  }

  continueAll(): void {
    if (this.options.registry !== undefined) return void this.tell("c")
    for (const pid of this.stopped) send(pid, "SIGCONT")
    this.stopped = []
  }

  /**
   * Tells the guard that the runtime of the root has ended. The warden ends with the last actor, or with the root's
   * process, because the warden's end kills all process groups that are left. After the end of the root's runtime,
   * actors of a nursery in another fiber than the main fiber may still be ending.
   */
  release(): void {
    this.released = true
    this.closeWarden()
  }

  private closeWarden(): void {
    const { warden } = this
    if (!this.released || this.running.size > 0 || warden === undefined) return
    this.warden = undefined
    this.registry = undefined
    warden.close()
  }

  private wrapped(argv: ReadonlyArray<string>): Pick<Command, "args" | "file"> {
    const { setpriv } = this.options
    if (setpriv !== undefined) return { file: setpriv, args: ["--pdeathsig", "KILL", "--", ...argv] }
    const [file, ...args] = argv
    return { file: file!, args }
  }

  private openRegistry(): number {
    if (this.registry !== undefined) return this.registry
    this.warden = Warden.open(this.removes)
    return this.registry = this.warden.registry
  }

  private tell(line: string): boolean {
    return this.registry !== undefined && Warden.tell(this.registry, line)
  }
}

/** The guard thread of an actor, which gets a notice of each process group that the actor starts. */
export interface Watch {
  readonly say: (notice: GuardThread.GroupNotice) => void
}

/** Starts the guard thread in an actor, and resolves when the thread is watching the actor's parent. */
export const watchParent = async (): Promise<Watch> => {
  const { Worker } = await import("node:worker_threads")
  const thread = new Worker(GuardThread.source, { eval: true, execArgv: [], stdin: false })
  await new Promise((resolve, reject) => {
    thread.once("message", resolve)
    thread.once("error", reject)
  })
  thread.removeAllListeners("error")
  thread.unref()
  return { say: (notice) => thread.postMessage(notice) }
}
