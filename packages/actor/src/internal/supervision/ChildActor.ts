/**
 * One child of this actor, from the start of its process to its last trace: carries out what `ShutdownLadder` decides.
 *
 * The child belongs to whoever started it. `end` may be called by several at once and twice: the ladder is climbed
 * once, everybody waits for the same end. It never fails and is always bounded.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { wireMillis } from "../dialog/DialogContext.ts"
import { Dispatcher, type Relayed } from "../dialog/Dispatcher.ts"
import { decodeFailure } from "../dialog/Failures.ts"
import { type ActorError, type ActorId, ActorLost, ChannelClosed, type SpawnStep } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as Logs from "../logs/Logs.ts"
import type { ActorExit } from "../portal/Portal.ts"
import type { ActorRefData, Entry } from "../settings/ActorRef.ts"
import { monotonicMillis, type Timeouts } from "../settings/Timeouts.ts"
import { building } from "../spawn/Boot.ts"
import type { ProcessExit, ProcessHandle } from "../spawn/Spawner.ts"
import * as Ladder from "./ShutdownLadder.ts"

/**
 * Milliseconds that an inner actor keeps of its own deadline: its children are gone before its own cleanup is cut off,
 * which in turn leaves it time for its last words.
 */
const margin = 500

export class ChildActor {
  readonly actor: ActorId
  private readonly local: LocalActor
  private readonly handle: ProcessHandle
  private readonly timeouts: Timeouts
  private readonly context: Context.Context<never>
  readonly ref: ActorRefData
  private rung: Ladder.Rung = "Running"
  private timer: Fiber.Fiber<void> | undefined
  private exit: ProcessExit | undefined
  /** What the actor could still say of an uncaught error. */
  private failure: Boxed | null = null
  private cancellation: Cancellation | undefined
  private loss: ActorError | undefined
  private channel: PeerChannel | undefined
  private readonly opened = Deferred.makeUnsafe<PeerChannel | undefined>()
  readonly connected: Effect.Effect<PeerChannel | undefined> = Deferred.await(this.opened)
  private served: Dispatcher | undefined
  private waiters: Array<() => void> = []
  private explaining: Array<() => void> = []

  constructor(
    local: LocalActor,
    handle: ProcessHandle,
    entry: Entry,
    timeouts: Timeouts,
    context: Context.Context<never>
  ) {
    this.local = local
    this.handle = handle
    this.actor = handle.actor
    const { exposed, path, service } = entry
    this.ref = { actor: handle.actor, path, service, exposed }
    this.timeouts = timeouts
    this.context = context
    handle.whenExited((exit) => {
      this.exit = exit
      // First: whoever hears of the end may start it again in that instant, and its name is free.
      this.unregister()
      const { explaining } = this
      this.explaining = []
      for (const callback of explaining) callback()
      this.input("exit")
    })
  }

  get isRunning(): boolean {
    return this.rung === "Running"
  }

  get connection(): PeerChannel | undefined {
    return this.channel
  }

  snapshot() {
    return { actor: this.actor, state: this.rung, channel: this.channel?.snapshot() }
  }

  /**
   * What the actor may ask of us: what we serve, our logs, the Services it uses. From the first moment on, because its
   * layers are built before it is ready and may ask as well.
   */
  dispatcher(channel: PeerChannel, relays: ReadonlyMap<string, Relayed> | undefined): Dispatcher {
    if (this.served !== undefined) return this.served
    const logs = Logs.handler(this.context, channel)
    const own = this.local.reach?.toRelatives ?? new Map()
    const begun = { endpoint: building.endpoint, context: this.context, handler: () => Effect.void }
    const besides = new Map(own).set(logs.endpoint.name, logs).set(begun.endpoint.name, begun)
    return this.served = new Dispatcher(channel, this.local.env, this.local.served(besides), relays)
  }

