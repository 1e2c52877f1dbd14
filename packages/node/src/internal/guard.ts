/**
 * The guard ends an actor when its parent can no longer do it: no actor outlives the process that started it, not even
 * after `kill -9` of the root.
 *
 * `warden` (Linux, the default there). Every actor is started through `setpriv --pdeathsig KILL`: the kernel kills it
 * when its parent dies, however busy, blocked or stopped it is, and so down the tree. Processes that actors started
 * themselves are in their process groups.
 *
 * `thread` (elsewhere, or by request). A thread in every actor watches a pipe from its parent and kills the actor's
 * group at its end. It works while the main thread is busy or blocked, not while the process is stopped, and it costs
 * memory and start-up time (docs/lifetimes.md).
 *
 * Under both one small shell per tree, the warden (warden.ts), knows every process group. It kills those that are left
 * when the root is gone, those below an actor that ended while the root lives, and those that their parents may not
 * signal any more. The kernel drops its signal where an actor or its parent changes user: the warden is not asked by it.
 *
 * `none`. An actor notices the end of its channel as long as its event loop runs.
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
 * The ways to end actors whose parent no longer can:
 *
 * - `warden`: the kernel ends an actor when its parent dies (Linux)
 * - `thread`: a thread of each actor ends it then
 * - `none`: nothing; an actor that is busy when its parent is killed is left behind
 *
 * Under the first two a shell beside the tree ends the processes that are left when the root is gone, wherever
 * there is `/bin/sh`.
 *
 * @category models
 * @since 0.1.0
 */
export type GuardMode = "warden" | "thread" | "none"

export interface Command {
  readonly file: string
  readonly args: ReadonlyArray<string>
  /** The child's descriptors from fd 4 on. */
  readonly fds: ReadonlyArray<number | "pipe">
}

/** The path of a program: an actor may be given another PATH, or none, and must find it all the same. */
const locate = (name: string): string | undefined =>
  (process.env["PATH"] ?? "/usr/bin:/bin").split(":").map((folder) => `${folder}/${name}`).find((file) => {
    try {
      Fs.accessSync(file, Fs.constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** The `setpriv` of this machine, if it knows the option: busybox's does not. */
const setprivHere = (): string | undefined => {
  const file = locate("setpriv")
  if (file === undefined) return undefined
  const { status } = Builtins.childProcess().spawnSync(file, ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", ":"], {
    stdio: "ignore"
  })
  return status === 0 ? file : undefined
}

/** The entry of /proc/self/auxv that says whether the kernel took this program for a privileged one. */
const secureEntry = 23n

/**
 * True when the kernel forgets the death signal of our actors when they begin to run: it does so where the program has
 * file capabilities, or runs as the user or group of its file. They run the same program as we do.
 */
export const losesDeathSignal = (file = "/proc/self/auxv"): boolean => {
  let bytes: Buffer
  try {
    bytes = Fs.readFileSync(file)
  } catch (error) {
    // The file belongs to root then, because the program is a privileged one.
    return (error as NodeJS.ErrnoException).code === "EACCES"
  }
  const words = new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~15)))
  const at = words.findIndex((word, i) => i % 2 === 0 && word === secureEntry)
  return at >= 0 && words[at + 1] !== 0n
}

type Probed = { readonly setpriv: string } | { readonly problem: string }

/** The needs of the guard `warden` here, or the reason why it cannot hold. */
const probe = (): Probed => {
  if (process.platform !== "linux") return { problem: `it needs Linux, and this is ${process.platform}` }
  // The kernel's signal comes when the thread that spawned ends, not the process.
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
  /** The difference from the guard that was asked for, to be said once. */
  readonly warning: string | undefined
}

const warningNoGuard = "an actor that is busy or blocked when its parent is killed will be left behind"

/** The guard of a root: the one asked for, or the best this platform has. */
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

/** The registry in an actor: behind the channel, and behind the pipe that its thread watches. */
const registryOf = { warden: 4, thread: 5 } as const

/** The guard on an actor's command line: the mode, and where its registry comes from. */
const tell = ({ mode, registry, setpriv }: Options): string =>
  setpriv !== undefined ? `${mode}=${setpriv}` : registry === undefined ? mode : `${mode}=registry`

/** True when an actor that was told this has to watch its parent by a thread. */
export const watches = (argument: string | undefined): boolean => argument?.split("=")[0] === "thread"

