/**
 * One child of this actor, from the start of its process until the process is reaped. `ChildActor` carries out the
 * actions that the machine `OwnedActor` decides for the child.
 *
 * A child is owned by a nursery, a Scope or a call of the actor that started it. The function `end` of a child may be
 * called several times, also by several fibers at once. A child climbs the shutdown ladder only once, and all callers
 * of `end` wait for the same end. The function `end` of a child never fails, and its time is always bounded.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Failure from "@furrow/protocol/Failure"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { exitOf } from "../channel/Farewell.ts"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { wireMillis } from "../dialog/DialogContext.ts"
import { Dispatcher, isRuntimes, type Relayed } from "../dialog/Dispatcher.ts"
import {
  type ActorError,
  type ActorId,
  type ActorLost,
  formatActor,
  type SpawnFailed,
  type SpawnStep
} from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as Logs from "../logs/Logs.ts"
import type { ActorRefData, Entry } from "../settings/ActorRef.ts"
import { elapsed } from "../settings/Elapsed.ts"
import { monotonicMillis, type Timeouts } from "../settings/Timeouts.ts"
import { Waiters } from "../settings/Waiters.ts"
import { building } from "../spawn/Boot.ts"
import type { ProcessHandle } from "../spawn/Spawner.ts"
import { ChildProcess } from "./ChildProcess.ts"
import * as OwnedActor from "./OwnedActor.ts"
import * as Ladder from "./ShutdownLadder.ts"

/**
 * The milliseconds that an ending actor keeps for itself after the deadline of its children. An ending actor's children
 * have an earlier deadline than the actor, so that the actor has time for its own cleanup and last words.
 */
const deadlineMarginMillis = 500

/** A child's report that its start has failed: the step that it had reached, and the error. */
export interface BootReport {
  readonly step: SpawnStep
  readonly error: Pick<SpawnFailed, "reason" | "failure" | "hint">
}

export class ChildActor {
  readonly actor: ActorId
  readonly ref: ActorRefData
  /** The time in milliseconds (`Turn.now`) at which the spawner had started the child's process. */
  readonly since: number
  private readonly local: LocalActor
  private readonly process: ChildProcess
  private readonly timeouts: Timeouts
  private readonly context: Context.Context<never>
  private state: OwnedActor.State
  private timer: Fiber.Fiber<void> | undefined
  private channel: PeerChannel | undefined
  private dispatching: Dispatcher | undefined
  private readonly opened = Deferred.makeUnsafe<PeerChannel | undefined>()
  readonly connected: Effect.Effect<PeerChannel | undefined> = Deferred.await(this.opened)
  private readonly exits = new Waiters<ActorExit>()

  constructor(
    local: LocalActor,
    handle: ProcessHandle,
    entry: Entry,
    { memoryLimit, timeouts }: { readonly memoryLimit: number | undefined; readonly timeouts: Timeouts },
    context: Context.Context<never>
  ) {
    this.local = local
    this.since = local.turn.now()
    this.actor = handle.actor
    const { exposed, path, role, service } = entry
    this.ref = { actor: handle.actor, path, service, exposed, ...(role === undefined ? {} : { role }) }
    this.timeouts = timeouts
    this.context = context
    this.state = OwnedActor.initial(handle.actor, local.info.id, memoryLimit)
    const process = this.process = new ChildProcess(handle, context)
    // When the process ends, the child's name is freed before all other listeners run, because a listener may start an
    // actor of the same name.
    process.whenEnded(() => this.freeName())
    process.whenEnded(({ end, evidence }) => {
      this.noteOpen()
      this.input({ _tag: "ProcessEnded", end, evidence, lines: process.lastLines() })
    })
    // A child is listed before its process is watched, so that an exit which has already happened removes the child
    // from the list.
    local.children.add(this)
    process.watch()
  }

  get connection(): PeerChannel | undefined {
    return this.channel
  }

  get isEnding(): boolean {
    return this.state.rung !== "Running"
  }

  snapshot() {
    return { actor: this.actor, state: this.state.rung, channel: this.channel?.snapshot() }
  }

  /**
   * Answers the calls that the child makes to its parent: calls to exposed endpoints, calls to relayed Services, and
   * calls that carry log records. The dispatcher answers a child before it is `Ready`, because the child's layers may
   * call the parent while they are built.
   */
  dispatcher(channel: PeerChannel, relays: ReadonlyMap<string, Relayed> | undefined): Dispatcher {
    if (this.dispatching !== undefined) return this.dispatching
    const logs = Logs.handler(this.context, channel)
    const own = this.local.reach?.toRelatives ?? new Map()
    const begun = { endpoint: building.endpoint, context: this.context, handler: () => Effect.void }
    const besides = new Map(own).set(logs.endpoint.name, logs).set(begun.endpoint.name, begun)
    return this.dispatching = new Dispatcher(channel, this.local.env, this.local.served(besides), relays)
  }

