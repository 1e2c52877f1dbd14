/**
 * Closes a connection to an actor on another computer when neither side uses the connection. One side of an idle
 * connection asks for its end, and the other side closes the connection if it does not use the connection either.
 *
 * An idle connection with portals on this side is closed only if the peer's address can be found again.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { Succession } from "../channel/Succession.ts"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { ActorRefData } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { PeersOptions } from "./Peers.ts"

interface Connections {
  readonly connect: (ref: ActorRefData) => Effect.Effect<PeerChannel, ActorError>
  readonly isEnding: () => boolean
  readonly channelTo: (peer: string) => PeerChannel | undefined
}

type Options = Pick<PeersOptions, "context" | "locate" | "rest">

/** Makes the reference of an actor of which only the identity is known. */
const alone = (actor: ActorId): ActorRefData => ({ actor, path: [actor.uuid], service: null, exposed: [] })

export class IdlePeers {
  private readonly options: Options
  private readonly connections: Connections
  /** Connections that this side has retired, and whose peers have not hung up yet. */
  private readonly leaving = new Map<PeerChannel, Fiber.Fiber<unknown>>()

  constructor(options: Options, connections: Connections) {
    this.options = options
    this.connections = connections
  }

  private get timeouts(): Timeouts {
    return Context.get(this.options.context, Timeouts)
  }

  private fork(effect: Effect.Effect<unknown>): Fiber.Fiber<unknown> {
    return Effect.runForkWith(this.options.context)(effect)
  }

  /** Sets the `Succession` of a connection that may retire, with which the connection's successor can be dialled. */
  opened(channel: PeerChannel): void {
    if (!channel.canDieSilently) return
    const again = (ref: ActorRefData | undefined) => this.connections.connect(ref ?? alone(channel.peer))
    channel.parting.succession = new Succession(again, this.options.context)
  }

  /**
   * Asks the peer to close their connection, after both sides have left the connection unused for the time
   * `Timeouts.idle`.
   */
  found(channel: PeerChannel): void {
    const { rest } = this.options
    if (rest === undefined || this.connections.isEnding()) return
    this.fork(Effect.flatMap(this.canRest(channel), (can) => can ? Effect.ignore(rest(channel)) : Effect.void))
  }

  /** Answers a peer that asks to close its connection to this actor, because the peer does not use the connection. */
  agree(peer: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const channel = this.connections.channelTo(peer)
      if (channel === undefined) return Effect.void
      return Effect.map(this.canRest(channel), (can) => can ? channel.parting.retireSoon(channel) : undefined)
    })
  }

  /**
   * True if this actor may close the given idle connection. An actor that dialled the connection keeps the connection
   * open if no address of the peer is found.
   */
  private canRest({ parting: { succession } }: PeerChannel): Effect.Effect<boolean> {
    const { connect, idle } = this.timeouts
    if (succession === undefined || idle === Infinity || this.connections.isEnding()) return Effect.succeed(false)
    const { ref } = succession
    if (ref === undefined) return Effect.succeed(true)
    const located = Effect.timeoutOrElse(this.options.locate(ref), {
      duration: connect,
      orElse: () => Effect.fail({ gone: false, reason: "no answer" })
    })
    return Effect.match(located, { onFailure: () => false, onSuccess: (addresses) => addresses.length > 0 })
  }

  /**
   * Keeps a retired connection open until the peer has read this side's `Bye` and has hung up, because a cut could
   * overtake the `Bye`.
   */
  leaveLast(channel: PeerChannel): void {
    const cut = () => {
      this.leaving.get(channel)?.interruptUnsafe()
      this.leaving.delete(channel)
      channel.destroy()
    }
    channel.parting.hungUp = cut
    const late = Effect.andThen(Effect.sleep(this.timeouts.silence), Effect.sync(cut))
    this.leaving.set(channel, this.fork(late))
  }

  /** Cuts the connections that have retired, because the actor ends. */
  cut(): void {
    for (const channel of Array.from(this.leaving.keys())) channel.parting.hungUp?.()
  }
}
