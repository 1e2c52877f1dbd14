/**
 * One connection to one peer, and everything that is said over it.
 *
 *   Handshaking --Welcome | Hello--> Open --end of the connection--> Lost --why is known--> Closed
 *                                      |--close() | violation--------------------------------^
 *
 * One reader, one writer. The channel knows ids and the order of words on a connection; what a dialog does with its
 * words is the dialog layer's, and what an actor does when it is told to end is its owner's: both are handed in. When
 * the connection ends, every dialog is told once, with the same error, after a short wait in which the owner may find
 * out why (an exit code, the last lines on stderr).
 *
 * Nothing here blocks the reader, and nothing a peer sends can throw out of it.
 *
 * @since 0.1.0
 */
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import * as Handshake from "@furrow/protocol/Handshake"
import type { CancelActor, FromCallee, FromCaller, Message, Start } from "@furrow/protocol/Message"
import * as Violation from "@furrow/protocol/Violation"
import { type ActorError, type ActorId, ActorLost, ChannelClosed, ProtocolViolation } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { ChannelSnapshot } from "../inspect/Snapshot.ts"
import type { Connection } from "../transport/Transport.ts"
import { Writer } from "./Writer.ts"

/** A dialog, seen from the channel: one we opened hears its callee, one the peer opened hears its caller. */
export type Port = CallerPort | CalleePort
export interface CallerPort {
  readonly side: "caller"
  readonly heard: (word: FromCallee) => void
  /** The connection is gone: said once, then never anything again. */
  readonly lost: (error: ActorError) => void
}
export interface CalleePort {
  readonly side: "callee"
  readonly heard: (word: FromCaller) => void
  readonly lost: (error: ActorError) => void
}

/** What the channel's owner does with words that belong to no open dialog. */
export interface Router {
  readonly start: (message: Start) => void
  readonly cancelActor: (message: CancelActor) => void
  readonly cancelAck: () => void
  readonly bye: () => void
  /** An `Error` for dialog 0: the failure of the actor itself. */
  readonly failed: (payload: Uint8Array) => void
  readonly spawn: (payload: Uint8Array) => void
  readonly ready: (payload: Uint8Array) => void
  /** The channel is closed, and why. */
  readonly closed: (error: ActorError) => void
}

export interface ChannelOptions {
  readonly connection: Connection
  readonly handshake: Handshake.Config
  readonly events: Events
  /** The largest frame that is read before the handshake is over. */
  readonly greetingLimit?: number | undefined
  /** Finds out why the connection ended; calls back once, soon. */
  readonly explain?: ((done: (error: ActorError) => void) => void) | undefined
}

type State =
  | { readonly _tag: "Handshaking"; readonly handshake: Handshake.State }
  | { readonly _tag: "Open"; readonly peer: Handshake.Peer }
  | { readonly _tag: "Lost"; readonly peer: Handshake.Peer | undefined }
  | { readonly _tag: "Closed"; readonly peer: Handshake.Peer | undefined; readonly error: ActorError }

/** How the handshake ended. */
export type HandshakeResult =
  | { readonly _tag: "Open"; readonly peer: Handshake.Peer }
  | { readonly _tag: "Refused"; readonly by: "us" | "peer"; readonly refusal: Handshake.Refusal }
  | { readonly _tag: "Ended"; readonly error: ActorError }

const isFromCaller = (message: FromCallee | FromCaller): message is FromCaller =>
  message._tag !== "Started" && message._tag !== "Return" && message._tag !== "Error"

/** Greetings are short, and whoever sends one may be a stranger; the words behind it may share its chunk. */
const greetingLimit = 1024 * 1024

/** So many answers may wait for a peer that goes on asking. */
const maxUnread = 250_000

const nothing = new Uint8Array(0)

const nobody: ActorId = { name: "unknown", uuid: "", pid: 0 }

