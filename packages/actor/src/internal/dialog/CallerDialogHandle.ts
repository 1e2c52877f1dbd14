/**
 * A dialog as its caller holds it (docs/semantics.md has the table of a dialog's cancellation).
 *
 *   open -> Start -> Started arrives -> body runs -> our half stops -> the callee's last word -> open resolves
 *
 * The body of a dialog is raced with the callee: a failure of the callee interrupts the body, and becomes the failure
 * of `open`. When the body of a dialog has returned, the caller drops unread items, and waits for the callee's result.
 * A body that fails or is interrupted cancels the callee and waits for its last word. An acknowledged cancel that the
 * body itself asked for does not fail the dialog; every other cancel fails `open`.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type * as Protocol from "@furrow/protocol/Dialog"
import { cancelOf } from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { following } from "../channel/Succession.ts"
import type { Call } from "../contract/Call.ts"
import type { Dialog, DialogState, MsgStream, StreamOptions } from "../contract/DialogCall.ts"
import { type AnyEndpoint, type Codecs, codecs } from "../contract/Endpoint.ts"
import { type ActorId, ChannelClosed, ContextCancelled, PayloadInvalid, StreamOverrun } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { raisedBy } from "../errors/raised.ts"
import { windowOf } from "../stream/Inbox.ts"
import * as MsgStreamLive from "../stream/MsgStream.ts"
import { Outlet } from "../stream/Outlet.ts"
import { received, StreamReader } from "../stream/StreamReader.ts"
import { cancelBoundOf, cancellationOf, CurrentBodies, type DialogContext, type DialogInfo } from "./DialogContext.ts"
import { OtherFailures } from "./Failures.ts"
import { outcome, reportUnread, type Settled } from "./Outcome.ts"
import {
  cancelAndWait,
  type Delivered,
  OutgoingDialog,
  prepare,
  type Prepared,
  whenAdmitted
} from "./OutgoingDialog.ts"

/** The call that opens a dialog, and the actor that answers the call. */
export interface Opening {
  readonly channel: PeerChannel
  readonly env: DialogContext
  readonly call: Call<AnyEndpoint>
  readonly callee: ActorId
  readonly options: StreamOptions | undefined
}

class OpenDialog {
  private readonly dialog: OutgoingDialog
  /** The actor that answers the call of the dialog. The callee of a relayed call is not the peer of the connection. */
  readonly callee: ActorId
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly endpoint: AnyEndpoint
  private readonly info: DialogInfo
  private readonly reader: StreamReader
  private readonly context: Context.Context<never>
  /** The sending half of the stream; `undefined` until `Started` has arrived. */
  private outlet: Outlet | undefined
  private readonly firstValue = Deferred.makeUnsafe<unknown, unknown>()
  /** The outcome of the dialog as its machine settled it, decoded once. */
  private readonly last = Deferred.makeUnsafe<unknown, unknown>()
  private bodyExit: Exit.Exit<unknown, unknown> | undefined
  /**
   * The Deferred that wakes the body: it fails after a failure of the callee, or after a cancel from outside the body.
   */
  private readonly woken = Deferred.makeUnsafe<never, unknown>()

  constructor(
    { call, callee, channel, env, options }: Opening,
    prepared: Prepared,
    context: Context.Context<never>
  ) {
    const { endpoint } = call
    this.callee = callee
    this.channel = channel
    this.env = env
    this.endpoint = endpoint
    this.context = context
    const { input, items, started } = codecs(endpoint)
    this.dialog = new OutgoingDialog(channel, "dialog", {
      delivered: (word) => this.delivered(word, input, started),
      settled: (settled) => this.settled(settled),
      flow: () => ({ in: this.reader.inspect(), out: this.outlet?.inspect() ?? null }),
      collect: (into, place) => {
        into.hold(this.reader.waiters, "Read", place)
        into.hold(this.outlet?.waiters ?? [], "Write", place)
        into.hold([this.firstValue, this.last, this.woken], "Call", place)
      }
    })
    this.reader = new StreamReader({
      channel,
      dialog: this.dialog,
      endpoint: endpoint.name,
      actor: channel.peer,
      maker: "callee",
      items,
      window: windowOf(options),
      overflow: options?.overflow,
      failFirst: true,
      isOver: () => this.dialog.isSettled,
      overrun: () => this.overrun(),
      events: env.events,
      cancel: (reason) => this.cancel(reason),
      answer: (message) => this.over() ?? this.closedHere() ?? this.outlet!.answer(message)
    })
    this.dialog.begin(prepared)
    this.info = { side: "caller", endpoint: endpoint.name, peer: callee, id: this.dialog.id }
  }

