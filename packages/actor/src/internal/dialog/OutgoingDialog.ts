/**
 * The caller's side of a dialog: carries out what `Dialog.callerStep` decides.
 *
 *   run      Start -> one answer                         stream   Start -> chunks, paid for by credit -> the end
 *
 * Interrupting either sends one Cancel and waits for the callee's last word: the caller resumes when the far
 * finalizers have run, or when the bound has passed (then the dialog is listed as stuck, and whoever owns the actor
 * climbs the shutdown ladder).
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import * as Dialog from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallerPort, PeerChannel } from "../channel/PeerChannel.ts"
import type { Call } from "../contract/Call.ts"
import { makeInput } from "../contract/Call.ts"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { aboveLimit, type ActorError, PayloadInvalid } from "../errors/ActorError.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { StreamReader } from "../stream/StreamReader.ts"
import { cancellationOf, type DialogContext, metaOf, wireMillis } from "./DialogContext.ts"
import { outcome, type Settled } from "./Outcome.ts"

export type Delivered = Extract<Dialog.CallerAction, { readonly _tag: "Deliver" }>["word"]

/** One dialog of ours. */
export class CallerDialog implements CallerPort {
  readonly side = "caller"
  readonly id: number
  private state: Dialog.CallerState
  private readonly channel: PeerChannel
  private readonly deliver: (word: Delivered) => void
  private readonly settle: (settled: Settled) => void
  private loss: ActorError | undefined
  private ended: Array<() => void> = []

  constructor(
    channel: PeerChannel,
    kind: Message.Kind,
    deliver: (word: Delivered) => void,
    settle: (settled: Settled) => void
  ) {
    this.state = Dialog.opening(kind)
    this.channel = channel
    this.deliver = deliver
    this.settle = settle
    this.id = channel.open(this)
  }

  get isDone(): boolean {
    return this.state._tag === "Done"
  }

  heard(word: Message.FromCallee): void {
    this.input({ _tag: "Heard", word })
  }

  lost(error: ActorError): void {
    this.loss = error
    this.input({ _tag: "Lost" })
  }

  cancel(cancellation: Dialog.Cancellation): void {
    this.input({ _tag: "Cancel", cancellation })
  }

  whenDone(callback: () => void): void {
    if (this.isDone) callback()
    else this.ended.push(callback)
  }

  /** Ends our half. */
  stop(): void {
    this.input({ _tag: "Stop" })
  }

  private input(input: Dialog.CallerInput): void {
    const [state, actions] = Dialog.callerStep(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Dialog.CallerAction): void {
    switch (action._tag) {
      case "Deliver":
        return this.deliver(action.word)
      case "SendCancel": {
        const { by, deadline, reason } = action.cancellation
        return this.channel.send({ _tag: "Cancel", dialog: this.id, by, reason, deadline: wireMillis(deadline) })
      }
      case "SendStop":
        return this.channel.send({ _tag: "Stop", dialog: this.id })
      case "Settle": {
        const { outcome } = action
        this.channel.forget(this.id)
        if (outcome._tag === "Violation") this.channel.violate(outcome.violation)
        this.settle(outcome._tag === "Lost" ? { _tag: "Lost", error: this.loss! } : outcome)
        const { ended } = this
        this.ended = []
        for (const callback of ended) callback()
      }
    }
  }
}

/** Sends the cancel and waits for the last word, no longer than the bound. */
export const cancelAndWait = (
  dialog: CallerDialog,
  channel: PeerChannel,
  env: DialogContext,
  endpoint: string,
  cancellation?: Dialog.Cancellation
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (dialog.isDone) return Effect.void
    const bound = fiber.getRef(Timeouts).cancel
    return Effect.callback<void>((resume) => {
      // Forked beside this fiber, which is being interrupted: a sleep of its own would end at once.
      const timer = Effect.runForkWith(fiber.context)(Effect.sleep(bound))
      let waiting = true
      dialog.whenDone(() => {
        if (!waiting) return channel.countStuck(-1)
        waiting = false
        timer.interruptUnsafe()
        resume(Effect.void)
      })
      timer.addObserver(() => {
        if (!waiting) return
        waiting = false
        channel.countStuck(1)
        env.events.publish({ _tag: "CancelUnacknowledged", actor: channel.peer, endpoint })
        resume(Effect.void)
      })
      dialog.cancel(cancellation ?? cancellationOf(fiber, env, bound))
    })
  })

