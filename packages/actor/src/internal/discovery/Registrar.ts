/**
 * The names of a tree are one value, which one function (`step`) changes:
 *
 *   (absent) --Claim--> starting --Ready--> ready --Transfer--> replaced     Gone, from each: absent, and all below it too
 *
 * Names are shared unless an actor claims a name alone. An actor gets a name alone only if no other actor has the name,
 * and no other actor can get the name afterwards. A claim holds a name for an actor before the actor's process exists.
 * Of two actors that each claim the same name alone, only one is started. An actor that is starting is not listed. An
 * actor whose parent is not registered cannot be added, because its parent had ended before the report about the actor
 * came.
 *
 * Actors that play one role hold a unique name together, and only one of these actors is listed. A transfer lists the
 * new player of a role in the step that unlists the old player, so the name is never free in between. The replaced
 * player of a role holds the name of the role until this player is gone.
 *
 * Actors of other trees are listed behind the actors of this tree, as their own trees report them (`Found`, `Lost`). A
 * claim ignores actors of other trees, because actors of other trees hold no name in this registrar.
 *
 * Indexes replace scans and sorts: actors of one name are kept in the order in which they became ready, and children
 * below their parents.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { Entry } from "../settings/ActorRef.ts"
import { isBelow } from "../settings/ActorRef.ts"

/**
 * The news that a watcher of the registry gets: all listed actors at first, and each later change. The reason `why` of
 * a removal is `ended`, `stale` if the actor was found gone before its parent reported its end, or `replaced` if
 * another actor took over its role.
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Snapshot"; readonly entries: ReadonlyArray<Entry> }
  | { readonly _tag: "Up"; readonly entry: Entry }
  | { readonly _tag: "Down"; readonly entry: Entry; readonly why: "ended" | "stale" | "replaced" }

/**
 * The distance of an actor: 0 in this tree, 1 in another tree of this host, 2 on another host. Actors of a lower tier
 * (a smaller distance) are listed first.
 */
export type Tier = 0 | 1 | 2

interface Held {
  readonly entry: Entry
  readonly phase: "starting" | "ready" | "replaced"
  readonly tier: Tier
  /** The number of engines that list an actor of another tree. */
  readonly sources: number
  /**
   * The position of the actor in the order of becoming ready; a search for a name finds the latest ready actor first.
   */
  readonly order: number
}

/**
 * A linked list of the uuids of ready actors, and of actors that have gone since they were added; the latest actor is
 * first.
 */
interface Link {
  readonly uuid: string
  readonly order: number
  readonly next: Link | undefined
}

/**
 * A part of the registry's list of ready actors, with at most 512 actors, because the removal of an actor may rebuild
 * its part.
 */
interface Block {
  readonly since: number
  readonly head: Link | undefined
  readonly links: number
  readonly alive: number
  readonly older: Block | undefined
}

/**
 * The largest number of actors in one part of the registry's list, so that a rebuild of the part takes a fraction of a
 * millisecond.
 */
const blockLinks = 512

/** The listed actors, either of one name or of all names. */
interface Listed {
  /** The lists of the actors of this tree, of other trees of this host, and of trees of other hosts. */
  readonly chains: readonly [Block | undefined, Block | undefined, Block | undefined]
  /** The number of actors that are in this list, or that hold a name without being listed. */
  readonly held: number
}

/** The actors that are listed under one name or hold the name. */
interface Named extends Listed {
  /** The uuids of the actors of this tree that hold the name. */
  readonly uuids: HashSet.HashSet<string>
  /** The number of actors that have claimed this name as unique; only actors of one role can share a unique name. */
  readonly unique: number
}

export interface State {
  readonly held: HashMap.HashMap<string, Held>
  readonly names: HashMap.HashMap<string, Named>
  /** The children of each registered actor that has at least one child. */
  readonly children: HashMap.HashMap<string, HashSet.HashSet<string>>
  readonly all: Listed
  readonly order: number
}

export type Input =
  | { readonly _tag: "Claim"; readonly entry: Entry }
  /** A parent reports that a child is ready. The process number of an actor is known only when the actor is ready. */
  | { readonly _tag: "Ready"; readonly uuid: string; readonly pid: number }
  /** A parent reports that a child is ready and takes over the role of the actor `from`, which may be gone already. */
  | { readonly _tag: "Transfer"; readonly uuid: string; readonly pid: number; readonly from: string }
  | { readonly _tag: "Gone"; readonly uuid: string; readonly why: "ended" | "stale" }
  /** An engine lists further actors of other trees. */
  | { readonly _tag: "Found"; readonly entries: ReadonlyArray<Entry>; readonly tier: 1 | 2 }
  /** An engine no longer lists the actors in `uuids`. */
  | { readonly _tag: "Lost"; readonly uuids: ReadonlyArray<string>; readonly why: "ended" | "stale" }

