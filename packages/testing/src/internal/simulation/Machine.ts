/**
 * The processes of one run by their names, what may be done to them from outside, and the record of what happened.
 *
 * @since 0.1.0
 */
import type { ProcessHandle } from "@furrow/actor/Spawner"
import type { Kernel, Process } from "./Kernel.ts"

/**
 * Something that happened: when, in virtual milliseconds, in which actor, and what.
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
 * Faults that befall actors of a run by chance: each is the part of all actors that it befalls, from 0 to 1, at a moment of the
 * seed's choice. `preempt` is the chance that a fiber is preempted before an operation, and `late` that bytes are late;
 * by default the seed chooses both.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /** Killed, as by `kill -9`. */
  readonly kill?: number | undefined
  /** Stopped for 3 to 9,000 milliseconds, as by Ctrl-Z. */
  readonly stop?: number | undefined
  /** Cut off from its parent. */
  readonly cut?: number | undefined
  readonly preempt?: number | undefined
  readonly late?: number | undefined
}

/** Choices after the start of an actor within which a fault by chance comes. */
const maxFaultChoices = 600
const stopMillis = [3, 30, 400, 9_000] as const

export class Machine {
  readonly happenings: Array<Happening> = []
  /** Actors that were hurt from outside: calls lost with them are no fault. */
  readonly hurt = new Set<string>()
  private readonly kernel: Kernel
  private readonly faults: Faults
  private readonly handles = new Map<Process, ProcessHandle>()
  private readonly byUuid = new Map<string, Process>()

  constructor(kernel: Kernel, faults: Faults) {
    this.kernel = kernel
    this.faults = faults
  }

  note(actor: string, text: string): void {
    this.happenings.push({ millis: this.kernel.now, actor, text })
  }

  readonly started = (process: Process, uuid: string): void => void this.byUuid.set(uuid, process)

  /** Stands between every parent and its actor: every fault of a process goes by its handle. */
  readonly between = (handle: ProcessHandle): ProcessHandle => {
    const process = this.byUuid.get(handle.actor.uuid)!
    this.handles.set(process, handle)
    this.note(process.name, "starts")
    handle.whenExited(({ code, signal }) => this.note(process.name, `exits: ${code ?? signal}`))
    const { cut = 0, kill = 0, stop = 0 } = this.faults
    this.perhaps(kill, () => this.kill(process))
    this.perhaps(cut, () => this.cut(process))
    this.perhaps(stop, () => this.stop(process, stopMillis[this.kernel.choose(stopMillis.length)]!))
    return handle
  }

  private perhaps(chance: number, job: () => void): void {
    if (chance > 0 && this.kernel.next() < chance) this.kernel.after(1 + this.kernel.choose(maxFaultChoices), job)
  }

  get alive(): ReadonlyArray<Process> {
    return this.kernel.processes.filter(({ state }) => state !== "over")
  }

  /** The living process of a name that was started last. */
  find(name: string): Process | undefined {
    return this.kernel.processes.findLast((process) => process.name === name && process.state !== "over")
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

  /** A wish and no harm: calls lost with it are a fault. */
  terminate(process: Process | undefined): void {
    const handle = process && this.handles.get(process)
    if (handle === undefined || process!.state === "over") return
    this.note(process!.name, "is told to end")
    handle.signal("SIGTERM")
  }

  /** Without a duration it stands still until `continue`. */
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

  cut(process: Process | undefined): void {
    const handle = process && this.handles.get(process)
    if (handle === undefined || !this.befalls(process, "is cut off from its parent")) return
    handle.connection.destroy()
  }

  /** The actor's wall clock is set; the monotonic one is not. */
  setClock(process: Process | undefined, millis: number): void {
    if (process === undefined || process.state === "over") return
    this.note(process.name, `has its clock set by ${millis} ms`)
    process.skew += millis
  }
}
