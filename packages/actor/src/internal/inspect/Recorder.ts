/**
 * The record that an actor keeps of the calls it serves, where its death does not reach.
 *
 * @since 0.2.0
 */
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The record of one actor, written by its runtime where the process cannot take it along.
 *
 * @category models
 * @since 0.2.0
 */
export interface Recorder {
  /** A call begins, at this time of `performance.now()`. The result is its place in the record. */
  readonly begin: (endpoint: string, caller: ActorId, dialog: number, since: number) => number
  /** The call at this place is over. */
  readonly end: (place: number) => void
}