  /** Takes over the channel once the actor is ready. */
  adopt(channel: PeerChannel, relays: ReadonlyMap<string, Relayed> | undefined): void {
    this.channel = channel
    Deferred.doneUnsafe(this.opened, Exit.succeed(channel))
    const dispatcher = this.dispatcher(channel, relays)
    channel.route((event) => {
      switch (event._tag) {
        case "Start":
          return dispatcher.start(event)
        case "CancelAck":
          return this.input("ack")
        case "Bye":
          return this.input("bye")
        case "Error":
          return void this.told(event.payload)
        case "Closed":
          return this.closed(event.error)
      }
    })
  }

  /** Finds out why the connection ended: waits a moment for the process to end, and says what is known then. */
  explain(done: (error: ActorError) => void): void {
    if (this.exit !== undefined) return done(this.whyGone())
    let waiting = true
    const finish = () => {
      if (!waiting) return
      waiting = false
      timer.interruptUnsafe()
      done(this.whyGone())
    }
    // One that has said why it fails, or goodbye, is on its way out: its exit is worth a longer wait.
    const bound = this.failure === null && this.channel?.bye === undefined
      ? this.timeouts.explain
      : this.timeouts.terminate
    const timer = Effect.runForkWith(this.context)(Effect.sleep(bound))
    this.explaining.push(finish)
    timer.addObserver(finish)
  }

  /** What the actor says of its own failure; nothing where only its cleanup failed. */
  told(
    payload: Uint8Array
  ): { readonly step: SpawnStep; readonly error: { reason: string; failure: Boxed | null } } | undefined {
    const decoded = decodeFailure(payload)
    if (!decoded.ok) return { step: "ready", error: { reason: decoded.issue, failure: null } }
    const failure = decoded.value
    if (failure._tag === "CleanupFailed") {
      this.local.events.publish({ _tag: "ActorCleanupFailed", actor: this.actor, failure: failure.boxed })
      return undefined
    }
    if (failure._tag === "BackgroundFailed") {
      this.local.events.publish({ _tag: "BackgroundFailed", actor: this.actor, failure: failure.boxed })
      return undefined
    }
    if ("boxed" in failure) this.failure = failure.boxed
    return {
      step: failure._tag === "SpawnFailed" ? failure.step as SpawnStep : "ready",
      error: {
        reason: "boxed" in failure ? failure.boxed.message : failure._tag,
        failure: "boxed" in failure ? failure.boxed : null
      }
    }
  }