export type Outcome =
  | { readonly _tag: "Changed"; readonly changes: ReadonlyArray<Change> }
  | { readonly _tag: "Taken"; readonly by: Entry }
  /** The registrar refuses an actor whose parent is not registered, or has another path than the actor's entry says. */
  | { readonly _tag: "Orphan" }

export const initial: State = {
  held: HashMap.empty(),
  names: HashMap.empty(),
  children: HashMap.empty(),
  all: { chains: [undefined, undefined, undefined], held: 0 },
  order: 0
}

const nobody: Named = { ...initial.all, uuids: HashSet.empty(), unique: 0 }

const named = (state: State, name: string): Named => Option.getOrElse(HashMap.get(state.names, name), () => nobody)

const childrenOf = (state: State, uuid: string): HashSet.HashSet<string> =>
  Option.getOrElse(HashMap.get(state.children, uuid), () => HashSet.empty<string>())

const heldOf = (state: State, uuid: string): Held | undefined => Option.getOrUndefined(HashMap.get(state.held, uuid))

const nothing: Outcome = { _tag: "Changed", changes: [] }
const orphan: Outcome = { _tag: "Orphan" }

const isSame = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => a.length === b.length && isBelow(a, b)

/**
 * True if the actor's parent is registered under the path that the actor's entry gives. A root, which has no parent,
 * must be the first actor in the registry.
 */
const hasParent = (state: State, { actor, path }: Entry): boolean => {
  if (path.at(-1) !== actor.uuid) return false
  if (path.length === 1) return HashMap.size(state.held) === 0
  const parent = heldOf(state, path.at(-2)!)
  return parent !== undefined && isSame(parent.entry.path, path.slice(0, -1))
}

/** True for two actors of one parent which play the same role one after the other. */
const isSameRole = (a: Entry, b: Entry): boolean =>
  a.role !== undefined && a.role.name === b.role?.name && isSame(a.path.slice(0, -1), b.path.slice(0, -1))

const claim = (state: State, entry: Entry): readonly [State, Outcome] => {
  const { name, uuid } = entry.actor
  const known = heldOf(state, uuid)?.entry
  // A repeated claim of a name by the same actor counts once.
  if (known !== undefined) {
    return [state, known.actor.name === name && isSame(known.path, entry.path) ? nothing : orphan]
  }
  if (!hasParent(state, entry)) return [state, orphan]
  const namesakes = named(state, name)
  if (entry.unique || namesakes.unique > 0) {
    const stranger = Array.from(namesakes.uuids, (other) => heldOf(state, other)!)
      .find((other) => !isSameRole(entry, other.entry))
    if (stranger !== undefined) return [state, { _tag: "Taken", by: stranger.entry }]
  }
  const parent = entry.path.at(-2)
  return [{
    ...state,
    held: HashMap.set(state.held, uuid, { entry, phase: "starting", tier: 0, sources: 0, order: state.order }),
    all: { ...state.all, held: state.all.held + 1 },
    names: HashMap.set(state.names, name, {
      ...namesakes,
      held: namesakes.held + 1,
      uuids: HashSet.add(namesakes.uuids, uuid),
      unique: namesakes.unique + Number(entry.unique)
    }),
    children: parent === undefined
      ? state.children
      : HashMap.set(state.children, parent, HashSet.add(childrenOf(state, parent), uuid))
  }, nothing]
}

/** Lists an actor in front of all other listed actors at the same distance (`Tier`). */
const inFront = <L extends Listed>(
  listed: L,
  { order, tier, uuid }: Pick<Held, "order" | "tier"> & { uuid: string }
) => {
  return withChain(listed, tier, (newest) =>
    newest === undefined || newest.links >= blockLinks
      ? { since: order, head: { uuid, order, next: undefined }, links: 1, alive: 1, older: newest }
      : { ...newest, head: { uuid, order, next: newest.head }, links: newest.links + 1, alive: newest.alive + 1 })
}

const withChain = <L extends Listed>(
  listed: L,
  tier: Tier,
  change: (newest: Block | undefined) => Block | undefined
) => {
  const chains: [Block | undefined, Block | undefined, Block | undefined] = [...listed.chains]
  chains[tier] = change(chains[tier])
  return { ...listed, chains }
}