  /**
   * Runs the body of the dialog; inside the body, `Dialog.current` gives this dialog. The exit of the body is kept,
   * because the race with the callee may replace this exit.
   */
  inside<A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.withFiber((fiber) =>
      Effect.onExit(Effect.provideService(body, CurrentBodies, [this.info, ...fiber.getRef(CurrentBodies)]), (exit) => {
        this.bodyExit = exit
        return Effect.void
      })
    )
  }

  /** Waits for the first value of the callee, or fails with the failure that the callee sent in its place. */
  get first(): Effect.Effect<unknown, unknown> {
    return Deferred.await(this.firstValue)
  }

  get wake(): Effect.Effect<never, unknown> {
    return Deferred.await(this.woken)
  }

  get result(): Effect.Effect<unknown, unknown> {
    return Deferred.await(this.last)
  }

  /** Returns the cancellation in a cause, if the cause is the caller's own cancel of this dialog. */
  ownCancelOf(cause: Cause.Cause<unknown>): ContextCancelled | undefined {
    const own = cancelOf(this.dialog.state)
    if (own?.byUs !== true) return undefined
    const { error } = cause.reasons.find((reason) => reason._tag === "Fail") ?? { error: undefined }
    return error instanceof ContextCancelled && error.by.uuid === own.cancellation.by.uuid &&
        error.actor.uuid === this.callee.uuid
      ? error
      : undefined
  }

  /**
   * True when the callee has acknowledged the caller's own cancel, which the table of docs/semantics.md calls "acked".
   */
  isAcknowledged(cause: Cause.Cause<unknown>): boolean {
    return this.ownCancelOf(cause)?.acknowledged === true
  }

  /**
   * Ends the caller's half of the dialog. Items that the callee still sends are dropped, and their credit is given
   * back.
   */
  readonly leave: Effect.Effect<void> = Effect.sync(() => {
    if (this.dialog.isSettled) return
    this.dialog.stop()
    this.reader.close()
  })

  /**
   * Asks the callee to stop, and waits for its last word no longer than the bound of the cancel. If finalizers of the
   * callee fail, the returned Effect fails with their failures.
   */
  cancelFor(cancellation: Protocol.Cancellation): Effect.Effect<void> {
    return cancelAndWait(this.dialog, this.channel, this.env, this.endpoint, cancellation)
  }

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

  private get exit(): Exit.Exit<unknown, unknown> | undefined {
    // A Deferred that was completed with an Exit holds this Exit as its effect.
    return this.last.effect as Exit.Exit<unknown, unknown> | undefined
  }

  private cancel(reason: string): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      if (this.dialog.isSettled) return Effect.void
      const { by, deadline } = cancellationOf(fiber, this.env, cancelBoundOf(fiber, this.env))
      // A cancel of the dialog from outside its body has to wake the body, because the body may be waiting.
      const outside = !fiber.getRef(CurrentBodies).includes(this.info)
      return Effect.andThen(
        // The exit of the cancel is ignored, because its only failures are those of finalizers, which are also part of
        // the dialog's outcome.
        Effect.exit(this.cancelFor({ by, reason, deadline })),
        Effect.sync(() => {
          if (outside) Deferred.doneUnsafe(this.woken, Exit.fail(this.ownCancel(by, reason)))
        })
      )
    })
  }

  private ownCancel(by: ActorId, reason: string): ContextCancelled {
    const first = cancelOf(this.dialog.state)?.cancellation ?? { by, reason }
    return new ContextCancelled({
      actor: this.callee,
      by: first.by,
      reason: first.reason,
      acknowledged: this.dialog.state._tag === "Done"
    })
  }

  private state(): DialogState {
    const { state } = this.dialog
    const cancelCalled = cancelOf(state)?.byUs === true
    if (this.exit === undefined) {
      return { state: cancelCalled ? "cancelling" : "open", cancelCalled, cancelAcknowledged: false }
    }
    if (Exit.isSuccess(this.exit)) return { state: "returned", cancelCalled, cancelAcknowledged: false }
    const { cause } = this.exit
    const isCancel = cause.reasons.some((reason) => reason._tag === "Fail" && isCancelled(reason.error))
    return { state: isCancel ? "cancelled" : "failed", cancelCalled, cancelAcknowledged: this.isAcknowledged(cause) }
  }

  private stream(): MsgStream<any, any, any> {
    return MsgStreamLive.make<any, any, any>({
      reader: this.reader,
      outlet: this.outlet!,
      peer: this.channel.peer,
      self: this.env.self,
      endpoint: this.endpoint.name,
      stop: () => this.dialog.stop(),
      isStopped: () => this.isStopped,
      over: () => this.over()
    })
  }

  private get isStopped(): boolean {
    return this.dialog.state._tag === "Open" && this.dialog.state.ours === "stopped"
  }

  private closedHere(): Effect.Effect<never, unknown> | undefined {
    return this.isStopped ? this.failClosed("local") : undefined
  }

  private failClosed(side: "local" | "peer"): Effect.Effect<never, ChannelClosed> {
    return Effect.fail(new ChannelClosed({ side, actor: this.channel.peer, dialog: this.endpoint.name }))
  }

  private over(): Effect.Effect<never, unknown> | undefined {
    if (this.exit === undefined) {
      const own = cancelOf(this.dialog.state)
      if (own?.byUs !== true) return undefined
      return Effect.fail(this.ownCancel(own.cancellation.by, own.cancellation.reason))
    }
    return Exit.isFailure(this.exit)
      ? Effect.failCause(this.exit.cause)
      : this.failClosed("peer")
  }

  private delivered(word: Delivered, input: Codecs["input"], started: Codecs["started"]): void {
    switch (word._tag) {
      case "Started":
        return this.started(word, input, started)
      case "Yield":
        return this.reader.hear(word)
      case "Stop":
        return this.reader.finish()
      case "Credit":
        if (this.outlet?.grant(word.items, word.bytes) === false) {
          this.channel.violate({ _tag: "CreditExcess", dialog: this.dialog.id })
        }
    }
  }

  private started(word: Message.Started, input: Codecs["input"], started: Codecs["started"]): void {
    const { channel, endpoint } = this
    this.outlet = new Outlet({
      channel,
      dialog: this.dialog.id,
      window: word.window ?? Credit.defaultWindow,
      items: input,
      isStopped: () => this.isStopped,
      invalid: (issue) =>
        Effect.fail(
          new PayloadInvalid({ actor: channel.peer, side: "caller", endpoint: endpoint.name, part: "input", issue })
        ),
      ended: Effect.suspend(() => this.over() ?? Effect.never)
    })
    const from = { actor: channel.peer, side: "callee", endpoint: endpoint.name, part: "started" } as const
    const first = received(word.payload, started, from)
    Deferred.doneUnsafe(this.firstValue, first.ok ? Exit.succeed(first.value) : Exit.fail(first.error))
  }

  private settled(settled: Settled): void {
    // The outcome of a dialog is computed synchronously, because the computation only decodes the last word. An error
    // that is thrown while the outcome is computed becomes the outcome.
    const exit = Effect.runSyncExit(Effect.suspend(() => outcome(settled, this.endpoint, this.channel, this.callee)))
    Deferred.doneUnsafe(this.last, exit)
    this.outlet?.release()
    if (Exit.isSuccess(exit)) return this.reader.finish()
    Deferred.doneUnsafe(this.firstValue, exit as Exit.Exit<never, unknown>)
    this.reader.fail(exit as Exit.Exit<never, unknown>)
    // A cancel that the body asked for does not interrupt the body.
    if (this.ownCancelOf(exit.cause) === undefined) Deferred.doneUnsafe(this.woken, exit as Exit.Exit<never, unknown>)
  }

  private overrun(): void {
    const error = new StreamOverrun({ actor: this.env.self, endpoint: this.endpoint.name })
    this.reader.fail(Effect.fail(error))
    Deferred.doneUnsafe(this.woken, Exit.fail(error))
    this.dialog.cancel({ by: this.env.self, reason: "its stream overran its reader", deadline: 0 }, false)
  }

  /**
   * Adds to an exit the failures of the Scope's finalizers. A typed error of the exit stays unchanged, and the
   * finalizers' failures are reported.
   */
  closed(exit: Exit.Exit<unknown, unknown>, cleanup: Exit.Exit<void>): Effect.Effect<void> {
    if (Exit.isSuccess(exit) || !isTyped(exit.cause)) return cleanup
    if (Exit.isFailure(cleanup)) this.report(cleanup.cause)
    return Effect.void
  }

  /**
   * Adds the failures of the body's own finalizers and of the callee's finalizers to the exit of a failed or
   * interrupted body.
   */
  withCleanup<A, E>(exit: Exit.Exit<A, E>, far: Exit.Exit<void>): Effect.Effect<A, E> {
    if (Exit.isSuccess(exit)) return exit
    const { cause } = exit
    const own = this.unsaid(cause)
    const failed: ReadonlyArray<readonly [at: ActorId, cause: Cause.Cause<never>]> = [
      ...(own === undefined ? [] : [[this.env.self, own] as const]),
      ...(Exit.isSuccess(far) ? [] : [[this.callee, far.cause] as const])
    ]
    if (failed.length === 0) return exit
    if (!isTyped(cause)) {
      return Effect.failCause(failed.reduce((all: Cause.Cause<E>, [, more]) => Cause.combine(all, more), cause))
    }
    // A typed error with other failures can still be caught: the other failures are attached to the typed error as an
    // annotation, and reported.
    for (const [at, more] of failed) this.report(more, at)
    const others = failed.map(([at, more]) => box(Cause.squash(more), at))
    return Effect.failCause(Cause.annotate(cause, Context.make(OtherFailures, others) as Context.Context<never>))
  }

  /**
   * Returns the failures of the body that are not yet in the given cause, because the callee ended the dialog before
   * the body ended.
   */
  private unsaid(told: Cause.Cause<unknown>): Cause.Cause<never> | undefined {
    if (this.bodyExit === undefined || Exit.isSuccess(this.bodyExit)) return undefined
    const known = new Set(told.reasons.map(raisedBy))
    const reasons = this.bodyExit.cause.reasons.filter((it) => it._tag !== "Interrupt" && !known.has(raisedBy(it)))
    return reasons.length === 0 ? undefined : Cause.fromReasons(reasons) as Cause.Cause<never>
  }

  private report(cause: Cause.Cause<unknown>, at: ActorId = this.callee): void {
    reportUnread(this.env, this.context, at, this.endpoint, cause)
  }
}

