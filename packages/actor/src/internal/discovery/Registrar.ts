/**
 * The names of a tree as one value, changed by one function:
 *
 *   (absent) --Claim--> starting --Ready--> ready --Transfer--> replaced     Gone, from each: absent, and all below it too
 *
 * Names are shared unless an actor claims one alone: then no other actor can have the name, in either order. A
 * claim holds a name from before the process exists, so that of two that want it alone only one is ever started. Actors
 * that are starting are not shown. An actor without a parent here cannot be added: its words arrive late.
 *
 * Players of one role hold a unique name together, and one of them is shown. A transfer shows another one in the same
 * step, so the name is never free in between, and the one before it has its place until it is gone.
 *
 * Indexes take the place of scans and sorts: namesakes stand in the order of becoming ready, children below their parents.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { Entry } from "../settings/ActorRef.ts"
import { isBelow } from "../settings/ActorRef.ts"

/**
 * The news of a watcher: first all actors that are there, then each change. `why` is `ended`, or `stale` where the
 * actor was found gone before its parent had said so, or `replaced` where another one has taken its role over.
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Snapshot"; readonly entries: ReadonlyArray<Entry> }
  | { readonly _tag: "Up"; readonly entry: Entry }
  | { readonly _tag: "Down"; readonly entry: Entry; readonly why: "ended" | "stale" | "replaced" }

interface Held {
  readonly entry: Entry
  readonly phase: "starting" | "ready" | "replaced"
  /** Of two of one name the one that was ready later is found first. */
  readonly order: number
}

/** A chain of the actors that became ready, the last one first. Links of actors that are not listed any more are passed over. */
interface Link {
  readonly uuid: string
  readonly order: number
  readonly next: Link | undefined
}

/** All that hold one name. */
interface Named {
  readonly uuids: HashSet.HashSet<string>
  /** The ones that want it alone. */
  readonly unique: number
  readonly ready: Link | undefined
  /** The number of links in the chain, skipped ones included. */
  readonly links: number
}

export interface State {
  readonly held: HashMap.HashMap<string, Held>
  readonly names: HashMap.HashMap<string, Named>
  /** The children of each parent that has any. */
  readonly children: HashMap.HashMap<string, HashSet.HashSet<string>>
  readonly order: number
}

export type Input =
  | { readonly _tag: "Claim"; readonly entry: Entry }
  /** The actor's pid is known only now. */
  | { readonly _tag: "Ready"; readonly uuid: string; readonly pid: number }
  /** The actor is ready, and takes over the role of another one, which may be gone already. */
  | { readonly _tag: "Transfer"; readonly uuid: string; readonly pid: number; readonly from: string }
  | { readonly _tag: "Gone"; readonly uuid: string; readonly why: "ended" | "stale" }

export type Outcome =
  | { readonly _tag: "Changed"; readonly changes: ReadonlyArray<Change> }
  | { readonly _tag: "Taken"; readonly by: Entry }
  /** The actor's parent is not known here, or not as the one that the entry says. */
  | { readonly _tag: "Orphan" }

export const initial: State = {
  held: HashMap.empty(),
  names: HashMap.empty(),
  children: HashMap.empty(),
  order: 0
}

const nobody: Named = { uuids: HashSet.empty(), unique: 0, ready: undefined, links: 0 }

const named = (state: State, name: string): Named => Option.getOrElse(HashMap.get(state.names, name), () => nobody)

const childrenOf = (state: State, uuid: string): HashSet.HashSet<string> =>
  Option.getOrElse(HashMap.get(state.children, uuid), () => HashSet.empty<string>())

const heldOf = (state: State, uuid: string): Held | undefined => Option.getOrUndefined(HashMap.get(state.held, uuid))

const nothing: Outcome = { _tag: "Changed", changes: [] }
const orphan: Outcome = { _tag: "Orphan" }

const isSame = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => a.length === b.length && isBelow(a, b)

/** A root has no parent; everybody else has one that is held, at the place where the entry says. */
const hasParent = (state: State, { actor, path }: Entry): boolean => {
  if (path.at(-1) !== actor.uuid) return false
  if (path.length === 1) return HashMap.size(state.held) === 0
  const parent = heldOf(state, path.at(-2)!)
  return parent !== undefined && isSame(parent.entry.path, path.slice(0, -1))
}

/** Two actors of one parent that play the same role, one after the other. */
const isSameRole = (a: Entry, b: Entry): boolean =>
  a.role !== undefined && a.role.name === b.role?.name && isSame(a.path.slice(0, -1), b.path.slice(0, -1))

