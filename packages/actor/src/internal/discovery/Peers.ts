/**
 * Keeps the connections of an actor to actors that are neither its parent nor its children. Each pair of actors has one
 * connection, which is made at its first use and carries the dialogs of both sides. The machine `Rendezvous` decides
 * which dials begin and which connections stay, and this module dials and closes connections accordingly.
 *
 * An actor begins to listen when its address is first requested. An actor that dials in is a stranger until it has
 * proven that it knows the secret of the tree. The greeting of a stranger has a limited size and time, and no handler
 * reads it.
 *
 * @since 0.1.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import type { CancelActor, Start } from "@furrow/protocol/Message"
import * as Rendezvous from "@furrow/protocol/Rendezvous"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Farewell } from "../channel/Farewell.ts"
import { hello, welcome } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { SignsOfLife } from "../channel/SignsOfLife.ts"
import {
  type ActorError,
  type ActorId,
  ActorUnreachable,
  formatActor,
  type Unreachability
} from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { PeerSnapshot } from "../inspect/Snapshot.ts"
import type { ActorRefData } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Doors, Network } from "../transport/Network.ts"
import { type Address, type Connection, TransportError } from "../transport/Transport.ts"
import { Duplicate, HungUp, isDuplicate, isHungUp, refusalOf } from "./Greetings.ts"
import { IdlePeers } from "./IdlePeers.ts"

/**
 * The largest greeting of a stranger in bytes; real greetings have a few hundred bytes. The limit on a stranger's
 * greeting does not apply to a dialler, whose peer may send its first words together with its greeting.
 */
const maxStrangerGreetingBytes = 16 * 1024

/**
 * The milliseconds before an actor dials again after its dial was refused as a duplicate. The peer may not have noticed
 * yet that an earlier connection between the two actors has ended.
 */
const duplicateRetryMillis = 50

/**
 * The number of times that an actor dials again after a connection has ended in its greeting. When there are many
 * strangers, later strangers may evict a peer before it has proven itself, however quick the peer is.
 */
const greetingRetries = 4

/** The functions that handle the words of an actor's peers. */
export interface PeerRouter {
  readonly start: (message: Start) => void
  /** A callback for the moment at which the connection is gone, and all its dialogs have been told of the loss. */
  readonly closed: () => void
}

export interface PeersOptions {
  readonly self: ActorId
  readonly network: Network
  readonly events: Events
  /** The context of work that has no caller: it contains the clock and the timeouts. */
  readonly context: Context.Context<never>
  /**
   * Finds the addresses of an actor. The question for the addresses goes from actor to actor through the tree, and
   * makes the wanted actor listen.
   */
  readonly locate: (ref: ActorRefData) => Effect.Effect<ReadonlyArray<Address>, NotThere>
  /** The existing connection to this actor's parent or to one of its children. */
  readonly relative: (uuid: string) => PeerChannel | undefined
  readonly serve: (channel: PeerChannel) => PeerRouter
  /**
   * Asks a peer to close a connection that this side does not use. The function `rest` is absent in an actor whose idle
   * connections stay open.
   */
  readonly rest?: ((channel: PeerChannel) => Effect.Effect<unknown, unknown>) | undefined
  /** Handles the request of a peer to end this actor. */
  readonly cancelActor: (message: CancelActor, channel: PeerChannel) => void
}

/**
 * The failure to reach an actor. The field `gone` is true if the actor has ended or is about to end, or if no
 * connection leads to the actor.
 */
export interface NotThere {
  readonly gone: boolean
  /** True when the actor's parent has seen the end of the actor, or of an actor above it. */
  readonly ended?: boolean | undefined
  /**
   * The reason for which the actor cannot be reached. The default reason for which an actor cannot be reached is that
   * the actor is gone, or that no transport leads to it.
   */
  readonly why?: Unreachability | undefined
  readonly reason: string
}

/** A dial under way, with the callers that wait for the connection, and with the fiber of the dial. */
interface Dial {
  readonly ref: ActorRefData
  readonly done: Deferred.Deferred<PeerChannel, Unreachable>
  timer: Running | undefined
  attempt: Running | undefined
}