const isTyped = (cause: Cause.Cause<unknown>): boolean => cause.reasons.some((reason) => reason._tag === "Fail")

const isCancelled = (error: unknown): boolean => error instanceof ContextCancelled

const begin = (opening: Opening, fiber: Fiber.Fiber<unknown, unknown>): OpenDialog | PayloadInvalid => {
  const { call, channel, env, options } = opening
  const prepared = prepare(call, channel, fiber, env, windowOf(options))
  return prepared instanceof PayloadInvalid ? prepared : new OpenDialog(opening, prepared, fiber.context)
}

/** Makes the cancellation by which a failed or interrupted body cancels its dialog: its author, reason and bound. */
const leaving = (env: DialogContext, exit: Exit.Exit<unknown, unknown>): Effect.Effect<Protocol.Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, env, cancelBoundOf(fiber, env))
    const failed = Exit.isFailure(exit) && exit.cause.reasons.some((reason) => reason._tag !== "Interrupt")
    return Effect.succeed(
      inherited.reason === "interrupted" && failed ? { ...inherited, reason: "the caller failed" } : inherited
    )
  })

/**
 * Cancels the dialog of a failed or interrupted body; the returned exit holds the failures of the callee's finalizers.
 */
const cancelled = (
  dialog: OpenDialog,
  env: DialogContext,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<Exit.Exit<void>> =>
  Effect.exit(Effect.flatMap(leaving(env, exit), (cancellation) => dialog.cancelFor(cancellation)))

/** Opens a dialog, runs the body in it, and closes the dialog at every exit of the body. */
export const open = (
  opening: Opening,
  body: (dialog: Dialog<any, any, any, any, any>) => Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> => following(opening.channel, (channel) => openOn({ ...opening, channel }, body))

const openOn = (
  opening: Opening,
  body: (dialog: Dialog<any, any, any, any, any>) => Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> =>
  whenAdmitted(
    opening.channel,
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
          Effect.flatMap(
            cancelled(dialog, opening.env, exit),
            (cleanup) => dialog.withCleanup(exit, cleanup)
          ))
      })
    )
  )

