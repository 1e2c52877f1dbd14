/**
 * The connections of an actor to actors that are neither its parent nor its children: one for each pair, made when it is
 * first needed, used for all dialogs of both sides.
 *
 *   Dialling --Welcome--> Open --end of the connection--> (forgotten)
 *      |--refused as a duplicate: the peer's own dial is coming in--> Open
 *      |--nobody there, not let in, too late--> (forgotten, whoever waited hears why)
 *
 * An actor listens from the moment somebody asks for its address. When two dial each other at once the one with the
 * smaller uuid is the dialler: its peer takes that connection and gives its own up.
 *
 * Whoever dials in is a stranger until it has proven that it knows the secret of the tree. A stranger may say a greeting
 * of limited size, has a limited time for it, and there are never more than so many of them: a new one drives the oldest
 * out. None of them reaches a handler.
 *
 * @since 0.1.0
 */
import type * as Handshake from "@furrow/protocol/Handshake"
import type { CancelActor, Hello, Start } from "@furrow/protocol/Message"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { hello, welcome } from "../channel/Greeting.ts"
import { type HandshakeResult, PeerChannel } from "../channel/PeerChannel.ts"
import { encodeFarewell } from "../dialog/Farewell.ts"
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
import type { Address, Connection } from "../transport/Transport.ts"

/** So many connections at once have not proven themselves yet. */
const maxStrangers = 64

/** A greeting is a few hundred bytes. Who dials reads more: the first words of the peer come right behind its own. */
const greetingLimit = 16 * 1024

/** Before a refused duplicate is dialled again: each side may have noticed the end of an older connection first. */
const duplicateRetryMillis = 50

/** What an actor does with what its peers say. */
export interface PeerRouter {
  readonly start: (message: Start) => void
  /** The connection is gone, and everything that was said over it has been told so. */
  readonly closed: () => void
}

export interface PeersOptions {
  readonly self: ActorId
  readonly network: Network
  readonly events: Events
  /** What everything that is done for nobody in particular runs with: clock, bounds. */
  readonly context: Context.Context<never>
  /** Where the actor listens: asked of the tree, which makes it listen. */
  readonly locate: (ref: ActorRefData) => Effect.Effect<ReadonlyArray<Address>, NotThere>
  /** The connection we have anyway: to our parent, or to a child. */
  readonly relative: (uuid: string) => PeerChannel | undefined
  readonly serve: (channel: PeerChannel) => PeerRouter
  /** A peer wants this actor to end. */
  readonly cancelActor: (message: CancelActor, channel: PeerChannel) => void
}

/** Nobody is there any more or will be soon (`gone`), or it cannot be reached. */
export interface NotThere {
  readonly gone: boolean
  /** Its parent has seen the end of it, or the end of one above it. */
  readonly ended?: boolean | undefined
  /** Default: `gone`, or that no transport gets there. */
  readonly why?: Unreachability | undefined
  readonly reason: string
}

type Link =
  | {
    readonly _tag: "Dialling"
    readonly ref: ActorRefData
    readonly done: Deferred.Deferred<PeerChannel, Unreachable>
    readonly stop: () => void
  }
  | { readonly _tag: "Open"; readonly channel: PeerChannel; readonly connection: Connection }

