/**
 * The machine of a fan-out: it knows the position of each member in the stream, and how many items may be read. The
 * machine of a fan-out does no IO.
 *
 *   items      base ........ delivered ........ head         what was read of the dialog, and not yet by every member
 *                 ^ slowest member     ^ the first unread item
 *
 * A new member of a fan-out begins with the first item that no member has taken, and takes the items in order. When a
 * member with the policy `wait` has as many untaken items as its `capacity` allows, no more items of the stream are
 * read. A slow member with the policy `lag` or `drop` loses its oldest items instead of stopping the reading. A member
 * with the policy `lag` learns of its loss of items. When the last member leaves, the unread items go to the next
 * reader of the stream, so no item is lost.
 *
 * While a stream has subscribers, its own `receive` is a member with the policy `owner`. With the policy `owner`, a
 * slow `receive` loses items, learns of the loss, and neither stops nor causes the reading of the stream.
 *
 * A stream made by `toStream` reads alone until another reader joins; from then on `toStream` is a member of the
 * fan-out with the policy `wait`.
 *
 * @since 0.1.0
 */
export type Policy = "wait" | "lag" | "drop" | "owner"

export interface Member {
  readonly policy: Policy
  /** The number of items by which the member may be behind the newest item. */
  readonly capacity: number
  /**
   * The number of the next item that the member takes. If the fan-out no longer keeps the item with the number
   * `cursor`, the member was too slow and has lost items.
   */
  readonly cursor: number
}

export interface State {
  /** The number of the oldest item that the fan-out keeps. */
  readonly base: number
  readonly items: ReadonlyArray<unknown>
  /** The number of the first item that no member has taken. */
  readonly delivered: number
  readonly members: ReadonlyMap<number, Member>
  /**
   * The streams made by `toStream` that read while the fan-out has no members. Each value of the map `alone` is the
   * capacity that the stream gets when it becomes a member of the fan-out. The map `alone` is empty while the fan-out
   * has members.
   */
  readonly alone: ReadonlyMap<number, number>
  /** True while a member waits for the next item. */
  readonly hungry: boolean
}

export type Input =
  | { readonly _tag: "Join"; readonly id: number; readonly policy: Policy; readonly capacity: number }
  /** A stream made by `toStream` begins to read; it becomes a member only when another reader joins. */
  | { readonly _tag: "Attach"; readonly id: number; readonly capacity: number }
  | { readonly _tag: "Leave"; readonly id: number }
  | { readonly _tag: "Take"; readonly id: number }
  | { readonly _tag: "Push"; readonly items: ReadonlyArray<unknown> }
  /** From now on the members of the fan-out get the new value `item` in place of the item with the number `at`. */
  | { readonly _tag: "Replace"; readonly at: number; readonly item: unknown }

export type Outcome =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Item"; readonly item: unknown }
  /** No item has come yet for the member of the fan-out that asks. */
  | { readonly _tag: "Empty" }
  /**
   * The member of the fan-out has lost items. A member of a fan-out gets the outcome `Lagged` once for each loss of
   * items.
   */
  | { readonly _tag: "Lagged" }
  /** The input `Take` or `Leave` names an id that belongs to no member of the fan-out, or to a member that has left. */
  | { readonly _tag: "Gone" }
  /**
   * The last subscriber has left the fan-out, and the unread items go back to the stream's own reader. The field
   * `lagged` is true if the stream's own `receive` has lost items and does not know this yet.
   */
  | { readonly _tag: "GiveBack"; readonly items: ReadonlyArray<unknown>; readonly lagged: boolean }

type Step = readonly [State, Outcome]

export const initial: State = {
  base: 0,
  items: [],
  delivered: 0,
  members: new Map(),
  alone: new Map(),
  hungry: false
}

const nothing: Outcome = { _tag: "Nothing" }
const empty: Outcome = { _tag: "Empty" }
const gone: Outcome = { _tag: "Gone" }
const lagged: Outcome = { _tag: "Lagged" }

const headOf = (state: State): number => state.base + state.items.length

/** True when the stream has subscribers, so that its own `receive` is only one of the members. */
export const isShared = (state: State): boolean => state.members.size > 0

/** Returns the number of items that must be read from the dialog now, so that no member waits without need. */
export const wanted = (state: State): number => {
  let room = Infinity
  let eager = false
  for (const { capacity, cursor, policy } of state.members.values()) {
    if (policy === "wait") room = Math.min(room, capacity - (headOf(state) - cursor))
    // A member with the policy `lag` or `drop` lets the stream read on, even while that member takes no items.
    else if (policy !== "owner") eager = true
  }
  return state.members.size > 0 && (eager || state.hungry) ? Math.max(0, room) : 0
}

