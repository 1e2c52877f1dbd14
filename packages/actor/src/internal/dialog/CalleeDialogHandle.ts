/**
 * A dialog as its callee holds it: what a handler of `Actor.dialog` gets besides the payload.
 *
 * The handler sends the first value of the dialog, and gets the stream for further messages. A dialog ends when its
 * handler ends.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { DialogHandle, MsgStream, StreamOptions } from "../contract/DialogCall.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { ChannelClosed, ContextCancelled, PayloadInvalid, StreamOverrun } from "../errors/ActorError.ts"
import { isA } from "../errors/Boxing.ts"
import type { Collecting, DialogInspection, WaitInspection } from "../inspect/Inspection.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { type Overflow, windowOf } from "../stream/Inbox.ts"
import * as MsgStreamLive from "../stream/MsgStream.ts"
import { Outlet } from "../stream/Outlet.ts"
import { StreamReader } from "../stream/StreamReader.ts"
import type { DialogContext } from "./DialogContext.ts"

export interface CalleeDialogOptions {
  readonly channel: PeerChannel
  readonly env: DialogContext
  readonly opened: Message.Start
  readonly endpoint: AnyEndpoint
  /** The dialog's state machine, which decides which words may be said now. */
  readonly machine: {
    readonly isOver: () => boolean
    readonly isFresh: () => boolean
    readonly started: () => void
    readonly stop: () => void
    readonly interrupt: (cancellation: Cancellation) => void
    /** Ends the handler with the given failure, even if the handler's code catches the interruption. */
    readonly failWith: (error: unknown) => void
    /** True once the callee has ended its half of the dialog. */
    readonly isStopped: () => boolean
  }
}

export class CalleeDialogHandle {
  private readonly options: CalleeDialogOptions
  private reader: StreamReader | undefined
  private readonly outlet: Outlet
  private readonly invalids = new WeakSet<PayloadInvalid>()
  private first: { readonly payload: Uint8Array; readonly window: Message.Window } | undefined

  constructor(options: CalleeDialogOptions) {
    this.options = options
    const { channel, endpoint, opened } = options
    this.outlet = new Outlet({
      channel,
      dialog: opened.dialog,
      window: opened.window!,
      items: codecs(endpoint).items,
      isStopped: options.machine.isStopped,
      invalid: (issue) => Effect.fail(this.invalid("output", issue))
    })
  }

  get handle(): DialogHandle<any, any, any> {
    return {
      started: (first, options) => this.started(first, options),
      cancel: (reason = "cancelled") => this.cancel(reason),
      caller: this.options.channel.peer
    }
  }

  /** The unread items and the remaining credit of this dialog, for an observer. */
  inspect(): Pick<DialogInspection, "in" | "out"> {
    return { in: this.reader?.inspect() ?? null, out: this.outlet.inspect() }
  }

  collect(into: Collecting, place: WaitInspection["dialog"]): void {
    into.hold(this.reader?.waiters ?? [], "Read", place)
    into.hold(this.outlet.waiters, "Write", place)
  }

  /** Receives the words of the caller that the machine of the dialog lets through. */
  hear(word: Message.Yield | Message.Credit | Message.Stop): void {
    switch (word._tag) {
      case "Yield":
        return this.reader?.hear(word)
      case "Stop":
        return this.reader?.finish()
      case "Credit":
        if (!this.outlet.grant(word.items, word.bytes)) {
          this.options.channel.violate({ _tag: "CreditExcess", dialog: this.options.opened.dialog })
        }
    }
  }

  sendStarted(): void {
    const { payload, window } = this.first!
    this.options.channel.send({ _tag: "Started", dialog: this.options.opened.dialog, window, payload })
  }

  private started(first: unknown, options: StreamOptions | undefined): Effect.Effect<MsgStream<any, any>, any> {
    return Effect.suspend(() => {
      const { endpoint, machine } = this.options
      if (this.reader !== undefined) {
        return Effect.die(new Error(`started was called twice in ${endpoint.name}: a dialog has one first value`))
      }
      const encoded = codecs(endpoint).started.encode(first)
      // A first value that does not match its schema is not sent, so the handler can still send another first value.
      if (!encoded.ok) return Effect.fail(this.invalid("started", encoded.issue))
      const window = windowOf(options)
      this.first = { payload: encoded.value, window }
      this.reader = this.makeReader(window, options?.overflow)
      if (machine.isFresh()) machine.started()
      return Effect.succeed(this.stream(this.reader))
    })
  }

  private makeReader(window: Message.Window, overflow: Overflow | undefined): StreamReader {
    const { channel, endpoint, env, machine, opened } = this.options
    return new StreamReader({
      channel,
      dialog: { id: opened.dialog },
      endpoint: endpoint.name,
      actor: this.options.env.self,
      maker: "caller",
      items: codecs(endpoint).input,
      window,
      overflow,
      failFirst: true,
      isOver: machine.isOver,
      overrun: () => {
        const error = new StreamOverrun({ actor: env.self, endpoint: endpoint.name })
        this.reader!.fail(Effect.die(error))
        machine.failWith(error)
      },
      events: env.events,
      cancel: (reason) =>
        Effect.suspend(() => {
          this.reader!.fail(
            Effect.fail(new ContextCancelled({ actor: env.self, by: env.self, reason, acknowledged: false }))
          )
          return this.cancel(reason)
        }),
      answer: (message) => this.over() ?? this.closedHere() ?? this.outlet.answer(message)
    })
  }

  private stream(reader: StreamReader): MsgStream<any, any> {
    const { channel, endpoint, env, machine } = this.options
    return MsgStreamLive.make<any, any, never>({
      reader,
      outlet: this.outlet,
      peer: channel.peer,
      self: env.self,
      endpoint: endpoint.name,
      stop: machine.stop,
      isStopped: machine.isStopped,
      over: () => this.over()
    })
  }

  private over(): Effect.Effect<never, unknown> | undefined {
    return this.options.machine.isOver() ? this.failClosed("peer") : undefined
  }

  private closedHere(): Effect.Effect<never, unknown> | undefined {
    return this.options.machine.isStopped() ? this.failClosed("local") : undefined
  }

  private failClosed(side: "local" | "peer"): Effect.Effect<never, ChannelClosed> {
    const { channel, endpoint } = this.options
    return Effect.fail(new ChannelClosed({ side, actor: channel.peer, dialog: endpoint.name }))
  }

  private cancel(reason: string): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const { env, machine } = this.options
      machine.interrupt({ by: env.self, reason, deadline: fiber.getRef(Timeouts).cancel })
      // The runtime stores the fiber of a handler only when the handler first waits or yields, and can interrupt only a
      // stored fiber.
      return Effect.yieldNow
    })
  }

  /** The `PayloadInvalid` for `error`, if `error` is about a value of this handler that did not match its contract. */
  invalidOf(error: unknown): PayloadInvalid | undefined {
    return isA(error, PayloadInvalid) && this.invalids.has(error) ? error : undefined
  }

  private invalid(part: string, issue: string): PayloadInvalid {
    const error = new PayloadInvalid({
      actor: this.options.env.self,
      side: "callee",
      endpoint: this.options.endpoint.name,
      part,
      issue
    })
    this.invalids.add(error)
    return error
  }
}
