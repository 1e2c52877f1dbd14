/**
 * Watches connections that can die without an end: a peer that gives no sign of life is asked for one, and is lost
 * where none comes. One fiber looks at all connections of an actor, so that an idle connection costs no more than a
 * look.
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

/** The number of looks within one bound. A cut connection is noticed at most one slice later than the bound. */
const sliceCount = 40
const minSliceMillis = 10
/**
 * Milliseconds by which a slice may be late before it does not count: a stopped process hears nothing, and its peers
 * are not to blame.
 */
const slackMillis = 50

interface Watched {
  state: Liveness.State
  /** The peer's count of signs of life when the channel was last looked at. */
  signs: number
}

export class SignsOfLife {
  private readonly context: Context.Context<never>
  private readonly watched = new Map<PeerChannel, Watched>()
  /** Milliseconds for which this process has run since the first watch; time in which it was stopped is left out. */
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
