/**
 * One connection to one peer: carries out what `Connection` decides, for a map of open dialogs and one owner.
 *
 * One reader, one writer. A dialog hears its own words, the owner hears those of the connection and its end. When the
 * connection ends, every dialog is told once, after a short wait in which the owner may find out why.
 *
 * Nothing here blocks the reader. A driver, a dialog or an owner that throws costs the connection, never the runtime.
 *
 * @since 0.1.0
 */
import * as Arrival from "@furrow/protocol/Arrival"
import * as Connection from "@furrow/protocol/Connection"
import { described } from "@furrow/protocol/Described"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type * as Handshake from "@furrow/protocol/Handshake"
import type * as Message from "@furrow/protocol/Message"
import * as Violation from "@furrow/protocol/Violation"
import * as Context from "effect/Context"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { ChannelInspection } from "../inspect/Inspection.ts"
import { type ChannelSnapshot, noRefusals, type Refusals } from "../inspect/Snapshot.ts"
import { Turn } from "../settings/Turn.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { Connection as Transported } from "../transport/Transport.ts"
import { cancelledEarly, connectionLost, errorOf, notBegun } from "./ends.ts"
import { encodeFarewell, endOf, type Farewell, takenOf } from "./Farewell.ts"
import { inspectChannel } from "./inspectChannel.ts"
import type { CalleePort, CallerPort, Port } from "./Port.ts"
import { report } from "./report.ts"
import { Writer } from "./Writer.ts"

/**
 * A word for the owner of a connection, or its end. Only words arrive that the peer may say now, by its role: a parent
 * hears no `CancelActor` of its child, and a child is told to `Spawn` once. An `Error` here is the failure of the whole actor: that of a dialog goes to the dialog.
 */
export type OwnerEvent =
  | Message.Start
  | Message.Spawn
  | Message.Ready
  | Message.CancelActor
  | Message.CancelAck
  | Message.Leave
  | Message.Bye
  | Message.Error
  | { readonly _tag: "Closed"; readonly error: ActorError }

export interface ChannelOptions {
  readonly connection: Transported
  /** The actor at the other end. */
  readonly role: Connection.Role
  readonly handshake: Handshake.Config
  readonly events: Events
  /** Turns and logs of the runtime itself go by this. Default: the event loop, and the console. */
  readonly context?: Context.Context<never> | undefined
  /** The largest frame that is read before the handshake is over. */
  readonly greetingLimit?: number | undefined
  /** Finds out why the connection ended; calls back once, soon. */
  readonly explain?: ((done: (error: ActorError) => void) => void) | undefined
}

/** How the handshake ended. */
export type HandshakeResult = Connection.Greeted | { readonly _tag: "Ended"; readonly error: ActorError }

/** The largest greeting, which may be a stranger's; the words behind it may share its chunk. */
const maxGreetingBytes = 1024 * 1024

const noBytes = new Uint8Array(0)

/** Nothing of a dialog comes behind these from the side that says them. */
const lastWords: ReadonlySet<Message.Message["_tag"]> = new Set(["Cancel", "Return", "Error"])

const nobody: ActorId = { name: "unknown", uuid: "", pid: 0 }

export class PeerChannel {
  private state: Connection.State<ActorError>
  private frames: Frame.State = Frame.initial
  /** The limits of frames; the handshake sets them. */
  private limits: Frame.Limits
  private readonly ports = new Map<number, Port>()
  private readonly options: ChannelOptions
  /** The events and the counts of the actor at this end. */
  readonly events: Events
  /** The turns of the process at this end. */
  readonly turn: Turn
  readonly writer: Writer
  private tell: ((event: OwnerEvent) => void) | undefined
  private received = { frames: 0, bytes: 0 }
  private drains = 0
  private stuck = 0
  private refusals: Refusals = noRefusals
  private delivered = false
  private reason: ActorError | undefined
  private renamed: ActorId | undefined
  /** A cache of what has crossed: it decides nothing. */
  private readonly digested = new WeakSet<object>()
  private readonly handshakes = new Waiters<HandshakeResult>()
  private readonly callsOver = new Waiters()
  private readonly closings = new Waiters()

  constructor(options: ChannelOptions) {
    const { connection, explain, handshake, role } = options
    this.options = options
    this.events = options.events
    this.turn = Context.get(options.context ?? Context.empty(), Turn)
    this.writer = new Writer(connection, (error) => this.fault("the transport threw", error), this.turn)
    const [state, actions] = Connection.start<ActorError>({ role, handshake, explains: explain !== undefined })
    this.state = state
    this.limits = { maxFrame: this.maxFrame, parts: false }
    this.guard("the transport threw", () =>
      connection.start({
        data: (bytes) => this.data(bytes, false),
        direct: {
          room: () => this.isClosed ? undefined : Frame.room(this.frames),
          filled: (size) => this.filled(size),
          lend: (bytes) => this.data(bytes, true)
        },
        drain: () => this.guard("a sender failed", () => this.drained()),
        end: () => this.input({ _tag: "End" })
      }))
    this.run(actions)
  }