const relinked = (state: State, head: Link | undefined, behind: Link | undefined): Link | undefined => {
  const kept: Array<Link> = []
  for (let link = head; link !== undefined; link = link.next) {
    if (heldOf(state, link.uuid)?.order === link.order) kept.push(link)
  }
  return kept.reduceRight<Link | undefined>((next, { order, uuid }) => ({ uuid, order, next }), behind)
}

/**
 * Removes one actor from a block of the list of ready actors, and rebuilds the block if more than half of its actors
 * are gone.
 */
const reduced = (state: State, block: Block): Block | undefined => {
  const { head, older } = block
  const alive = block.alive - 1
  if (alive === 0) return older
  if (older !== undefined && alive + older.links <= blockLinks / 2) {
    const links = relinked(state, head, older.head)
    return { ...older, head: links, links: alive + older.links, alive: alive + older.alive }
  }
  return block.links <= 2 * alive
    ? { ...block, alive }
    : { ...block, head: relinked(state, head, undefined), links: alive, alive }
}

const unlinked = (state: State, newest: Block | undefined, order: number): Block | undefined => {
  const newer: Array<Block> = []
  let block = newest
  for (; block !== undefined && block.since > order; block = block.older) newer.push(block)
  return block === undefined
    ? newest
    : newer.reduceRight<Block | undefined>((older, block) => ({ ...block, older }), reduced(state, block))
}

/** Counts one actor less under a name, and removes the actor from the list if it was listed. */
const fewer = <L extends Listed>(state: State, before: L, { order, phase, tier }: Held): L => {
  const listed = { ...before, held: before.held - 1 }
  return phase === "starting" ? listed : withChain(listed, tier, (newest) => unlinked(state, newest, order))
}

const remove = (state: State, gone: Held): State => {
  const { entry, tier } = gone
  const { name, uuid } = entry.actor
  const held = HashMap.remove(state.held, uuid)
  const without = { ...state, held }
  const namesakes = named(state, name)
  const rest = tier > 0 ? namesakes : {
    ...namesakes,
    uuids: HashSet.remove(namesakes.uuids, uuid),
    unique: namesakes.unique - Number(entry.unique)
  }
  const left = {
    ...without,
    all: fewer(without, state.all, gone),
    names: namesakes.held === 1
      ? HashMap.remove(state.names, name)
      : HashMap.set(state.names, name, fewer(without, rest, gone))
  }
  if (tier > 0) return left
  const parent = entry.path.at(-2)
  const siblings = parent === undefined ? HashSet.empty<string>() : HashSet.remove(childrenOf(state, parent), uuid)
  const children = HashMap.remove(state.children, uuid)
  return {
    ...left,
    children: parent === undefined
      ? children
      : HashSet.isEmpty(siblings)
      ? HashMap.remove(children, parent)
      : HashMap.set(children, parent, siblings)
  }
}

/** Returns the actor with this uuid, and all actors below this actor. */
const family = (state: State, uuid: string): Array<Held> => {
  const all = [heldOf(state, uuid)!]
  for (const { entry } of all) {
    for (const child of childrenOf(state, entry.actor.uuid)) all.push(heldOf(state, child)!)
  }
  return all
}

const gone = (state: State, uuid: string, why: "ended" | "stale"): readonly [State, Outcome] => {
  const held = heldOf(state, uuid)
  if (held === undefined) return [state, nothing]
  // No parent in this tree reports the end of an actor of another tree.
  if (held.tier > 0) return why === "ended" ? [state, nothing] : lost(state, [uuid], why, Infinity)
  const ending = family(state, uuid)
  // The deepest actors are removed first, so that no actor is listed whose parent is not listed.
  ending.sort((a, b) => b.entry.path.length - a.entry.path.length || b.order - a.order)
  return [ending.reduce(remove, state), {
    _tag: "Changed",
    changes: ending.filter(({ phase }) => phase === "ready").map(({ entry }) => ({ _tag: "Down", entry, why }))
  }]
}

const ready = (state: State, uuid: string, pid: number): readonly [State, ReadonlyArray<Change>] => {
  const held = heldOf(state, uuid)
  if (held === undefined || held.phase !== "starting") return [state, []]
  const order = state.order + 1
  const entry = { ...held.entry, actor: { ...held.entry.actor, pid } }
  const { name } = entry.actor
  const first = { uuid, order, tier: 0 } as const
  return [{
    ...state,
    order,
    held: HashMap.set(state.held, uuid, { ...held, entry, phase: "ready", order }),
    all: inFront(state.all, first),
    names: HashMap.set(state.names, name, inFront(named(state, name), first))
  }, [{ _tag: "Up", entry }]]
}