interface Running {
  readonly interrupt: () => void
}

type Input = Rendezvous.Input<PeerChannel, Connection, Unreachable>
type Action = Rendezvous.Action<PeerChannel, Connection, Unreachable>

/** The failure to make a connection; `gone` is true when the actor itself has gone. */
export class Unreachable {
  readonly gone: boolean
  readonly error: ActorError
  constructor(gone: boolean, error: ActorError) {
    this.gone = gone
    this.error = error
  }
}

export class Peers {
  private readonly options: PeersOptions
  private state: Rendezvous.State<PeerChannel, Connection>
  private readonly dials = new Map<string, Dial>()
  /** The timer of each stranger, which bounds the stranger's greeting. */
  private readonly bounds = new Map<Connection, Running>()
  private readonly signsOfLife: SignsOfLife
  /** The part of this module that closes connections which neither side uses. */
  readonly idle: IdlePeers
  private farewell: Farewell = { how: { _tag: "Returned" }, cleanup: [] }
  private listener: Deferred.Deferred<Doors, NotThere> | undefined

  constructor(options: PeersOptions) {
    this.options = options
    this.idle = new IdlePeers(options, {
      connect: (ref) => Effect.mapError(this.connect(ref), ({ error }) => error),
      isEnding: () => this.isEnding,
      channelTo: (peer) => {
        const link = this.state.links.get(peer)
        return link?._tag === "Open" ? link.connection : undefined
      }
    })
    this.signsOfLife = new SignsOfLife(options.context, (channel) => this.idle.found(channel))
    this.state = Rendezvous.initial(options.self.uuid)
  }

  private get timeouts(): Timeouts {
    return Context.get(this.options.context, Timeouts)
  }

  private fork(effect: Effect.Effect<unknown, never>): Running {
    const fiber = Effect.runForkWith(this.options.context)(effect)
    return { interrupt: () => fiber.interruptUnsafe() }
  }

  private after(millis: number, input: Input): Running {
    return this.fork(Effect.andThen(Effect.sleep(millis), Effect.sync(() => this.input(input))))
  }

  private get isEnding(): boolean {
    return this.state.phase !== "open"
  }

  // ---- carrying out -----------------------------------------------------------------------------------------------