/** Checks and encodes a call's payload, before anything is sent. */
export const prepare = (call: Call<AnyEndpoint>, channel: PeerChannel): Uint8Array | PayloadInvalid => {
  const { endpoint } = call
  const invalid = (issue: string) =>
    new PayloadInvalid({ actor: channel.peer, side: "caller", endpoint: endpoint.name, part: "payload", issue })
  let value: unknown
  try {
    value = makeInput(endpoint, call.input)
  } catch (cause) {
    return invalid(cause instanceof Error ? cause.message : String(cause))
  }
  const encoded = codecs(endpoint).payload.encode(value)
  if (!encoded.ok) return invalid(encoded.issue)
  // The envelope around a payload is small; its name and meta are ours.
  const limit = channel.maxFrame - 64 * 1024
  return encoded.value.length <= limit
    ? encoded.value
    : invalid(aboveLimit(encoded.value.length, limit))
}

export const start = (
  dialog: CallerDialog,
  channel: PeerChannel,
  fiber: Fiber.Fiber<unknown, unknown>,
  env: DialogContext,
  endpoint: AnyEndpoint,
  window: Message.Window | null,
  payload: Uint8Array
): void => {
  if (dialog.isDone) return
  channel.send({
    _tag: "Start",
    dialog: dialog.id,
    kind: endpoint.kind,
    endpoint: endpoint.name,
    digest: channel.mustSendDigest(endpoint) ? Digest.digest(endpoint) : null,
    meta: metaOf(fiber, env.level),
    window,
    payload
  })
}

const nothing = () => {}

/**
 * What an interrupted caller does: cancel the dialog and wait for its last word, unless it owns the actor and ends all
 * of it.
 */
type OnInterrupt = () => Effect.Effect<void>

/** One payload, one answer. */
export const run = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  onInterrupt?: OnInterrupt
): Effect.Effect<unknown, unknown> =>
  Effect.withFiber((fiber) => {
    const payload = prepare(call, channel)
    if (payload instanceof PayloadInvalid) return Effect.fail(payload)
    const { endpoint } = call
    return Effect.callback<unknown, unknown>((resume) => {
      const dialog = new CallerDialog(
        channel,
        "call",
        nothing,
        (settled) => {
          if (settled._tag === "Return") return resume(outcome(settled, endpoint, channel))
          if (settled._tag === "Error") channel.sendDigestAgain(endpoint)
          // Made only where somebody looks: whoever interrupted the call does not.
          resume(Effect.suspend(() => outcome(settled, endpoint, channel)))
        }
      )
      start(dialog, channel, fiber, env, endpoint, null, payload)
      return onInterrupt === undefined ? cancelAndWait(dialog, channel, env, endpoint.name) : onInterrupt()
    })
  })

/** One payload, many answers. Closing the stream stops the producer, and waits for it. */
export const stream = (
  channel: PeerChannel,
  env: DialogContext,
  call: Call<AnyEndpoint>,
  window: Message.Window = Credit.defaultWindow,
  onInterrupt?: OnInterrupt
): Stream.Stream<unknown, unknown> =>
  Stream.unwrap(Effect.withFiber<Stream.Stream<unknown, unknown>, unknown, Scope.Scope>((fiber) => {
    const payload = prepare(call, channel)
    if (payload instanceof PayloadInvalid) return Effect.fail(payload)
    const { endpoint } = call
    const dialog: CallerDialog = new CallerDialog(
      channel,
      "stream",
      (word) => word._tag === "Yield" ? receiver.hear(word) : undefined,
      (settled) =>
        settled._tag === "Return" ? receiver.finish() : receiver.fail(
          outcome(settled, endpoint, channel) as Effect.Effect<never, unknown>
        )
    )
    const receiver = new StreamReader({
      channel,
      dialog: dialog.id,
      endpoint: endpoint.name,
      actor: channel.peer,
      maker: "callee",
      items: codecs(endpoint).items,
      window,
      failFirst: false,
      isOver: () => dialog.isDone
    })
    start(dialog, channel, fiber, env, endpoint, window, payload)
    const scope = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
    return Effect.as(
      Scope.addFinalizer(
        scope,
        Effect.suspend(() =>
          onInterrupt === undefined || dialog.isDone
            ? cancelAndWait(dialog, channel, env, endpoint.name)
            : onInterrupt()
        )
      ),
      Stream.fromPull(Effect.succeed(receiver.pull as never)) as Stream.Stream<unknown, unknown>
    )
  }))
