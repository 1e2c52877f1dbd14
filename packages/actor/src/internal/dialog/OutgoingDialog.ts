/**
 * The caller's side of a dialog: carries out what `Dialog.callerStep` decides.
 *
 *   run      Start -> one answer                         stream   Start -> chunks, paid for by credit -> the end
 *
 * An interrupted caller sends one Cancel and waits for the callee's last word: the caller resumes when the callee's
 * finalizers have run, or when the bound of the cancel has passed. A dialog whose cancel has passed its bound is listed
 * as stuck, and the owner of the actor continues with the shutdown ladder. A failure of the callee's finalizers is part
 * of the cause with which the caller fails.
 *
 * A call is checked and encoded before its dialog is registered, so that no step between the registration and the
 * `Start` can throw.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import * as Dialog from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { CallerPort } from "../channel/Port.ts"
import { following, followingStream } from "../channel/Succession.ts"
import type { Call } from "../contract/Call.ts"
import { encodeInput } from "../contract/Call.ts"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import type { Rule } from "../contract/PayloadReceiver.ts"
import { aboveLimit, type ActorError, PayloadInvalid } from "../errors/ActorError.ts"
import { ageOf, type Collecting, type DialogInspection, type WaitInspection } from "../inspect/Inspection.ts"
import type { Calls } from "../inspect/Meter.ts"
import { Waiters } from "../settings/Waiters.ts"
import { StreamReader } from "../stream/StreamReader.ts"
import { CallRecord } from "./CallRecord.ts"
import { within } from "./CancelBounds.ts"
import {
  cancelBoundOf,
  cancellationOf,
  CurrentDialog,
  type DialogContext,
  type DialogInfo,
  metaOf,
  wireMillis
} from "./DialogContext.ts"
import { ranAhead } from "./Failures.ts"
import { cleanupFailure, introduceAgain, outcome, reportUnread, type Settled } from "./Outcome.ts"
import * as Spans from "./Spans.ts"

export type Delivered = Extract<Dialog.CallerAction, { readonly _tag: "Deliver" }>["word"]

/** The callbacks of the code that opened a dialog: `delivered` for each word, and `settled` once, for the outcome. */
export interface Listener {
  readonly delivered: (word: Delivered) => void
  readonly settled: (settled: Settled) => void
  /** The unread items and the remaining credit of the dialog, for an observer. */
  readonly flow?: (() => Pick<DialogInspection, "in" | "out">) | undefined
  readonly collect?: ((into: Collecting, dialog: WaitInspection["dialog"]) => void) | undefined
}

/** The content of a `Start`, made before its dialog exists. */
export interface Prepared {
  readonly endpoint: AnyEndpoint
  readonly digest: string | null
  readonly meta: Message.Meta | null
  readonly window: Message.Window | null
  readonly payload: Uint8Array
  /** The fiber that opens the dialog. */
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** The span of the call; `undefined` when the work that opens the dialog is not traced. */
  readonly span: Spans.Begun | undefined
}

/** The caller's side of one dialog, which this side has opened. */
export class OutgoingDialog implements CallerPort {
  readonly side = "caller"
  /** The number of the dialog, 0 until it has begun. */
  id = 0
  state: Dialog.CallerState<ActorError>
  readonly channel: PeerChannel
  private readonly listener: Listener
  private waiting: Waiters<Settled> | undefined
  private late: ((settled: Settled) => void) | undefined
  /** The endpoint of the dialog and its kind, for an observer. */
  private endpoint: AnyEndpoint | undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private within: DialogInfo | undefined
  since = 0
  span: Spans.Begun | undefined
  /** The counts of the endpoint; `undefined` for a call of the runtime itself, which is not counted. */
  private calls: Calls | undefined

  constructor(channel: PeerChannel, kind: Message.Kind, listener: Listener) {
    this.state = Dialog.opening(kind)
    this.channel = channel
    this.listener = listener
  }

  /** Registers the dialog and sends `Start`. */
  begin({ digest, endpoint, fiber, meta, payload, span, window }: Prepared): void {
    this.endpoint = endpoint
    this.fiber = fiber
    this.within = fiber.getRef(CurrentDialog)?.info
    this.since = this.channel.turn.now()
    this.id = this.channel.open(this)
    this.span = span
    this.calls = CallRecord.begin(this.channel, endpoint, this.id)
    this.channel.send({
      _tag: "Start",
      dialog: this.id,
      kind: endpoint.kind,
      endpoint: endpoint.name,
      digest,
      meta,
      window,
      payload
    })
  }

