/**
 * Spare processes: carries out what their table says (spares.ts).
 *
 * A spare is started as an actor is, under the same guard, and is in no list of the runtime: it has no name, and nothing
 * of the program has run in it. It keeps no process alive. It ends with its connection, with its owner under every guard,
 * with its age, and when its owner's runtime ends.
 */
import type { SpawnRequest } from "@furrow/actor/Spawner"
import type { Connection } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import type * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import * as Os from "node:os"
import * as SocketConnection from "../SocketConnection.ts"
import { adoptSocket } from "./adopt.ts"
import type { Guard } from "./guard.ts"
import { begin, type Launch } from "./launch.ts"
import * as Overture from "./overture.ts"
import type { Living } from "./processes.ts"
import { killLeftIn, send } from "./signals.ts"
import * as Spares from "./spares.ts"

/** Bounds in milliseconds. */
export const bounds = {
  /** Between a start and the spare for the next one: the actor that was started has the machine until then. */
  pause: 500,
  /** A spare that has not been taken at this age ends. */
  age: 30_000,
  /** A spare that was taken and says nothing for so long is given up. */
  answer: 1_000,
  /** For the kernel, to end the spares of a runtime that ends. */
  kill: 1_000
} as const

/** A spare that is an actor from here on. */
export interface Taken {
  readonly child: ChildProcess.ChildProcess
  readonly connection: Connection
  readonly reaped: () => void
}

/** The process of one spare. */
interface Process {
  readonly child: ChildProcess.ChildProcess
  readonly socket: Net.Socket
  readonly connection: Connection
  readonly reaped: () => void
  readonly exited: () => void
  readonly age: NodeJS.Timeout
}

/** The start that has taken a spare: it is told of the actor, or that there is none. */
interface Taker {
  readonly done: (taken: Taken | undefined) => void
  readonly patience: NodeJS.Timeout
}

/** All of a start but the actor: what a process inherits without being told counts, too. */
const kindOf = ({ after, before, env, stdio }: Launch): string =>
  JSON.stringify([
    before,
    after,
    stdio,
    env,
    process.cwd(),
    process.umask(),
    process.getuid?.(),
    process.geteuid?.(),
    process.getgid?.(),
    process.getegid?.(),
    process.getgroups?.(),
    Os.getPriority()
  ])

/** A spare keeps no process alive, and an actor does. */
const hold = ({ child, socket }: Pick<Process, "child" | "socket">, how: "ref" | "unref"): void => {
  child[how]()
  socket[how]()
  for (const stream of child.stdio) (stream as Partial<Net.Socket> | null)?.[how]?.()
}

export class SpareProcesses {
  private state = Spares.initial
  private readonly guard: Guard
  private readonly living: Living
  /** The last start of each kind that is wanted, or of which there is a spare. */
  private readonly launches = new Map<string, Launch>()
  private readonly processes = new Map<number, Process>()
  private readonly takers = new Map<number, Taker>()
  /** Killed, and not reaped. */
  private readonly leaving = new Set<ChildProcess.ChildProcess>()
  private pause: NodeJS.Timeout | undefined
  private given: number | undefined

  constructor(guard: Guard, living: Living) {
    this.guard = guard
    this.living = living
  }

  /**
   * Makes an actor of a spare of this kind, and wants one for the next start. `done` hears of the actor, or that the
   * start is to go the usual way: at once where there is none to take.
   */
  take(launch: Launch, actor: SpawnRequest["actor"], done: (taken: Taken | undefined) => void): void {
    if (launch.runsProgram || this.state.isClosed) return done(undefined)
    const kind = kindOf(launch)
    this.launches.set(kind, launch)
    this.given = undefined
    this.input({ _tag: "Take", kind })
    const id = this.given
    if (id === undefined) return done(undefined)
    const patience = setTimeout(() => setImmediate(() => this.input({ _tag: "Silent", id })), bounds.answer)
    this.takers.set(id, { done, patience })
    const process = this.processes.get(id)!
    clearTimeout(process.age)
    hold(process, "ref")
    process.socket.write(Overture.lineOf(actor))
  }

