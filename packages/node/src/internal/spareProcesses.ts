/**
 * Carries out the actions of the pure function in spares.ts: starts spare processes, gives them out, and ends them.
 *
 * A spare is started like an actor, under the same guard as actors. A spare has no name and no place in the registry,
 * and no code of the program has run in it. A spare does not keep its owner's process running. A spare ends with its
 * connection, with its owner, after 30 seconds, and at the end of its owner's runtime.
 */
import type { SpawnRequest } from "@furrow/actor/Spawner"
import type { Connection } from "@furrow/actor/Transport"
import type { Hello } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"
import { adoptSocket } from "./adopt.ts"
import type { Begun } from "./begun.ts"
import { discard, type Entered } from "./entered.ts"
import { inherited, type Launch } from "./launch.ts"
import { send } from "./signals.ts"
import { spareName } from "./spare.ts"
import { greeted, greetingOf, makeReader } from "./spareGreeting.ts"
import * as Spares from "./spares.ts"
import type { Starts } from "./starts.ts"

/** The bounds of the life of a spare, in milliseconds. */
export const bounds = {
  /**
   * The pause between the start of an actor and the start of the next spare, which would otherwise slow down the new
   * actor.
   */
  pause: 500,
  /** The age at which a spare ends that has not become an actor. */
  age: 30_000,
  /** The time within which the kernel has to end the spares, when the runtime of their owner ends. */
  kill: 1_000
} as const

/** A spare that was given to a start of an actor, and has become the actor. */
export interface Taken extends Entered {
  readonly connection: Connection
}

/** The process of one spare, with its connection to this process. */
interface Process extends Entered {
  readonly socket: Net.Socket
  readonly connection: Connection
  /** Removes the listener for the exit of the spare's process. */
  readonly forgetExit: () => void
  readonly age: NodeJS.Timeout
  hello: Hello | undefined
}

/**
 * Returns as text all properties of an actor's start except the actor itself, including the properties that a process
 * inherits without an argument.
 */
const kindOf = ({ after, before, env, stdio }: Launch): string =>
  JSON.stringify([
    before,
    after,
    stdio,
    env,
    process.cwd(),
    process.umask(),
    inherited()
  ])

/**
 * The signals that end or stop a process, as a mask of the pending signals in /proc/PID/status. The mask of ending
 * signals contains the bits of SIGKILL (8) and SIGSTOP (18).
 */
const endingSignals = 1n << 8n | 1n << 18n

/**
 * False for a spare's process that is dead, stopped, or about to end or stop. Node reports the exit of a spare's
 * process only in a later turn of the event loop.
 */
const isWell = (pid: number): boolean => {
  if (process.platform !== "linux") return send(pid, 0) === "sent"
  try {
    const status = Fs.readFileSync(`/proc/${pid}/status`, "latin1")
    const pending = Array.from(status.matchAll(/^(?:Sig|Shd)Pnd:\t([0-9a-f]+)$/gm), ([, mask]) => BigInt(`0x${mask}`))
    return /^State:\t[RSD]/m.test(status) && pending.every((mask) => (mask & endingSignals) === 0n)
  } catch {
    return false
  }
}

/** Sets whether the spare's process keeps the current process running: a waiting spare does not, and an actor does. */
const hold = ({ begun, socket }: Pick<Process, "begun" | "socket">, how: "ref" | "unref"): void => {
  begun.hold(how)
  socket[how]()
}

export class SpareProcesses {
  private state = Spares.initial
  private readonly starts: Starts
  /**
   * The last start of an actor of each kind; the next spare of this kind is started with the same properties as this
   * actor.
   */
  private readonly launches = new Map<string, Launch>()
  private readonly processes = new Map<number, Process>()
  /** The functions that give up a spare whose process has not begun yet, by the id of the spare. */
  private readonly asked = new Map<number, () => void>()
  /** Spares that were killed and are not reaped yet. */
  private readonly leaving = new Set<Begun>()
  private pause: NodeJS.Timeout | undefined
  private given: Process | undefined

  constructor(starts: Starts) {
    this.starts = starts
  }

