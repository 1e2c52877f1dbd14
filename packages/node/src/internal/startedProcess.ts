/**
 * The process of an actor that the starter has begun. A process that the starter has begun is a child of the starter,
 * while the root uses it like a child of its own.
 *
 * The kernel reports the exit of the starter's child only to the starter, so another process may get the pid before the
 * root notices. The root signals the pid of a starter's child only while the process with this pid has the child's
 * start time.
 */
import type * as Net from "node:net"
import type { Begun, Exited } from "./begun.ts"
import type { Guard } from "./guard.ts"
import { isRunning, isSame } from "./processStat.ts"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** Milliseconds within which a killed process has to end, and milliseconds between two checks whether it has ended. */
const bounds = { kill: 10_000, look: 5 } as const

/** The functions of the starter that its begun processes need. */
export interface Parent {
  readonly pid: number
  /** Continues a stopped starter, and has no effect on a running starter. */
  readonly wake: () => void
  /** Adds one to the number of processes that keep the root running if `isHeld` is true; otherwise subtracts one. */
  readonly hold: (isHeld: boolean) => void
}

export class StartedProcess implements Begun {
  readonly pid: number
  stdout: Net.Socket | null = null
  stderr: Net.Socket | null = null
  channel!: Net.Socket
  private readonly start: string
  private readonly parent: Parent
  private readonly exits = new Set<Exited>()
  private readonly closes = new Set<() => void>()
  private exited: Parameters<Exited> | undefined
  /** The number of the process's output streams (stdout and stderr) that have not been read to their end. */
  private unread = 0
  private isHeld = false
  private why: string | undefined

  constructor(pid: number, start: string, parent: Parent) {
    this.pid = pid
    this.start = start
    this.parent = parent
    this.hold("ref")
  }

  /**
   * Takes over a socket that has just arrived from the starter, and that leads to the file descriptor `at` of the
   * process.
   */
  take(at: number, socket: Net.Socket): void {
    socket.on("error", () => {})
    if (at === 3) {
      this.channel = socket
      // The closed socket means that the actor's process is ending. The starter has to report the exit of the process,
      // so it gets SIGCONT in case it was stopped.
      socket.once("close", () => this.exited === undefined && this.parent.wake())
      return
    }
    if (at === 1) this.stdout = socket
    else this.stderr = socket
    this.unread++
    socket.once("close", () => {
      this.unread--
      this.close()
    })
  }

  readonly onExit = (exited: Exited): () => void => {
    if (this.exited === undefined) this.exits.add(exited)
    else setImmediate(exited, ...this.exited)
    return () => void this.exits.delete(exited)
  }

  readonly onClose = (closed: () => void): void => void this.closes.add(closed)

  readonly signal = (signal: "SIGTERM" | "SIGKILL"): Answer => {
    if (this.exited !== undefined || !isSame(this.pid, this.start)) return "nobody"
    this.parent.wake()
    return send(-this.pid, signal)
  }

  readonly killLeft = (): Answer => killLeftIn(this.pid)

  readonly hold = (how: "ref" | "unref"): void => {
    for (const socket of [this.stdout, this.stderr, this.channel]) (socket as Net.Socket | null | undefined)?.[how]()
    const isHeld = how === "ref" && this.exited === undefined
    if (isHeld === this.isHeld) return
    this.isHeld = isHeld
    this.parent.hold(isHeld)
  }

  readonly reason = (): string | undefined => this.why

  exit(...exited: Parameters<Exited>): void {
    if (this.exited !== undefined) return
    this.exited = exited
    if (this.isHeld) this.parent.hold(false)
    this.isHeld = false
    for (const heard of Array.from(this.exits)) heard(...exited)
    this.close()
  }

  /**
   * Ends a begun process after the death of the starter, which was its parent. Usually the guard of the tree has
   * already killed the processes of a dead starter.
   */
  lose(guard: Guard): void {
    this.why =
      `its starter (furrow-starter, process ${this.parent.pid}) has ended, and the actors it started end with it`
    const until = performance.now() + bounds.kill
    if (this.signal("SIGKILL") === "forbidden") guard.signal(this.pid, "SIGKILL")
    const look = () => {
      if (isRunning(this.pid, this.start) && performance.now() < until) setTimeout(look, bounds.look)
      else this.exit(null, "SIGKILL")
    }
    look()
  }

  private close(): void {
    if (this.exited === undefined || this.unread > 0) return
    for (const closed of Array.from(this.closes)) closed()
    this.closes.clear()
  }
}