/** The guard of an actor, as its parent told it on its command line; `watch` where it has a thread of its own. */
export const inherited = (argument: string | undefined, watch?: Watch): Guard => {
  const [mode, more] = argument?.split("=") ?? []
  if (mode === "warden") return new Guard({ mode, setpriv: more, registry: registryOf.warden })
  if (mode !== "thread") return new Guard({ mode: "none" })
  return new Guard({ mode, registry: more === undefined ? undefined : registryOf.thread, watch })
}

/** Processes by their parent, from the one tool that every Unix has. */
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
  /** The program that asks for the kernel's death signal, if it is used. */
  readonly setpriv?: string | undefined
  /** The write end of the warden's registry that was inherited, or `own`: made when the first actor is started. */
  readonly registry?: number | "own" | undefined
  readonly watch?: Watch | undefined
}

export class Guard {
  /** The guard's text on an actor's command line. */
  readonly commandLineArgument: string
  private readonly options: Options
  private registry: number | undefined
  /** The warden we have started. */
  private warden: Warden.Warden | undefined
  /** Folders that the warden removes in the end. */
  private readonly removes: Array<string> = []
  /** The groups of our own actors that have not ended. */
  private readonly running = new Set<number>()
  private released = false
  /** Stopped by us: without a warden. */
  private stopped: ReadonlyArray<number> = []

  constructor(options: Options) {
    this.options = options
    this.commandLineArgument = tell(options)
    this.registry = typeof options.registry === "number" ? options.registry : undefined
  }

  /**
   * The root's word, before the first actor is started: this folder goes with the tree, however the tree ends. Only the
   * warden can do that; without one a killed root leaves it.
   */
  folder(path: string): void {
    if (this.registry === undefined && Path.isAbsolute(path)) this.removes.push(path)
  }

  /** How to start an actor under this guard. */
  command(argv: ReadonlyArray<string>): Command {
    const { mode, registry } = this.options
    const fds = [...mode === "thread" ? ["pipe" as const] : [], ...registry === undefined ? [] : [this.openRegistry()]]
    return { ...this.wrapped(argv), fds }
  }

  /** How to start the process that starts the others: it has no thread, and our registry for the groups it begins. */
  starterCommand(argv: ReadonlyArray<string>): Command {
    const { registry } = this.options
    return { ...this.wrapped(argv), fds: registry === undefined ? [] : [this.openRegistry()] }
  }

  /**
   * The words before the command line of a program that is no actor; the tree has a warden then. Nothing ends a program
   * where there can be none.
   */
  prefix(): ReadonlyArray<string> | undefined {
    const { registry, setpriv } = this.options
    if (registry === undefined) return undefined
    this.openRegistry()
    return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"]
  }

  /**
   * An actor, or a program that is none, was started: its group is in the tree below us. A starter has told the warden
   * itself: told again, it would take the group for another one of that number.
   */
  started(group: number, isTold = false): void {
    this.running.add(group)
    this.options.watch?.say({ group, began: true })
    if (this.registry !== undefined && !isTold) this.tell(`+ ${group} ${process.pid} ${startOf(group)}`)
  }

  /** The actor was reaped: what it had started, and what that had started, is killed with it. */
  ended(group: number): void {
    this.options.watch?.say({ group, began: false })
    this.tell(`- ${group}`)
    this.running.delete(group)
    this.closeWarden()
  }

  /** There is a warden, or will be one with the first actor. */
  get hasRegistry(): boolean {
    return this.options.registry !== undefined
  }

  get hasWarden(): boolean {
    return this.registry !== undefined
  }

  /** Has the warden send a signal that is refused to us. */
  signal(group: number, signal: "SIGTERM" | "SIGKILL"): void {
    this.tell(`k ${group} ${signal.slice(3)}`)
  }

  /** Stops every process of the tree: Ctrl-Z reaches the root alone. */
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
   * The runtime of the root has ended. Its actors may still be ending, for a nursery in a fiber of its own: the warden,
   * which kills all groups that are left, is let go with the last of them, or with the process.
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

/** The thread of an actor, which has to know of the actors it has started. */
export interface Watch {
  readonly say: (notice: GuardThread.GroupNotice) => void
}

/** The `thread` guard's side in the actor; resolves when its thread is watching. */
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
