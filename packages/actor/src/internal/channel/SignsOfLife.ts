/**
 * Watches connections that can be cut without a sign: a silent peer is asked for a sign of life, and the connection is
 * lost if no sign comes. One fiber checks all connections of an actor, so an idle connection needs no timer of its own.
 *
 * @since 0.2.0
 */
import * as Liveness from "@furrow/protocol/Liveness"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import { peerSilent } from "./ends.ts"
import type { PeerChannel } from "./PeerChannel.ts"

/**
 * The number of checks of a connection within the bound of silence. A cut connection is noticed at most one slice later
 * than the bound.
 */
const sliceCount = 40
const minSliceMillis = 10
/**
 * Milliseconds by which a check may be late and still count. A check that is later means that this process was stopped,
 * and could not hear its peers meanwhile.
 */
const slackMillis = 50

interface Watched {
  state: Liveness.State
  /** The peer's count of signs of life at the last check of the channel. */
  signs: number
}

export class SignsOfLife {
  private readonly context: Context.Context<never>
  private readonly watched = new Map<PeerChannel, Watched>()
  /**
   * Milliseconds that this process has run since the first watch, without the time in which the process was stopped.
   */
  private now = 0
  private running = false

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  /** Watches a channel until it is closed. A channel whose peer cannot vanish silently is not watched. */
  watch(channel: PeerChannel): void {
    const { silence } = Context.get(this.context, Timeouts)
    if (!channel.canDieSilently) return
    this.watched.set(channel, { state: Liveness.start(this.now), signs: channel.signs })
    channel.whenClosed(() => this.watched.delete(channel))
    if (this.running) return
    this.running = true
    Effect.runForkWith(this.context)(this.run(silence))
  }

  private run(silence: number): Effect.Effect<void> {
    const slice = Math.max(silence / sliceCount, minSliceMillis)
    const config = { interval: silence / 2, timeout: silence / 2 }
    const clock = Context.get(this.context, Clock.Clock)
    let since = 0
    const look = () => {
      this.now += Math.min(monotonicMillis(clock) - since, slice + slackMillis)
      for (const [channel, watched] of this.watched) this.look(config, channel, watched)
      this.running = this.watched.size > 0
    }
    return Effect.whileLoop({
      while: () => this.running,
      body: () => {
        since = monotonicMillis(clock)
        return Effect.sleep(slice)
      },
      step: look
    })
  }

  private look(config: Liveness.Config, channel: PeerChannel, watched: Watched): void {
    const { now } = this
    const { signs } = channel
    const input: Liveness.Input = signs === watched.signs ? { _tag: "Tick", now } : { _tag: "Heard", now }
    watched.signs = signs
    const [state, actions] = Liveness.step(config, watched.state, input)
    watched.state = state
    for (const action of actions) {
      if (action._tag === "SendPing") channel.send({ _tag: "Ping", n: action.n })
      else {
        channel.lose(peerSilent(channel.peer, config.interval + config.timeout))
        channel.destroy()
      }
    }
  }
}
