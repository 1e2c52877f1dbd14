/**
 * The callee's side of a dialog: runs its handler in a fiber of its own, and carries out what `Dialog.calleeStep`
 * decides. The handler's exit becomes the last word; a cancel by the caller, or the loss of the caller, interrupts the
 * handler, whose interruption carries an author and a reason. A failure that no caller can read becomes an event and an
 * Error log.
 *
 * @since 0.1.0
 */
import * as Dialog from "@furrow/protocol/Dialog"
import type * as Protocol from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { CalleePort } from "../channel/Port.ts"
import { codecs, isInternal } from "../contract/Endpoint.ts"
import { aboveLimit } from "../errors/ActorError.ts"
import { box, isA } from "../errors/Boxing.ts"
import { annotation } from "../errors/CancelledBy.ts"
import { raisedBy } from "../errors/raised.ts"
import { ageOf, type Collecting, type DialogInspection } from "../inspect/Inspection.ts"
import { Batch } from "../stream/Batch.ts"
import { Outlet } from "../stream/Outlet.ts"
import { CalleeDialogHandle } from "./CalleeDialogHandle.ts"
import { CurrentDialog, type DialogContext, type RunningHandler, withMeta } from "./DialogContext.ts"
import type { Handler } from "./Dispatcher.ts"
import { cancelledWith, encodeFailureWithin, failureOf } from "./Failures.ts"
import { reportUnread } from "./Outcome.ts"
import { areRead, attributesOf } from "./Spans.ts"

/** The callee's side of one dialog, which the peer has opened. */
export class IncomingDialog implements CalleePort {
  readonly side = "callee"
  private state: Dialog.CalleeState<Exit.Failure<unknown, unknown>>
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private exit: Exit.Exit<unknown, unknown> | undefined
  private outlet: Outlet | undefined
  private handle: CalleeDialogHandle | undefined
  private readonly running: RunningHandler
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly handler: Handler
  private readonly opened: Message.Start
  private readonly ended: (dialog: IncomingDialog) => void
  private readonly since: number
  /** The index of the dialog in this actor's record of calls. */
  private readonly place: number | undefined

  constructor(
    channel: PeerChannel,
    env: DialogContext,
    handler: Handler,
    opened: Message.Start,
    ended: (dialog: IncomingDialog) => void
  ) {
    this.state = Dialog.accept(opened.kind)
    this.channel = channel
    this.env = env
    this.handler = handler
    this.opened = opened
    this.ended = ended
    this.since = channel.turn.now()
    this.running = {
      cancellation: undefined,
      info: { side: "callee", endpoint: opened.endpoint, peer: channel.peer, id: opened.dialog }
    }
    this.place = env.recorder?.begin(opened.endpoint, channel.peer, opened.dialog, this.since)
  }

  get isDone(): boolean {
    return this.state._tag === "Done"
  }

  get id(): number {
    return this.opened.dialog
  }

  get endpoint(): string {
    return this.opened.endpoint
  }

  inspect(): DialogInspection {
    const { channel, fiber, handle, opened, outlet, since, state } = this
    return {
      side: "callee",
      id: opened.dialog,
      endpoint: opened.endpoint,
      kind: opened.kind,
      state: state._tag,
      ageMillis: ageOf(since, channel.turn.now()),
      within: null,
      fiber: fiber?.id ?? null,
      ...handle?.inspect() ?? { in: null, out: outlet?.inspect() ?? null }
    }
  }

  collect(into: Collecting, peer: string): void {
    const place = { peer, id: this.opened.dialog, side: "callee" as const }
    into.fiber(this.fiber)
    this.handle?.collect(into, place)
    into.hold(this.outlet?.waiters ?? [], "Write", place)
  }

