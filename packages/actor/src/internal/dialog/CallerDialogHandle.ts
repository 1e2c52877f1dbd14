/**
 * A dialog in the hands of its caller (tractor's Context; features CTX-1 to CTX-17, table 26.1).
 *
 *   open -> Start -> Started arrives -> body runs -> our half stops -> the callee's last word -> open resolves
 *
 * The body is raced with the far end: a far failure interrupts it and is what `open` fails with. Leaving the body
 * normally waits for the callee and drops what nobody read; leaving it by a failure or an interruption cancels the
 * callee and waits for its last word. Our own acknowledged cancel is absorbed; everybody else's is raised.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type { Cancellation } from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { Call } from "../contract/Call.ts"
import type { Dialog, DialogState, MsgStream, StreamOptions } from "../contract/DialogCall.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { type ActorId, ChannelClosed, ContextCancelled, PayloadInvalid, StreamOverrun } from "../errors/ActorError.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { Outlet, windowOf } from "../stream/Flow.ts"
import * as MsgStreamLive from "../stream/MsgStream.ts"
import { received, StreamReader } from "../stream/StreamReader.ts"
import { cancellationOf, CurrentBodies, type DialogContext, type DialogInfo } from "./DialogContext.ts"
import { outcome, type Settled } from "./Outcome.ts"
import { CallerDialog, cancelAndWait, type Delivered, prepare, start } from "./OutgoingDialog.ts"

/** What is opened, where. */
export interface Opening {
  readonly channel: PeerChannel
  readonly env: DialogContext
  readonly call: Call<AnyEndpoint>
  readonly callee: ActorId
  readonly options: StreamOptions | undefined
}

class OpenDialog {
  readonly dialog: CallerDialog
  /** Who answers: over a relay not the peer of our connection. */
  readonly callee: ActorId
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly call: Call<AnyEndpoint>
  private readonly info: DialogInfo
  private readonly receiver: StreamReader
  private readonly scope = Scope.makeUnsafe()
  private readonly context: Context.Context<never>
  private outlet: Outlet | undefined
  /** Our own cancel, the first one asked for. */
  private cancelled: Cancellation | undefined
  private exit: Exit.Exit<unknown, unknown> | undefined
  private readonly firstValue = Deferred.makeUnsafe<unknown, unknown>()
  private readonly last = Deferred.makeUnsafe<unknown, unknown>()
  /** What wakes the body: a failure from afar, or our own cancel from outside the body. */
  private readonly woken = Deferred.makeUnsafe<never, unknown>()

  constructor({ call, callee, channel, env, options }: Opening, context: Context.Context<never>) {
    this.callee = callee
    this.channel = channel
    this.env = env
    this.call = call
    this.context = context
    this.dialog = new CallerDialog(
      channel,
      "dialog",
      (word) => this.delivered(word),
      (settled) => this.settled(settled)
    )
    this.receiver = new StreamReader({
      channel,
      dialog: this.dialog.id,
      endpoint: call.endpoint.name,
      actor: this.channel.peer,
      maker: "callee",
      items: codecs(call.endpoint).items,
      window: windowOf(options),
      overflow: options?.overflow,
      failFirst: true,
      isOver: () => this.dialog.isDone,
      overrun: () => this.overrun()
    })
    this.info = { side: "caller", endpoint: call.endpoint.name, peer: callee, id: this.dialog.id }
  }

