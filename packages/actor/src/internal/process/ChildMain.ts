/**
 * Runs an actor below the root on any platform, and carries out the actions of the table of an actor's life (Life.ts).
 *
 * An actor ends because it is told to, because its parent is gone, because its main ended, or because of an uncaught
 * error. Every end of an actor has the same steps, and each step has a bound that no code of the actor can break.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Failure from "@furrow/protocol/Failure"
import type { CancelActor } from "@furrow/protocol/Message"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type { Farewell } from "../channel/Farewell.ts"
import { hello } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { withoutCaller } from "../dialog/DialogContext.ts"
import { type ActorId, formatActor } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { annotation } from "../errors/CancelledBy.ts"
import { raisedIn } from "../errors/raised.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import type { Ending } from "../local/LocalActor.ts"
import { Countdown, elapsed } from "../settings/Elapsed.ts"
import { logError } from "../settings/Log.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import { outside } from "../settings/Turn.ts"
import { readyCodec, type SpawnSpec, specCodec } from "../spawn/SpawnSpec.ts"
import { type ActorMainOptions, type Booted, BootFailed, bootUp } from "./BootUp.ts"
import * as Life from "./Life.ts"
import * as Rehearsal from "./Rehearsal.ts"
import * as Teardown from "./Teardown.ts"

export type { ActorMainOptions, Started } from "./BootUp.ts"
export type { Ended } from "./Life.ts"

/**
 * Runs an actor until it has ended, over the connection to its parent. The effect never fails, and needs no interrupt:
 * the parent ends the actor by the word `CancelActor`.
 *
 * @example
 * ```ts check
 * const reader = SocketConnection.makeReader()
 * const socket = new Net.Socket({ fd: 3, onread: reader.onread })
 * const ended = yield* ActorProcess.run({
 *   actor: frankId,
 *   connection: SocketConnection.make(socket, reader),
 *   load: () => Promise.resolve([isPrime]),
 *   loadModule: native.importModule,
 *   platform: (spec) => ActorProcess.platformOf(spec, native)
 * })
 * ended.code // 0
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const run = (options: ActorMainOptions): Effect.Effect<Life.Ended> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const living = new Living(options, context)
    return Effect.onExit(Deferred.await(living.ended), (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) living.kill()
        else living.release()
      }))
  })

type Failed = Cause.Cause<unknown>

/** The class `Living` holds the resources of one actor; `Life.step` decides the state of the actor's life. */
class Living {
  readonly ended = Deferred.makeUnsafe<Life.Ended>()
  private state: Life.State<Failed> = Life.initial
  private context: Context.Context<never>
  private options: ActorMainOptions
  private readonly channel: PeerChannel
  private readonly events = makeEvents()
  private spec: SpawnSpec | undefined
  private booted: Booted | undefined
  private booting: Fiber.Fiber<Booted, BootFailed> | undefined
  private main: Fiber.Fiber<unknown, unknown> | undefined
  private end: (Ending & { readonly countdown: Countdown }) | undefined
  /** The fibers of the runtime that run as long as this actor lives. */
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private isKilled = false

  constructor(options: ActorMainOptions, context: Context.Context<never>) {
    this.options = options
    this.context = context
    options.onStart?.({
      uncaught: (error) => this.input({ _tag: "Uncaught", error, cause: Cause.die(error) }),
      end: (reason, code) => this.input({ _tag: "Signal", signal: { reason, code } })
    })
    this.channel = new PeerChannel({
      connection: options.connection,
      role: "parent",
      context,
      handshake: { side: "dialler", hello: hello(options.actor, "child") },
      events: this.events
    })
    this.greet()
  }

  /**
   * Ends the actor as if its process had been killed: the actor sends no more words, and all its fibers are
   * interrupted.
   */
  kill(): void {
    this.isKilled = true
    this.release()
    // An actor without a process of its own cuts its connections itself, because no operating system closes them.
    this.booted?.local.reach?.peers.destroy()
  }

  release(): void {
    for (const fiber of this.fibers) fiber.interruptUnsafe()
  }

