/**
 * The end of connections between machines that neither side uses. One side asks, and the other one closes the connection
 * where it does not use the connection either.
 *
 * A connection of which this side holds portals is closed only while its peer can be found again.
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

/** The connections of the actor, as far as they are needed here. */
interface Connections {
  readonly connect: (ref: ActorRefData) => Effect.Effect<PeerChannel, ActorError>
  readonly isEnding: () => boolean
  readonly channelTo: (peer: string) => PeerChannel | undefined
}

type Options = Pick<PeersOptions, "context" | "locate" | "rest">

/** The reference of an actor of which nothing but its identity is known. */
const alone = (actor: ActorId): ActorRefData => ({ actor, path: [actor.uuid], service: null, exposed: [] })

export class IdlePeers {
  private readonly options: Options
  private readonly connections: Connections
  /** Connections that have retired here, and whose peers have not hung up yet. */
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

  /** Gives a connection that may retire the way to its successor. */
  opened(channel: PeerChannel): void {
    if (!channel.canDieSilently) return
    const again = (ref: ActorRefData | undefined) => this.connections.connect(ref ?? alone(channel.peer))
    channel.parting.succession = new Succession(again, this.options.context)
  }

  /** Asks the peer of a connection that has been idle for the bound to close the connection. */
  found(channel: PeerChannel): void {
    const { rest } = this.options
    if (rest === undefined || this.connections.isEnding()) return
    this.fork(Effect.flatMap(this.canRest(channel), (can) => can ? Effect.ignore(rest(channel)) : Effect.void))
  }

  /** Answers a peer that wants to close its connection to this actor, because it does not use the connection. */
  agree(peer: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const channel = this.connections.channelTo(peer)
      if (channel === undefined) return Effect.void
      return Effect.map(this.canRest(channel), (can) => can ? channel.parting.retireSoon(channel) : undefined)
    })
  }

  /**
   * True where a connection may be closed that neither side uses. A peer that this side has asked for a connection has to
   * be found again.
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

  /** Keeps a retired connection until its peer has read the last word, and hangs up: a cut could overtake the word. */
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
