/**
 * Ends a connection, and calls the callbacks that wait for the end of the connection. A connection has *retired* when
 * it was closed because neither side used it. Callbacks that wait for the end of a retired connection are moved to the
 * connection's successor, because the peer lives.
 *
 * @since 0.2.0
 */
import { Waiters } from "../settings/Waiters.ts"
import { isIdle } from "./Farewell.ts"
import type { PeerChannel } from "./PeerChannel.ts"
import type { Succession } from "./Succession.ts"

export class Parting {
  /** The `Succession` that dials the successor of this connection; `undefined` if this connection never retires. */
  succession: Succession | undefined
  isRetired = false
  /** True once the peer has asked to close an unused connection, until the next dialog begins. */
  mayRetire = false
  /** A callback for the end of the peer's half of the connection. */
  hungUp: (() => void) | undefined
  private readonly callsOver = new Waiters()
  /** Callbacks for the end of the connection that do not keep an unused connection open. */
  private readonly resting = new Waiters()
  readonly closings = new Waiters()

  /** True while a callback for the end of the connection keeps the connection open. */
  get isWatched(): boolean {
    return !this.callsOver.isEmpty || !this.closings.isEmpty
  }

  whenCallsOver(isOver: boolean, callback: () => void, rests: boolean): () => void {
    const { succession } = this
    if (this.isRetired) return succession!.watch(callback, rests)
    if (isOver) {
      callback()
      return () => {}
    }
    if (succession === undefined) return this.callsOver.add(callback)
    let forget = (rests ? this.resting : this.callsOver).add(() => {
      if (this.isRetired) forget = succession.watch(callback, rests)
      else callback()
    })
    return () => forget()
  }

  whenClosed(isClosed: boolean, callback: () => void): () => void {
    if (!isClosed) return this.closings.add(callback)
    callback()
    return () => {}
  }

  /**
   * Retires the connection after its last open dialog has ended, unless another dialog begins before that or a callback
   * keeps the connection open.
   */
  retireSoon(channel: PeerChannel): void {
    this.mayRetire = true
    this.retireIfIdle(channel)
  }

  retireIfIdle(channel: PeerChannel): void {
    if (!this.mayRetire || channel.hasDialogs) return
    this.mayRetire = false
    // The connection retires in a later turn of the event loop, because the last word of a dialog that has just ended
    // precedes the `Bye`.
    channel.turn.later(() => void (channel.isIdle && channel.retire()), channel)
  }

  /**
   * Takes note that no call can begin on the connection any more. The parameter `bye` is the farewell of the peer, if
   * the peer has said `Bye`.
   */
  callsEnd(bye: Uint8Array | undefined, guard: (what: string, wake: () => void) => void): void {
    this.isRetired ||= this.succession !== undefined && bye !== undefined && isIdle(bye)
    for (const waiters of [this.resting, this.callsOver]) guard("a waiter failed", () => waiters.wake())
  }
}
