/**
 * The callee's side: finds the handler of a `Start`, runs it in a fiber of its own, and carries out what
 * `Dialog.calleeStep` decides. The handler's exit becomes the last word; a cancel from the caller, or its loss,
 * becomes an interruption that says who and why.
 *
 * One dialog's failure is that dialog's: nothing a handler or a payload does reaches another one.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import * as Dialog from "@furrow/protocol/Dialog"
import type * as Protocol from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import type * as Payload from "@furrow/protocol/Payload"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { CalleePort, PeerChannel } from "../channel/PeerChannel.ts"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { aboveLimit } from "../errors/ActorError.ts"
import { isA } from "../errors/Boxing.ts"
import { annotation } from "../errors/CancelledBy.ts"
import { Batch } from "../stream/Batch.ts"
import { Outlet } from "../stream/Flow.ts"
import { received } from "../stream/StreamReader.ts"
import { HeldDialog } from "./CalleeDialogHandle.ts"
import { CurrentDialog, type DialogContext, type Served, withMeta } from "./DialogContext.ts"
import { encodeFailure, encodeFailureWithin, failureOf } from "./Failures.ts"
import { relay } from "./Relay.ts"

/** An endpoint as an actor serves it: its handler with everything the handler needs. */
export interface Handler {
  readonly endpoint: AnyEndpoint
  /** An Effect of a call, a Stream of a stream. */
  readonly handler: (payload: any, dialog?: any) => unknown
  readonly context: Context.Context<never>
}

export type Handlers = ReadonlyMap<string, Handler>

/** Endpoints of the runtime itself: served to children, shown to nobody. */
const internal = "furrow/"

/** So many dialogs of one peer at once: who wants more waits, or is refused. */
const maxDialogs = 10_000

/** More than that for what the runtime itself asks. */
const reserve = 1_000

/** A name that is sent back is no way to fill our memory. */
const maxName = 256

/** Where calls of a used Service go: the connection to its actor, and what its endpoints are called there. */
export interface Relayed {
  readonly channel: PeerChannel
  readonly address: (endpoint: string) => string
}

/** How the endpoints of a used Service are called on the wire between a child and its parent. */
export const relayPrefix = (key: string): string => `${key}/`

/** Everything one actor serves over one channel. */
export class Dispatcher {
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly handlers: Handlers
  private readonly relays: ReadonlyMap<string, Relayed>
  private readonly running = new Set<CalleeDialog>()
  private idle: Array<() => void> = []
  private closing: Dialog.Cancellation | undefined

  constructor(
    channel: PeerChannel,
    env: DialogContext,
    handlers: Handlers,
    relays: ReadonlyMap<string, Relayed> = new Map()
  ) {
    this.channel = channel
    this.env = env
    this.handlers = handlers
    this.relays = relays
  }

  get size(): number {
    return this.running.size
  }

  /** The endpoints whose handlers run. */
  get open(): ReadonlyArray<string> {
    return Array.from(this.running, (dialog) => dialog.endpoint)
  }

  start(start: Message.Start): void {
    const handler = this.handlers.get(start.endpoint)
    const busy = this.busy(start)
    if (busy === undefined && handler === undefined && this.passOn(start)) return
    const refusal = busy ?? this.refusal(start, handler)
    if (refusal !== undefined) {
      return this.channel.send({ _tag: "Error", dialog: start.dialog, payload: encodeFailure(refusal) })
    }
    const from = { actor: this.env.self, side: "caller", endpoint: start.endpoint, part: "payload" } as const
    const payload = received(start.payload, codecs(handler!.endpoint).payload, from)
    if (!payload.ok) {
      const { issue, part } = payload.error
      const failure: Protocol.Failure = { _tag: "PayloadInvalid", part, issue }
      return this.channel.send({ _tag: "Error", dialog: start.dialog, payload: encodeFailure(failure) })
    }
    const dialog = new CalleeDialog(this.channel, this.env, handler!, start, (ended) => this.ended(ended))
    dialog.run(payload.value)
    // Most calls end in the turn they begin: nobody else can have a word for them.
    if (dialog.isDone) return
    this.running.add(dialog)
    this.channel.registerCallee(start.dialog, dialog)
    if (this.closing !== undefined) dialog.interrupt(this.closing)
  }

  /** Interrupts every handler, and refuses new ones in the same name. */
  cancelAll(cancellation: Dialog.Cancellation): void {
    this.closing ??= cancellation
    for (const dialog of Array.from(this.running)) dialog.interrupt(cancellation)
  }

  /** Ends every handler with an error that nobody caught: it is what their callers are told. */
  failAll(error: unknown, cancellation: Dialog.Cancellation): void {
    this.closing ??= cancellation
    for (const dialog of Array.from(this.running)) dialog.overrule(error, cancellation)
  }

