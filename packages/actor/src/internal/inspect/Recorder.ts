/**
 * Writes the calls that an actor serves into a file that outlives the actor.
 *
 * @since 0.2.0
 */
import type { ActorId } from "../errors/ActorError.ts"

/**
 * Writes the record of one actor's calls into a file that outlives the actor's process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Recorder {
  /**
   * Records that a call begins at `since`, a time of `performance.now()`. The result of the recording is the index of
   * the call in the record.
   */
  readonly begin: (endpoint: string, caller: ActorId, dialog: number, since: number) => number
  /** Records that the call at this index of the record is over. */
  readonly end: (place: number) => void
}