export class PeerChannel {
  private state: State
  private frames: Frame.State = Frame.initial
  private readonly ports = new Map<number, Port>()
  private readonly options: ChannelOptions
  readonly writer: Writer
  private router: Router | undefined
  private early: Array<Message> = []
  private received = { frames: 0, bytes: 0 }
  private nextId: number
  private highest = 0
  /** Dialogs of the peer that are open. */
  private adopted = 0
  private stuck = 0
  private lossDelivered = false
  private saidBye = false
  private readonly introduced = new WeakSet<object>()
  private handshakeResult: ((result: HandshakeResult) => void) | undefined

  constructor(options: ChannelOptions) {
    this.options = options
    this.writer = new Writer(options.connection)
    this.nextId = options.handshake.side === "dialler" ? 1 : 2
    const [handshake, actions] = Handshake.start(options.handshake)
    this.state = { _tag: "Handshaking", handshake }
    options.connection.start({
      data: (bytes) => this.data(bytes),
      drain: () => this.writer.drain(),
      end: () => this.ended()
    })
    for (const action of actions) this.writer.send(action.message)
  }

  /** Calls back once when the handshake is over. */
  onHandshake(callback: (result: HandshakeResult) => void): void {
    if (this.state._tag === "Open") callback({ _tag: "Open", peer: this.state.peer })
    else if (this.state._tag === "Closed") callback({ _tag: "Ended", error: this.state.error })
    else this.handshakeResult = callback
  }

  /** Words that arrived before the owner was ready are given to it now, in order. */
  route(router: Router): void {
    this.router = router
    const { early } = this
    this.early = []
    for (const message of early) this.dispatch(message)
    if (this.state._tag === "Closed") router.closed(this.state.error)
  }

  get peer(): ActorId {
    return this.state._tag === "Handshaking" ? nobody : this.state.peer?.actor ?? nobody
  }

  get maxFrame(): number {
    if (this.state._tag === "Handshaking") return this.options.greetingLimit ?? greetingLimit
    return this.state.peer?.maxFrame ?? Frame.defaultMaxFrame
  }

  /** Why the channel cannot be used any more, if so. */
  get error(): ActorError | undefined {
    return this.state._tag === "Closed" ? this.state.error : undefined
  }

  get isOpen(): boolean {
    return this.state._tag === "Open"
  }

  /** A new dialog of ours. Where the connection is gone the port is told, soon or as soon as it is known why. */
  open(port: CallerPort): number {
    const id = this.nextId
    this.nextId += 2
    if (this.state._tag === "Closed") {
      const { error } = this.state
      this.lossDelivered = true
      // Not in this turn: whoever opens has nothing in place yet to be told with.
      void Promise.resolve().then(() => port.lost(error))
    } else this.ports.set(id, port)
    return id
  }

  /** Whether this is the first time that something (an endpoint) is spoken of here: it is introduced once. */
  mustSendDigest(what: object): boolean {
    if (this.introduced.has(what)) return false
    this.introduced.add(what)
    return true
  }

  sendDigestAgain(what: object): void {
    this.introduced.delete(what)
  }

  /** A dialog of the peer, which is told at once where the connection is gone. */
  registerCallee(id: number, port: CalleePort): void {
    if (this.state._tag === "Closed") port.lost(this.state.error)
    else {
      this.ports.set(id, port)
      this.adopted++
    }
  }

  forget(id: number): void {
    if (this.ports.delete(id) && !this.isOurs(id)) this.adopted--
  }

  /** Dialogs of the peer that are open, or ended and it has not read how. */
  get openDialogCount(): number {
    return this.adopted + this.writer.unread
  }

  private isOurs(id: number): boolean {
    return id % 2 === (this.options.handshake.side === "dialler" ? 1 : 0)
  }

  send(message: Message): void {
    this.writer.send(message)
  }

  /** A dialog we cancelled did not end within its bound; it stays listed until it does. */
  countStuck(change: 1 | -1): void {
    this.stuck += change
  }

  /** Whether anybody who used the channel has been told that it was lost. */
  get lossWasDelivered(): boolean {
    return this.lossDelivered
  }