  inspect(): DialogInspection {
    const { channel, endpoint, fiber, id, listener, since, state, within } = this
    return {
      side: "caller",
      id,
      endpoint: endpoint?.name ?? "",
      kind: endpoint?.kind ?? "call",
      state: state._tag,
      ageMillis: ageOf(since, channel.turn.now()),
      within: within === undefined ? null : { peer: within.peer.uuid, id: within.id },
      fiber: fiber?.id ?? null,
      ...listener.flow?.() ?? { in: null, out: null }
    }
  }

  collect(into: Collecting, peer: string): void {
    const { endpoint, fiber, id, isSettled, listener } = this
    const place = { peer, id, side: "caller" as const }
    into.fiber(fiber)
    if (endpoint?.kind === "call" && fiber !== undefined && !isSettled) into.call(fiber, place)
    listener.collect?.(into, place)
  }

  /**
   * True when no last word of this dialog is awaited: the last word has come, or the bound of the caller's cancel has
   * passed.
   */
  get isSettled(): boolean {
    return Dialog.isSettled(this.state)
  }

  heard(word: Message.FromCallee): void {
    this.input({ _tag: "Heard", word })
  }

  lost(error: ActorError): void {
    this.input({ _tag: "Lost", error })
  }

  /**
   * Cancels the dialog. The parameter `byUs` is true if the code that opened the dialog asks for the cancel, and false
   * if the runtime asks for the cancel.
   */
  cancel(cancellation: Dialog.Cancellation, byUs: boolean): void {
    this.input({ _tag: "Cancel", cancellation, byUs })
  }

  /**
   * Settles the dialog because the bound of its cancel has passed. The callback `late` gets the dialog's last word if
   * the word arrives after the bound of the dialog's cancel.
   */
  elapsed(late: (settled: Settled) => void): void {
    if (this.isSettled) return
    this.late = late
    this.input({ _tag: "Elapsed" })
  }

  whenSettled(callback: (settled: Settled) => void): void {
    this.waiting ??= new Waiters()
    this.waiting.add(callback)
  }

  /** Says `Stop`, which ends this side's half of the dialog. */
  stop(): void {
    this.input({ _tag: "Stop" })
  }

  private input(input: Dialog.CallerInput<ActorError>): void {
    const [state, actions] = Dialog.callerStep(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Dialog.CallerAction<ActorError>): void {
    switch (action._tag) {
      case "Deliver":
        return this.listener.delivered(action.word)
      case "SendCancel": {
        if (this.calls !== undefined) this.channel.events.meter.cancels++
        const { by, deadline, reason } = action.cancellation
        return this.channel.send({ _tag: "Cancel", dialog: this.id, by, reason, deadline: wireMillis(deadline) })
      }
      case "SendStop":
        return this.channel.send({ _tag: "Stop", dialog: this.id })
      case "Settle":
        return this.settle(action.outcome)
      case "SettleLate":
        this.forget(action.outcome)
        this.channel.countStuck(-1)
        return this.late?.(action.outcome)
    }
  }

  private settle(outcome: Settled): void {
    if (outcome._tag === "Unanswered") this.channel.countStuck(1)
    else this.forget(outcome)
    const { calls, waiting } = this
    this.waiting = undefined
    if (calls !== undefined) {
      CallRecord.end(calls, this, this.endpoint!, outcome, Dialog.cancelOf(this.state) !== undefined)
    }
    this.listener.settled(outcome)
    waiting?.wake(outcome)
  }

  private forget(outcome: Settled): void {
    this.channel.forget(this.id)
    if (outcome._tag === "Violation") this.channel.violate(outcome.violation)
  }
}

/**
 * Sends the cancel of the dialog and waits for the dialog's last word, no longer than the bound of the cancel. The
 * returned Effect fails if a finalizer of the callee failed.
 */
export const cancelAndWait = (
  dialog: OutgoingDialog,
  channel: PeerChannel,
  env: DialogContext,
  endpoint: AnyEndpoint,
  cancellation?: Dialog.Cancellation
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const bound = cancelBoundOf(fiber, env)
    // The context of the caller's fiber is read at once, because the fiber may have ended when a late failure is
    // logged.
    const { context } = fiber
    const unheard = (failure: Cause.Cause<unknown>) => reportUnread(env, context, channel.peer, endpoint, failure)
    return Effect.callback<void>((resume) => {
      // The dialog may have settled before this callback is registered, because the fiber may have been preempted.
      if (dialog.isSettled) return resume(Effect.void)
      // The bound of the cancel is timed outside the caller's fiber, because a sleep in this interrupted fiber would
      // end at once.
      const forget = within(channel, context, bound, () => {
        if (dialog.isSettled) return
        dialog.elapsed((settled) => {
          const failure = cleanupFailure(settled, endpoint, channel)
          if (failure !== undefined) unheard(failure)
        })
        env.events.publish({ _tag: "CancelUnacknowledged", actor: channel.peer, endpoint: endpoint.name })
      })
      dialog.whenSettled((settled) => {
        forget()
        resume(cleanupOf(settled, endpoint, channel, unheard))
      })
      dialog.cancel(cancellation ?? cancellationOf(fiber, env, bound), true)
    })
  })