  /** Ends the actor in somebody's name, and waits until it is reaped. */
  end(cancellation: Cancellation): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.beginEnd(cancellation)
      return this.gone
    })
  }

  /** Ends an actor that is not ready: there is nobody to ask. */
  readonly discard: Effect.Effect<void> = Effect.suspend(() => {
    // What happens to it from here on is no loss to anybody.
    this.cancellation ??= { by: this.local.info.id, reason: "not ready", deadline: 0 }
    this.input("lost")
    return this.gone
  })

  /** Starts ending the actor without waiting. */
  beginEnd(cancellation: Cancellation): void {
    this.cancellation ??= cancellation
    this.input("end")
  }

  /** When the process is reaped. */
  readonly gone: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const forget = this.whenGone(() => resume(Effect.void))
    return Effect.sync(forget)
  })

  readonly wait: Effect.Effect<ActorExit> = Effect.map(this.gone, () => this.ended)

  /** How it ended; asked once it is gone. */
  get ended(): ActorExit {
    return this.loss === undefined ? { _tag: "Ended" } : { _tag: "Lost", error: this.loss }
  }

  /** Calls back once the process is reaped. */
  whenGone(callback: () => void): () => void {
    if (this.rung === "Gone") {
      callback()
      return () => {}
    }
    this.waiters.push(callback)
    return () => {
      this.waiters = this.waiters.filter((other) => other !== callback)
    }
  }

  private input(input: Ladder.Input): void {
    const before = this.rung
    const [rung, actions] = Ladder.step(before, input)
    this.rung = rung
    if (rung !== before) {
      this.stopTimer()
      this.local.events.publish({ _tag: "ActorEnding", actor: this.actor, rung })
    }
    for (const action of actions) this.execute(action)
  }

  private execute(action: Ladder.Action): void {
    switch (action._tag) {
      case "Ask": {
        const { by, reason } = this.cancellation!
        this.channel?.send({ _tag: "CancelActor", by, reason, deadline: wireMillis(this.bound("finalizers")) })
        return
      }
      case "Signal":
        return this.handle.signal(action.signal)
      case "CloseChannel":
        this.channel?.close()
        return
      case "Wait": {
        const timer = Effect.runForkWith(this.context)(Effect.sleep(this.bound(action.bound)))
        this.timer = timer
        timer.addObserver((exit) => {
          if (Exit.isSuccess(exit) && this.timer === timer) this.input("elapsed")
        })
        return
      }
      case "Done":
        return this.done()
    }
  }

  private bound(bound: Ladder.Bound): number {
    const configured = this.timeouts[bound]
    const { ending } = this.local
    if (ending === undefined || bound !== "finalizers") return configured
    const left = ending.until - monotonicMillis(Context.get(this.context, Clock.Clock))
    const reserve = this.timeouts.cancelAck + this.timeouts.terminate + margin
    // Deep down half of what is left is more: an actor that answers needs no reserve, one that does not ends with us.
    return Math.max(0, Math.min(configured, Math.max(left - reserve, left / 2)))
  }

  private done(): void {
    this.stopTimer()
    // An exit that nobody asked for is a loss. One that took its leave and ended well was asked for by somebody else.
    // One that could not be killed is a loss to everybody.
    if (this.isStillThere || this.cancellation === undefined && !this.tookItsLeave) this.lose(this.lost())
    // The exit may be known before the end of the connection is: whoever waits for a word hears of the loss.
    if (this.cancellation === undefined) this.channel?.lose(this.whyGone())
    else if (this.loss === undefined) this.channel?.close()
    else this.channel?.lose(this.loss)
    Deferred.doneUnsafe(this.opened, Exit.succeed(undefined))
    this.local.children.delete(this)
    this.local.events.publish({ _tag: "ActorEnded", actor: this.actor, how: this.loss?._tag ?? "ended" })
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter()
  }

  private unregister(): void {
    const { reach } = this.local
    if (reach === undefined) return
    Effect.runForkWith(this.context)(reach.directory.gone(this.actor.uuid))
    try {
      reach.forget(this.actor)
    } catch (error) {
      // The exit is to be told all the same: whoever waits for it would wait for ever.
      Effect.runForkWith(this.context)(Effect.logError("a transport could not forget an actor that has ended", error))
    }
  }

  private closed(error: ActorError): void {
    if (this.cancellation === undefined && this.rung === "Running") this.lose(error)
    this.input("lost")
  }

  private lose(error: ActorError): void {
    if (this.loss !== undefined) return
    this.loss = error
    this.local.events.publish({ _tag: "ActorLost", actor: this.actor, error })
  }

  private get isStillThere(): boolean {
    return this.exit !== undefined && this.exit.code === null && this.exit.signal === null
  }

  /** Somebody else asked it to end, and it did. */
  private get tookItsLeave(): boolean {
    return this.channel?.bye !== undefined && (this.exit === undefined || this.exit.code === 0)
  }

  private whyGone(): ActorError {
    return this.loss ?? (this.tookItsLeave ? new ChannelClosed({ side: "peer", actor: this.actor }) : this.lost())
  }

  private lost(): ActorLost {
    const { exit } = this
    return withoutStack(() =>
      new ActorLost({
        actor: this.actor,
        how: exit === undefined || this.isStillThere
          ? { _tag: "ConnectionClosed" }
          : exit.signal === null
          ? { _tag: "Exited", code: exit.code ?? -1 }
          : { _tag: "Signalled", signal: exit.signal },
        began: "maybe",
        stderr: this.handle.lastLines(),
        failure: this.failure
      })
    )
  }

  private stopTimer(): void {
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }
}
