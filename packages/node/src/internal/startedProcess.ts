/**
 * A process that the starter has begun: a child of the starter, held by the root as if it were its own.
 *
 * The kernel tells its exit to the starter, so its number may be used again before the root hears of it. It is signalled only
 * while the number belongs to a process that was started when it was.
 */
import type * as Net from "node:net"
import type { Begun, Exited } from "./begun.ts"
import type { Guard } from "./guard.ts"
import { isRunning, isSame } from "./processStat.ts"
import { type Answer, killLeftIn, send } from "./signals.ts"

/** Milliseconds for the kernel to end a process, and between two looks whether it has. */
const bounds = { kill: 10_000, look: 5 } as const

/** The starter as its processes need it. */
export interface Parent {
  readonly pid: number
  /** Continues it where it was stopped; a process that runs does not notice. */
  readonly wake: () => void
  /** Keeps the root running for one more process, or one less. */
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
  /** Streams that have not been read to their end. */
  private unread = 0
  private isHeld = false
  private why: string | undefined

  constructor(pid: number, start: string, parent: Parent) {
    this.pid = pid
    this.start = start
    this.parent = parent
    this.hold("ref")
  }

  /** Our end of one of its descriptors has come. */
  take(at: number, socket: Net.Socket): void {
    socket.on("error", () => {})
    if (at === 3) {
      this.channel = socket
      // A starter that was stopped does not tell the exit that is due now.
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

  /** Its parent has ended, and it ends with it: the guard has seen to that, and else this does. */
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
