/**
 * A doubly linked queue: joining it, leaving it from the middle and taking its first member cost the same at any
 * length.
 *
 * @since 0.1.0
 */

/** The links of a queue's member to the members before and behind the member. */
export interface Linked {
  before: Linked | undefined
  behind: Linked | undefined
}

export const isInLine = (member: Linked): boolean => member.behind !== undefined

export const leave = (member: Linked): void => {
  const { before, behind } = member
  if (before === undefined || behind === undefined) return
  before.behind = behind
  behind.before = before
  member.before = member.behind = undefined
}

/** A queue: members in the order in which they joined. */
export class Line<A extends Linked> {
  /** A sentinel between the last and the first member of the queue, so that an empty queue needs no special case. */
  private readonly ends: Linked

  constructor() {
    const ends: Linked = { before: undefined, behind: undefined }
    ends.before = ends.behind = ends
    this.ends = ends
  }

  get isEmpty(): boolean {
    return this.ends.behind === this.ends
  }

  get first(): A | undefined {
    return this.isEmpty ? undefined : this.ends.behind as A
  }

  join(member: A): void {
    this.insert(member, this.ends)
  }

  joinFirst(member: A): void {
    this.insert(member, this.ends.behind!)
  }

  /** Takes the first member out of the queue, and returns the member. */
  call(): A | undefined {
    const { first } = this
    if (first !== undefined) leave(first)
    return first
  }

  /** Moves all members of the queue `other` to the front of this queue, and keeps the order of the moved members. */
  precede(other: Line<A>): void {
    if (other.isEmpty) return
    const first = other.ends.behind!
    const last = other.ends.before!
    other.ends.before = other.ends.behind = other.ends
    const next = this.ends.behind!
    first.before = this.ends
    this.ends.behind = first
    last.behind = next
    next.before = last
  }

  *[Symbol.iterator](): Generator<A> {
    for (let at = this.ends.behind!; at !== this.ends; at = at.behind!) yield at as A
  }

  private insert(member: Linked, behind: Linked): void {
    const before = behind.before!
    member.before = before
    member.behind = behind
    before.behind = member
    behind.before = member
  }
}
