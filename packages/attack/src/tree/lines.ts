/**
 * Reports of the tree under attack, one line of JSON each on the root's stdout; and what the root is asked, on its stdin.
 */

export interface Member {
  readonly name: string
  readonly uuid: string
  readonly pid: number
}

export type Line =
  /** Everybody is there. The secret is what a member that turns bad has. */
  | { readonly _tag: "Up"; readonly members: ReadonlyArray<Member>; readonly folder: string; readonly secret: string }
  | { readonly _tag: "Load"; readonly pair: string; readonly load: Load }
  | { readonly _tag: "Seen"; readonly who: string; readonly seen: Seen }
  /** How a new actor fared that dialled another one: nothing, or the error. */
  | { readonly _tag: "Newcomer"; readonly n: number; readonly error: string | null; readonly millis: number }

/** A slice of steady work between two actors: how long each call took, what went wrong. */
export interface Load {
  readonly at: number
  readonly millis: ReadonlyArray<number>
  /** Items of streams, all of them in order. */
  readonly items: number
  readonly errors: ReadonlyArray<string>
}

/** Events that an actor has seen since it was last asked. */
export interface Seen {
  readonly at: number
  readonly events: { readonly [tag: string]: number }
  readonly reasons: ReadonlyArray<string>
  /** How often the handler ran that no member of the tree calls, but an attacker does. */
  readonly opened: number
  readonly peers: number
  readonly dialogs: number
}