const claim = (state: State, entry: Entry): readonly [State, Outcome] => {
  const { name, uuid } = entry.actor
  const known = heldOf(state, uuid)?.entry
  // A claim that is said twice is still one claim.
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
    held: HashMap.set(state.held, uuid, { entry, phase: "starting", order: state.order }),
    names: HashMap.set(state.names, name, {
      ...namesakes,
      uuids: HashSet.add(namesakes.uuids, uuid),
      unique: namesakes.unique + Number(entry.unique)
    }),
    children: parent === undefined
      ? state.children
      : HashMap.set(state.children, parent, HashSet.add(childrenOf(state, parent), uuid))
  }, nothing]
}

/** Drops the links that are passed over, once they are more than half: a look passes few, and removing stays cheap. */
const swept = (state: State, namesakes: Named): Named => {
  if (namesakes.links <= 2 * HashSet.size(namesakes.uuids)) return namesakes
  const kept = Array.from(listed(state, namesakes.ready), ({ order, entry }) => ({ uuid: entry.actor.uuid, order }))
  const ready = kept.reduceRight<Link | undefined>((next, link) => ({ ...link, next }), undefined)
  return { ...namesakes, ready, links: kept.length }
}

const remove = (state: State, { entry }: Held): State => {
  const { name, uuid } = entry.actor
  const held = HashMap.remove(state.held, uuid)
  const namesakes = named(state, name)
  const uuids = HashSet.remove(namesakes.uuids, uuid)
  const rest = { ...namesakes, uuids, unique: namesakes.unique - Number(entry.unique) }
  const parent = entry.path.at(-2)
  const siblings = parent === undefined ? HashSet.empty<string>() : HashSet.remove(childrenOf(state, parent), uuid)
  const children = HashMap.remove(state.children, uuid)
  return {
    ...state,
    held,
    names: HashSet.isEmpty(uuids)
      ? HashMap.remove(state.names, name)
      : HashMap.set(state.names, name, swept({ ...state, held }, rest)),
    children: parent === undefined
      ? children
      : HashSet.isEmpty(siblings)
      ? HashMap.remove(children, parent)
      : HashMap.set(children, parent, siblings)
  }
}

/** An actor and all below it. */
const family = (state: State, uuid: string): Array<Held> => {
  const all = [heldOf(state, uuid)!]
  for (const { entry } of all) {
    for (const child of childrenOf(state, entry.actor.uuid)) all.push(heldOf(state, child)!)
  }
  return all
}

const gone = (state: State, uuid: string, why: "ended" | "stale"): readonly [State, Outcome] => {
  if (heldOf(state, uuid) === undefined) return [state, nothing]
  const ending = family(state, uuid)
  // The deepest first: no actor is listed whose parent is not.
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
  const namesakes = named(state, entry.actor.name)
  const first = { uuid, order, next: namesakes.ready }
  return [{
    ...state,
    order,
    held: HashMap.set(state.held, uuid, { entry, phase: "ready", order }),
    names: HashMap.set(state.names, entry.actor.name, { ...namesakes, ready: first, links: namesakes.links + 1 })
  }, [{ _tag: "Up", entry }]]
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
  }
}

/** The actors of these links that are listed. */
function* listed(state: State, links: Link | undefined): Generator<Held> {
  for (let link = links; link !== undefined; link = link.next) {
    const held = heldOf(state, link.uuid)
    if (held?.phase === "ready" && held.order === link.order) yield held
  }
}

/** The ready actors, of one name or of all, the one that came last first; no more than `most`. */
export const entries = (state: State, name?: string, most = Infinity): ReadonlyArray<Entry> => {
  if (name === undefined) {
    return Array.from(HashMap.values(state.held)).filter(({ phase }) => phase === "ready")
      .sort((a, b) => b.order - a.order).slice(0, most).map(({ entry }) => entry)
  }
  const found: Array<Entry> = []
  for (const { entry } of listed(state, named(state, name).ready)) {
    if (found.length >= most) break
    found.push(entry)
  }
  return found
}

/** The actor with this uuid, if it is listed. */
export const entryOf = (state: State, uuid: string): Entry | undefined => {
  const held = heldOf(state, uuid)
  return held?.phase === "ready" ? held.entry : undefined
}

/** The actor's path in the tree, if it is there. */
export const pathOf = (state: State, uuid: string): ReadonlyArray<string> | undefined => heldOf(state, uuid)?.entry.path