  /** Runs the body as one that knows its dialog. */
  inside<A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.withFiber((fiber) =>
      Effect.provideService(body, CurrentBodies, [this.info, ...fiber.getRef(CurrentBodies)])
    )
  }

  /** The first value, or why there is none. */
  get first(): Effect.Effect<unknown, unknown> {
    return Deferred.await(this.firstValue)
  }

  get wake(): Effect.Effect<never, unknown> {
    return Deferred.await(this.woken)
  }

  get result(): Effect.Effect<unknown, unknown> {
    return Deferred.await(this.last)
  }

  /** What our own cancel of this dialog came to, if that is how it ended. */
  ownCancelOf(cause: Cause.Cause<unknown>): ContextCancelled | undefined {
    if (this.cancelled === undefined) return undefined
    const { error } = cause.reasons.find((reason) => reason._tag === "Fail") ?? { error: undefined }
    return error instanceof ContextCancelled && error.by.uuid === this.cancelled.by.uuid &&
        error.actor.uuid === this.callee.uuid
      ? error
      : undefined
  }

  /** Whether the callee answered our own cancel: table 26.1, "acked". */
  isAcknowledged(cause: Cause.Cause<unknown>): boolean {
    return this.ownCancelOf(cause)?.acknowledged === true
  }

  /** Nobody waits for its last word any more: it was said, or the bound of our cancel has passed. */
  get isOver(): boolean {
    return this.exit !== undefined
  }

  /** Our half ends, and whatever the callee still sends is dropped and paid for. */
  readonly leave: Effect.Effect<void> = Effect.sync(() => {
    if (this.dialog.isDone) return
    this.dialog.stop()
    this.receiver.close()
  })

  /** The callee is told to stop, and waited for; whoever waits here is told when the bound has passed (DESIGN D22). */
  cancelFor(cancellation: Cancellation): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isOver) return Effect.void
      this.cancelled ??= cancellation
      return Effect.andThen(
        cancelAndWait(this.dialog, this.channel, this.env, this.call.endpoint.name, cancellation),
        Effect.sync(() => this.isOver ? undefined : this.ended(Exit.fail(this.ownCancel())))
      )
    })
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => Scope.close(this.scope, Exit.void))

  handle(first: unknown): Dialog<any, any, any, any, any> {
    return {
      first,
      stream: this.stream(),
      result: this.result as Effect.Effect<any, any>,
      outcome: Effect.sync(() => Option.fromUndefinedOr(this.exit)) as Effect.Effect<Option.Option<any>>,
      cancel: (reason = "cancelled") => this.cancel(reason),
      state: Effect.sync(() => this.state()),
      callee: this.callee
    }
  }

  private cancel(reason: string): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      if (this.isOver) return Effect.void
      const { by, deadline } = cancellationOf(fiber, this.env, fiber.getRef(Timeouts).cancel)
      // Somebody outside the body cancels it: the body, parked elsewhere, is woken (features CANC-13).
      const outside = !fiber.getRef(CurrentBodies).includes(this.info)
      return Effect.andThen(
        this.cancelFor({ by, reason, deadline }),
        Effect.sync(() => {
          if (outside) Deferred.doneUnsafe(this.woken, Exit.fail(this.ownCancel()))
        })
      )
    })
  }

  private ownCancel(): ContextCancelled {
    const { by, reason } = this.cancelled!
    return new ContextCancelled({ actor: this.callee, by, reason, acknowledged: this.dialog.isDone })
  }

  private state(): DialogState {
    const cancelCalled = this.cancelled !== undefined
    if (this.exit === undefined) {
      return { state: cancelCalled ? "cancelling" : "open", cancelCalled, cancelAcknowledged: false }
    }
    if (Exit.isSuccess(this.exit)) return { state: "returned", cancelCalled, cancelAcknowledged: false }
    const own = this.isAcknowledged(this.exit.cause)
    const isCancel = this.exit.cause.reasons.some((reason) =>
      reason._tag === "Fail" && reason.error instanceof ContextCancelled
    )
    return { state: isCancel ? "cancelled" : "failed", cancelCalled, cancelAcknowledged: own }
  }

  private stream(): MsgStream<any, any, any> {
    return MsgStreamLive.make<any, any, any>({
      receiver: this.receiver,
      outlet: this.outlet!,
      peer: this.channel.peer,
      self: this.env.self,
      endpoint: this.call.endpoint.name,
      stop: () => this.dialog.stop(),
      over: () => this.over(),
      scope: this.scope,
      context: this.context
    })
  }

  private over(): Effect.Effect<never, unknown> | undefined {
    if (this.exit === undefined) return this.cancelled === undefined ? undefined : Effect.fail(this.ownCancel())
    return Exit.isFailure(this.exit)
      ? Effect.failCause(this.exit.cause)
      : Effect.fail(new ChannelClosed({ side: "peer", actor: this.channel.peer }))
  }

  private delivered(word: Delivered): void {
    switch (word._tag) {
      case "Started":
        return this.started(word)
      case "Yield":
        return this.receiver.hear(word)
      case "Stop":
        return this.receiver.finish()
      case "Credit":
        if (this.outlet?.grant(word.items, word.bytes) === false) {
          this.channel.violate({ _tag: "CreditExcess", dialog: this.dialog.id })
        }
    }
  }

  private started(word: Message.Started): void {
    const { endpoint } = this.call
    this.outlet = new Outlet({
      channel: this.channel,
      dialog: this.dialog.id,
      window: word.window ?? Credit.defaultWindow,
      items: codecs(endpoint).input,
      invalid: (issue) =>
        Effect.fail(
          new PayloadInvalid({
            actor: this.channel.peer,
            side: "caller",
            endpoint: endpoint.name,
            part: "input",
            issue
          })
        ),
      ended: Effect.suspend(() => this.over() ?? Effect.never)
    })
    const from = { actor: this.channel.peer, side: "callee", endpoint: endpoint.name, part: "started" } as const
    const first = received(word.payload, codecs(endpoint).started, from)
    Deferred.doneUnsafe(this.firstValue, first.ok ? Exit.succeed(first.value) : Exit.fail(first.error))
  }

  private settled(settled: Settled): void {
    // Deciding how it ended is synchronous: decoding only.
    if (!this.isOver) this.ended(Effect.runSyncExit(outcome(settled, this.call.endpoint, this.channel)))
  }

  private ended(exit: Exit.Exit<unknown, unknown>): void {
    this.exit = exit
    this.outlet?.release()
    Deferred.doneUnsafe(this.last, exit)
    if (Exit.isSuccess(exit)) return this.receiver.finish()
    Deferred.doneUnsafe(this.firstValue, exit as Exit.Exit<never, unknown>)
    this.receiver.fail(exit as Exit.Exit<never, unknown>)
    // Our own cancel does not interrupt the body that asked for it (features CANC-1).
    if (this.ownCancelOf(exit.cause) === undefined) Deferred.doneUnsafe(this.woken, exit as Exit.Exit<never, unknown>)
  }

  private overrun(): void {
    const error = new StreamOverrun({ actor: this.env.self, endpoint: this.call.endpoint.name })
    this.receiver.fail(Effect.fail(error))
    Deferred.doneUnsafe(this.woken, Exit.fail(error))
    this.dialog.cancel({ by: this.env.self, reason: "its stream overran its reader", deadline: 0 })
  }
}