  /** Closes our side: what is queued is sent, every dialog ends with `ChannelClosed`. */
  close(): void {
    if (this.state._tag === "Closed") return
    this.writer.end()
    this.settle(new ChannelClosed({ side: "local", actor: this.peer }))
  }

  /** The peer is known to be gone, whatever the connection says: every dialog ends with this error. */
  lose(error: ActorError): void {
    if (this.state._tag === "Closed") return
    this.writer.end()
    this.settle(error)
  }

  /** The peer broke a rule: tell it, tell the dialogs, close. */
  violate(violation: Violation.Violation): void {
    if (this.state._tag === "Closed") return
    const detail = Violation.describe(violation)
    const peer = this.peer
    this.writer.send({ _tag: "Violation", rule: violation._tag, detail })
    this.writer.end()
    this.options.events.publish({ _tag: "Violation", actor: peer, text: detail })
    this.settle(new ProtocolViolation({ side: "peer", actor: peer, rule: violation._tag, detail }))
  }

  snapshot(): ChannelSnapshot {
    return {
      peer: this.state._tag === "Handshaking" ? undefined : this.state.peer?.actor,
      state: this.state._tag,
      dialogs: this.ports.size,
      sent: { frames: this.writer.frames, bytes: this.writer.bytes },
      received: { ...this.received },
      full: this.writer.isFull,
      stuck: this.stuck
    }
  }

  // ---- reading ----------------------------------------------------------------------------------------------------

  private data(bytes: Uint8Array): void {
    this.received.bytes += bytes.length
    let chunk = bytes
    // Greeting by greeting: what comes right behind the last one is held to another limit.
    while (this.state._tag === "Handshaking") {
      if (this.read(chunk, 1) === 0) return
      chunk = nothing
    }
    this.read(chunk)
  }

  /** How many frames there were. */
  private read(bytes: Uint8Array, count?: number): number {
    if (this.state._tag === "Closed") return 0
    const decoded = Frame.decode(this.frames, bytes, this.maxFrame, count)
    this.frames = decoded.state
    for (const frame of decoded.frames) {
      // A word may close the channel: what came behind it is not read.
      if (this.isClosed()) break
      this.received.frames++
      const word = Envelope.decode(frame)
      if (word._tag === "Violation") this.violate(word.violation)
      else this.heard(word.message)
    }
    if (decoded.state._tag === "Failed") this.violate(decoded.state.violation)
    return decoded.frames.length
  }

  /** A method, so that what a callback changed is seen. */
  private isClosed(): boolean {
    return this.state._tag === "Closed"
  }

  private heard(message: Message): void {
    if (message._tag === "Violation") return this.accused(message.rule, message.detail)
    if (this.state._tag === "Handshaking") return this.greet(this.state.handshake, message)
    if (this.router === undefined) this.early.push(message)
    else this.dispatch(message)
  }

  private greet(handshake: Handshake.State, message: Message): void {
    const [next, actions] = Handshake.step(this.options.handshake, handshake, message)
    for (const action of actions) this.writer.send(action.message)
    switch (next._tag) {
      case "Open":
        this.state = { _tag: "Open", peer: next.peer }
        return this.tellHandshake({ _tag: "Open", peer: next.peer })
      case "Refused":
        this.tellHandshake({ _tag: "Refused", by: next.by, refusal: next.refusal })
        return this.close()
      case "Violated":
        return this.violate(next.violation)
      default:
        this.state = { _tag: "Handshaking", handshake: next }
    }
  }

  private tellHandshake(result: HandshakeResult): void {
    const { handshakeResult: callback } = this
    this.handshakeResult = undefined
    callback?.(result)
  }

