/**
 * Watches connections whose loss the transport may not report. A silent peer is asked for a sign of life, and counts as
 * lost if no sign comes. One fiber checks all connections of an actor, so that an idle connection needs no fiber of its
 * own. The check for signs of life also finds connections that neither side has used for the time `Timeouts.idle`.
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
 * The number of checks of a connection within the bound of silence. A cut connection is noticed after the bound of
 * silence, with a delay of at most one interval between two checks.
 */
const sliceCount = 40
const minSliceMillis = 10
/**
 * The number of checks by which one peer asks later than the other to close their idle connection, so that only one of
 * the two peers asks.
 */
const secondLooks = 2
/**
 * A check for signs of life counts at most this delay, in milliseconds, as silence of the peers. A longer delay means
 * that this process itself was stopped.
 */
const slackMillis = 50

interface Watched {
  state: Liveness.State
  /** The peer's count of signs of life at the last check of the channel. */
  signs: number
  /**
   * The number of dialogs that had begun on the connection at the last check. The field `idleSince` is the time since
   * which neither side has used the connection.
   */
  begun: number
  idleSince: number
  /**
   * The number of checks for which this side waits, after `Timeouts.idle`, before it asks to close an idle connection.
   */
  readonly patience: number
}

export class SignsOfLife {
  private readonly context: Context.Context<never>
  private readonly watched = new Map<PeerChannel, Watched>()
  /**
   * The milliseconds that this process has run since it began to watch connections, without the time in which the
   * process was stopped.
   */
  private now = 0
  private running = false
  private readonly idle: (channel: PeerChannel) => void

  /**
   * Makes a watch over the connections of an actor. The callback `idle` gets each connection that neither side has used
   * for `Timeouts.idle`, and gets an unused connection again after each further `Timeouts.idle`.
   */
  constructor(context: Context.Context<never>, idle: (channel: PeerChannel) => void = () => {}) {
    this.context = context
    this.idle = idle
  }

  /**
   * Watches a channel until it is closed. A channel whose peer cannot vanish silently is not watched. The parameter
   * `isSecond` is true at only one of the two peers, which calls `idle` for an unused connection a little later than
   * the other peer.
   */
  watch(channel: PeerChannel, isSecond = false): void {
    if (!channel.canDieSilently) return
    const { begun, signs } = channel
    this.watched.set(channel, {
      state: Liveness.start(this.now),
      signs,
      begun,
      idleSince: this.now,
      patience: isSecond ? secondLooks : 0
    })
    if (this.running) return
    this.running = true
    Effect.runForkWith(this.context)(this.run(Context.get(this.context, Timeouts)))
  }

  private run({ idle, silence }: Timeouts): Effect.Effect<void> {
    const slice = Math.max(silence / sliceCount, minSliceMillis)
    const config = { interval: silence / 2, timeout: silence / 2 }
    const clock = Context.get(this.context, Clock.Clock)
    let since = 0
    const look = () => {
      this.now += Math.min(monotonicMillis(clock) - since, slice + slackMillis)
      for (const [channel, watched] of this.watched) {
        if (channel.error !== undefined) this.watched.delete(channel)
        else {
          this.look(config, channel, watched)
          this.lookForUse(idle + watched.patience * slice, channel, watched)
        }
      }
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

  private lookForUse(bound: number, channel: PeerChannel, watched: Watched): void {
    const { begun, isIdle } = channel
    const isUsed = begun !== watched.begun || !isIdle
    watched.begun = begun
    if (isUsed) watched.idleSince = this.now
    else if (this.now - watched.idleSince >= bound) {
      watched.idleSince = this.now
      this.idle(channel)
    }
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