  private input(input: Life.Input<Failed>, from = this.channel): void {
    if (this.isKilled) return
    try {
      const [state, actions] = Life.step(this.state, input)
      this.state = state
      for (const action of actions) this.execute(action, from)
      if (state._tag === "Ended") Deferred.doneUnsafe(this.ended, Exit.succeed(state.ended))
    } catch (defect) {
      // When the runtime of an actor itself fails, the actor ends at once, and the platform reports the failure.
      Deferred.doneUnsafe(this.ended, Exit.die(defect))
    }
  }

  private execute(action: Life.Action<Failed>, from: PeerChannel): void {
    const { channel } = this
    switch (action._tag) {
      case "Boot":
        return this.boot(this.spec!)
      case "Ack":
        return from.send({ _tag: "CancelAck" })
      case "Serve":
        return this.serve(this.booted!)
      case "AbandonBoot":
        return this.abandon()
      case "SayBootFailed":
        return this.sayBootFailed(bootErrorOf(action.cause, action.why))
      case "SayLeave":
        channel.send({ _tag: "Leave", reason: action.reason })
        this.fork(elapsed(this.spec!.timeouts.finalizers), () => this.input({ _tag: "Elapsed" }))
        return
      case "BeginEnd":
        return this.beginEnd(action.why, this.booted!)
      case "Run":
        this.fork(this.part(action.part, action.why, this.booted!), (exit) => {
          if (Exit.isSuccess(exit)) this.input({ _tag: "Settled", failed: exit.value })
          else if (!this.isKilled) Deferred.doneUnsafe(this.ended, Exit.failCause(exit.cause))
        })
        return
      case "Report":
        return this.report(action.failed, this.booted!)
      case "SayBye":
        if (!channel.isOpen) return
        return channel.sayBye(this.farewell(action.why, action.cleanup))
      case "Close":
        return channel.close()
    }
  }