  run(payload: unknown): void {
    const { channel, env, handler, opened } = this
    const context = Context.add(withMeta(handler.context, opened.meta), CurrentDialog, this.running)
    let effect = Effect.scoped(
      Effect.suspend(() => this.work(payload))
    )
    if (opened.meta?.trace !== undefined && areRead(handler.context)) {
      const parent = Context.get(context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
      effect = Effect.withSpan(effect, handler.endpoint.name, {
        kind: "server",
        parent,
        // The span of a call records no stack, because the stack would be that of the runtime for every call.
        captureStackTrace: false,
        attributes: attributesOf(opened.endpoint, env.self, channel.peer)
      })
    }
    this.tellOpened()
    const fiber = Effect.runForkWith(context)(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.exited(exit)
    this.fiber = fiber
    // A cancel that arrived while the handler of a dialog was starting interrupts the handler at once.
    if (this.running.cancellation !== undefined) fiber.interruptUnsafe(undefined, annotation(this.running.cancellation))
    fiber.addObserver((exit) => this.exited(exit))
  }

  private tellOpened(): void {
    const { channel: { events, peer }, opened: { dialog: id, endpoint } } = this
    if (!events.isWatched || isInternal(endpoint)) return
    events.tell({ _tag: "DialogOpened", side: "callee", peer, id, endpoint })
  }

  private tellEnded(): void {
    const { channel: { events, peer }, exit, opened: { dialog: id, endpoint }, since } = this
    if (!events.isWatched || isInternal(endpoint)) return
    const end = Exit.isSuccess(exit!) ? "ok" : Cause.hasInterrupts(exit!.cause) ? "cancelled" : "failed"
    events.tell({
      _tag: "DialogEnded",
      side: "callee",
      peer,
      id,
      endpoint,
      end,
      millis: this.channel.turn.now() - since
    })
  }

  heard(word: Message.FromCaller): void {
    this.input({ _tag: "Heard", word })
  }

  lost(): void {
    this.input({ _tag: "Lost" })
  }

  /**
   * Interrupts the handler of the dialog. Only the first author of an interruption counts; a second call of `interrupt`
   * only repeats the interruption.
   */
  interrupt(cancellation: Dialog.Cancellation): void {
    this.running.cancellation ??= cancellation
    this.fiber?.interruptUnsafe(undefined, annotation(this.running.cancellation))
  }

  /** Ends the handler with an error of the dialog, which outranks the handler's own result. */
  failWith(error: unknown, cancellation?: Dialog.Cancellation): void {
    this.input({
      _tag: "Fail",
      failure: Exit.die(error) as Exit.Failure<unknown, unknown>,
      cancellation: cancellation ?? { by: this.env.self, reason: String(error), deadline: 0 }
    })
  }

  private work(payload: unknown): Effect.Effect<unknown, unknown, Scope.Scope> {
    const { handler } = this.handler
    switch (this.handler.endpoint.kind) {
      case "call":
        return handler(payload) as Effect.Effect<unknown, unknown, Scope.Scope>
      case "stream":
        return this.produce(handler(payload) as Stream.Stream<unknown, unknown, Scope.Scope>)
      case "dialog":
        return Effect.suspend(() => {
          this.handle = new CalleeDialogHandle({
            channel: this.channel,
            env: this.env,
            opened: this.opened,
            endpoint: this.handler.endpoint,
            machine: {
              isOver: () => this.state._tag !== "Open" && this.state._tag !== "Fresh",
              isFresh: () => this.state._tag === "Fresh",
              isStopped: () => this.state._tag === "Open" && this.state.ours === "stopped",
              started: () => this.input({ _tag: "Started" }),
              stop: () => this.input({ _tag: "Stop" }),
              interrupt: (cancellation) => this.interrupt(cancellation),
              failWith: (error) => this.failWith(error)
            }
          })
          return handler(payload, this.handle.handle) as Effect.Effect<unknown, unknown, Scope.Scope>
        })
    }
  }

  private produce(stream: Stream.Stream<unknown, unknown, Scope.Scope>): Effect.Effect<unknown, unknown, Scope.Scope> {
    const { endpoint } = this.handler
    const outlet = new Outlet({
      channel: this.channel,
      dialog: this.opened.dialog,
      window: this.opened.window!,
      items: codecs(endpoint).items,
      invalid: (issue) => Effect.die(new InvalidResult("item", issue))
    })
    this.outlet = outlet
    const batch = new Batch({
      outlet,
      context: this.handler.context,
      failed: (exit) => this.failWith(unsendable(exit))
    })
    // The code for the end of a stream is uninterruptible, so that a later cancel cannot replace the stream's failure.
    return Effect.uninterruptibleMask((restore) =>
      Effect.matchCauseEffect(restore(Stream.runForEachArray(stream, (items) => batch.add(items))), {
        onSuccess: () => restore(batch.rest),
        // Items that a stream made before its failure are sent before the failure.
        onFailure: (cause) =>
          Cause.hasInterrupts(cause) || batch.isEmpty
            ? Effect.failCause(cause)
            : Effect.andThen(restore(batch.rest), Effect.failCause(cause))
      })
    )
  }

  private exited(exit: Exit.Exit<unknown, unknown>): void {
    const early = this.state._tag === "Fresh" && Exit.isSuccess(exit)
    this.exit = early ? Exit.die(neverStarted(this.handler.endpoint.name)) : exit
    this.outlet?.release()
    if (this.place !== undefined) this.env.recorder!.end(this.place)
    this.input({ _tag: "Exited" })
    this.tellEnded()
    this.ended(this)
  }

  private input(input: Dialog.CalleeInput<Exit.Failure<unknown, unknown>>): void {
    const [state, actions] = Dialog.calleeStep(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Dialog.CalleeAction<Exit.Failure<unknown, unknown>>): void {
    switch (action._tag) {
      case "Interrupt":
        return this.interrupt(
          action.cancellation === "caller-lost"
            ? { by: this.env.self, reason: "caller-lost", deadline: 0 }
            : action.cancellation
        )
      case "Deliver":
        return this.deliver(action.word)
      case "SendLast":
        // The failure of a stream is sent behind the items of the stream, unless the reader has given up these items.
        return this.channel.send(
          this.lastWord(action.failure, action.asked),
          this.handler.endpoint.kind === "stream" && !action.asked
        )
      case "Unheard":
        return this.unheard()
      case "Forget":
        return this.channel.forget(this.opened.dialog)
      case "Violate":
        return this.channel.violate(action.violation)
      case "SendStarted":
        return this.handle?.sendStarted()
      case "SendStop":
        return this.channel.send({ _tag: "Stop", dialog: this.opened.dialog })
    }
  }

  private deliver(word: Message.Yield | Message.Credit | Message.Stop): void {
    if (this.handle !== undefined) return this.handle.hear(word)
    if (word._tag === "Credit" && this.outlet?.grant(word.items, word.bytes) === false) {
      this.channel.violate({ _tag: "CreditExcess", dialog: this.opened.dialog })
    }
  }

  private lastWord(
    failure: Exit.Failure<unknown, unknown> | undefined,
    asked: boolean
  ): Message.Return | Message.Error {
    const { dialog } = this.opened
    const limit = this.channel.maxFrame - 64
    try {
      const exit = failure === undefined ? this.exit! : withCleanup(failure, this.exit!)
      return this.say(exit, limit, asked)
    } catch (defect) {
      // A contract whose errors have no codec cannot encode the handler's error, so the caller gets a failure that
      // names the missing codec.
      const said: Protocol.Failure = {
        _tag: "Defect",
        boxed: box(defect, this.env.self),
        others: [],
        ending: this.env.cancellation() !== undefined
      }
      return { _tag: "Error", dialog, payload: encodeFailureWithin(said, limit, this.env.self) }
    }
  }

  private say(exit: Exit.Exit<unknown, unknown>, limit: number, asked: boolean): Message.Return | Message.Error {
    const { dialog } = this.opened
    const { endpoint } = this.handler
    if (Exit.isFailure(exit)) {
      return { _tag: "Error", dialog, payload: encodeFailureWithin(this.failure(exit, asked), limit, this.env.self) }
    }
    const encoded = codecs(endpoint).success.encode(endpoint.kind === "stream" ? undefined : exit.value)
    if (encoded.ok && encoded.value.length <= limit) return { _tag: "Return", dialog, payload: encoded.value }
    const issue = encoded.ok ? aboveLimit(encoded.value.length, limit) : encoded.issue
    const failure: Protocol.Failure = { _tag: "PayloadInvalid", part: "success", issue }
    return { _tag: "Error", dialog, payload: encodeFailureWithin(failure, limit, this.env.self) }
  }

  private unheard(): void {
    const exit = this.exit!
    if (Exit.isSuccess(exit)) return
    const cause = withoutInterrupts(exit.cause)
    if (cause.reasons.length === 0) return
    reportUnread(this.env, this.handler.context, this.env.self, this.handler.endpoint, cause)
  }

  private failure(exit: Exit.Failure<unknown, unknown>, asked: boolean): Protocol.Failure {
    const { endpoint } = this.handler
    const ending = this.env.cancellation() !== undefined
    // The last word of a cancelled stream says that the stream was cancelled, so that the caller can tell failures of
    // its finalizers from earlier failures.
    if (asked && endpoint.kind === "stream" && Cause.hasInterrupts(exit.cause)) {
      return cancelledWith(exit.cause, this.env.self, ending)
    }
    for (const reason of exit.cause.reasons) {
      const thrown = raisedBy(reason)
      const invalid = isA(thrown, InvalidResult) ? thrown : this.handle?.invalidOf(thrown)
      if (invalid !== undefined) return { _tag: "PayloadInvalid", part: invalid.part, issue: invalid.issue }
    }
    return failureOf(exit.cause, endpoint, this.env.self, ending)
  }
}

const withoutInterrupts = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.fromReasons(cause.reasons.filter((reason) => reason._tag !== "Interrupt"))

/**
 * Adds to a failure of the runtime the failures of the handler's finalizers, which ran after the failure of the
 * runtime.
 */
const withCleanup = (
  failure: Exit.Failure<unknown, unknown>,
  exit: Exit.Exit<unknown, unknown>
): Exit.Failure<unknown, unknown> =>
  Exit.isSuccess(exit)
    ? failure
    : Exit.failCause(Cause.combine(failure.cause, withoutInterrupts(exit.cause))) as Exit.Failure<unknown, unknown>

const neverStarted = (endpoint: string): Error =>
  new Error(
    `the handler of ${endpoint} ended without calling started: its caller was still waiting for the first value`
  )

/**
 * The error of a handler whose value does not match its schema: the error ends the handler, and becomes
 * `PayloadInvalid` for the caller.
 */
class InvalidResult {
  readonly part: string
  readonly issue: string
  constructor(part: string, issue: string) {
    this.part = part
    this.issue = issue
  }

  toString(): string {
    return this.issue
  }
}

/** The reason for which the items of a stream could not be sent. */
const unsendable = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : new InvalidResult("item", "it matches its schema only sometimes")
