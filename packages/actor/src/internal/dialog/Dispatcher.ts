/**
 * Serves all calls of one actor on one channel: finds the handler of a `Start`, or refuses the `Start`. A dispatcher
 * knows the running dialogs of its channel, so that it can interrupt all of them and wait for their ends.
 *
 * A failure of one dialog stays in that dialog: no handler, payload or contract affects another dialog.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type * as Dialog from "@furrow/protocol/Dialog"
import * as Protocol from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { box } from "../errors/Boxing.ts"
import { NumberTable } from "../settings/NumberTable.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { DialogContext } from "./DialogContext.ts"
import { IncomingDialog } from "./IncomingDialog.ts"
import { relay } from "./Relay.ts"

/** An endpoint as an actor serves it: its handler with everything the handler needs. */
export interface Handler {
  readonly endpoint: AnyEndpoint
  /** The function of the handler: for a call it returns an Effect, and for a stream a Stream. */
  readonly handler: (payload: any, dialog?: any) => unknown
  readonly context: Context.Context<never>
}

export type BoundHandlers = ReadonlyMap<string, Handler>

/**
 * The prefix of the names of the runtime's own endpoints: an actor serves them to its children, and never lists them.
 */
const runtimePrefix = "furrow/"

/** True for an endpoint of the runtime itself, as opposed to an endpoint of the program. */
export const isRuntimes = (endpoint: string): boolean => endpoint.startsWith(runtimePrefix)

/**
 * The number of dialogs that a peer may have open at once. Dialogs of a peer above its limit of open dialogs are
 * refused with `Busy`.
 */
const maxDialogs = 10_000

/** The number of dialogs above a peer's limit that an actor admits for requests of the runtime itself. */
const runtimeReserve = 1_000

/** The number of characters of an endpoint's name that a refusal repeats, because the name comes from the peer. */
const maxNameChars = 256

/**
 * The route of the calls to a used Service: the connection to the Service's actor, and the names of the Service's
 * endpoints in that actor.
 */
export interface Relayed {
  readonly channel: PeerChannel
  readonly address: (endpoint: string) => string
}

/**
 * The prefix of the names that the endpoints of a used Service have on the connection between a child and its parent.
 */
export const relayPrefix = (key: string): string => `${key}/`

/** The decoded payload of a call, or the refusal that answers the call. */
type Accepted =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Protocol.Failure }

const refused = (failure: Protocol.Failure): Accepted => ({ ok: false, failure })

const noRelays: ReadonlyMap<string, Relayed> = new Map()

/** The calls of one channel that an actor serves. */
export class Dispatcher {
  private readonly channel: PeerChannel
  private readonly env: DialogContext
  private readonly handlers: BoundHandlers
  private readonly relays: ReadonlyMap<string, Relayed>
  private readonly running = new NumberTable<IncomingDialog>()
  private readonly idle = new Waiters()
  private readonly quiet = new Waiters()
  /** The number of running dialogs that do not belong to the runtime itself. */
  calls = 0
  private closing: Dialog.Cancellation | undefined

  constructor(
    channel: PeerChannel,
    env: DialogContext,
    handlers: BoundHandlers,
    relays: ReadonlyMap<string, Relayed> = noRelays
  ) {
    this.channel = channel
    this.env = env
    this.handlers = handlers
    this.relays = relays
  }

  get size(): number {
    return this.running.size
  }

  /** The names of the endpoints whose handlers run now. */
  get open(): ReadonlyArray<string> {
    return this.running.all.map((dialog) => dialog.endpoint)
  }

  start(start: Message.Start): void {
    const handler = this.handlers.get(start.endpoint)
    const busy = this.busy(start)
    if (busy === undefined && handler === undefined && this.relayStart(start)) return
    const payload = busy === undefined ? this.accept(start, handler) : refused(busy)
    if (!payload.ok) {
      return this.channel.send({ _tag: "Error", dialog: start.dialog, payload: Protocol.encode(payload.failure) })
    }
    const dialog = new IncomingDialog(this.channel, this.env, handler!, start, this.ended)
    dialog.run(payload.value)
    // Most calls end in the same turn of the event loop in which they begin. A call that ends in the turn in which it
    // begins is not registered, because no further word of its caller can reach it.
    if (dialog.isDone) return
    this.running.add(dialog.id, dialog)
    if (!isRuntimes(dialog.endpoint)) this.calls++
    this.channel.registerCallee(start.dialog, dialog)
    if (this.closing !== undefined) dialog.interrupt(this.closing)
  }

