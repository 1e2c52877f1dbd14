/**
 * A channel is one connection to one peer. The machine `Connection` decides, and the channel carries out its actions
 * for the open dialogs and for the owner of the connection.
 *
 * One reader and one writer serve the connection of a channel. A dialog gets the words that carry its own number. The
 * owner of the connection gets the words about the whole actor, and the end of the connection. When the connection
 * ends, each of its dialogs is told once of the end. Before its dialogs are told, the owner of the connection has a
 * short time to find out why the peer has gone.
 *
 * A callback of a channel must not block, because the channel's reader calls it. An error that a driver, a dialog or an
 * owner throws ends the connection, and never the runtime.
 *
 * @since 0.1.0
 */
import * as Arrival from "@furrow/protocol/Arrival"
import * as Connection from "@furrow/protocol/Connection"
import { described } from "@furrow/protocol/Described"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type * as Message from "@furrow/protocol/Message"
import * as Violation from "@furrow/protocol/Violation"
import * as Context from "effect/Context"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { ChannelInspection } from "../inspect/Inspection.ts"
import { type ChannelSnapshot, noRefusals, type Refusals } from "../inspect/Snapshot.ts"
import { NumberTable } from "../settings/NumberTable.ts"
import { Turn } from "../settings/Turn.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { ChannelOptions, HandshakeResult, OwnerEvent } from "./ChannelOptions.ts"
import { cancelledEarly, connectionLost, errorOf, notBegun } from "./ends.ts"
import { encodeFarewell, endOf, type Farewell, takenOf } from "./Farewell.ts"
import { inspectChannel, snapshotChannel } from "./inspectChannel.ts"
import { Parting } from "./Parting.ts"
import type { CalleePort, CallerPort, Port } from "./Port.ts"
import { report } from "./report.ts"
import { retirement } from "./Succession.ts"
import { Writer } from "./Writer.ts"

export type { ChannelOptions, HandshakeResult, OwnerEvent } from "./ChannelOptions.ts"

/**
 * The largest greeting of a peer in bytes. The size of a greeting is bounded, because a greeting may come from a
 * stranger. The words after a peer's greeting may arrive in the same chunk of bytes as the greeting.
 */
const maxGreetingBytes = 1024 * 1024

const noBytes = new Uint8Array(0)

/** The words after which a side of a dialog says no other word in the dialog. */
const lastWords: ReadonlySet<Message.Message["_tag"]> = new Set(["Cancel", "Return", "Error"])

const nobody: ActorId = { name: "unknown", uuid: "", pid: 0 }

