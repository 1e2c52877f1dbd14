/**
 * Messages between the attacker and the tree: the root writes reports as lines of JSON to its stdout, and reads
 * requests from its stdin.
 */

export interface Member {
  readonly name: string
  readonly uuid: string
  readonly pid: number
}

export type Line =
  /**
   * A report of the attacked tree that every actor of the tree is ready. The report that the attacked tree is ready
   * includes the tree's secret, which the attacks of a malicious member need.
   */
  | { readonly _tag: "Up"; readonly members: ReadonlyArray<Member>; readonly folder: string; readonly secret: string }
  | { readonly _tag: "Load"; readonly pair: string; readonly load: Load }
  | { readonly _tag: "Seen"; readonly who: string; readonly seen: Seen }
  /** A report that a new actor has dialled another actor; the error is null where the dial succeeded. */
  | { readonly _tag: "Newcomer"; readonly n: number; readonly error: string | null; readonly millis: number }

/**
 * A report about 100 milliseconds of work between two actors of the attacked tree: the time of each call, and all
 * errors.
 */
export interface Load {
  readonly at: number
  readonly millis: ReadonlyArray<number>
  /** The number of stream items that the actor has received in the right order since its last report. */
  readonly items: number
  readonly errors: ReadonlyArray<string>
}

/** The events that an actor of the attacked tree has seen since its last report. */
export interface Seen {
  readonly at: number
  readonly events: { readonly [tag: string]: number }
  readonly reasons: ReadonlyArray<string>
  /** The number of runs of the handler that only attackers call. */
  readonly opened: number
  readonly peers: number
  readonly dialogs: number
}
