/**
 * Carries out the actions of the pure function in starter.ts, for the starter of a root.
 *
 * A process that starts another process copies its own page tables, and stops for about 55 ms for each GiB of its
 * memory. A starter is a small process that starts the actors of a large root, so that a start does not stop the root.
 * The starter sends the root the parent's ends of an actor's file descriptors.
 *
 *   root ---- start: command line, environment, folder ----> starter ---- fork ----> actor
 *     ^ <------ its number; stdout, stderr, fd 3 -----------------+                     |
 *     +------------------------------------ fd 3 ---------------------------------------+
 */
import type { SpawnRequest } from "@furrow/actor/Spawner"
import * as Effect from "effect/Effect"
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import * as Path from "node:path"
import * as Builtins from "./builtins.ts"
import { discard, enter, type Entered, type Living } from "./entered.ts"
import type { Guard } from "./guard.ts"
import { commandOf, inherited, type Launch } from "./launch.ts"
import { send } from "./signals.ts"
import { type Parent, StartedProcess } from "./startedProcess.ts"
import * as Starter from "./starter.ts"
import { registryFd, type Request, sourceOf, type Word } from "./starterMain.ts"

/**
 * The memory of a root in MiB from which on the root has a starter. A start by the root itself stops a root of 256 MiB
 * for about twelve milliseconds.
 */
const largeMiB = 256
const bytesPerMiB = 1024 * 1024

/** Bounds of a starter's answers, in milliseconds. */
export const bounds = {
  /**
   * The milliseconds without an answer after which the starter gets the signal SIGCONT, because it may have been
   * stopped.
   */
  wake: 500,
  /**
   * Milliseconds that the root waits for the starter's answer after SIGCONT. After this time the root itself starts the
   * processes that it has requested.
   */
  answer: 5_000,
  /** The time within which the kernel has to end the starter, when the runtime of the root ends. */
  close: 1_000
} as const

/**
 * An argument that makes the starter's command line longer, because the title of a process cannot be longer than its
 * command line.
 */
const padding = ".".repeat(32)

export interface Hearer {
  readonly begun: (entered: Entered) => void
  readonly failed: (error: Error) => void
  /** A callback for a process that the starter cannot start, and that the root then begins itself. */
  readonly declined: () => void
}

/** A start that the root has requested from the starter. */
interface Asked {
  readonly request: Request
  /** The functions that get the result of a requested start, or undefined after the start was declined. */
  hearer: Hearer | undefined
}

/** A process that the starter has begun, and whose file descriptors may still be on their way. */
interface There {
  readonly process: StartedProcess
  readonly entered: Entered
}

/**
 * The process of a starter as the root sees it. The starter keeps the root running as long as a process that it has
 * begun should keep the root running.
 */
class Link implements Parent {
  readonly pid: number
  readonly child: ChildProcess.ChildProcess
  private held = 0

  constructor(child: ChildProcess.ChildProcess) {
    this.child = child
    this.pid = child.pid!
    this.apply("unref")
  }

  readonly wake = (): void => {
    if (this.child.exitCode === null && this.child.signalCode === null) send(this.pid, "SIGCONT")
  }

  readonly hold = (isHeld: boolean): void => {
    this.held += isHeld ? 1 : -1
    this.apply(this.held > 0 ? "ref" : "unref")
  }

  private apply(how: "ref" | "unref"): void {
    this.child[how]()
    this.child.channel?.[how]()
  }
}

export class StarterProcess {
  private state = Starter.initial
  private readonly guard: Guard
  private readonly living: Living
  private link: Link | undefined
  /**
   * The user, the groups and the priority that the starter has inherited from the root, as JSON. If the root changes
   * one of them, the root starts processes itself.
   */
  private kind = ""
  private next = 1
  private readonly asked = new Map<number, Asked>()
  private readonly there = new Map<number, There>()
  private watch: NodeJS.Timeout | undefined
  private heardAt = 0
  private onGone = () => {}

  constructor(guard: Guard, living: Living) {
    this.guard = guard
    this.living = living
  }

  /** Requests a process from the starter, and returns false where the root has to begin the process itself. */
  start(launch: Launch, actor: SpawnRequest["actor"], hearer: Hearer): boolean {
    const { phase } = this.state
    if (this.link === undefined || phase !== "Booting" && phase !== "Serving") return false
    // The starter has neither the root's own file descriptors nor the properties that the root has changed since the
    // starter began.
    if (launch.stdio.includes("inherit") || this.kind !== JSON.stringify(inherited())) return false
    const { args, file, stdio } = commandOf(launch, actor, this.guard, this.link.pid)
    const id = this.next++
    let cwd: string
    try {
      cwd = Path.resolve(launch.cwd ?? ".")
    } catch {
      // If the root's working directory was removed, the function `Path.resolve` throws. The root then starts the
      // process itself, because only its own child can run in the removed directory.
      return false
    }
    const request: Request = {
      id,
      file,
      args,
      env: launch.env,
      cwd,
      umask: process.umask(),
      stdio: stdio.map((one) => typeof one === "number" ? registryFd : one as "ignore" | "pipe")
    }
    this.asked.set(id, { request, hearer })
    this.listen()
    if (phase === "Serving") this.send(request)
    return true
  }

  /**
   * A callback that is called when the root itself has begun the process of an actor. A root that has grown large
   * starts a starter for its next actor.
   */
  begunByRoot(): void {
    if (this.state.phase !== "Absent" || this.state.isClosed) return
    // Starting a process stops the root for some milliseconds. The root starts its starter in a later turn, so that the
    // actor that it has just started need not wait.
    if (process.memoryUsage.rss() >= largeMiB * bytesPerMiB) setImmediate(() => this.prepare())
  }