const found = (before: State, entries: ReadonlyArray<Entry>, tier: 1 | 2): readonly [State, Outcome] => {
  const changes: Array<Change> = []
  let state = before
  for (const entry of entries) {
    const { name, uuid } = entry.actor
    const known = heldOf(state, uuid)
    if (known !== undefined) {
      if (known.tier === 0) continue
      state = { ...state, held: HashMap.set(state.held, uuid, { ...known, sources: known.sources + 1 }) }
      continue
    }
    const order = state.order + 1
    const namesakes = named(state, name)
    state = {
      ...state,
      order,
      held: HashMap.set(state.held, uuid, { entry, phase: "ready", tier, sources: 1, order }),
      all: inFront({ ...state.all, held: state.all.held + 1 }, { uuid, order, tier }),
      names: HashMap.set(state.names, name, inFront({ ...namesakes, held: namesakes.held + 1 }, { uuid, order, tier }))
    }
    changes.push({ _tag: "Up", entry })
  }
  return [state, { _tag: "Changed", changes }]
}

/** Removes actors of other trees from the list, once no engine lists these actors any more. */
const lost = (
  before: State,
  uuids: ReadonlyArray<string>,
  why: "ended" | "stale",
  sources = 1
): readonly [State, Outcome] => {
  const changes: Array<Change> = []
  let state = before
  for (const uuid of uuids) {
    const held = heldOf(state, uuid)
    if (held === undefined || held.tier === 0) continue
    const left = held.sources - sources
    if (left > 0) state = { ...state, held: HashMap.set(state.held, uuid, { ...held, sources: left }) }
    else {
      state = remove(state, held)
      changes.push({ _tag: "Down", entry: held.entry, why })
    }
  }
  return [state, { _tag: "Changed", changes }]
}

const transfer = (state: State, uuid: string, pid: number, from: string): readonly [State, ReadonlyArray<Change>] => {
  const [next, up] = ready(state, uuid, pid)
  const to = heldOf(state, uuid)
  const old = heldOf(state, from)
  if (up.length === 0 || to === undefined || old?.phase !== "ready" || !isSameRole(to.entry, old.entry)) {
    return [next, up]
  }
  return [{ ...next, held: HashMap.set(next.held, from, { ...old, phase: "replaced" }) }, [
    { _tag: "Down", entry: old.entry, why: "replaced" },
    ...up
  ]]
}

export const step = (state: State, input: Input): readonly [State, Outcome] => {
  switch (input._tag) {
    case "Claim":
      return claim(state, input.entry)
    case "Ready": {
      const [next, changes] = ready(state, input.uuid, input.pid)
      return [next, { _tag: "Changed", changes }]
    }
    case "Transfer": {
      const [next, changes] = transfer(state, input.uuid, input.pid, input.from)
      return [next, { _tag: "Changed", changes }]
    }
    case "Gone":
      return gone(state, input.uuid, input.why)
    case "Found":
      return found(state, input.entries, input.tier)
    case "Lost":
      return lost(state, input.uuids, input.why)
  }
}

function* linked(state: State, newest: Block | undefined): Generator<Held> {
  for (let block = newest; block !== undefined; block = block.older) {
    for (let link = block.head; link !== undefined; link = link.next) {
      const held = heldOf(state, link.uuid)
      if (held?.phase === "ready" && held.order === link.order) yield held
    }
  }
}

/**
 * Walks over the ready actors of one name, or of all names: first those of this tree, then those of this host, then all
 * others. Among actors of the same distance, the actor that became ready last comes first.
 */
export function* walk(state: State, name: string | undefined, tiers: number | undefined): Generator<Entry> {
  const { chains } = name === undefined ? state.all : named(state, name)
  for (const chain of chains.slice(0, tiers)) for (const { entry } of linked(state, chain)) yield entry
}

/**
 * Returns at most `most` registry entries of ready actors, in the order of the function `walk`. If `own` is true, the
 * function `entries` returns only actors of this tree.
 */
export const entries = (state: State, name?: string, most = Infinity, own = false): ReadonlyArray<Entry> => {
  const found: Array<Entry> = []
  for (const entry of walk(state, name, own ? 1 : undefined)) {
    if (found.length >= most) break
    found.push(entry)
  }
  return found
}

/** Returns the registry entry of the actor with the given uuid, if the actor is listed. */
export const entryOf = (state: State, uuid: string): Entry | undefined => {
  const held = heldOf(state, uuid)
  return held?.phase === "ready" ? held.entry : undefined
}

/** The path of an actor in its tree; `undefined` when the actor is not registered. */
export const pathOf = (state: State, uuid: string): ReadonlyArray<string> | undefined => {
  const held = heldOf(state, uuid)
  return held?.tier === 0 ? held.entry.path : undefined
}
