/**
 * Passes the words of one dialog from one connection to another, unchanged except for the number of the dialog.
 *
 * The parent of an actor uses a relay for the actor's calls to a relayed Service. A relay does not decode payloads. The
 * credit of a relayed dialog comes from the reader at the other end of the relay, so a slow reader slows the writer
 * down. A relay passes on the cancel of a dialog together with the cancel's author, and also the dialog's last word.
 * The loss of one of a relay's two connections is reported to the actor at the other connection.
 *
 * @since 0.1.0
 */
import * as Failure from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { CalleePort, CallerPort } from "../channel/Port.ts"
import { type ActorError, type ActorId, ActorLost } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"

/**
 * The state of a relayed dialog. A relay in the state `cancelled` passes on no second cancel, because the caller has
 * already asked for the end.
 */
type Phase = "open" | "cancelled" | "caller-gone" | "over"

class Relay {
  private phase: Phase = "open"
  private readonly from: PeerChannel
  private readonly to: PeerChannel
  private readonly start: Message.Start
  private readonly self: ActorId
  private readonly far: number

  constructor(from: PeerChannel, to: PeerChannel, start: Message.Start, self: ActorId) {
    this.from = from
    this.to = to
    this.start = start
    this.self = self
    const caller: CallerPort = {
      side: "caller",
      heard: (word) => this.back(word),
      lost: (error) => this.farLost(error)
    }
    const callee: CalleePort = {
      side: "callee",
      heard: (word) => this.onward(word),
      lost: () => this.nearLost()
    }
    this.far = to.open(caller)
    from.registerCallee(start.dialog, callee)
  }

  /** True while the connection to the caller is open, so that words can reach the caller. */
  private get isHeard(): boolean {
    return this.phase === "open" || this.phase === "cancelled"
  }

  private onward(word: Message.FromCaller): void {
    if (!this.isHeard) return
    if (word._tag === "Cancel") this.phase = "cancelled"
    this.to.send({ ...word, dialog: this.far })
  }

  private back(word: Message.FromCallee): void {
    const last = word._tag === "Return" || word._tag === "Error"
    const inOrder = this.start.kind === "stream" && this.phase === "open"
    if (this.isHeard) this.from.send({ ...word, dialog: this.start.dialog }, inOrder)
    if (last) this.end()
  }

  private farLost(error: ActorError): void {
    if (this.isHeard) {
      const failure = error instanceof ActorLost
        ? { _tag: "Lost", actor: error.actor, how: error.how, began: error.began } as const
        : { _tag: "Defect", boxed: box(error, this.self), others: [], ending: false } as const
      this.from.send({ _tag: "Error", dialog: this.start.dialog, payload: Failure.encode(failure) })
    }
    this.end()
  }

  private nearLost(): void {
    if (!this.isHeard) return
    const isAsked = this.phase === "cancelled"
    this.phase = "caller-gone"
    if (isAsked) return
    this.to.send({ _tag: "Cancel", dialog: this.far, by: this.self, reason: "caller-lost", deadline: 0 })
  }

  private end(): void {
    this.phase = "over"
    this.from.forget(this.start.dialog)
    this.to.forget(this.far)
  }

  begin(endpoint: string): void {
    this.to.send({ ...this.start, dialog: this.far, endpoint })
  }
}

/**
 * Relays the dialog that the word `start` opens on the connection `from`; the dialog calls `endpoint` of the actor
 * behind the connection `to`.
 */
export const relay = (
  from: PeerChannel,
  to: PeerChannel,
  start: Message.Start,
  endpoint: string,
  self: ActorId
): void => new Relay(from, to, start, self).begin(endpoint)