  /**
   * Turns a spare with the properties of a start into the actor that is being started, and asks for another spare for
   * the next start. Returns undefined where the start's kind has no spare, or where its spare is dead or stopped.
   * Without a usable spare an actor is started in a new process.
   */
  take(launch: Launch, { name, uuid }: SpawnRequest["actor"]): Taken | undefined {
    if (launch.runsProgram || this.state.isClosed) return undefined
    const kind = kindOf(launch)
    this.launches.set(kind, launch)
    const found = Spares.waiting(this.state, kind)
    if (found !== undefined && !isWell(this.processes.get(found.id)!.begun.pid)) {
      this.input({ _tag: "Lost", id: found.id })
    }
    this.given = undefined
    this.input({ _tag: "Take", kind })
    for (const old of this.launches.keys()) if (!this.state.wanted.includes(old)) this.launches.delete(old)
    const given = this.given as Process | undefined
    if (given === undefined) return undefined
    const { begun, connection, forgetExit, hello, reaped } = given
    forgetExit()
    hold(given, "ref")
    return { begun, connection: greeted(connection, hello!, { name, uuid, pid: begun.pid }), reaped }
  }

  /**
   * Starts a spare with the properties of the parameter `launch` at once, and not after the pause that other spares
   * wait for.
   */
  prepare(launch: Launch): void {
    this.take(launch, { name: spareName, uuid: spareName })
    clearTimeout(this.pause)
    this.input({ _tag: "Due" })
  }

  /** Ends every spare, and starts no further spares. */
  giveUp(): void {
    clearTimeout(this.pause)
    this.input({ _tag: "Close" })
  }

  /** Ends every spare, and waits until all spares are reaped. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.giveUp()
    const timer = setTimeout(() => resume(Effect.void), bounds.kill)
    const look = () => {
      if (this.leaving.size > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    for (const begun of this.leaving) {
      begun.hold("ref")
      begun.onExit(look)
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
        this.given = this.remove(action.id)
        return
      case "Start":
        return this.start(action.id, this.launches.get(action.kind)!)
      case "Kill":
        this.asked.get(action.id)?.()
        this.asked.delete(action.id)
        return this.kill(this.remove(action.id))
    }
  }

  /**
   * A failed start of a spare is not reported, because the next start of an actor fails for the same reason and reports
   * it.
   */
  private start(id: number, launch: Launch): void {
    let isOver = false
    const over = () => {
      isOver = true
      this.asked.delete(id)
    }
    const giveUp = this.starts.begin(launch, { name: spareName, uuid: spareName }, {
      begun: (entered) => {
        over()
        this.begun(id, entered)
      },
      failed: () => {
        over()
        this.input({ _tag: "Lost", id })
      }
    })
    if (!isOver) this.asked.set(id, giveUp)
  }

  private begun(id: number, entered: Entered): void {
    const { begun, reaped } = entered
    const reader = makeReader((bytes) => this.heard(id, bytes))
    const socket = adoptSocket(begun.channel, reader)
    if (socket === undefined) {
      discard(entered, this.starts.guard)
      return this.input({ _tag: "Lost", id })
    }
    const forgetExit = begun.onExit(() => {
      begun.killLeft()
      reaped()
      this.leaving.delete(begun)
      socket.destroy()
      this.remove(id)
      this.input({ _tag: "Lost", id })
    })
    const connection = SocketConnection.make(socket, reader)
    const age = setTimeout(() => this.input({ _tag: "Old", id }), bounds.age).unref()
    const process: Process = { begun, socket, connection, reaped, forgetExit, age, hello: undefined }
    this.processes.set(id, process)
    hold(process, "unref")
    socket.resume()
  }

  private heard(id: number, bytes: Uint8Array): void {
    const process = this.processes.get(id)
    if (process === undefined) return
    process.hello = greetingOf(bytes)
    this.input(process.hello === undefined ? { _tag: "Lost", id } : { _tag: "Greeted", id })
  }

  private remove(id: number): Process | undefined {
    const process = this.processes.get(id)
    this.processes.delete(id)
    clearTimeout(process?.age)
    return process
  }

  private kill(process: Process | undefined): void {
    if (process === undefined) return
    const { begun } = process
    this.leaving.add(begun)
    if (begun.signal("SIGKILL") === "forbidden") this.starts.guard.signal(begun.pid, "SIGKILL")
  }
}