/** Cancels the dialog for the given reason. A failure of the far cleanup becomes the outcome of the dialog. */
const cancelAs = (
  dialog: OutgoingDialog,
  channel: PeerChannel,
  env: DialogContext,
  endpoint: AnyEndpoint,
  reason: string
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { by, deadline } = cancellationOf(fiber, env, cancelBoundOf(fiber, env))
    return Effect.asVoid(Effect.exit(cancelAndWait(dialog, channel, env, endpoint, { by, reason, deadline })))
  })

/**
 * The failure of the callee's cleanup after a cancel. The callback `unheard` gets a failure that the callee sent before
 * the cancel reached it. The caller does not fail with a failure that came before the cancel, because an interrupted
 * local call does not fail with an earlier failure either.
 */
const cleanupOf = (
  settled: Settled,
  endpoint: AnyEndpoint,
  channel: PeerChannel,
  unheard: (failure: Cause.Cause<unknown>) => void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const failure = cleanupFailure(settled, endpoint, channel)
    if (failure === undefined) return Effect.void
    if (settled._tag !== "Error" || !ranAhead(settled.payload, endpoint)) {
      return Effect.failCause(failure)
    }
    unheard(failure)
    return Effect.void
  })

/** Ends the whole actor of the call, and waits for the dialog's last word, which the ending actor still sends. */
const endAndWait = (
  dialog: OutgoingDialog,
  channel: PeerChannel,
  env: DialogContext,
  endpoint: AnyEndpoint,
  end: Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.withFiber(({ context }) => {
    const unheard = (failure: Cause.Cause<unknown>) => reportUnread(env, context, channel.peer, endpoint, failure)
    let last: Settled | undefined
    dialog.whenSettled((settled) => {
      last = settled
    })
    return Effect.andThen(
      end,
      Effect.suspend(() => last === undefined ? Effect.void : cleanupOf(last, endpoint, channel, unheard))
    )
  })

/** Checks and encodes a call, before its dialog is registered and before any word of the dialog is sent. */
export const prepare = (
  call: Call<AnyEndpoint>,
  channel: PeerChannel,
  fiber: Fiber.Fiber<unknown, unknown>,
  env: DialogContext,
  window: Message.Window | null
): Prepared | PayloadInvalid => {
  const { endpoint } = call
  const invalid = (issue: string) =>
    new PayloadInvalid({ actor: channel.peer, side: "caller", endpoint: endpoint.name, part: "payload", issue })
  const encoded = encodeInput(endpoint, call.input)
  if (!encoded.ok) return invalid(encoded.issue)
  const payload = encoded.value
  // The envelope around a payload is small, because the runtime bounds the endpoint's name and the metadata.
  const limit = channel.maxFrame - 64 * 1024
  if (payload.length > limit) return invalid(aboveLimit(payload.length, limit))
  const digest = channel.mustSendDigest(endpoint) ? digestFor(endpoint, channel) : null
  const span = Spans.ofCall(fiber, endpoint.name, env.self, channel.peer)
  return { endpoint, digest, meta: metaOf(fiber, env.level, span?.span), window, payload, fiber, span }
}

/**
 * Returns the digest of an endpoint's contract, which is sent with the endpoint's first call on a connection. A failed
 * computation of the digest is repeated at the endpoint's next call.
 */
const digestFor = (endpoint: AnyEndpoint, channel: PeerChannel): string => {
  try {
    return Digest.digest(endpoint)
  } catch (defect) {
    channel.sendDigestAgain(endpoint)
    throw defect
  }
}

/**
 * Runs the effect that begins a dialog once the connection admits the dialog. Payloads of calls that have not begun
 * wait unencoded and in order, so an interrupted wait costs no work.
 */
export const whenAdmitted = <A, E, R>(channel: PeerChannel, begin: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const { writer } = channel
    if (writer.admitsStart) return begin
    // The callback of a waiting caller begins the caller's dialog before the connection's `Writer` runs the callback of
    // the next waiting caller.
    const turn = Effect.callback<void>((resume) => {
      // The caller asks the writer again whether a dialog may begin, because its fiber may have been preempted since
      // the first check.
      if (writer.admitsStart) return resume(Effect.void)
      const stopWaiting = writer.whenAdmitted(() => resume(Effect.void))
      return Effect.sync(stopWaiting)
    })
    return Effect.andThen(turn, begin)
  })

const nothing = () => {}