  /**
   * Decodes the payload of a call, or returns the reason why the call is refused. Every call of an endpoint is refused
   * if the endpoint's contract has no codecs.
   */
  private accept(start: Message.Start, handler: Handler | undefined): Accepted {
    try {
      const refusal = this.refusal(start, handler)
      if (refusal !== undefined) return refused(refusal)
      const payload = codecs(handler!.endpoint).payload.decode(start.payload)
      if (!payload.ok) return refused({ _tag: "PayloadInvalid", part: "payload", issue: payload.issue })
      Payload.releaseRead(start.payload)
      return payload
    } catch (defect) {
      return refused({ _tag: "Defect", boxed: box(defect, this.env.self), others: [], ending: false })
    }
  }

  /**
   * Interrupts every handler on this channel, and refuses new dialogs, both in the name of the cancellation's author.
   */
  cancelAll(cancellation: Dialog.Cancellation): void {
    this.closing ??= cancellation
    for (const dialog of this.running.all) dialog.interrupt(cancellation)
  }

  /** Ends every handler because of an uncaught error of the actor, and tells the callers of that error. */
  failAll(error: unknown, cancellation: Dialog.Cancellation): void {
    this.closing ??= cancellation
    for (const dialog of this.running.all) dialog.failWith(error, cancellation)
  }

  /** Resolves when the last handler on this channel has ended. */
  readonly awaitIdle: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.running.size === 0) return resume(Effect.void)
    return Effect.sync(this.idle.add(() => resume(Effect.void)))
  })

  /** Resolves when only dialogs of the runtime itself still run. */
  readonly awaitQuiet: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.calls === 0) return resume(Effect.void)
    return Effect.sync(this.quiet.add(() => resume(Effect.void)))
  })

  /** Relays a call that the peer makes to a relayed Service; returns true if the call was relayed. */
  private relayStart(start: Message.Start): boolean {
    for (const [key, { address, channel }] of this.relays) {
      const prefix = relayPrefix(key)
      if (!start.endpoint.startsWith(prefix)) continue
      relay(this.channel, channel, start, address(start.endpoint.slice(prefix.length)), this.env.self)
      return true
    }
    return false
  }

  private busy({ endpoint }: Message.Start): Protocol.Failure | undefined {
    const runtimes = isRuntimes(endpoint)
    if (!runtimes && this.env.isDraining?.() === true) return { _tag: "Busy", limit: 0 }
    const limit = runtimes ? maxDialogs + runtimeReserve : maxDialogs
    return this.channel.openDialogCount < limit ? undefined : { _tag: "Busy", limit }
  }

  private refusal(start: Message.Start, handler: Handler | undefined): Protocol.Failure | undefined {
    if (this.closing !== undefined) {
      const { by, reason } = this.closing
      const ending = this.env.cancellation() !== undefined
      return { _tag: "Cancelled", by, reason, actor: this.env.self, path: [], others: [], ending, began: "no" }
    }
    if (handler === undefined || handler.endpoint.kind !== start.kind) {
      const exposed = Array.from(this.handlers.values(), ({ endpoint }) => `${endpoint.name} (${endpoint.kind})`)
        .filter((name) => !isRuntimes(name))
      return { _tag: "EndpointUnknown", endpoint: `${start.endpoint.slice(0, maxNameChars)} (${start.kind})`, exposed }
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

  private readonly ended = (dialog: IncomingDialog): void => {
    if (this.running.drop(dialog.id) !== undefined && !isRuntimes(dialog.endpoint) && --this.calls === 0) {
      this.quiet.wake()
    }
    if (this.running.size === 0) this.idle.wake()
  }
}
