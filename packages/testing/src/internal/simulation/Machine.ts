/**
 * Knows the processes of one simulated run by their names, acts on these processes from outside, and writes the
 * history of the run.
 *
 * @since 0.1.0
 */
import type { ProcessHandle } from "@furrow/actor/Spawner"
import type { Wire } from "@furrow/actor/Turn"
import type { Kernel, Process } from "./Kernel.ts"
import type { Watcher } from "./Outside.ts"

/**
 * An event in the history of a simulated run: its virtual time in milliseconds, its actor, and a description.
 *
 * @category models
 * @since 0.1.0
 */
export interface Happening {
  readonly millis: number
  readonly actor: string
  readonly text: string
}

/**
 * Faults that hit actors by chance. Each field is the share of all actors, from 0 to 1, that are hit by the fault at
 * a moment that the seed chooses. The field `preempt` is the chance that a fiber is preempted before an operation,
 * and `late` the chance that bytes are late. By default the seed chooses the chances `preempt` and `late`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /** The share of actors that are killed, as by `kill -9`. */
  readonly kill?: number | undefined
  /** The share of actors that are stopped for 3 to 9,000 milliseconds, as by Ctrl-Z. */
  readonly stop?: number | undefined
  /** The share of actors that are cut off from their parent. */
  readonly cut?: number | undefined
  /**
   * The share of actors that are cut off from their parent in one direction, at once or after 1 to 4,096 further bytes.
   */
  readonly sever?: number | undefined
  /**
   * The share of actors whose connection to their parent is held for 3 to 9,000 milliseconds, during which nothing
   * arrives in either direction.
   */
  readonly hold?: number | undefined
  readonly preempt?: number | undefined
  readonly late?: number | undefined
}

/**
 * The largest number of callbacks that the kernel runs between the start of an actor and a random fault of this actor.
 */
const maxFaultChoices = 600
const stopMillis = [3, 30, 400, 9_000] as const
/** The texts by which the history describes a cut of an actor's connection, from the side of this actor. */
const cutWords = { both: "is cut off from", incoming: "hears no more of", outgoing: "is heard no more by" } as const
/** The largest number of bytes that still pass before a random fault cuts one direction of a connection. */
const maxSeveredBytes = 4_096

/**
 * The direction of bytes on a connection, as one of its actors sees it. The direction `incoming` is that of bytes to
 * the actor, and `outgoing` that of bytes from the actor.
 *
 * @category models
 * @since 0.2.0
 */
export type Direction = "incoming" | "outgoing" | "both"

/** One direction of a connection between two simulated processes. */
interface Wired {
  readonly wire: Wire
  readonly from: Process
  readonly to: Process
}

const pairOf = (one: Process, other: Process): string =>
  `${Math.min(one.pid, other.pid)} ${Math.max(one.pid, other.pid)}`

export class Machine implements Watcher {
  readonly happenings: Array<Happening> = []
  /** Actors that were harmed from outside; a call that is lost with such an actor is no fault of the program. */
  readonly hurt = new Set<string>()
  private readonly kernel: Kernel
  private readonly faults: Faults
  private readonly handles = new Map<Process, ProcessHandle>()
  private readonly byUuid = new Map<string, Process>()
  private wires: Array<Wired> = []
  /** Pairs of simulated processes between which no bytes pass until `release` is called. */
  private readonly apart = new Set<string>()

  constructor(kernel: Kernel, faults: Faults) {
    this.kernel = kernel
    this.faults = faults
  }

  note(actor: string, text: string): void {
    this.happenings.push({ millis: this.kernel.now, actor, text })
  }

  readonly started = (process: Process, uuid: string): void => void this.byUuid.set(uuid, process)

  readonly wired = (wire: Wire, from: Process, to: Process): void => {
    this.wires.push({ wire, from, to })
    if (this.apart.has(pairOf(from, to))) wire.hold()
    // The end of a process releases its held connections, because the kernel reports the end to the other process in
    // any case.
    to.holds.push(() => {
      for (const one of this.wires) if (one.from === to || one.to === to) one.wire.release()
      this.wires = this.wires.filter((one) => one.from !== to && one.to !== to)
    })
  }

  /**
   * Keeps the handle of a new actor's process, and plans the random faults of the process, such as a kill through the
   * handle.
   */
  readonly between = (handle: ProcessHandle): ProcessHandle => {
    const process = this.byUuid.get(handle.actor.uuid)!
    this.handles.set(process, handle)
    this.note(process.name, "starts")
    handle.whenExited(({ code, signal }) => this.note(process.name, `exits: ${code ?? signal}`))
    const { cut = 0, hold = 0, kill = 0, sever = 0, stop = 0 } = this.faults
    const { parent } = process
    this.perhaps(kill, () => this.kill(process))
    this.perhaps(cut, () => this.cut(process, parent))
    this.perhaps(stop, () => this.stop(process, stopMillis[this.kernel.choose(stopMillis.length)]!))
    this.perhaps(sever, () => this.sever(process, parent))
    this.perhaps(hold, () => this.hold(process, parent, stopMillis[this.kernel.choose(stopMillis.length)]!))
    return handle
  }