const begin = (opening: Opening, fiber: Fiber.Fiber<unknown, unknown>): OpenDialog | PayloadInvalid => {
  const { call, channel, env, options } = opening
  const payload = prepare(call, channel)
  if (payload instanceof PayloadInvalid) return payload
  const open = new OpenDialog(opening, fiber.context)
  start(open.dialog, channel, fiber, env, call.endpoint, windowOf(options), payload)
  return open
}

/** In whose name a caller that leaves early cancels. */
const leaving = (env: DialogContext, exit: Exit.Exit<unknown, unknown>): Effect.Effect<Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, env, fiber.getRef(Timeouts).cancel)
    const failed = Exit.isFailure(exit) && exit.cause.reasons.some((reason) => reason._tag !== "Interrupt")
    return Effect.succeed(
      inherited.reason === "interrupted" && failed ? { ...inherited, reason: "the caller failed" } : inherited
    )
  })

/** Opens a dialog, runs the body in it, and leaves nothing of it behind. */
export const open = (
  opening: Opening,
  body: (dialog: Dialog<any, any, any, any, any>) => Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const dialog = begin(opening, fiber)
      if (dialog instanceof PayloadInvalid) return Effect.fail(dialog)
      const work = Effect.flatMap(dialog.first, (first) =>
        Effect.raceFirst(
          Effect.flatMap(
            dialog.inside(Effect.suspend(() => body(dialog.handle(first)))),
            (value) => Effect.as(joined(dialog), value)
          ),
          dialog.wake
        ))
      return Effect.flatMap(Effect.exit(restore(work)), (exit) =>
        Effect.flatMap(leaving(opening.env, exit), (cancellation) =>
          Effect.andThen(
            dialog.cancelFor(cancellation),
            Effect.andThen(dialog.close, exit)
          )))
    })
  )

/** The body is done: our half ends, and the callee's result is waited for; our own cancel is absorbed. */
const joined = (dialog: OpenDialog): Effect.Effect<void, unknown> =>
  Effect.andThen(
    dialog.leave,
    Effect.matchCauseEffect(dialog.result, {
      onSuccess: () => Effect.void,
      onFailure: (cause) => dialog.isAcknowledged(cause) ? Effect.void : Effect.failCause(cause)
    })
  )

/** The same without a body: the dialog is cancelled when the Scope closes, and a far failure wakes nobody. */
export const openScoped = (
  opening: Opening
): Effect.Effect<Dialog<any, any, any, any, any>, unknown, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const dialog = begin(opening, fiber)
      if (dialog instanceof PayloadInvalid) return Effect.fail(dialog)
      const end = (exit: Exit.Exit<unknown, unknown>) =>
        Effect.flatMap(leaving(opening.env, exit), (cancellation) =>
          Effect.andThen(dialog.cancelFor(cancellation), dialog.close))
      return Effect.flatMap(Effect.exit(restore(dialog.first)), (exit) =>
        Exit.isFailure(exit)
          ? Effect.andThen(end(exit), Effect.failCause(exit.cause))
          : Effect.as(Effect.addFinalizer(end), dialog.handle(exit.value)))
    })
  )