  /** Takes over the connection to the child when the child has said `Ready`. */
  attachChannel(channel: PeerChannel, relays: ReadonlyMap<string, Relayed> | undefined): void {
    this.channel = channel
    Deferred.doneUnsafe(this.opened, Exit.succeed(channel))
    const dispatcher = this.dispatcher(channel, relays)
    channel.route((event) => {
      switch (event._tag) {
        case "Start":
          return dispatcher.start(event)
        case "CancelAck":
          return this.input({ _tag: "Ack" })
        case "Leave":
          return this.input({ _tag: "Leave", reason: event.reason })
        case "Bye": {
          const farewell = exitOf(event.payload, this.actor)
          if (farewell !== undefined) return this.leaving(farewell)
          return channel.violate({ _tag: "Malformed", word: "Bye", field: "payload" })
        }
        case "Error":
          return void this.reportOf(event.payload)
        case "Closed":
          return this.input({ _tag: "ConnectionEnded", error: event.error })
      }
    })
    this.input({ _tag: "Ready" })
  }

  /** Handles the child's `Bye`, and prepares the report to the registrar while the child's process exits. */
  private leaving(farewell: ActorExit): void {
    this.input({ _tag: "Bye", farewell })
    this.process.attempt("the preparation of its end", () => this.local.reach?.prepareGone())
  }

  /**
   * Finds out why the connection to the child ended: waits a short time for the exit of the child's process, which may
   * tell the reason.
   */
  explain(done: (error: ActorError) => void): void {
    this.noteOpen()
    const { exit, failure, farewell } = this.state
    if (exit !== undefined) return done(this.whyGone())
    // A child that has reported a failure or has said `Bye` is about to exit, so the parent waits longer for the exit.
    const { explain, terminate } = this.timeouts
    const bound = failure === undefined && farewell === undefined ? explain : terminate
    this.process.awaitEnd(bound, () => done(this.whyGone()))
  }

  /** Notes the owner's open calls to the child as evidence, before these calls fail because of the child's end. */
  private noteOpen(): void {
    const open = Array.from(this.channel?.dialogs ?? []).flatMap((port) => port.inspect?.() ?? [])
    this.input({
      _tag: "Ending",
      open: open.filter(({ endpoint, side }) => side === "caller" && !isRuntimes(endpoint))
        .map(({ ageMillis, endpoint, id }) => ({ dialog: id, endpoint, millis: ageMillis }))
    })
  }

  private get hint(): ActorLost["hint"] {
    const why = this.whyGone()
    return why._tag === "ActorLost" ? why.hint : null
  }

  private whyGone(): ActorError {
    return OwnedActor.whyGone(this.state, this.process.lastLines())
  }

  /**
   * Reads the child's report of a failure; `undefined` if only its cleanup or one of its background fibers has failed.
   */
  reportOf(payload: Uint8Array): BootReport | undefined {
    const decoded = Failure.decode(payload)
    if (!decoded.ok) return { step: "ready", error: { reason: decoded.issue, failure: null, hint: null } }
    const failure = decoded.value
    if (failure._tag === "CleanupFailed") {
      this.input({ _tag: "CleanupFailed", boxed: failure.boxed })
      this.local.events.publish({ _tag: "ActorCleanupFailed", actor: this.actor, failure: failure.boxed })
      return undefined
    }
    if (failure._tag === "BackgroundFailed") {
      this.local.events.publish({ _tag: "BackgroundFailed", actor: this.actor, failure: failure.boxed })
      return undefined
    }
    const step = failure._tag === "SpawnFailed" ? failure.step as SpawnStep : undefined
    if ("boxed" in failure) this.input({ _tag: "Failed", boxed: failure.boxed, step })
    return {
      step: step ?? "ready",
      error: {
        reason: "boxed" in failure ? failure.boxed.message : failure._tag,
        failure: "boxed" in failure ? failure.boxed : null,
        hint: this.hint
      }
    }
  }