/**
 * Ends the caller's half of the dialog after the body has returned, and waits for the callee's result. A cancel that
 * the body itself asked for does not fail the dialog.
 */
const joined = (dialog: OpenDialog): Effect.Effect<void, unknown> =>
  Effect.andThen(
    dialog.leave,
    Effect.matchCauseEffect(dialog.result, {
      onSuccess: () => Effect.void,
      onFailure: (cause) => dialog.isAcknowledged(cause) ? Effect.void : Effect.failCause(cause)
    })
  )

/**
 * Opens a dialog without a body. A dialog without a body is cancelled when its Scope closes, and a failure of its
 * callee wakes no fiber.
 */
export const openScoped = (
  opening: Opening
): Effect.Effect<Dialog<any, any, any, any, any>, unknown, Scope.Scope> =>
  following(opening.channel, (channel) => openScopedOn({ ...opening, channel }))

const openScopedOn = (
  opening: Opening
): Effect.Effect<Dialog<any, any, any, any, any>, unknown, Scope.Scope> =>
  whenAdmitted(
    opening.channel,
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const dialog = begin(opening, fiber)
        if (dialog instanceof PayloadInvalid) return Effect.fail(dialog)
        const end = (exit: Exit.Exit<unknown, unknown>) =>
          Effect.flatMap(
            cancelled(dialog, opening.env, exit),
            (cleanup) => dialog.closed(exit, cleanup)
          )
        return Effect.flatMap(Effect.exit(restore(dialog.first)), (exit) =>
          Exit.isFailure(exit)
            ? Effect.andThen(end(exit), Effect.failCause(exit.cause))
            : Effect.as(Effect.addFinalizer(end), dialog.handle(exit.value)))
      })
    )
  )