  private dispatch(message: Message): void {
    const router = this.router!
    switch (message._tag) {
      case "Start":
        return this.started(message)
      case "Error":
        return message.dialog === 0 ? router.failed(message.payload) : this.deliver(message)
      case "Started":
      case "Yield":
      case "Credit":
      case "Stop":
      case "Cancel":
      case "Return":
        return this.deliver(message)
      case "CancelActor":
        return router.cancelActor(message)
      case "CancelAck":
        return router.cancelAck()
      case "Bye":
        this.saidBye = true
        return router.bye()
      case "Ping":
        return this.answers() ? this.send({ _tag: "Pong", n: message.n }) : undefined
      case "Pong":
      case "Leave":
        return
      case "Spawn":
        return router.spawn(message.payload)
      case "Ready":
        return router.ready(message.payload)
      case "Hello":
      case "Welcome":
      case "Refuse":
      case "Challenge":
      case "Proof":
      case "Violation":
        return this.violate({ _tag: "HandshakeOrder", word: message._tag, state: this.state._tag })
    }
  }

  /** Whether the peer reads its answers, more or less. */
  private answers(): boolean {
    if (this.writer.unread < maxUnread) return true
    this.violate({ _tag: "AnswersUnread", limit: maxUnread })
    return false
  }

  private started(message: Start): void {
    if (!this.answers()) return
    if (this.isOurs(message.dialog) || message.dialog === 0) {
      return this.violate({ _tag: "DialogId", dialog: message.dialog, issue: "the id belongs to the other side" })
    }
    if (message.dialog <= this.highest) {
      return this.violate({ _tag: "DialogId", dialog: message.dialog, issue: "ids of one side must grow" })
    }
    this.highest = message.dialog
    this.router!.start(message)
  }

  private deliver(message: FromCallee | FromCaller): void {
    const port = this.ports.get(message.dialog)
    if (port === undefined) return this.late(message)
    if (port.side === "caller" && message._tag !== "Cancel") return port.heard(message)
    if (port.side === "callee" && isFromCaller(message)) return port.heard(message)
    this.violate({ _tag: "WrongSide", word: message._tag })
  }

  /** A late word for a settled dialog is normal; one for a dialog that never was is not. */
  private late(message: FromCallee | FromCaller): void {
    const known = this.isOurs(message.dialog) ? message.dialog < this.nextId : message.dialog <= this.highest
    if (!known || message.dialog === 0) {
      this.violate({ _tag: "UnknownDialog", dialog: message.dialog, word: message._tag })
    }
  }

  // ---- ending -----------------------------------------------------------------------------------------------------

  /** The peer says that we broke a rule. */
  private accused(rule: string, detail: string): void {
    this.writer.end()
    this.settle(new ProtocolViolation({ side: "local", actor: this.peer, rule, detail }))
  }

  private ended(): void {
    if (this.state._tag === "Closed" || this.state._tag === "Lost") return
    const peer = this.state._tag === "Open" ? this.state.peer : undefined
    this.state = { _tag: "Lost", peer }
    this.writer.close()
    const { explain } = this.options
    if (explain !== undefined) return explain((error) => this.settle(error))
    this.settle(this.saidBye ? new ChannelClosed({ side: "peer", actor: this.peer }) : this.connectionLost())
  }

  private connectionLost(): ActorLost {
    return withoutStack(() =>
      new ActorLost({ actor: this.peer, how: { _tag: "ConnectionClosed" }, stderr: [], failure: null })
    )
  }

  private settle(error: ActorError): void {
    if (this.state._tag === "Closed") return
    const peer = this.state._tag === "Handshaking" ? undefined : this.state.peer
    this.state = { _tag: "Closed", peer, error }
    this.writer.close()
    const ports = Array.from(this.ports.values())
    this.ports.clear()
    this.lossDelivered = ports.length > 0
    this.early = []
    this.tellHandshake({ _tag: "Ended", error })
    // A goodbye is for those who come later: a dialog that is still without its last word has lost its actor.
    const open = error._tag === "ChannelClosed" && error.side === "peer" ? this.connectionLost() : error
    for (const port of ports) port.lost(open)
    this.router?.closed(error)
  }
}