/** Returns the number of items that a member has not taken yet. */
export const unreadBy = (state: State, id: number): number => {
  const member = state.members.get(id)
  return member === undefined ? 0 : headOf(state) - member.cursor
}

/**
 * Returns the next item of a member with its number; `undefined` when no item has come, or the member must first learn
 * of a loss.
 */
export const next = (state: State, id: number): { readonly at: number; readonly item: unknown } | undefined => {
  const member = state.members.get(id)
  if (member === undefined) return undefined
  const at = oldestFor(state, member)
  if (at === headOf(state) || at > member.cursor && member.policy !== "drop") return undefined
  return { at, item: state.items[at - state.base] }
}

/**
 * Returns the number of the oldest item that a member can still take. A member whose policy is not `wait` loses its
 * oldest items, and keeps as many as its `capacity` allows.
 */
const oldestFor = (state: State, { capacity, cursor, policy }: Member): number =>
  Math.max(state.base, policy === "wait" ? cursor : Math.max(cursor, headOf(state) - capacity))

/** Drops the items that no member can take any more, once they are at least half of all kept items. */
const trimmed = (state: State): State => {
  let oldest = headOf(state)
  for (const member of state.members.values()) oldest = Math.min(oldest, oldestFor(state, member))
  const count = oldest - state.base
  return count === 0 || count < state.items.length / 2
    ? state
    : { ...state, base: oldest, items: state.items.slice(count) }
}

const withMember = (state: State, id: number, member: Member): State => ({
  ...state,
  members: new Map(state.members).set(id, member)
})

export const step = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Join":
      return [joined(state, input.id, input.policy, input.capacity), nothing]
    case "Attach":
      return [
        isShared(state)
          ? joined(state, input.id, "wait", input.capacity)
          : { ...state, alone: new Map(state.alone).set(input.id, input.capacity) },
        nothing
      ]
    case "Leave":
      return left(state, input.id)
    case "Take":
      return taken(state, input.id)
    case "Push":
      return [pushed(state, input.items), nothing]
    case "Replace": {
      const index = input.at - state.base
      return [index in state.items ? { ...state, items: state.items.with(index, input.item) } : state, nothing]
    }
  }
}

const joined = (state: State, id: number, policy: Policy, capacity: number): State => {
  const cursor = Math.max(state.base, state.delivered)
  const members = new Map(state.members)
  for (const [other, capacity] of state.alone) members.set(other, { policy: "wait", capacity, cursor })
  members.set(id, { policy, capacity, cursor })
  return { ...state, members, alone: new Map() }
}

const taken = (state: State, id: number): Step => {
  const member = state.members.get(id)
  if (member === undefined) return [state, gone]
  const at = oldestFor(state, member)
  if (at > member.cursor && member.policy !== "drop") return [withMember(state, id, { ...member, cursor: at }), lagged]
  if (at === headOf(state)) return [state.hungry ? state : { ...state, hungry: true }, empty]
  const item = state.items[at - state.base]
  const cursor = at + 1
  const next = withMember(state, id, { ...member, cursor })
  return [trimmed({ ...next, delivered: Math.max(state.delivered, cursor) }), { _tag: "Item", item }]
}

const pushed = (state: State, items: ReadonlyArray<unknown>): State =>
  items.length === 0 ? state : trimmed({ ...state, items: [...state.items, ...items], hungry: false })

const left = (state: State, id: number): Step => {
  if (state.alone.has(id)) {
    const alone = new Map(state.alone)
    alone.delete(id)
    return [{ ...state, alone }, nothing]
  }
  if (!state.members.has(id)) return [state, gone]
  const members = new Map(state.members)
  members.delete(id)
  const others = Array.from(members.values())
  if (others.some(({ policy }) => policy !== "owner")) return [trimmed({ ...state, members }), nothing]
  // The last subscriber has left, so the fan-out ends. The stream's own reader gets the items that it has not read yet.
  const owner = others[0]
  const from = Math.max(state.base, Math.min(state.delivered, owner === undefined ? Infinity : oldestFor(state, owner)))
  const items = state.items.slice(from - state.base)
  const head = headOf(state)
  return [
    { ...initial, base: head, delivered: head },
    { _tag: "GiveBack", items, lagged: owner !== undefined && owner.cursor < from }
  ]
}