  /** Starts a spare of this kind now. */
  prepare(launch: Launch): void {
    this.take(launch, { name: "", uuid: "" }, () => {})
    clearTimeout(this.pause)
    this.input({ _tag: "Due" })
  }

  /** Ends every spare; none is started any more. */
  giveUp(): void {
    clearTimeout(this.pause)
    this.input({ _tag: "Close" })
  }

  /** The same, and waits until they are reaped. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.giveUp()
    const timer = setTimeout(() => resume(Effect.void), bounds.kill)
    const look = () => {
      if (this.leaving.size > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    for (const child of this.leaving) {
      child.ref()
      child.once("exit", look)
    }
    look()
  })

  private input(input: Spares.Input): void {
    const [state, actions] = Spares.step(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Spares.Action): void {
    switch (action._tag) {
      case "Pause":
        this.pause = setTimeout(() => this.input({ _tag: "Due" }), bounds.pause).unref()
        return
      case "Give":
        this.given = action.id
        return
      case "Start":
        return this.start(action.id, this.launches.get(action.kind)!)
      case "Kill":
        return this.kill(action.id)
    }
  }

  /** Fails silently where no process can be had: the next start finds that out itself. */
  private start(id: number, launch: Launch): void {
    const actor = { name: Overture.spareName, uuid: Overture.spareMark }
    let child: ChildProcess.ChildProcess
    try {
      child = begin(launch, actor, this.guard)
    } catch {
      return this.input({ _tag: "Lost", id })
    }
    child.on("error", () => {})
    const { pid } = child
    if (pid === undefined) return this.input({ _tag: "Lost", id })
    const forget = this.living.add(pid, this.guard)
    this.guard.started(pid)
    const reaped = () => {
      forget()
      this.guard.ended(pid)
    }
    const reader = Overture.makeReader(() => this.heard(id))
    const socket = adoptSocket(child.stdio[3] as unknown as Net.Socket, reader)
    const exited = () => {
      killLeftIn(pid)
      reaped()
      this.leaving.delete(child)
      socket?.destroy()
      this.lose(id)
    }
    child.once("exit", exited)
    if (socket === undefined) return void send(-pid, "SIGKILL")
    const connection = SocketConnection.make(socket, reader)
    const age = setTimeout(() => this.input({ _tag: "Old", id }), bounds.age).unref()
    const process: Process = { child, socket, connection, reaped, exited, age }
    this.processes.set(id, process)
    hold(process, "unref")
    socket.resume()
  }

  private heard(id: number): Overture.Part {
    const taker = this.takers.get(id)
    const process = this.processes.get(id)
    if (taker === undefined || process === undefined) {
      this.input({ _tag: "Greeted", id })
      return "overture"
    }
    const { child, connection, exited, reaped } = process
    this.input({ _tag: "Answered", id })
    this.processes.delete(id)
    child.off("exit", exited)
    this.decide(id, { child, connection, reaped })
    return "protocol"
  }

  private decide(id: number, taken: Taken | undefined): void {
    const taker = this.takers.get(id)
    this.takers.delete(id)
    clearTimeout(taker?.patience)
    taker?.done(taken)
  }

  private lose(id: number): void {
    clearTimeout(this.processes.get(id)?.age)
    this.processes.delete(id)
    this.input({ _tag: "Lost", id })
    this.decide(id, undefined)
  }

  private kill(id: number): void {
    const process = this.processes.get(id)
    if (process === undefined) return
    const { child } = process
    this.leaving.add(child)
    if (send(-child.pid!, "SIGKILL") === "forbidden") this.guard.signal(child.pid!, "SIGKILL")
    clearTimeout(process.age)
    this.processes.delete(id)
    hold(process, "unref")
    this.decide(id, undefined)
  }
}