  /** When the last handler has ended. */
  readonly awaitIdle: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.running.size === 0) return resume(Effect.void)
    const callback = () => resume(Effect.void)
    this.idle.push(callback)
    return Effect.sync(() => {
      this.idle = this.idle.filter((waiter) => waiter !== callback)
    })
  })

  /** A call of a Service that we gave to the peer goes on to it. */
  private passOn(start: Message.Start): boolean {
    for (const [key, { address, channel }] of this.relays) {
      const prefix = relayPrefix(key)
      if (!start.endpoint.startsWith(prefix)) continue
      relay(this.channel, channel, start, address(start.endpoint.slice(prefix.length)), this.env.self)
      return true
    }
    return false
  }

  private busy({ endpoint }: Message.Start): Protocol.Failure | undefined {
    const limit = endpoint.startsWith(internal) ? maxDialogs + reserve : maxDialogs
    return this.channel.openDialogCount < limit ? undefined : { _tag: "Busy", limit }
  }

  private refusal(start: Message.Start, handler: Handler | undefined): Protocol.Failure | undefined {
    if (this.closing !== undefined) {
      const { by, reason } = this.closing
      return { _tag: "Cancelled", by, reason, actor: this.env.self, path: [], others: [] }
    }
    if (handler === undefined || handler.endpoint.kind !== start.kind) {
      const exposed = Array.from(this.handlers.values(), ({ endpoint }) => `${endpoint.name} (${endpoint.kind})`)
        .filter((name) => !name.startsWith(internal))
      return { _tag: "EndpointUnknown", endpoint: `${start.endpoint.slice(0, maxName)} (${start.kind})`, exposed }
    }
    if (start.kind !== "call" && (start.window === null || !Credit.isWindow(start.window))) {
      return { _tag: "PayloadInvalid", part: "window", issue: "a stream needs a window of at least one item" }
    }
    if (start.digest !== null && start.digest !== Digest.digest(handler.endpoint)) {
      const representation = Digest.representation(handler.endpoint)
      return { _tag: "ContractMismatch", endpoint: start.endpoint, representation }
    }
    return undefined
  }

  private ended(dialog: CalleeDialog): void {
    this.running.delete(dialog)
    if (this.running.size > 0 || this.idle.length === 0) return
    const { idle } = this
    this.idle = []
    for (const callback of idle) callback()
  }
}

/** One dialog of the peer. */
class CalleeDialog implements CalleePort {
  readonly side = "callee"
  private state: Dialog.CalleeState
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private exit: Exit.Exit<unknown, unknown> | undefined
  private outlet: Outlet | undefined
  private held: HeldDialog | undefined
  private overruled: Exit.Exit<never, never> | undefined
  private readonly served: Served
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly handler: Handler
  private readonly opened: Message.Start
  private readonly ended: (dialog: CalleeDialog) => void

  constructor(
    channel: PeerChannel,
    env: DialogContext,
    handler: Handler,
    opened: Message.Start,
    ended: (dialog: CalleeDialog) => void
  ) {
    this.state = Dialog.accept(opened.kind)
    this.channel = channel
    this.env = env
    this.handler = handler
    this.opened = opened
    this.ended = ended
    this.served = {
      cancellation: undefined,
      info: { side: "callee", endpoint: opened.endpoint, peer: channel.peer, id: opened.dialog }
    }
  }

  get isDone(): boolean {
    return this.state._tag === "Done"
  }

  get endpoint(): string {
    return this.opened.endpoint
  }