  /** Calls back once when the handshake is over. */
  onHandshake(callback: (result: HandshakeResult) => void): void {
    const peer = Connection.peerOf(this.state)
    const { error } = this
    if (error !== undefined) callback({ _tag: "Ended", error })
    else if (peer !== undefined && Connection.isOpen(this.state)) callback({ _tag: "Open", peer })
    else this.handshakes.add(callback)
  }

  /** From now on this owner is told. Words that came before there was one are told now, in order. */
  route(tell: (event: OwnerEvent) => void): void {
    this.tell = tell
    this.input({ _tag: "Owned" })
    const { error } = this
    if (error !== undefined) this.guard("an owner failed", () => tell({ _tag: "Closed", error }))
  }

  get peer(): ActorId {
    return Connection.peerOf(this.state)?.actor ?? nobody
  }

  get maxFrame(): number {
    const peer = Connection.peerOf(this.state)
    if (peer !== undefined) return peer.maxFrame
    return this.isClosed ? Frame.defaultMaxFrame : this.options.greetingLimit ?? maxGreetingBytes
  }

  /** Why the channel cannot be used any more, if so. */
  get error(): ActorError | undefined {
    const { phase } = this.state
    return phase._tag === "Closed" ? this.reason ??= errorOf(phase.why, this.peer) : undefined
  }

  get isOpen(): boolean {
    return Connection.isOpen(this.state)
  }

  /** The peer's own account of its end, in its last word. */
  get bye(): Uint8Array | undefined {
    return Connection.byeOf(this.state)
  }

  /** Calls back once when no call begins here any more: earlier than `whenClosed`, and before any dialog is told. */
  whenCallsOver(callback: () => void): () => void {
    if (!Connection.isOver(this.state)) return this.callsOver.add(callback)
    callback()
    return () => {}
  }

  /** Calls back once when the channel is closed, and its dialogs and its owner have been told. */
  whenClosed(callback: () => void): () => void {
    if (!this.isClosed) return this.closings.add(callback)
    callback()
    return () => {}
  }

  /** A new dialog of ours. A dialog that can have no answer is told so in the next turn of the event loop. */
  open(port: CallerPort): number {
    const id = Connection.open(this.state)
    if (Connection.accepts(this.state)) this.ports.set(id, port)
    else {
      this.delivered = true
      // In a later turn: the opener has nothing in place yet, and an opener that tries again must not starve the loop.
      this.turn.rest(() => this.tellLost(port, notBegun(this.error ?? this.farewell())), this)
    }
    return id
  }

  /** True when the contract of an endpoint is still to be compared here: it is sent once. */
  mustSendDigest(endpoint: object): boolean {
    if (this.digested.has(endpoint)) return false
    this.digested.add(endpoint)
    return true
  }

  sendDigestAgain(endpoint: object): void {
    this.digested.delete(endpoint)
  }

  /** A dialog of the peer, which is told at once where the connection is gone. */
  registerCallee(id: number, port: CalleePort): void {
    const { error } = this
    if (error !== undefined) return port.lost(error)
    this.ports.set(id, port)
    Connection.countServed(this.state, 1)
  }

  forget(id: number): void {
    const port = this.ports.get(id)
    if (this.ports.delete(id) && port!.side === "callee") Connection.countServed(this.state, -1)
  }

  /** Dialogs of the peer that are open, or ended and it has not read how. */
  get openDialogCount(): number {
    return this.state.dialogs.served + this.writer.unread
  }

  send(message: Message.Message, inOrder = false): void {
    if (message._tag === "Spawn" || message._tag === "Ready") this.input({ _tag: "Said", word: message._tag })
    if (message._tag === "Cancel" && this.writer.withdraw(message.dialog)) {
      // In a later turn: the dialog is in the step that cancels it.
      return this.turn.later(
        () => this.guard("a dialog could not be ended", () => this.heard(cancelledEarly(message, this.peer))),
        this
      )
    }
    this.writer.send(message, inOrder)
  }

  /** A dialog we cancelled did not end within its bound; it stays listed until it does. */
  countStuck(change: 1 | -1): void {
    this.stuck += change
  }

  /** Payloads that did not match have met this fate. */
  countRefused(fate: keyof Refusals, count: number): void {
    this.refusals = { ...this.refusals, [fate]: this.refusals[fate] + count }
  }

  /** True while such a dialog has not ended. */
  get isStuck(): boolean {
    return this.stuck > 0
  }

  /** True when a dialog has been told that the connection was lost. */
  get lossWasDelivered(): boolean {
    return this.delivered
  }