  private fork<A, E>(effect: Effect.Effect<A, E>, ended: (exit: Exit.Exit<A, E>) => void): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(this.context)(effect)
    this.fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      ended(exit)
    })
    return fiber
  }

  // ---- steps from the greeting to ready ---------------------------------------------------------------------------

  private greet(): void {
    const { channel } = this
    const refused = () => this.input({ _tag: "Refused" })
    channel.onHandshake((result) => {
      if (result._tag !== "Open") return refused()
      channel.route((event) => {
        switch (event._tag) {
          case "Spawn":
            return this.acceptSpec(event.payload)
          case "Start":
            return this.booted?.dispatcher.start(event)
          case "CancelActor":
            return this.cancelled(event, channel)
          case "Closed":
            return this.input({ _tag: "ParentLost" })
        }
      })
    })
  }

  private acceptSpec(payload: Uint8Array): void {
    const spec = specCodec.decode(payload)
    if (!spec.ok) return this.channel.violate({ _tag: "Malformed", word: "Spawn", field: "payload" })
    this.spec = spec.value
    this.name(spec.value.actor)
    this.context = Context.mergeAll(
      this.context,
      Context.make(References.MinimumLogLevel, spec.value.level as LogLevel.LogLevel),
      Context.make(Timeouts, spec.value.timeouts)
    )
    this.input({ _tag: "Spec" })
  }

  /**
   * Gives the actor the name and the uuid that its parent has sent, because the process may have greeted before it had
   * a name.
   */
  private name({ name, uuid }: ActorId): void {
    const actor = { ...this.options.actor, name, uuid }
    this.options = { ...this.options, actor }
    this.channel.rename(actor)
    this.options.onNamed?.(actor)
  }

  private readonly cancelled = ({ by, deadline, reason }: CancelActor, from: PeerChannel): void => {
    const own = by.uuid === this.options.actor.uuid
    this.input({ _tag: "Cancel", cancellation: { by, reason, deadline }, own }, from)
  }

  private boot(spec: SpawnSpec): void {
    const { channel } = this
    const life = {
      ending: () => this.end,
      isLeaving: () => this.state._tag === "Leaving",
      exit: (reason: string) => this.input({ _tag: "Exit", reason }),
      fail: (error: unknown) => this.input({ _tag: "MainFailed", error }),
      drain: () => this.input({ _tag: "Drain" }),
      isDraining: () => "draining" in this.state && this.state.draining,
      cancelled: this.cancelled
    }
    this.booting = this.fork(bootUp(this.options, spec, channel, this.events, life), (exit) => {
      if (Exit.isFailure(exit)) return this.input({ _tag: "BootFailed", cause: exit.cause })
      this.booted = exit.value
      this.input({ _tag: "Booted" })
    })
  }

  /**
   * Interrupts the boot of the actor, and waits for the boot's end only up to a bound, because acquiring a resource is
   * uninterruptible.
   */
  private abandon(): void {
    const { booting, spec } = this
    this.fork(elapsed(spec!.timeouts.finalizers), (exit) => {
      if (Exit.isSuccess(exit)) this.input({ _tag: "BootFailed", cause: Cause.interrupt() })
    })
    booting?.interruptUnsafe()
  }

  private sayBootFailed(failed: BootFailed): void {
    const boxed = box(failed.error, this.options.actor)
    this.channel.send({
      _tag: "Error",
      dialog: 0,
      payload: Failure.encode({ _tag: "SpawnFailed", step: failed.step, boxed })
    })
  }

  private serve({ context, local, main }: Booted): void {
    const ready = readyCodec.encode({ endpoints: Array.from(local.handlers.keys()) })
    if (!ready.ok) throw new Error(ready.issue)
    this.channel.send({ _tag: "Ready", payload: ready.value })
    this.options.onReady?.(Rehearsal.pieces(local.handlers, local.env, withoutCaller(context)))
    if (main === undefined) return
    local.hasMain = true
    this.main = this.fork(Effect.provideContext(main, withoutCaller(context)), (exit) => {
      local.hasMain = false
      this.input(mainEnded(exit))
    })
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  private beginEnd(why: Life.Why, { context, local }: Booted): void {
    const { actor, onEnding } = this.options
    onEnding?.()
    const cancellation = cancellationOf(why, actor, this.spec!.timeouts.finalizers)
    const clock = Context.get(this.context, Clock.Clock)
    const countdown = new Countdown(clock, cancellation.deadline)
    this.fork(countdown.run, () => {})
    this.end = {
      cancellation,
      countdown,
      get until() {
        return monotonicMillis(clock) + countdown.left
      }
    }
    if (why._tag === "Failed") {
      const boxed = box(why.error, actor)
      const payload = Failure.encode({ _tag: "Defect", boxed, others: [], ending: true })
      this.channel.send({ _tag: "Error", dialog: 0, payload })
      if (why.of === "main") {
        Effect.runForkWith(context)(logError("the main of this actor failed", Cause.fail(why.error)))
      }
    }
    local.reach?.peers.stopListening()
    for (const dispatcher of local.serving) {
      if (why._tag === "Failed" && why.of === "actor") dispatcher.failAll(why.error, cancellation)
      else dispatcher.cancelAll(cancellation)
    }
    // The actor is ending because its main has ended, so the actor's end need not wait for the main.
    if (this.main?.pollUnsafe() !== undefined) this.main = undefined
    this.main?.interruptUnsafe(undefined, annotation(cancellation))
  }

  private part(part: Life.Part, why: Life.Why, booted: Booted): Effect.Effect<Failed | undefined> {
    const { local, logs, platformScope, scope } = booted
    const { countdown, cancellation: { deadline } } = this.end!
    const bound = Teardown.cleanupBound(deadline)
    const reserve = deadline - bound
    const { marginMillis } = Teardown
    switch (part) {
      case "handlers":
        return Teardown.awaitHandlers(local.serving, this.main, bound)
      case "layers":
        return Teardown.release(scope, Exit.void, Math.max(marginMillis / 2, countdown.left - reserve), "layers", bound)
      case "logs":
        return Effect.as(Teardown.settled(logs.flush, this.spec!.timeouts.logs), undefined)
      case "output": {
        const { written } = this.options
        if (written === undefined || why._tag === "ParentLost") return Effect.succeed(undefined)
        const left = Math.max(0, countdown.left - marginMillis / 2)
        return Effect.as(Teardown.settled(Effect.orDie(outside(written)), left), undefined)
      }
      case "platform": {
        const { cleanup } = this.state as Extract<Life.State<Failed>, { readonly _tag: "Ending" }>
        local.reach?.peers.close(this.farewell(why, cleanup))
        if (platformScope.state._tag === "Empty") return Effect.succeed(undefined)
        return Teardown.release(
          platformScope,
          Exit.void,
          Math.max(marginMillis / 2, countdown.left - marginMillis),
          "platform"
        )
      }
      case "farewell":
        return Effect.as(Teardown.settled(logs.flush, marginMillis / 2), undefined)
    }
  }

  private report(failed: ReadonlyArray<Failed>, { logs }: Booted): void {
    const cause = Cause.fromReasons(failed.flatMap(({ reasons }) => reasons))
    const options = { actor: this.options.actor, channel: this.channel, logs }
    Effect.runForkWith(this.context)(Teardown.report(cause, options))
  }

  private farewell(why: Life.Why, failed: ReadonlyArray<Failed>): Farewell {
    const { actor } = this.options
    const cleanup = failed.flatMap(raisedIn).slice(0, Life.maxFailures).map((error) => box(error, actor))
    switch (why._tag) {
      case "Returned":
        return { how: { _tag: "Returned" }, cleanup }
      case "Failed":
        return { how: { _tag: "Failed", boxed: box(why.error, actor) }, cleanup }
      default: {
        const { by, reason } = this.end!.cancellation
        return { how: { _tag: "Cancelled", by, reason }, cleanup }
      }
    }
  }
}