  /** Begins the starter of a large root now. */
  prepare(): void {
    this.input("Wanted")
  }

  /**
   * Makes the starter begin no further process, and end with the last of its processes. Waits for the end of a starter
   * that has no process.
   */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.input("Close")
    if (this.link === undefined || this.state.processes > 0) return resume(Effect.void)
    const timer = setTimeout(() => resume(Effect.void), bounds.close)
    this.link.hold(true)
    this.onGone = () => {
      clearTimeout(timer)
      resume(Effect.void)
    }
  })

  private input(input: Starter.Input): void {
    const [state, actions] = Starter.step(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Starter.Action): void {
    switch (action) {
      case "Begin":
        return this.begin()
      case "Send":
        for (const { request } of this.asked.values()) this.send(request)
        return
      case "Decline":
        for (const one of Array.from(this.asked.values())) this.decline(one)
        return
      case "End": {
        const pid = this.link?.pid
        if (pid !== undefined && send(-pid, "SIGKILL") === "forbidden") this.guard.signal(pid, "SIGKILL")
        return
      }
      case "Lose": {
        for (const [id, { entered, process }] of Array.from(this.there)) {
          if (this.asked.has(id)) discard(entered, this.guard)
          process.lose(this.guard)
        }
        this.asked.clear()
        this.there.clear()
      }
    }
  }

  private decline(asked: Asked): void {
    const { hearer } = asked
    asked.hearer = undefined
    hearer?.declined()
  }

  private begin(): void {
    const argv = [process.execPath, "-e", sourceOf(process.pid, this.guard.hasRegistry), padding]
    this.kind = JSON.stringify(inherited())
    let child: ChildProcess.ChildProcess
    try {
      const { args, fds, file } = this.guard.starterCommand(argv)
      child = Builtins.childProcess().spawn(file, args, {
        stdio: ["ignore", "ignore", "ignore", "ipc", ...fds],
        detached: true,
        cwd: "/",
        // The starter runs no code of the program, so it inherits no NODE_OPTIONS that preload a module.
        env: { ...process.env, NODE_OPTIONS: undefined }
      })
    } catch {
      return this.input("Lost")
    }
    child.on("error", () => child.pid === undefined && this.input("Lost"))
    const { pid } = child
    if (pid === undefined) return
    this.link = new Link(child)
    const forget = this.living.add(pid, this.guard)
    this.guard.started(pid)
    child.on("message", (word, handle) => this.heard(word as Word, handle as Net.Socket | undefined))
    child.once("exit", () => {
      this.link = undefined
      this.input("Lost")
      forget()
      this.guard.ended(pid)
      this.onGone()
    })
  }

  private send(request: Request): void {
    // A failed send of a request is ignored, because the exit of the starter also ends the request.
    this.link?.child.send(request, () => {})
  }

  private heard(word: Word, handle: Net.Socket | undefined): void {
    const { link } = this
    this.heardAt = performance.now()
    if (link === undefined) return void handle?.destroy()
    if ("ready" in word) return this.input("Ready")
    const { id } = word
    if ("pid" in word) return this.began(id, new StartedProcess(word.pid, word.start, link))
    if ("exit" in word) return this.exited(id, word.exit)
    if ("failed" in word) {
      const { hearer } = this.take(id)
      return hearer?.failed(Object.assign(new Error(word.failed.message), { code: word.failed.code }))
    }
    const there = this.there.get(id)
    if (handle === undefined || there === undefined) return void handle?.destroy()
    there.process.take(word.at, handle)
    if (word.at !== 3) return
    const { hearer } = this.take(id)
    if (hearer === undefined) discard(there.entered, this.guard)
    else hearer.begun(there.entered)
  }

  private began(id: number, process: StartedProcess): void {
    this.there.set(id, { process, entered: enter(process, this.guard, this.living, true) })
    this.input("Began")
  }

  private exited(id: number, { code, signal }: Extract<Word, { readonly exit: unknown }>["exit"]): void {
    const there = this.there.get(id)
    this.there.delete(id)
    // Some file descriptors of the begun process have not arrived, because the root has no free file descriptors.
    // Without free file descriptors the root begins the process itself, and reports the error of the system.
    const isOnItsWay = this.asked.has(id)
    if (there !== undefined && isOnItsWay) discard(there.entered, this.guard)
    there?.process.exit(code, signal)
    if (isOnItsWay) this.take(id).hearer?.declined()
    this.input("Ended")
  }

  private take(id: number): Partial<Asked> {
    const asked = this.asked.get(id)
    this.asked.delete(id)
    return asked ?? {}
  }

  /**
   * Watches for a starter that gives no answer, as long as the root has requested a start from it. Messages of the
   * starter that have arrived are read before the starter counts as silent.
   */
  private listen(): void {
    if (this.watch !== undefined) return
    this.heardAt = performance.now()
    const look = () => {
      this.watch = undefined
      if (this.asked.size === 0) return
      const silent = performance.now() - this.heardAt
      if (silent >= bounds.wake + bounds.answer) return this.input("Silent")
      if (silent >= bounds.wake) this.link?.wake()
      this.watch = setTimeout(() => setImmediate(look), bounds.wake)
    }
    this.watch = setTimeout(() => setImmediate(look), bounds.wake)
  }
}
