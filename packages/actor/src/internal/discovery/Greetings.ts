/**
 * Makes the errors of dials whose greeting ends without a connection between the two peers.
 *
 * @since 0.1.0
 */
import type { HandshakeResult } from "../channel/PeerChannel.ts"
import { type ActorError, ActorLost } from "../errors/ActorError.ts"

/**
 * The error of a dial that the peer refused because the two actors have another connection, or are about to have it.
 */
export class Duplicate {}

export const isDuplicate = (result: HandshakeResult): boolean =>
  result._tag === "Refused" && result.refusal.reason === "duplicate"

/**
 * The error of a connection that ended in its greeting, before the peer had a name that an `ActorLost` could contain.
 */
export class HungUp {
  readonly hungUp: string
  constructor(error: ActorError) {
    this.hungUp = error instanceof ActorLost
      ? "its connection ended before it had answered: it may be ending"
      : error.message
  }
}

export const isHungUp = (why: unknown): why is HungUp => why instanceof HungUp

export const refusalOf = (result: Exclude<HandshakeResult, { readonly _tag: "Open" }>): string =>
  result._tag === "Refused" ? result.refusal.detail : result.error.message