const mainEnded = (exit: Exit.Exit<unknown, unknown>): Life.Input<Failed> => {
  if (Exit.isSuccess(exit)) return { _tag: "MainReturned" }
  const reason = exit.cause.reasons.find((reason) => reason._tag !== "Interrupt")
  if (reason === undefined) return { _tag: "MainInterrupted" }
  return { _tag: "MainFailed", error: Cause.isDieReason(reason) ? reason.defect : reason.error }
}

/**
 * Returns the failure of an actor's start: the reason why the actor ended before it was ready, or the error of the
 * start itself.
 */
const bootErrorOf = (cause: Failed, why: Life.Why | undefined): BootFailed => {
  if (why !== undefined) {
    return new BootFailed("import", why._tag === "Failed" ? why.error : new Error(endedEarly(why)))
  }
  const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
  return reason?._tag === "Fail" && reason.error instanceof BootFailed
    ? reason.error
    : new BootFailed("layer", reason?._tag === "Die" ? reason.defect : new Error("interrupted"))
}

/** Returns the text that says why the start of an actor was given up. */
const endedEarly = (why: Life.Why): string => {
  switch (why._tag) {
    case "Self":
      return `ended before it was ready: ${why.reason}`
    case "Cancelled":
      return `ended before it was ready by ${formatActor(why.cancellation.by)}: ${why.cancellation.reason}`
    default:
      return "ended before it was ready"
  }
}

/**
 * Returns the cancellation with which an ending actor interrupts its handlers: an author, a reason, and the
 * milliseconds left for the end.
 */
const cancellationOf = (why: Life.Why, by: ActorId, deadline: number): Cancellation => {
  switch (why._tag) {
    case "Cancelled":
      return why.cancellation.deadline > 0 ? why.cancellation : { ...why.cancellation, deadline }
    case "Self":
      return { by, reason: why.reason, deadline }
    case "ParentLost":
      return { by, reason: "parent-lost", deadline }
    case "Returned":
      return { by, reason: why.reason, deadline }
    case "Failed": {
      if (why.of === "main") return { by, reason: Life.mainEnded, deadline }
      const { message, type } = box(why.error, by)
      return { by, reason: `uncaught ${type}: ${message}`, deadline }
    }
  }
}
