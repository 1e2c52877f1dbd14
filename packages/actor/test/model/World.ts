/**
 * The record of one run of a program, written down on the spot: by handlers, bodies and callers, all in this
 * process. Rules that can be checked at once are checked here; the rest is `Check`'s.
 */
import * as Context from "effect/Context"
import type { What } from "./Program.ts"

/** One direction of a stream, seen from both ends. */
export interface Flow {
  /** Items whose `send` has resolved. */
  said: number
  saying: boolean
  /** Many items at once: which of them have left is not known before all have. */
  atOnce: boolean
  /** The writer has ended its half. */
  closed: boolean
  heard: number
  hearing: boolean
  /** The reader was told that no more will come. */
  done: boolean
  /** The reader has left, or it cannot read any more. */
  readonly window: number
}

export type Ended = "no" | { readonly at: number; readonly seq: number; readonly how: string }

/** One call, seen from both ends. */
export interface Call {
  readonly key: number
  readonly actor: string
  readonly what: What
  /** The call whose handler makes this one. */
  readonly outer: Call | undefined
  caller: "idle" | "running" | Ended
  /** The state of a dialog's body. */
  body: "none" | "opening" | "moving" | "hanging" | "left"
  handler: "none" | "running" | Ended
  handlerStarts: number
  started: boolean
  /** When somebody first cancelled it, or what it runs on. */
  cancelledAt: number | undefined
  readonly up: Flow
  readonly down: Flow
}

const flow = (window: number): Flow => ({
  said: 0,
  saying: false,
  atOnce: false,
  closed: false,
  heard: 0,
  hearing: false,
  done: false,
  window
})

export class World {
  now: () => number = () => 0
  /** Counts what happens: when it stands still, nothing happens. */
  activity = 0
  readonly calls = new Map<number, Call>()
  readonly problems: Array<string> = []
  readonly log: Array<string> = []
  /** Actors whose process or connection was taken away. */
  readonly lost = new Set<string>()
  /** True when the connection of an actor has ended at a byte of its own choice. */
  isCut: (actor: string) => boolean = () => false
  /** Actors whose connection stood still for a while. */
  readonly held = new Set<string>()

  say(text: string): void {
    this.activity++
    const line = `${this.now()} ${text}`
    const last = this.log.at(-1)
    if (last === line || last?.startsWith(`${line} (x`) === true) {
      const times = last === line ? 2 : Number(last.slice(line.length + 3, -1)) + 1
      this.log[this.log.length - 1] = `${line} (x${times})`
    } else this.log.push(line)
  }

  problem(text: string): void {
    this.say(`PROBLEM ${text}`)
    if (this.problems.length < 20) this.problems.push(text)
  }

  open(key: number, actor: string, what: What, outer: Call | undefined): Call {
    const [up, down] = what._tag === "Talk" ? [what.up, what.down] : [0, 1024]
    const call: Call = {
      key,
      actor,
      what,
      outer,
      caller: "idle",
      body: "none",
      handler: "none",
      handlerStarts: 0,
      started: false,
      cancelledAt: undefined,
      up: flow(up),
      down: flow(down)
    }
    this.calls.set(key, call)
    return call
  }

  call(key: number): Call {
    const call = this.calls.get(key)
    if (call === undefined) throw new Error(`no call ${key}`)
    return call
  }

  cancel(call: Call, why: string): void {
    if (call.cancelledAt === undefined) this.say(`${call.key} cancelled: ${why}`)
    call.cancelledAt ??= this.now()
  }

  /** The earliest moment from which this call, or one it is part of, may have been cancelled. */
  cancelledAt(call: Call): number | undefined {
    const outer = call.outer === undefined ? undefined : this.cancelledAt(call.outer)
    if (call.cancelledAt === undefined) return outer
    return outer === undefined ? call.cancelledAt : Math.min(call.cancelledAt, outer)
  }

  /** True when a connection between its caller and its handler, or further up, was lost. */
  isLost(call: Call): boolean {
    return this.lost.has(call.actor) || this.isCut(call.actor) || (call.outer !== undefined && this.isLost(call.outer))
  }

  isHeld(call: Call): boolean {
    return this.held.has(call.actor) || (call.outer !== undefined && this.isHeld(call.outer))
  }

  handlerStarts(key: number): void {
    const call = this.call(key)
    this.say(`${key} handler starts`)
    call.handlerStarts++
    if (call.handlerStarts > 1) this.problem(`the handler of ${key} ran twice for one call`)
    // Behind a partition a Start may come after the bound of its cancel.
    if (typeof call.caller === "object" && !this.isLost(call) && !this.isHeld(call)) {
      this.problem(`the handler of ${key} starts after its caller has ended`)
    }
    call.handler = "running"
  }

  handlerEnds(key: number, how: string): void {
    this.say(`${key} handler ends: ${how}`)
    this.call(key).handler = { at: this.now(), seq: this.activity, how }
  }

  said(call: Call, flow: Flow, items: number): void {
    this.activity++
    flow.said += items
    this.ahead(call, flow)
  }

  /** Items that were sent and not read: what credit bounds. */
  ahead(call: Call, flow: Flow): void {
    // A side that has left reads no more: later items are dropped, and paid for.
    if (call.body === "left" || call.handler !== "running") return
    const ahead = flow.said - flow.heard
    // An item of a stream is counted before it leaves, and again before its reader looks at it.
    const chunks = call.what._tag === "Talk" ? 0 : 2 * 64
    if (ahead > flow.window + chunks) {
      this.problem(`${call.key}: ${ahead} items are ahead of a reader with a window of ${flow.window}`)
    }
  }

  heard(call: Call, flow: Flow, item: number): void {
    this.activity++
    if (item !== flow.heard) this.problem(`${call.key}: item ${item} was read where ${flow.heard} was expected`)
    flow.heard = Math.max(flow.heard, item) + 1
  }
}

/** The world of the run we are in: every actor of it inherits it. */
export const CurrentWorld = Context.Reference<World>("test/model/World", {
  defaultValue: () => {
    throw new Error("no world")
  }
})
