/**
 * What ends an actor when its parent can no longer do it: no actor outlives the process that started it, not even
 * after `kill -9` of the root (DESIGN D10).
 *
 * `warden` (Linux, the default there). Every actor is started through `setpriv --pdeathsig KILL`: the kernel kills it
 * when its parent dies, however busy, blocked or stopped it is, and so down the tree. What actors started themselves is
 * in their process groups; those are registered with one small shell per tree, the warden, over a pipe that every
 * actor inherits. When the last writer of the pipe is dead, so is the tree: the warden reads end of file and kills the
 * groups that are left and removes the tree's folder. When an inner actor dies while the root lives, its parent tells the
 * warden, which kills the groups below it.
 *
 * `thread` (elsewhere, or by request). A thread in every actor watches a pipe from its parent and kills the actor's
 * group at its end. It works while the main thread is busy or blocked, not while the process is stopped, and it costs
 * memory and start-up time (docs/lifetimes.md).
 *
 * `none`. An actor notices the end of its channel as long as its event loop runs.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Builtins from "./builtins.ts"

/**
 * The ways to end actors whose parent no longer can:
 *
 * - `warden`: a process beside the tree
 * - `thread`: a thread of each actor
 * - `none`: nothing; an actor that is busy when its parent is killed is left behind
 *
 * @category models
 * @since 0.1.0
 */
export type GuardMode = "warden" | "thread" | "none"

export interface Command {
  readonly file: string
  readonly args: ReadonlyArray<string>
  /** What the child finds on fd 4. */
  readonly fd4: ReadonlyArray<number | "pipe">
}

/**
 * The warden. It reads `+ group parent` (an actor was started), `- group` (it has ended: kill what is below it, and
 * forget it all, because the kernel will use the numbers again), `s` and `c` (stop and continue everything). Its arguments
 * are the folders that go with the tree: not where a link leads to one, and none need exist.
 */
const wardenScript = `p=
below() { for e in $p; do case $e in *:$1) kill -KILL "-\${e%%:*}" 2>/dev/null; drop "\${e%%:*}";; esac; done; }
drop() { below "$1"; n=; for e in $p; do case $e in $1:*) ;; *) n="$n $e";; esac; done; p=$n; }
each() { for e in $p; do kill "-$1" "-\${e%%:*}" 2>/dev/null; done; }
trap '' HUP INT TERM TSTP
while read -r op g q; do case $op in
+) p="$p $g:$q";;
-) drop "$g";;
s) each STOP;;
c) each CONT;;
esac; done
each KILL
PATH=$PATH:/usr/bin:/bin
for d in "$@"; do [ ! -L "\${d%/*}" ] && [ ! -L "$d" ] && [ -d "$d" ] && rm -rf -- "$d"; done`

/** Where a program is: an actor may be given another PATH, or none, and must find it all the same. */
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

type Warden = { readonly setpriv: string } | { readonly problem: string }

/** What the warden needs here, or why it cannot hold. */
const probe = (): Warden => {
  if (process.platform !== "linux") return { problem: `it needs Linux, and this is ${process.platform}` }
  // The kernel's signal comes when the thread that spawned ends, not the process.
  if (!Builtins.workerThreads().isMainThread) return { problem: "actors are being started from a worker thread" }
  const setpriv = setprivHere()
  return setpriv === undefined
    ? { problem: "`setpriv --pdeathsig` is not available (util-linux has it, busybox does not)" }
    : { setpriv }
}

export interface Chosen {
  readonly guard: Guard
  /** What is not as it was asked for, to be said once. */
  readonly warning: string | undefined
}

const holdless = "an actor that is busy or blocked when its parent is killed will be left behind"

/** The guard of a root: the one asked for, or the best this platform has. */
export const choose = (wanted: GuardMode | undefined): Chosen => {
  if (wanted === "none") return { guard: new Guard("none"), warning: `guard "none": ${holdless}` }
  if (wanted === "thread") return { guard: new Guard("thread"), warning: undefined }
  const warden = probe()
  if ("setpriv" in warden) return { guard: new Guard("warden", warden.setpriv), warning: undefined }
  return {
    guard: new Guard("thread"),
    warning: wanted === "warden" || process.platform === "linux"
      ? `the guard "warden" cannot hold here: ${warden.problem}. The guard "thread" is used: it holds unless an actor is ` +
        "stopped (SIGSTOP), and costs about 8 MB an actor"
      : undefined
  }
}

/** The guard of an actor, as its parent told it on its command line; `watch` where it has a thread of its own. */
export const inherited = (told: string | undefined, watch?: Watch): Guard => {
  const [mode, setpriv] = told?.split("=") ?? []
  if (mode === "warden" && setpriv !== undefined) return new Guard(mode, setpriv, 4)
  return new Guard(mode === "thread" ? mode : "none", undefined, undefined, watch)
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

const send = (pid: number, signal: "SIGSTOP" | "SIGCONT"): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended before.
  }
}

/** How often and how long (milliseconds) a line is offered to a warden that has not read the last ones yet. */
const offers = { times: 100, pause: 1 }