/** Why there is no connection; `gone` where the actor is. */
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
  private readonly links = new Map<string, Link>()
  private readonly strangers = new Set<(why?: string) => void>()
  private listener: Deferred.Deferred<Doors, NotThere> | undefined
  private closed = false

  constructor(options: PeersOptions) {
    this.options = options
  }

  private get timeouts(): Timeouts {
    return Context.get(this.options.context, Timeouts)
  }

  private fork(effect: Effect.Effect<unknown, never>): { readonly interrupt: () => void } {
    const fiber = Effect.runForkWith(this.options.context)(effect)
    return { interrupt: () => fiber.interruptUnsafe() }
  }

  // ---- being reached ----------------------------------------------------------------------------------------------

  /** Where we listen; from now on, if we did not. */
  readonly addresses: Effect.Effect<ReadonlyArray<Address>, NotThere> = Effect.suspend(
    (): Effect.Effect<ReadonlyArray<Address>, NotThere> => {
      if (this.closed) return Effect.fail({ gone: true, reason: "it is ending" })
      let listener = this.listener
      if (listener === undefined) {
        const opened = listener = Deferred.makeUnsafe<Doors, NotThere>()
        this.listener = opened
        const { network, self } = this.options
        this.fork(Effect.map(
          Effect.exit(network.listen(self, (connection) => this.accept(connection))),
          (exit) => {
            if (Exit.isFailure(exit)) this.listener = undefined
            // It ended while it began to listen.
            else if (this.closed) exit.value.close()
            Deferred.doneUnsafe(opened, exit as Exit.Exit<Doors, NotThere>)
          }
        ))
      }
      // Not the field: a transport that refuses at once has emptied it.
      return Effect.map(Deferred.await(listener), ({ addresses }) => addresses)
    }
  )

  private accept(connection: Connection): void {
    if (this.closed) return connection.destroy()
    if (this.strangers.size >= maxStrangers) {
      const [oldest] = this.strangers
      oldest?.("too many strangers at once")
    }
    const { events, network, self } = this.options
    const auth = network.authenticator?.()
    const channel: PeerChannel = new PeerChannel({
      connection,
      role: "peer",
      context: this.options.context,
      handshake: {
        side: "acceptor",
        welcome: welcome(self),
        judge: (hello) => this.judge(hello),
        auth
      },
      events,
      greetingLimit
    })
    let state: "stranger" | "told" | "known" = "stranger"
    const refuse = (reason: string) => {
      if (state !== "stranger") return
      state = "told"
      events.publish({ _tag: "StrangerRefused", reason })
    }
    const drop = (why?: string) => {
      this.strangers.delete(drop)
      timer.interrupt()
      if (why !== undefined) refuse(why)
      if (state === "known") return
      state = "told"
      connection.destroy()
    }
    this.strangers.add(drop)
    const timer = this.fork(
      Effect.andThen(
        Effect.sleep(this.timeouts.handshake),
        Effect.sync(() => drop("it did not prove itself in time"))
      )
    )
    channel.onHandshake((greeted) => {
      if (greeted._tag === "Open") {
        state = "known"
        drop()
        this.opened(greeted.peer.actor, channel, connection)
        return
      }
      // Two that dial each other at once are no strangers.
      if (isDuplicate(greeted)) state = "told"
      else refuse(refusalOf(greeted))
      // What it is told leaves first: the bound of the greeting is also that of reading the refusal.
      if (greeted._tag === "Ended") drop()
    })
  }

  /** Asked of who has proven itself. */
  private judge(hello: Hello): Handshake.Refusal | undefined {
    const { self } = this.options
    if (this.closed) return { reason: "busy", detail: "this actor is ending" }
    if (hello.role !== "peer") return { reason: "role", detail: "only peers dial: parents and children are connected" }
    if (hello.actor.uuid === self.uuid) return { reason: "identity", detail: "this is you" }
    const link = this.links.get(hello.actor.uuid)
    if (link === undefined || (link._tag === "Open" ? !link.channel.isOpen : self.uuid > hello.actor.uuid)) {
      return undefined
    }
    return { reason: "duplicate", detail: "there is a connection between the two already" }
  }

  // ---- reaching ---------------------------------------------------------------------------------------------------

  /** The connection to an actor, made if there is none; everybody who asks meanwhile waits for the same one. */
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
      const link = this.links.get(uuid)
      if (link?._tag === "Open" && link.channel.isOpen) return Effect.succeed(link.channel)
      if (link?._tag === "Dialling") return Deferred.await(link.done)
      if (this.closed) return Effect.fail(unreachable(ref, "closed", ending))
      return Deferred.await(this.dial(ref))
    })
  }

  private dial(ref: ActorRefData): Deferred.Deferred<PeerChannel, Unreachable> {
    const done = Deferred.makeUnsafe<PeerChannel, Unreachable>()
    const bound = this.timeouts.connect
    const finish = (exit: Exit.Exit<PeerChannel, Unreachable>) => {
      timer.interrupt()
      // The peer's own dial may have come in meanwhile: that one is in place, and has been told of.
      if (this.links.get(ref.actor.uuid) === link) this.links.delete(ref.actor.uuid)
      Deferred.doneUnsafe(done, exit)
    }
    const stop = () => {
      timer.interrupt()
      fiber.interrupt()
    }
    const link: Link = { _tag: "Dialling", ref, done, stop }
    this.links.set(ref.actor.uuid, link)
    const tooLate = Effect.sync(() => {
      // An actor on the way that does not answer does not hear this either: nobody waits for it to stop.
      fiber.interrupt()
      finish(Exit.fail(unreachable(ref, "timeout", `no answer within ${bound} ms (Timeouts.connect)`)))
    })
    const timer = this.fork(Effect.andThen(Effect.sleep(bound), tooLate))
    const attempt = Effect.mapError(
      this.attempt(ref, done),
      (why) => why instanceof Unreachable ? why : unreachable(ref, whyOf(why), why.reason)
    )
    const fiber = this.fork(Effect.map(Effect.exit(attempt), finish))
    return done
  }

  private attempt(
    ref: ActorRefData,
    arrival: Deferred.Deferred<PeerChannel, Unreachable>
  ): Effect.Effect<PeerChannel, NotThere | Unreachable> {
    const { locate, network } = this.options
    return locate(ref).pipe(
      Effect.flatMap((addresses) => network.dial(addresses)),
      Effect.flatMap((connection) => this.greet(ref, connection)),
      Effect.catchIf(
        (why): why is Duplicate => why instanceof Duplicate,
        // The peer dials us too, and prefers its own: it will be here.
        () =>
          Effect.raceFirst(
            Deferred.await(arrival),
            Effect.andThen(Effect.sleep(duplicateRetryMillis), this.attempt(ref, arrival))
          )
      )
    )
  }

  private greet(ref: ActorRefData, connection: Connection): Effect.Effect<PeerChannel, NotThere | Duplicate> {
    return Effect.callback((resume) => {
      const { events, network, self } = this.options
      const auth = network.authenticator?.()
      const channel: PeerChannel = new PeerChannel({
        connection,
        role: "peer",
        context: this.options.context,
        handshake: {
          side: "dialler",
          hello: hello(self, "peer"),
          auth,
          to: ref.actor.uuid
        },
        events
      })
      let done = false
      channel.onHandshake((greeted) => {
        done = true
        // In this turn: an interruption that comes now finds the connection where it belongs.
        if (greeted._tag === "Open") return resume(Effect.succeed(this.opened(ref.actor, channel, connection)))
        connection.end()
        if (isDuplicate(greeted)) return resume(Effect.fail(new Duplicate()))
        const gone = greeted._tag === "Refused" && greeted.refusal.reason === "identity"
        resume(Effect.fail({ gone, why: gone ? "gone" : "refused", reason: refusalOf(greeted) }))
      })
      return Effect.sync(() => {
        if (!done) connection.destroy()
      })
    })
  }

  private opened(peer: ActorId, channel: PeerChannel, connection: Connection): PeerChannel {
    const { cancelActor, events, serve } = this.options
    const before = this.links.get(peer.uuid)
    const link: Link = { _tag: "Open", channel, connection }
    this.links.set(peer.uuid, link)
    // The peer has one connection to us: what we took for it is dead, and we have not seen its end yet.
    if (before?._tag === "Open") before.channel.close()
    if (before?._tag === "Dialling") Deferred.doneUnsafe(before.done, Exit.succeed(channel))
    events.publish({ _tag: "PeerConnected", actor: peer })
    const router = serve(channel)
    channel.route((event) => {
      switch (event._tag) {
        case "Start":
          return router.start(event)
        case "CancelActor":
          return cancelActor(event, channel)
        case "Closed": {
          const { error } = event
          if (this.links.get(peer.uuid) === link) this.links.delete(peer.uuid)
          if (channel.bye === undefined && !this.closed) events.publish({ _tag: "PeerLost", actor: peer, error })
          router.closed()
          // What we said last leaves; the peer's half is not waited for.
          channel.hangUp()
          this.fork(Effect.andThen(Effect.sleep(this.timeouts.explain), Effect.sync(() => channel.destroy())))
        }
      }
    })
    return channel
  }

  /** When the connection to a peer has ended, and whether the peer had said goodbye. */
  ended(channel: PeerChannel): Effect.Effect<boolean> {
    return Effect.callback((resume) =>
      Effect.sync(channel.whenClosed(() => resume(Effect.sync(() => channel.bye !== undefined))))
    )
  }

  // ---- ending -----------------------------------------------------------------------------------------------------

  /** No new connections: the actor is ending. */
  stopListening(): void {
    this.closed = true
    for (const drop of Array.from(this.strangers)) drop()
    const { listener } = this
    if (listener === undefined) return
    this.fork(Effect.ignore(Effect.map(Deferred.await(listener), (listener) => listener.close())))
  }

  /** Says goodbye to every peer and closes. */
  close(): void {
    this.stopListening()
    for (const link of this.takeLinks()) {
      link.channel.send({ _tag: "Bye", payload: encodeFarewell({ how: { _tag: "Returned" }, cleanup: [] }) })
      link.channel.close()
    }
  }

  /** As if the process had been killed: every connection is cut. */
  destroy(): void {
    this.stopListening()
    for (const link of this.takeLinks()) link.connection.destroy()
  }

  /** Whoever waits for a connection hears that there will be none. */
  private takeLinks(): ReadonlyArray<Extract<Link, { readonly _tag: "Open" }>> {
    const links = Array.from(this.links.values())
    this.links.clear()
    return links.flatMap((link) => {
      if (link._tag === "Open") return [link]
      link.stop()
      Deferred.doneUnsafe(link.done, Exit.fail(unreachable(link.ref, "closed", ending)))
      return []
    })
  }

  snapshot(): ReadonlyArray<PeerSnapshot> {
    return Array.from(this.links.values()).flatMap((link) =>
      link._tag === "Open" ? [{ actor: link.channel.peer, channel: link.channel.snapshot() }] : []
    )
  }
}

const ending = "this actor is ending"

/** The peer does not want this connection: there is another one, or will be. */
class Duplicate {}

const isDuplicate = (greeted: HandshakeResult): boolean =>
  greeted._tag === "Refused" && greeted.refusal.reason === "duplicate"

const whyOf = ({ gone, why }: NotThere): Unreachability => gone ? "gone" : why ?? "transport"

const unreachable = (ref: ActorRefData, why: Unreachability, reason: string): Unreachable =>
  new Unreachable(
    why === "gone",
    new ActorUnreachable({ actor: ref.actor, target: formatActor(ref.actor), why, reason })
  )

const refusalOf = (greeted: Exclude<HandshakeResult, { readonly _tag: "Open" }>): string =>
  greeted._tag === "Refused" ? greeted.refusal.detail : greeted.error.message