  /** True where the peer can be gone without an end of the connection. */
  get canDieSilently(): boolean {
    return this.options.connection.silent === true
  }

  /** Grows with every sign of life of the peer: it was heard, or made room for more. */
  get signs(): number {
    return this.received.bytes + this.drains
  }

  /** Closes our side: queued words are sent, every dialog ends with `ChannelClosed`. */
  close(): void {
    this.input({ _tag: "Close" })
  }

  /** Ends our half, whatever the peer's does. */
  hangUp(): void {
    this.guard("the transport threw", () => this.options.connection.end())
  }

  /** Cuts the connection: queued words are lost. */
  destroy(): void {
    this.guard("the transport threw", () => this.options.connection.destroy())
  }

  /** The peer is known to be gone, whatever the connection says: every dialog ends with this error. */
  lose(error: ActorError): void {
    this.input({ _tag: "Lose", error })
  }

  /** The peer broke a rule: tell it, tell the dialogs, close. */
  violate(violation: Violation.Violation): void {
    this.input({ _tag: "Violate", violation })
  }

  snapshot(): ChannelSnapshot {
    return {
      peer: Connection.peerOf(this.state)?.actor,
      state: this.isOpen ? "Open" : this.state.phase._tag,
      dialogs: this.ports.size,
      sent: { frames: this.writer.frames, bytes: this.writer.bytes },
      received: { ...this.received },
      full: this.writer.isFull,
      stuck: this.stuck,
      refusals: this.refusals
    }
  }

  /** The connection without its dialogs, for an observer. */
  inspect(to: ChannelInspection["to"]): ChannelInspection {
    return inspectChannel(to, this.snapshot(), this.writer, this.ports)
  }

  /** Its dialogs, as they are when they are read: others may begin and end meanwhile. */
  get dialogs(): Iterable<Port> {
    return this.ports.values()
  }

  // ---- reading ----------------------------------------------------------------------------------------------------

  private get isClosed(): boolean {
    return this.state.phase._tag === "Closed"
  }

  private data(bytes: Uint8Array, lent: boolean): void {
    this.reading(bytes.length, () => {
      let chunk = bytes
      // Greeting by greeting: what comes right behind the last one is held to another limit.
      while (this.state.phase._tag === "Handshaking") {
        if (this.read(chunk, lent, 1) === 0) return
        chunk = noBytes
      }
      this.read(chunk, lent)
    })
  }

  private drained(): void {
    this.drains++
    this.writer.drain()
  }

  private reading(size: number, read: () => void): void {
    this.received.bytes += size
    try {
      read()
    } catch (error) {
      this.fault("a word could not be delivered", error)
    }
  }

  /** How many frames there were. */
  private read(bytes: Uint8Array, lent: boolean, count?: number): number {
    return this.isClosed ? 0 : this.take(Frame.decode(this.frames, bytes, this.limits, count, lent))
  }

  /** Bytes that are in the body of a frame already. */
  private filled(size: number): void {
    this.reading(size, () => void (this.isClosed || this.take(Frame.filled(this.frames, size))))
  }

  private take(decoded: Frame.Decoded): number {
    this.frames = decoded.state
    const { begun, frames } = decoded
    for (let i = 0; i < frames.length; i++) {
      if (begun !== undefined) this.begin(begun, i)
      // A word may close the channel: what came behind it is not read.
      if (this.isClosed) break
      this.received.frames++
      const word = Envelope.decode(frames[i]!)
      if (word._tag === "Violation") this.violate(word.violation)
      else this.heard(word.message)
    }
    if (begun !== undefined) this.begin(begun, frames.length)
    if (decoded.state._tag === "Failed") this.violate(decoded.state.violation)
    return decoded.frames.length
  }

  /** Begins the large words whose first part came behind this number of frames. */
  private begin(begun: ReadonlyArray<Frame.Begun>, behind: number): void {
    for (const { behind: at, dialog, word } of begun) {
      if (at !== behind) continue
      const [state, actions] = Connection.begun(this.state, dialog, word)
      this.state = state
      this.run(actions)
    }
  }

  private heard(message: Message.Message): void {
    if (Frame.arrivingOf(this.frames).length > 0 && lastWords.has(message._tag)) {
      this.frames = Frame.drop(this.frames, (message as Message.FromCallee).dialog)
    }
    const port = this.ports.get((message as Message.FromCallee).dialog)
    // The path of most words, which allocates nothing.
    if (port !== undefined && Connection.delivers(this.state, port.side, message._tag)) {
      return port.heard(message as Message.FromCallee & Message.FromCaller)
    }
    if (message._tag === "Start" && Connection.takesStart(this.state, message.dialog, this.writer.unread)) {
      return this.tell?.(message)
    }
    const [state, actions] = Connection.hear(this.state, message, port?.side, this.writer.unread)
    this.state = state
    for (const action of actions) this.execute(action, message)
  }

