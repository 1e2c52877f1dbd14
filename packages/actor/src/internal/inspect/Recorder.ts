/**
 * The record of the calls that an actor serves, kept in a place that outlives the actor.
 *
 * @since 0.2.0
 */
import type { ActorId } from "../errors/ActorError.ts"

/**
 * Writes the record of one actor, in a place that is not lost with the process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Recorder {
  /** Notes that a call begins at `since`, a time of `performance.now()`. Returns the call's place in the record. */
  readonly begin: (endpoint: string, caller: ActorId, dialog: number, since: number) => number
  /** Notes that the call at this place is over. */
  readonly end: (place: number) => void
}