export class PeerChannel {
  private state: Connection.State<ActorError>
  private frames: Frame.State = Frame.initial
  /** The bounds on the sizes of frames, which the handshake sets. */
  private limits: Frame.Limits
  private readonly ports = new NumberTable<Port>()
  private readonly options: ChannelOptions
  readonly events: Events
  /** The `Turn` of the process at this end of the connection, which gives access to its event loop. */
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
  /**
   * The endpoints whose contract this side has already sent over this connection. The set of sent contracts is only a
   * cache: a contract that is missing in the set is sent again.
   */
  private readonly digested = new WeakSet<object>()
  private readonly handshakes = new Waiters<HandshakeResult>()
  readonly parting = new Parting()

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
        end: () => {
          this.input({ _tag: "End" })
          this.parting.hungUp?.()
        }
      }))
    this.run(actions)
  }

  /** Calls `callback` once, when the handshake of this connection is over. */
  onHandshake(callback: (result: HandshakeResult) => void): void {
    const peer = Connection.peerOf(this.state)
    const { error } = this
    if (error !== undefined) callback({ _tag: "Ended", error })
    else if (peer !== undefined && Connection.isOpen(this.state)) callback({ _tag: "Open", peer })
    else this.handshakes.add(callback)
  }

  /**
   * Sets the function `tell`, which gets each word that belongs to no open dialog, such as `Start`, `Ready` or `Bye`,
   * including words that arrived earlier.
   */
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

  /** The error with which the channel ended; `undefined` while it can still be used. */
  get error(): ActorError | undefined {
    const { phase } = this.state
    return phase._tag === "Closed" ? this.reason ??= errorOf(phase.why, this.peer) : undefined
  }

  get isOpen(): boolean {
    return Connection.isOpen(this.state)
  }

  /** The payload of the peer's `Bye`, which says how the peer ended; `undefined` if no `Bye` has come. */
  get bye(): Uint8Array | undefined {
    return this.parting.isRetired ? undefined : Connection.byeOf(this.state)
  }

  /**
   * The latest connection to the peer that this side knows: this connection, or the successor of a retired connection.
   */
  get latest(): PeerChannel {
    return this.parting.succession?.latest ?? this
  }

  /** The number of dialogs that both sides together have begun on the connection. */
  get begun(): number {
    return this.state.dialogs.next + this.state.dialogs.highest
  }

  get hasDialogs(): boolean {
    return this.ports.size > 0
  }

  /**
   * True while neither side uses the connection: no dialog is open or about to begin, and no callback waits for the end
   * of the connection.
   */
  get isIdle(): boolean {
    return this.isOpen && !this.hasDialogs && this.writer.isIdle && this.state.dialogs.arriving.size === 0 &&
      Frame.arrivingOf(this.frames).length === 0 && !this.parting.isWatched
  }

  /**
   * Retires the connection: both actors live on, and a dialog of the peer whose `Start` arrives after this side's `Bye`
   * has not begun.
   */
  retire(): void {
    this.guard("a connection could not retire", () => {
      this.parting.isRetired = true
      this.sayBye({ how: { _tag: "Idle" }, cleanup: [] })
      this.close()
    })
  }

  /**
   * Calls `callback` once, when no call can begin on this connection any more: earlier than a callback of `whenClosed`,
   * and before any dialog is told of the connection's end. A registered callback keeps an unused connection open,
   * unless the parameter `rests` is true.
   */
  whenCallsOver(callback: () => void, rests = false): () => void {
    return this.parting.whenCallsOver(Connection.isOver(this.state), callback, rests)
  }

  /** Calls `callback` once, when the channel is closed, and its dialogs and its owner have been told of the end. */
  whenClosed(callback: () => void): () => void {
    return this.parting.whenClosed(this.isClosed, callback)
  }

  /**
   * Opens a dialog for this side, and returns its number. A dialog on a closed connection fails in a later turn of the
   * event loop.
   */
  open(port: CallerPort): number {
    const id = Connection.open(this.state)
    this.parting.mayRetire = false
    if (Connection.accepts(this.state)) this.ports.add(id, port)
    else {
      this.delivered = true
      // A dialog on an ended connection fails in a later turn of the event loop, so that immediate retries cannot
      // starve the event loop.
      this.turn.rest(() => this.tellLost(port, this.unbegun(this.error ?? this.farewell())), this)
    }
    return id
  }

  /**
   * True when the digest of an endpoint's contract still has to be sent to this peer. A digest is sent once for each
   * endpoint on each connection.
   */
  mustSendDigest(endpoint: object): boolean {
    if (this.digested.has(endpoint)) return false
    this.digested.add(endpoint)
    return true
  }

  sendDigestAgain(endpoint: object): void {
    this.digested.delete(endpoint)
  }

  /**
   * Registers a dialog that the peer has opened. A dialog that is registered after the end of the connection is told of
   * the end at once.
   */
  registerCallee(id: number, port: CalleePort): void {
    const { error } = this
    if (error !== undefined) return port.lost(error)
    this.parting.mayRetire = false
    this.ports.add(id, port)
    Connection.countServed(this.state, 1)
  }

  forget(id: number): void {
    if (this.ports.drop(id)?.side === "callee") Connection.countServed(this.state, -1)
    if (this.parting.mayRetire) this.parting.retireIfIdle(this)
  }

  /** The number of dialogs opened by the peer that are open, or whose last word the peer has not read. */
  get openDialogCount(): number {
    return this.state.dialogs.served + this.writer.unread
  }

  send(message: Message.Message, inOrder = false): void {
    if (message._tag === "Spawn" || message._tag === "Ready") this.input({ _tag: "Said", word: message._tag })
    if (message._tag === "Cancel" && this.writer.withdraw(message.dialog)) {
      // A cancelled dialog is told of the cancel in a later turn of the event loop, because the code that cancels the
      // dialog still runs.
      return this.turn.later(
        () => this.guard("a dialog could not be ended", () => this.heard(cancelledEarly(message, this.peer))),
        this
      )
    }
    this.writer.send(message, inOrder)
  }

  /**
   * Counts the dialogs that are stuck, where `change` is 1 for a cancelled dialog that did not end within the bound of
   * its cancel, and -1 when this dialog has ended.
   */
  countStuck(change: 1 | -1): void {
    this.stuck += change
  }

  /** Counts payloads that did not match their schema, by the decision about them. */
  countRefused(fate: keyof Refusals, count: number): void {
    this.refusals = { ...this.refusals, [fate]: this.refusals[fate] + count }
  }

  /** True while a cancelled dialog is past the bound of its cancel and has not ended. */
  get isStuck(): boolean {
    return this.stuck > 0
  }

  /** True when a dialog has been told that the connection was lost. */
  get lossWasDelivered(): boolean {
    return this.delivered
  }

  /** True when the peer can vanish while the connection stays open, as over a network. */
  get canDieSilently(): boolean {
    return this.options.connection.silent === true
  }

  /** The number of signs of life of the peer: bytes that arrived, or room that the peer made. */
  get signs(): number {
    return this.received.bytes + this.drains
  }

  /** Closes this side of the connection: queued words are sent, and every dialog ends with `ChannelClosed`. */
  close(): void {
    this.input({ _tag: "Close" })
  }

  /** Ends this side's half of the connection, regardless of the peer's half. */
  hangUp(): void {
    this.guard("the transport threw", () => this.options.connection.end())
  }

  /** Cuts the connection at once: queued words are lost. */
  destroy(): void {
    this.guard("the transport threw", () => this.options.connection.destroy())
  }

  /**
   * Ends every dialog with the given error, because the peer is known to be gone even if the connection is still open.
   */
  lose(error: ActorError): void {
    this.input({ _tag: "Lose", error })
  }

  /**
   * Closes the connection because the peer broke a rule, after this side has told the peer and the dialogs of the
   * violation.
   */
  violate(violation: Violation.Violation): void {
    this.input({ _tag: "Violate", violation })
  }

  snapshot(): ChannelSnapshot {
    const { ports, received, refusals, state, stuck, writer } = this
    return snapshotChannel(state, writer, { dialogs: ports.size, received: { ...received }, stuck, refusals })
  }

  /** The state of the connection without its dialogs, for an observer. */
  inspect(to: ChannelInspection["to"]): ChannelInspection {
    return inspectChannel(to, this.snapshot(), this.writer, this.ports)
  }

  /** Iterates over the open dialogs of this connection; dialogs may begin and end during the iteration. */
  get dialogs(): Iterable<Port> {
    return this.ports
  }

  // ---- reading ----------------------------------------------------------------------------------------------------

  private get isClosed(): boolean {
    return this.state.phase._tag === "Closed"
  }

  private data(bytes: Uint8Array, lent: boolean): void {
    this.reading(bytes.length, () => {
      let chunk = bytes
      // Greetings are read one at a time: the frames behind the last greeting have another size limit.
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

  /** Reads the words in the given bytes, and returns the number of their frames. */
  private read(bytes: Uint8Array, lent: boolean, count?: number): number {
    return this.isClosed ? 0 : this.take(Frame.decode(this.frames, bytes, this.limits, count, lent))
  }

  /** Counts bytes that the transport has read straight into the body of an incomplete frame. */
  private filled(size: number): void {
    this.reading(size, () => void (this.isClosed || this.take(Frame.filled(this.frames, size))))
  }

  private take(decoded: Frame.Decoded): number {
    this.frames = decoded.state
    const { begun, frames } = decoded
    for (let i = 0; i < frames.length; i++) {
      if (begun !== undefined) this.begin(begun, i)
      // A word may close the channel, and the words after such a word are not read.
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

  /**
   * Tells the machine `Connection` which large words began to arrive between two whole frames; `behind` is the number
   * of whole frames before these words.
   */
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
    // The machine `Connection` is not asked about a word of an open dialog that may be delivered at once, so most words
    // allocate no memory.
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
        return this.parting.callsEnd(Connection.byeOf(this.state), (what, wake) => this.guard(what, wake))
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

  /** Changes the identity of the actor at the other end to the identity that the handshake presented. */
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

  /** The error of a dialog that was open when the peer said `Bye`. */
  private readonly farewell = (): ActorError => endOf(this.bye ?? noBytes, this.peer)

  /** Makes the error of a dialog that has surely not begun, because the connection ended with `error`. */
  private unbegun(error: ActorError): ActorError {
    return this.parting.isRetired ? retirement(this.peer) : notBegun(error)
  }

  /**
   * Ends the dialogs that this side has opened. A dialog that the peer had not read when it said `Bye` counts as not
   * begun.
   */
  private endCallers(): void {
    const callers = this.ports.entries().filter(([, port]) => port.side === "caller")
    for (const [id] of callers) this.ports.drop(id)
    const error = this.farewell()
    const early = this.unbegun(error)
    const taken = takenOf(Connection.byeOf(this.state) ?? noBytes) ?? Infinity
    const held = this.writer.heldStarts()
    for (const [id, port] of callers) this.tellLost(port, id > taken || held.has(id) ? early : error)
  }

  /** Says `Bye`, with the number of the last dialog of the peer that this side has read. */
  sayBye(farewell: Farewell): void {
    const payload = encodeFarewell({ ...farewell, taken: Connection.taken(this.state) }, this.maxFrame - 64)
    this.send({ _tag: "Bye", payload })
  }

  private settle(error: ActorError): void {
    const ports = this.ports.entries()
    this.ports.clear()
    this.delivered ||= ports.length > 0
    const held = this.writer.heldStarts()
    const early = notBegun(error)
    const began = (id: number) => !held.has(id) && !Connection.openedTooLate(this.state, id)
    for (const [id, port] of ports) this.tellLost(port, port.side === "callee" || began(id) ? error : early)
    this.guard("a handshake failed", () => this.handshakes.wake({ _tag: "Ended", error }))
    this.guard("an owner failed", () => this.tell?.({ _tag: "Closed", error }))
    this.guard("a waiter failed", () => this.parting.closings.wake())
  }

  private tellLost(port: Port, error: ActorError): void {
    this.guard("a dialog could not be ended", () => port.lost(error))
  }

  private guard(what: string, f: () => void): void {
    try {
      f()
    } catch (error) {
      this.fault(what, error)
    }
  }

  /** Ends all open dialogs and the connection, and reports the error, because code that must not throw has thrown. */
  private fault(what: string, thrown: unknown): void {
    const reason = `${what}: ${described(thrown)}`
    report(this.options, this.peer, reason, thrown)
    this.lose(connectionLost(this.peer, reason))
    // A frame that was written in part cannot be repaired, so the connection is cut, which the peer notices.
    try {
      this.options.connection.destroy()
    } catch {
      // The error of a driver that throws while it cuts its connection is dropped, because the first error has been
      // reported.
    }
  }
}