  /** Ends the child with the given cancellation, and waits until the child is reaped. */
  end(cancellation: Cancellation): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.beginEnd(cancellation)
      return this.gone
    })
  }

  /** Begins to end the child, without waiting for its end. */
  beginEnd(cancellation: Cancellation): void {
    this.input({ _tag: "End", cancellation })
  }

  /**
   * Begins to end an actor whose start is given up. A discarded child that is not ready gets a SIGTERM. A discarded
   * child that became ready nevertheless is asked to end.
   */
  beginDiscard(): void {
    const reason = "its start was given up"
    this.input({ _tag: "Discard", cancellation: { by: this.local.info.id, reason, deadline: 0 } })
  }

  /** Ends a child whose start is given up, and waits until the child is reaped. */
  readonly discard: Effect.Effect<void> = Effect.suspend(() => {
    this.beginDiscard()
    return this.gone
  })

  /** Waits until the child's process is reaped, and returns the exit of the child. */
  readonly wait: Effect.Effect<ActorExit> = Effect.callback<ActorExit>((resume) => {
    const forget = this.whenGone((exit) => resume(Effect.succeed(exit)))
    return Effect.sync(forget)
  })

  /**
   * Waits for the child's exit and handles it, so that the exit fails neither the nursery nor the Layer that owns the
   * child.
   */
  readonly monitor: Effect.Effect<ActorExit> = Effect.callback<ActorExit>((resume) => {
    this.input({ _tag: "Monitored", change: 1 })
    const forget = this.whenGone((exit) => resume(Effect.succeed(exit)))
    // A monitor that is interrupted before it has heard the child's exit does not handle the exit.
    return Effect.sync(() => {
      forget()
      this.input({ _tag: "Monitored", change: -1 })
    })
  })

  /** True when a monitor has heard the child's exit. */
  get isHandled(): boolean {
    return OwnedActor.isHandled(this.state)
  }

  readonly gone: Effect.Effect<void> = Effect.asVoid(this.wait)

  /**
   * The failures of the child's cleanup after its owner had ended the child; the list is complete once the child is
   * reaped.
   */
  get raised(): ReadonlyArray<Failure.Boxed> {
    return OwnedActor.raisedBy(this.state)
  }

  /** Calls `callback` once the child's process is reaped. */
  whenGone(callback: (exit: ActorExit) => void): () => void {
    const { exit } = this.state
    if (exit === undefined) return this.exits.add(callback)
    this.process.attempt("a callback for its end", () => callback(exit))
    return () => {}
  }

  /**
   * The child takes its new state before it carries out the actions, so that an action that throws cannot prevent the
   * change.
   */
  private input(input: OwnedActor.Input): void {
    const { rung } = this.state
    const [next, actions] = OwnedActor.step(this.state, input)
    this.state = next
    if (next.rung !== rung) {
      this.stopTimer()
      this.local.events.publish({ _tag: "ActorEnding", actor: this.actor, rung: next.rung })
    }
    for (const action of actions) this.process.attempt(`the step ${action._tag}`, () => this.execute(action))
  }

  private execute(action: OwnedActor.Action): void {
    switch (action._tag) {
      case "Ask": {
        const { by, reason } = this.state.cancellation!
        this.channel?.send({ _tag: "CancelActor", by, reason, deadline: wireMillis(this.bound("finalizers")) })
        return
      }
      case "Signal":
        return this.process.signal(action.signal)
      case "CloseChannel":
        this.channel?.close()
        return
      case "Wait":
        return this.startTimer(action.bound)
      case "TellLoss":
        return this.local.events.publish({ _tag: "ActorLost", actor: this.actor, error: action.error })
      case "Done":
        return this.done()
    }
  }

  private startTimer(bound: Ladder.Bound): void {
    const timer = Effect.runForkWith(this.context)(elapsed(this.bound(bound)))
    this.timer = timer
    timer.addObserver((exit) => {
      if (Exit.isFailure(exit) || this.timer !== timer) return
      this.input({ _tag: "Elapsed", ending: this.local.isEnding, lines: this.process.lastLines() })
    })
  }

  private stopTimer(): void {
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }

  private bound(bound: Ladder.Bound): number {
    const configured = Ladder.boundOf(this.timeouts, bound)
    const { ending } = this.local
    if (ending === undefined || bound !== "finalizers") return configured
    const left = ending.until - monotonicMillis(Context.get(this.context, Clock.Clock))
    const reserve = this.timeouts.cancelAck + this.timeouts.terminate + deadlineMarginMillis
    // A child gets at least half of its ending parent's remaining time, so that a child deep in the tree has time to
    // end too.
    return Math.max(0, Math.min(configured, Math.max(left - reserve, left / 2)))
  }

  private done(): void {
    this.stopTimer()
    const { cancellation, end, exit, loss } = this.state
    this.local.buried(this, exit!)
    const story = OwnedActor.postMortemOf(this.state, this.process.lastLines())
    if (story !== undefined) {
      this.process.bury({ ...story, above: [...this.local.info.ancestors, this.local.info.id].map(formatActor) })
    }
    if (end._tag === "Unreported") {
      this.process.logError(
        `${formatActor(this.actor)} was killed, and its exit is unseen: it may still be there`
      )
    }
    // The exit of a child may be known before the child's connection has ended. Calls that still wait for an answer of
    // a child whose exit is known fail with the loss of the child.
    const error = cancellation === undefined ? this.whyGone() : loss
    this.process.attempt(
      "the end of its connection",
      () => error === undefined ? this.channel?.close() : this.channel?.lose(error)
    )
    Deferred.doneUnsafe(this.opened, Exit.succeed(undefined))
    this.local.events.publish({ _tag: "ActorEnded", actor: this.actor, exit: exit! })
    this.process.attempt("a callback for its end", () => this.exits.wake(exit!))
  }

  private freeName(): void {
    const { reach } = this.local
    if (reach === undefined) return
    Effect.runForkWith(this.context)(reach.directory.gone(this.actor.uuid))
    this.process.attempt("forget of a transport", () => reach.forget(this.actor))
  }
}