/**
 * The steps of an interrupted caller: cancel the dialog and wait for its last word, unless the caller owns the actor
 * and ends the whole actor.
 */
type OnInterrupt = () => Effect.Effect<void>

/** Runs a call: sends one payload, and resumes with its one answer. */
export const run = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  onInterrupt?: OnInterrupt
): Effect.Effect<unknown, unknown> => following(channel, (channel) => runOn(channel, env, call, onInterrupt))

const runOn = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  onInterrupt: OnInterrupt | undefined
): Effect.Effect<unknown, unknown> =>
  Effect.withFiber((fiber) => {
    if (channel.writer.admitsStart) return runNow(channel, env, call, onInterrupt, fiber)
    const turn = whenAdmitted(channel, Effect.void)
    return Effect.andThen(
      onInterrupt === undefined ? turn : Effect.onInterrupt(turn, onInterrupt),
      Effect.withFiber((again) => runNow(channel, env, call, onInterrupt, again))
    )
  })

const runNow = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  onInterrupt: OnInterrupt | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<unknown, unknown> => {
  const { endpoint } = call
  const prepared = prepare(call, channel, fiber, env, null)
  if (prepared instanceof PayloadInvalid) return Effect.fail(prepared)
  return Effect.callback<unknown, unknown>((resume) => {
    const dialog = new OutgoingDialog(channel, "call", {
      delivered: nothing,
      settled: (settled) => {
        if (settled._tag === "Return") return resume(outcome(settled, endpoint, channel))
        if (settled._tag === "Error") introduceAgain(settled.payload, endpoint, channel)
        // The outcome of a call is decoded only when a fiber reads the outcome. An interrupted caller does not read the
        // outcome of its call.
        resume(Effect.suspend(() => outcome(settled, endpoint, channel)))
      }
    })
    dialog.begin(prepared)
    return Effect.suspend(() =>
      onInterrupt === undefined
        ? cancelAndWait(dialog, channel, env, endpoint)
        : endAndWait(dialog, channel, env, endpoint, onInterrupt())
    )
  })
}

/** Options of the reader of a stream. */
export interface Reading {
  readonly window?: Message.Window | undefined
  /** The rule for items that do not match their schema. */
  readonly rule?: Rule | undefined
}

/**
 * Opens a stream: sends one payload, and reads many items. Closing the stream stops the producer of the stream, and
 * waits for the producer's end.
 */
export const stream = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  reading: Reading = {},
  onInterrupt?: OnInterrupt
): Stream.Stream<unknown, unknown> =>
  followingStream(channel, (channel) => streamOn(channel, env, call, reading, onInterrupt))

const streamOn = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  { rule, window = Credit.defaultWindow }: Reading,
  onInterrupt: OnInterrupt | undefined
): Stream.Stream<unknown, unknown> =>
  Stream.unwrap(
    whenAdmitted(
      channel,
      Effect.withFiber<Stream.Stream<unknown, unknown>, unknown, Scope.Scope>((fiber) => {
        const { endpoint } = call
        const prepared = prepare(call, channel, fiber, env, window)
        if (prepared instanceof PayloadInvalid) return Effect.fail(prepared)
        const dialog: OutgoingDialog = new OutgoingDialog(channel, "stream", {
          delivered: (word) => word._tag === "Yield" ? reader.hear(word) : undefined,
          flow: () => ({ in: reader.inspect(), out: null }),
          collect: (into, place) => into.hold(reader.waiters, "Read", place),
          settled: (settled) =>
            settled._tag === "Return"
              ? reader.finish()
              : reader.fail(Effect.suspend(() => outcome(settled, endpoint, channel)) as Effect.Effect<never, unknown>)
        })
        const reader = new StreamReader({
          channel,
          dialog,
          endpoint: endpoint.name,
          actor: channel.peer,
          maker: "callee",
          items: codecs(endpoint).items,
          window,
          failFirst: false,
          isOver: () => dialog.isSettled,
          events: env.events,
          rule,
          cancel: (reason) => cancelAs(dialog, channel, env, endpoint, reason)
        })
        const end = Effect.suspend(() =>
          onInterrupt === undefined || dialog.isSettled
            ? cancelAndWait(dialog, channel, env, endpoint)
            : endAndWait(dialog, channel, env, endpoint, onInterrupt())
        )
        const scope = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
        // Beginning the dialog and registering its end are one step, so that exactly the dialogs that have begun are
        // ended.
        return Effect.uninterruptible(Effect.suspend(() => {
          dialog.begin(prepared)
          return Effect.as(
            Scope.addFinalizer(scope, end),
            Stream.fromPull(Effect.succeed(reader.pull as never)) as Stream.Stream<unknown, unknown>
          )
        }))
      })
    )
  )