  // ---- carrying out -----------------------------------------------------------------------------------------------

  private input(input: Connection.Input<ActorError>): void {
    const [state, actions] = Connection.step(this.state, input)
    this.state = state
    if (actions.length > 0) this.run(actions)
  }

  private run(actions: ReadonlyArray<Connection.Action>): void {
    for (const action of actions) this.guard(`${action._tag} failed`, () => this.execute(action, undefined))
  }

  private execute(action: Connection.Action, message: Message.Message | undefined): void {
    switch (action._tag) {
      case "Send":
        return this.writer.send(action.message)
      case "Deliver":
        return this.ports.get((message as Message.FromCallee).dialog)?.heard(message as never)
      case "Tell":
        return this.tell?.(message as OwnerEvent)
      case "Replay":
        for (const word of action.words) this.heard(word)
        return
      case "Greet":
        this.greeted(action.result)
        return this.handshakes.wake(action.result)
      case "AnswerCancel":
        return this.writer.send(cancelledEarly(action.cancel, this.self))
      case "Explain":
        return this.explain()
      case "EndWriting":
        return this.writer.end()
      case "StopWriting":
        return this.writer.close()
      case "StopCalls":
        return this.guard("a waiter failed", () => this.callsOver.wake())
      case "EndCallers":
        return this.endCallers()
      case "Report": {
        const text = Violation.describe(action.violation)
        return this.options.events.publish({ _tag: "Violation", actor: this.peer, text })
      }
      case "Settle":
        return this.settle(this.error!)
    }
  }

  private greeted(result: Connection.Greeted): void {
    if (result._tag !== "Open") return
    const { capabilities, maxFrame } = result.peer
    const parts = capabilities.includes(Arrival.capability)
    this.limits = { maxFrame, parts }
    if (parts) this.writer.cut(maxFrame)
  }

  /** We are this actor, whatever we have greeted as. */
  rename(actor: ActorId): void {
    this.renamed = actor
  }

  private get self(): ActorId {
    const { handshake } = this.options
    if (this.renamed !== undefined) return this.renamed
    return handshake.side === "dialler" ? handshake.hello.actor : handshake.welcome.actor
  }

  private explain(): void {
    try {
      this.options.explain!((error) => this.input({ _tag: "Explained", error }))
    } catch (error) {
      this.fault("the end of a connection could not be explained", error)
    }
  }

  /** How a dialog ends that was open when the peer said goodbye. */
  private readonly farewell = (): ActorError => endOf(this.bye ?? noBytes, this.peer)

  /** Ends our calls: those that the peer had not read at its last word have not begun there. */
  private endCallers(): void {
    const callers = Array.from(this.ports).filter(([, port]) => port.side === "caller")
    for (const [id] of callers) this.ports.delete(id)
    const error = this.farewell()
    const early = notBegun(error)
    const taken = takenOf(this.bye ?? noBytes) ?? Infinity
    const held = this.writer.heldStarts()
    for (const [id, port] of callers) this.tellLost(port, id > taken || held.has(id) ? early : error)
  }

  /** Says the last word, with the last dialog of the peer that was read. */
  sayBye(farewell: Farewell): void {
    const payload = encodeFarewell({ ...farewell, taken: Connection.taken(this.state) }, this.maxFrame - 64)
    this.send({ _tag: "Bye", payload })
  }

  private settle(error: ActorError): void {
    const ports = Array.from(this.ports)
    this.ports.clear()
    this.delivered ||= ports.length > 0
    const held = this.writer.heldStarts()
    const early = notBegun(error)
    const began = (id: number) => !held.has(id) && !Connection.openedTooLate(this.state, id)
    for (const [id, port] of ports) this.tellLost(port, port.side === "callee" || began(id) ? error : early)
    this.guard("a handshake failed", () => this.handshakes.wake({ _tag: "Ended", error }))
    this.guard("an owner failed", () => this.tell?.({ _tag: "Closed", error }))
    this.guard("a waiter failed", () => this.closings.wake())
  }

  private tellLost(port: Port, error: ActorError): void {
    this.guard("a dialog could not be ended", () => port.lost(error))
  }

  // ---- the last resort --------------------------------------------------------------------------------------------

  private guard(what: string, f: () => void): void {
    try {
      f()
    } catch (error) {
      this.fault(what, error)
    }
  }

  /** Something threw that must not: all that is open ends with that reason, which is reported. */
  private fault(what: string, thrown: unknown): void {
    const reason = `${what}: ${described(thrown)}`
    report(this.options, this.peer, reason, thrown)
    this.lose(connectionLost(this.peer, reason))
    // A half-written frame cannot be mended, and the other end is to notice.
    try {
      this.options.connection.destroy()
    } catch {
      // A driver that cannot even do that has been reported.
    }
  }
}