  run(payload: unknown): void {
    const { handler, opened } = this
    const context = Context.add(withMeta(handler.context, opened.meta), CurrentDialog, this.served)
    let effect = Effect.scoped(
      Effect.suspend(() => this.work(payload))
    )
    if (opened.meta?.trace !== undefined) {
      const parent = Context.get(context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
      effect = Effect.withSpan(effect, handler.endpoint.name, { kind: "server", parent })
    }
    const fiber = Effect.runForkWith(context)(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.exited(exit)
    this.fiber = fiber
    // A cancel may have arrived while the handler was starting.
    if (this.served.cancellation !== undefined) fiber.interruptUnsafe(undefined, annotation(this.served.cancellation))
    fiber.addObserver((exit) => this.exited(exit))
  }

  heard(word: Message.FromCaller): void {
    this.input({ _tag: "Heard", word })
  }

  lost(): void {
    this.input({ _tag: "Lost" })
  }

  /** The first author counts; interrupting again only repeats it. */
  interrupt(cancellation: Dialog.Cancellation): void {
    this.served.cancellation ??= cancellation
    this.fiber?.interruptUnsafe(undefined, annotation(this.served.cancellation))
  }

  /** What happened to the dialog outranks what its handler makes of it (features ERR-15). */
  overrule(error: unknown, cancellation?: Dialog.Cancellation): void {
    this.overruled = Exit.die(error)
    this.interrupt(cancellation ?? { by: this.env.self, reason: String(error), deadline: 0 })
  }

  private work(payload: unknown): Effect.Effect<unknown, unknown, Scope.Scope> {
    const { handler } = this.handler
    switch (this.handler.endpoint.kind) {
      case "call":
        return handler(payload) as Effect.Effect<unknown, unknown, Scope.Scope>
      case "stream":
        return this.produce(handler(payload) as Stream.Stream<unknown, unknown, Scope.Scope>)
      case "dialog":
        return Effect.flatMap(Effect.scope, (scope) => {
          this.held = new HeldDialog({
            channel: this.channel,
            env: this.env,
            opened: this.opened,
            endpoint: this.handler.endpoint,
            scope,
            context: this.handler.context,
            machine: {
              isOver: () => this.state._tag !== "Open" && this.state._tag !== "Fresh",
              isFresh: () => this.state._tag === "Fresh",
              started: () => this.input({ _tag: "Started" }),
              stop: () => this.input({ _tag: "Stop" }),
              interrupt: (cancellation) => this.interrupt(cancellation),
              overrule: (error) => this.overrule(error)
            }
          })
          return handler(payload, this.held.handle) as Effect.Effect<unknown, unknown, Scope.Scope>
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
    const batch = new Batch({ outlet, failed: (exit) => this.overrule(unsendable(exit)) })
    return Effect.matchCauseEffect(Stream.runForEachArray(stream, (items) => batch.add(items)), {
      onSuccess: () => batch.rest,
      // What was made before the failure arrives before it.
      onFailure: (cause) =>
        Cause.hasInterrupts(cause) ? Effect.failCause(cause) : Effect.andThen(batch.rest, Effect.failCause(cause))
    })
  }

  private exited(exit: Exit.Exit<unknown, unknown>): void {
    const early = this.state._tag === "Fresh" && Exit.isSuccess(exit)
    this.exit = this.overruled ?? (early ? Exit.die(neverStarted(this.handler.endpoint.name)) : exit)
    this.outlet?.release()
    this.input({ _tag: "Exited" })
    this.ended(this)
  }

  private input(input: Dialog.CalleeInput): void {
    const [state, actions] = Dialog.calleeStep(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Dialog.CalleeAction): void {
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
        return this.channel.send(this.lastWord())
      case "Forget":
        return this.channel.forget(this.opened.dialog)
      case "Violate":
        return this.channel.violate(action.violation)
      case "SendStarted":
        return this.held?.sendStarted()
      case "SendStop":
        return this.channel.send({ _tag: "Stop", dialog: this.opened.dialog })
    }
  }

  private deliver(word: Message.Yield | Message.Credit | Message.Stop): void {
    if (this.held !== undefined) return this.held.hear(word)
    if (word._tag === "Credit" && this.outlet?.grant(word.items, word.bytes) === false) {
      this.channel.violate({ _tag: "CreditExcess", dialog: this.opened.dialog })
    }
  }

  private lastWord(): Message.Return | Message.Error {
    const { dialog } = this.opened
    const { endpoint } = this.handler
    const exit = this.exit!
    const encoded: Payload.Result<Uint8Array> | undefined = Exit.isSuccess(exit)
      ? codecs(endpoint).success.encode(endpoint.kind === "stream" ? undefined : exit.value)
      : undefined
    const limit = this.channel.maxFrame - 64
    if (encoded?.ok === true && encoded.value.length <= limit) {
      return { _tag: "Return", dialog, payload: encoded.value }
    }
    const failure: Protocol.Failure = encoded === undefined
      ? this.failure(exit as Exit.Failure<unknown, unknown>)
      : {
        _tag: "PayloadInvalid",
        part: "success",
        issue: encoded.ok
          ? aboveLimit(encoded.value.length, limit)
          : encoded.issue
      }
    return { _tag: "Error", dialog, payload: encodeFailureWithin(failure, limit) }
  }

  private failure(exit: Exit.Failure<unknown, unknown>): Protocol.Failure {
    for (const reason of exit.cause.reasons) {
      if (reason._tag === "Interrupt") continue
      const thrown = reason._tag === "Die" ? reason.defect : reason.error
      // Its own illegal payload, which the handler did not catch, is the caller's `PayloadInvalid` too (features PLD-2).
      const invalid = isA(thrown, InvalidResult) ? thrown : this.held?.invalidOf(thrown)
      if (invalid !== undefined) return { _tag: "PayloadInvalid", part: invalid.part, issue: invalid.issue }
    }
    return failureOf(exit.cause, this.handler.endpoint, this.env.self)
  }
}

const neverStarted = (endpoint: string): Error =>
  new Error(
    `the handler of ${endpoint} ended without calling started: its caller was still waiting for the first value`
  )

/** A value of the handler that does not match its schema: ends the handler, and becomes `PayloadInvalid`. */
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

/** Why a stream's items could not be sent. */
const unsendable = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : new InvalidResult("item", "it matches its schema only sometimes")