  private perhaps(chance: number, job: () => void): void {
    if (chance > 0 && this.kernel.next() < chance) this.kernel.after(1 + this.kernel.choose(maxFaultChoices), job)
  }

  get alive(): ReadonlyArray<Process> {
    return this.kernel.processes.filter(({ state }) => state !== "over")
  }

  /** Returns the living process of this name that was started last. */
  find(name: string): Process | undefined {
    return this.kernel.processes.findLast((process) => process.name === name && process.state !== "over")
  }

  /**
   * Returns the two processes at the ends of a connection; by default the second process is the parent of the first
   * process.
   */
  ends(actor: string, peer: string | undefined): [Process | undefined, Process | undefined] {
    const process = this.find(actor)
    return [process, peer === undefined ? process?.parent : this.find(peer)]
  }

  private befalls(process: Process | undefined, what: string): process is Process {
    if (process === undefined || process.state === "over") return false
    this.note(process.name, what)
    this.hurt.add(process.name)
    return true
  }

  kill(process: Process | undefined): void {
    if (!this.befalls(process, "is killed")) return
    const handle = this.handles.get(process)
    if (handle === undefined) this.kernel.end(process)
    else handle.signal("SIGKILL")
  }

  /**
   * The signal SIGTERM is a request and does no harm, so a call that is lost after SIGTERM is a fault of the program.
   */
  terminate(process: Process | undefined): void {
    const handle = process && this.handles.get(process)
    if (handle === undefined || process!.state === "over") return
    this.note(process!.name, "is told to end")
    handle.signal("SIGTERM")
  }

  /** A process that is stopped without a duration stays stopped until `continue`. */
  stop(process: Process | undefined, millis = Infinity): void {
    if (!this.befalls(process, `stands still${Number.isFinite(millis) ? ` for ${millis} ms` : ""}`)) return
    this.kernel.stop(process)
    if (Number.isFinite(millis)) this.kernel.at(millis, () => this.kernel.continue(process))
  }

  continue(process: Process | undefined): void {
    if (process?.state !== "stopped") return
    this.note(process.name, "goes on")
    this.kernel.continue(process)
  }

  /** The directions (`Wire`) of the connections between two processes, from the point of view of the first process. */
  private wiresOf(process: Process, other: Process, direction: Direction): ReadonlyArray<Wire> {
    return this.wires.flatMap(({ from, to, wire }) =>
      direction !== "outgoing" && from === other && to === process ||
        direction !== "incoming" && from === process && to === other
        ? [wire]
        : []
    )
  }

  cut(
    process: Process | undefined,
    other: Process | undefined,
    direction: Direction = "both",
    afterBytes = 0
  ): void {
    if (process === undefined || other === undefined) return
    const wires = this.wiresOf(process, other, direction)
    if (wires.length === 0) return
    const behind = afterBytes === 0 ? "" : ` behind ${afterBytes} more bytes`
    if (!this.befalls(process, `${cutWords[direction]} ${other.name}${behind}`)) return
    for (const wire of wires) wire.cut(afterBytes)
  }

  private sever(process: Process, other: Process | undefined): void {
    const direction = this.kernel.choose(2) === 0 ? "incoming" : "outgoing"
    const isLater = this.kernel.choose(2) === 0
    this.cut(process, other, direction, isLater ? 1 + this.kernel.choose(maxSeveredBytes) : 0)
  }

  /** A connection that is held without a duration delivers no bytes until `release`. */
  hold(process: Process | undefined, other: Process | undefined, millis = Infinity): void {
    if (process === undefined || other === undefined || other.state === "over") return
    const text = `is held off from ${other.name}${Number.isFinite(millis) ? ` for ${millis} ms` : ""}`
    if (!this.befalls(process, text)) return
    this.apart.add(pairOf(process, other))
    for (const wire of this.wiresOf(process, other, "both")) wire.hold()
    if (Number.isFinite(millis)) this.kernel.at(millis, () => this.release(process, other))
  }

  release(process: Process | undefined, other: Process | undefined): void {
    if (process === undefined || other === undefined || !this.apart.delete(pairOf(process, other))) return
    this.note(process.name, `is heard by ${other.name} again`)
    for (const wire of this.wiresOf(process, other, "both")) wire.release()
  }

  /** Sets the actor's wall clock, and leaves its monotonic clock unchanged. */
  setClock(process: Process | undefined, millis: number): void {
    if (process === undefined || process.state === "over") return
    this.note(process.name, `has its clock set by ${millis} ms`)
    process.skew += millis
  }
}