  private input(input: Input): void {
    const [state, actions] = Rendezvous.step(this.state, input)
    this.state = state
    const thrown: Array<unknown> = []
    for (const action of actions) {
      try {
        this.execute(action)
      } catch (error) {
        // An exception of one action is thrown only after the other actions have run, because callers wait for the
        // results of these actions.
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }

  private execute(action: Action): void {
    const { events } = this.options
    switch (action._tag) {
      case "Dial":
        return this.dial(action.peer)
      case "AwaitRetry":
        return void this.after(duplicateRetryMillis, { _tag: "RetryDue", peer: action.peer })
      case "StopDial": {
        const dial = this.dials.get(action.peer)
        dial?.attempt?.interrupt()
        return dial?.timer?.interrupt()
      }
      case "Answer":
        return this.finish(action.peer, Exit.succeed(action.connection))
      case "Fail":
        return this.finish(action.peer, Exit.fail(this.failure(action.peer, action.why)))
      case "Serve":
        return this.serve(action.connection)
      case "CloseStale":
        return action.connection.close()
      case "TakeLeave": {
        action.connection.sayBye(this.farewell)
        return action.connection.close()
      }
      case "Cut":
        return action.connection.destroy()
      case "CutStranger":
        this.forgetStranger(action.stranger)
        return quietly(() => action.stranger.destroy())
      case "ReportStranger":
        return events.publish({ _tag: "StrangerRefused", reason: action.reason })
    }
  }

  private forgetStranger(stranger: Connection): void {
    this.bounds.get(stranger)?.interrupt()
    this.bounds.delete(stranger)
  }

  private finish(peer: string, exit: Exit.Exit<PeerChannel, Unreachable>): void {
    const dial = this.dials.get(peer)
    if (dial === undefined) return
    this.dials.delete(peer)
    if (dial.attempt === undefined) dial.timer?.interrupt()
    Deferred.doneUnsafe(dial.done, exit)
  }

  private failure(peer: string, why: Extract<Action, { readonly _tag: "Fail" }>["why"]): Unreachable {
    if (typeof why === "object") return why.error
    const { ref } = this.dials.get(peer)!
    return why === "ending"
      ? unreachable(ref, "closed", ending)
      : unreachable(ref, "timeout", `no answer within ${this.timeouts.connect} ms (Timeouts.connect)`)
  }

  // ---- being reached ----------------------------------------------------------------------------------------------

  /** Returns the addresses of this actor, which begins to listen now if it does not listen yet. */
  readonly addresses: Effect.Effect<ReadonlyArray<Address>, NotThere> = Effect.suspend(
    (): Effect.Effect<ReadonlyArray<Address>, NotThere> => {
      if (this.isEnding) return Effect.fail({ gone: true, reason: "it is ending" })
      let listener = this.listener
      if (listener === undefined) {
        const opened = listener = Deferred.makeUnsafe<Doors, NotThere>()
        this.listener = opened
        const { network, self } = this.options
        this.fork(Effect.map(
          Effect.exit(network.listen(self, (connection) => this.accept(connection))),
          (exit) => {
            if (Exit.isFailure(exit)) this.listener = undefined
            // The actor ended while it began to listen, so the new listener is closed.
            else if (this.isEnding) exit.value.close()
            Deferred.doneUnsafe(opened, exit as Exit.Exit<Doors, NotThere>)
          }
        ))
      }
      // The Deferred of the listener is read from a local variable, because a transport that refuses at once has
      // already emptied the field `listener`.
      return Effect.flatMap(Deferred.await(listener), ({ addresses }) => addresses)
    }
  )

  private accept(connection: Connection): void {
    this.input({ _tag: "StrangerCame", stranger: connection })
    if (!this.state.strangers.has(connection)) return
    this.bounds.set(connection, this.after(this.timeouts.handshake, { _tag: "StrangerLate", stranger: connection }))
    const { context, events, network, self } = this.options
    let isProbe = false
    const channel: PeerChannel = new PeerChannel({
      connection,
      role: "peer",
      context,
      handshake: {
        side: "acceptor",
        welcome: welcome(self),
        judge: (hello) => {
          isProbe = hello.role === "probe"
          return Rendezvous.judge(this.state, hello, ({ isOpen }) => isOpen)
        },
        auth: authOf(network, connection)
      },
      events,
      greetingLimit: maxStrangerGreetingBytes
    })
    channel.onHandshake((result) => {
      if (result._tag === "Open" && isProbe) {
        channel.whenClosed(() => this.input({ _tag: "StrangerEnded", stranger: connection, reason: "" }))
        return this.input({ _tag: "StrangerRefused", stranger: connection, reason: undefined })
      }
      if (result._tag === "Open") {
        this.forgetStranger(connection)
        const peer = result.peer.actor.uuid
        return this.input({ _tag: "StrangerAdmitted", stranger: connection, peer, connection: channel })
      }
      // A duplicate connection, from two actors that dial each other at once, is not counted as a refused stranger.
      const reason = isDuplicate(result) ? undefined : refusalOf(result)
      if (result._tag === "Refused") return this.input({ _tag: "StrangerRefused", stranger: connection, reason })
      this.input({ _tag: "StrangerEnded", stranger: connection, reason: refusalOf(result) })
    })
  }

  // ---- reaching ---------------------------------------------------------------------------------------------------

  /**
   * Returns the connection to an actor, which is made if the two actors have none. Callers that ask for the same actor
   * during a dial wait for the same connection.
   */
  connect(ref: ActorRefData): Effect.Effect<PeerChannel, Unreachable> {
    return Effect.suspend(() => {
      const { relative, self } = this.options
      const { uuid } = ref.actor
      if (uuid === self.uuid) {
        return Effect.fail(unreachable(ref, "none", "an actor needs no portal to itself: run the call directly"))
      }
      const near = relative(uuid)
      if (near !== undefined) {
        return near.error === undefined ? Effect.succeed(near) : Effect.fail(new Unreachable(true, near.error))
      }
      const link = this.state.links.get(uuid)
      const usable = link?._tag === "Open" && link.connection.isOpen
      const dial = this.dials.get(uuid) ??
        { ref, done: Deferred.makeUnsafe<PeerChannel, Unreachable>(), timer: undefined, attempt: undefined }
      this.dials.set(uuid, dial)
      this.input({ _tag: "Wanted", peer: uuid, usable })
      return Effect.map(Deferred.await(dial.done), (channel) => {
        // The successor of a retired connection is dialled by the reference with which this side asked for the peer.
        if (channel.parting.succession !== undefined) channel.parting.succession.ref = ref
        return channel
      })
    })
  }

  private dial(peer: string): void {
    const dial = this.dials.get(peer)!
    dial.timer ??= this.after(this.timeouts.connect, { _tag: "DialLate", peer })
    // The result of a dial that no caller waits for any more is ignored, because a newer dial to the same peer may be
    // running.
    const tell = (input: Input) => this.dials.get(peer) === dial ? this.input(input) : undefined
    const attempt = Effect.matchEffect(this.attempt(dial.ref, tell), {
      onSuccess: () => Effect.void,
      onFailure: (why) =>
        Effect.sync(() => {
          dial.attempt = undefined
          if (why instanceof Duplicate) return tell({ _tag: "RefusedAsDuplicate", peer })
          const error = why instanceof Unreachable ? why : unreachable(dial.ref, whyOf(why), why.reason)
          tell({ _tag: "DialFailed", peer, error })
        })
    })
    let isOver = false
    const running = this.fork(Effect.ensuring(
      attempt,
      Effect.sync(() => {
        isOver = true
        dial.attempt = undefined
        if (this.dials.get(peer) !== dial) dial.timer?.interrupt()
      })
    ))
    if (!isOver) dial.attempt = running
  }

  private attempt(
    ref: ActorRefData,
    tell: (input: Input) => void
  ): Effect.Effect<void, NotThere | Unreachable | Duplicate> {
    const { locate, network } = this.options
    const dialled = Effect.flatMap(locate(ref), (addresses) => network.dial(addresses))
    return dialled.pipe(
      // If a dial finds no listener, the parent of the dialled actor is asked again for the actor's address.
      Effect.catchIf(
        isNobodyThere,
        () => Effect.mapError(dialled, (why) => isNobodyThere(why) ? { gone: false, reason: why.reason } : why)
      ),
      Effect.flatMap((connection) => {
        tell({ _tag: "Connected", peer: ref.actor.uuid })
        return this.greet(ref, connection)
      }),
      Effect.retry({ while: isHungUp, times: greetingRetries }),
      Effect.mapError((why) => isHungUp(why) ? { gone: false, reason: why.hungUp } : why)
    )
  }

  private greet(ref: ActorRefData, connection: Connection): Effect.Effect<void, NotThere | HungUp | Duplicate> {
    return Effect.callback((resume) => {
      const { context, events, network, self } = this.options
      const auth = authOf(network, connection)
      const channel: PeerChannel = new PeerChannel({
        connection,
        role: "peer",
        context,
        handshake: { side: "dialler", hello: hello(self, "peer"), auth, to: ref.actor.uuid },
        events
      })
      let done = false
      channel.onHandshake((result) => {
        done = true
        // A dialled connection is stored in the turn of the event loop in which its handshake ends, so that an
        // interruption of the dial after this turn finds the connection.
        if (result._tag === "Open") {
          this.input({ _tag: "Welcomed", peer: ref.actor.uuid, connection: channel })
          return resume(Effect.void)
        }
        channel.hangUp()
        if (isDuplicate(result)) return resume(Effect.fail(new Duplicate()))
        if (result._tag === "Ended") return resume(Effect.fail(new HungUp(result.error)))
        const gone = result.refusal.reason === "identity"
        resume(Effect.fail({ gone, why: gone ? "gone" : "refused", reason: refusalOf(result) }))
      })
      return Effect.sync(() => {
        if (!done) channel.destroy()
      })
    })
  }

  private serve(channel: PeerChannel): void {
    const { cancelActor, events, serve } = this.options
    const actor = channel.peer
    events.publish({ _tag: "PeerConnected", actor })
    const router = serve(channel)
    this.idle.opened(channel)
    this.signsOfLife.watch(channel, this.options.self.uuid > actor.uuid)
    channel.route((event) => {
      switch (event._tag) {
        case "Start":
          return router.start(event)
        case "CancelActor":
          return cancelActor(event, channel)
        case "Closed": {
          const { error } = event
          this.input({ _tag: "Ended", peer: actor.uuid, connection: channel })
          if (channel.parting.isRetired) events.publish({ _tag: "PeerIdle", actor })
          else if (channel.bye === undefined && !this.isEnding) events.publish({ _tag: "PeerLost", actor, error })
          router.closed()
          // This side of a connection ends its half after its last word, and does not wait for the peer's half.
          channel.hangUp()
          if (channel.parting.isRetired) return this.idle.leaveLast(channel)
          this.fork(Effect.andThen(Effect.sleep(this.timeouts.explain), Effect.sync(() => channel.destroy())))
        }
      }
    })
  }

  /** Resolves when the connection to a peer has ended, with true if the peer had said `Bye`. */
  ended(channel: PeerChannel): Effect.Effect<boolean> {
    return Effect.callback((resume) =>
      Effect.sync(channel.whenClosed(() => resume(Effect.sync(() => channel.bye !== undefined))))
    )
  }

  // ---- ending -----------------------------------------------------------------------------------------------------

  /** Refuses new connections from now on, because the actor is ending. */
  stopListening(): void {
    this.input({ _tag: "Ending" })
    const { listener } = this
    if (listener === undefined) return
    this.fork(Effect.ignore(Effect.map(Deferred.await(listener), (listener) => listener.close())))
  }

  /**
   * Says `Bye` to every peer of the actor and closes all their connections. The farewell of this actor decides with
   * which error the open dialogs of its peers end.
   */
  close(farewell?: Farewell): void {
    this.farewell = farewell ?? this.farewell
    this.stopListening()
    this.idle.cut()
    this.input({ _tag: "Close", how: "leave" })
  }

  /** Cuts every connection, as if the process had been killed. */
  destroy(): void {
    this.stopListening()
    this.idle.cut()
    this.input({ _tag: "Close", how: "cut" })
  }

  get open(): ReadonlyArray<PeerChannel> {
    return Array.from(this.state.links.values()).flatMap((link) => link._tag === "Open" ? [link.connection] : [])
  }

  snapshot(): ReadonlyArray<PeerSnapshot> {
    return this.open.map((channel) => ({ actor: channel.peer, channel: channel.snapshot() }))
  }
}

/**
 * Calls a function of a driver, and drops the error of the function, because the step after the call does not depend on
 * its result.
 */
const quietly = (f: () => void): void => {
  try {
    f()
  } catch {
    // The error of a driver that throws while it closes a connection is dropped, because the connection is not used any
    // more.
  }
}

const ending = "this actor is ending"

/**
 * The authenticator of a connection. The proof of a peer is bound to the connection if the transport gives the
 * connection a `binding`, as TLS does.
 */
export const authOf = ({ authenticator }: Network, connection: Connection): Authenticator | undefined => {
  const { binding } = connection
  const auth = authenticator?.(connection)
  return auth === undefined || binding === undefined ? auth : { ...auth, binding }
}

/**
 * True for the error of an address at which nothing listens, which says nothing about the actor that listened there.
 */
const isNobodyThere = (why: NotThere | TransportError): why is TransportError =>
  why instanceof TransportError && why.gone

const whyOf = ({ gone, why }: NotThere): Unreachability => gone ? "gone" : why ?? "transport"

const unreachable = (ref: ActorRefData, why: Unreachability, reason: string): Unreachable =>
  new Unreachable(
    why === "gone",
    new ActorUnreachable({ actor: ref.actor, target: formatActor(ref.actor), why, reason })
  )