export class Guard {
  readonly mode: GuardMode
  private readonly setpriv: string | undefined
  /** The write end of the warden's pipe: inherited, or made when the first actor is started. */
  private pipe: number | undefined
  /** Closes the write end we made. */
  private closePipe = () => {}
  /** Folders that the warden removes in the end. */
  private readonly removes: Array<string> = []
  /** Stopped by us: without a warden. */
  private stopped: ReadonlyArray<number> = []

  private readonly watch: Watch | undefined

  constructor(mode: GuardMode, setpriv?: string, pipe?: number, watch?: Watch) {
    this.mode = mode
    this.setpriv = setpriv
    this.pipe = pipe
    this.watch = watch
  }

  /**
   * The root's word, before the first actor is started: this folder goes with the tree, however the tree ends. Only the
   * warden can do that; under the other guards a killed root leaves it.
   */
  folder(path: string): void {
    if (this.pipe === undefined && Path.isAbsolute(path)) this.removes.push(path)
  }

  /** What an actor is told of it on its command line. */
  get told(): string {
    return this.setpriv === undefined ? this.mode : `${this.mode}=${this.setpriv}`
  }

  /** How to start an actor under this guard. */
  command(argv: ReadonlyArray<string>): Command {
    if (this.setpriv === undefined) {
      const [file, ...args] = argv
      return { file: file!, args, fd4: this.mode === "thread" ? ["pipe"] : [] }
    }
    return { file: this.setpriv, args: ["--pdeathsig", "KILL", "--", ...argv], fd4: [this.openPipe()] }
  }

  /** An actor was started: its group is in the tree below us. */
  started(group: number): void {
    this.watch?.started(group)
    this.tell(`+ ${group} ${process.pid}`)
  }

  /** It was reaped: what it had started, and what that had started, is killed with it. */
  ended(group: number): void {
    this.watch?.ended(group)
    this.tell(`- ${group}`)
  }

  /** Stops every process of the tree: Ctrl-Z reaches the root alone. */
  stopAll(): void {
    if (this.mode === "warden") return this.tell("s")
    this.stopped = descendants()
    for (const pid of this.stopped) send(pid, "SIGSTOP")
  }

  continueAll(): void {
    if (this.mode === "warden") return this.tell("c")
    for (const pid of this.stopped) send(pid, "SIGCONT")
    this.stopped = []
  }

  /** The runtime of the root has ended: the warden kills the groups that are left, and ends. */
  release(): void {
    this.closePipe()
  }

  private openPipe(): number {
    if (this.pipe !== undefined) return this.pipe
    const warden = Builtins.childProcess().spawn("/bin/sh", ["-c", wardenScript, "furrow-warden", ...this.removes], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: "/"
    })
    warden.on("error", () => {})
    if (warden.pid === undefined) {
      // Without descriptors left not even its streams are made.
      const code = (warden.stdin as unknown) === undefined ? "EMFILE" : undefined
      throw Object.assign(new Error("the warden of the tree (/bin/sh) could not be started"), { code })
    }
    warden.stdin.on("error", () => {})
    warden.unref()
    const handle = (warden.stdin as unknown as { readonly _handle: { readonly fd: number; unref(): void } })._handle
    handle.unref()
    this.pipe = handle.fd
    this.closePipe = () => {
      this.pipe = undefined
      this.closePipe = () => {}
      warden.stdin.destroy()
    }
    return this.pipe
  }

  private tell(line: string): void {
    if (this.mode !== "warden" || this.pipe === undefined) return
    for (let i = 0; i < offers.times; i++) {
      try {
        Fs.writeSync(this.pipe, `${line}\n`)
        return
      } catch (error) {
        // The warden was killed by somebody: the kernel's signal still holds.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, offers.pause)
      }
    }
  }
}

/** What the thread of an actor knows of the actors it has started. */
export interface Watch {
  readonly started: (group: number) => void
  readonly ended: (group: number) => void
}

/**
 * The `thread` guard's side in the actor: watches fd 4 from a thread of its own, and kills the group at its end; before
 * that the groups of the actors it has started: one that was just ending may have left something in its own, and we
 * are not there any more to kill that. Resolves when it is watching.
 */
export const watchParent = async (): Promise<Watch> => {
  const { Worker } = await import("node:worker_threads")
  const source = `const { parentPort } = require("node:worker_threads")
const below = new Set()
parentPort.on("message", (group) => group > 0 ? below.add(group) : below.delete(-group))
const send = (pid) => { try { process.kill(pid, "SIGKILL"); return true } catch { return false } }
const kill = () => { for (const group of below) send(-group); send(-process.pid) || send(process.pid) }
const socket = new (require("node:net").Socket)({ fd: 4 })
socket.on("close", kill)
socket.on("error", () => {})
socket.resume()
parentPort.postMessage("watching")`
  const thread = new Worker(source, { eval: true, execArgv: [], stdin: false })
  await new Promise((resolve) => thread.once("message", resolve))
  thread.unref()
  return {
    started: (group) => thread.postMessage(group),
    ended: (group) => thread.postMessage(-group)
  }
}
