/**
 * The names of a tree as one value, changed by one function:
 *
 *   (absent) --Claim--> starting --Ready--> ready --Transfer--> replaced     Gone, from each: absent, and all below it too
 *
 * Names are shared unless somebody asks to be the only one: then nobody else can have the name, whoever came first. A
 * claim holds a name from before the process exists, so that of two that want it alone only one is ever started. Actors
 * that are starting are not shown. An actor without a parent here cannot be added: its words arrive late.
 *
 * Players of one role hold a unique name together, and one of them is shown. A transfer shows another one in the same
 * step, so the name is never free in between, and the one before it has its place until it is gone.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
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

export interface State {
  readonly held: HashMap.HashMap<string, Held>
  readonly names: HashMap.HashMap<string, ReadonlyArray<string>>
  /** Parents of actors: only below a parent is anything to look for when it ends. */
  readonly parents: HashMap.HashMap<string, true>
  readonly order: number
}

export type Input =
  | { readonly _tag: "Claim"; readonly entry: Entry }
  /** Its pid is known only now. */
  | { readonly _tag: "Ready"; readonly uuid: string; readonly pid: number }
  /** It is ready, and takes over the role of another one, which may be gone already. */
  | { readonly _tag: "Transfer"; readonly uuid: string; readonly pid: number; readonly from: string }
  | { readonly _tag: "Gone"; readonly uuid: string; readonly why: "ended" | "stale" }

export type Outcome =
  | { readonly _tag: "Changed"; readonly changes: ReadonlyArray<Change> }
  | { readonly _tag: "Taken"; readonly by: Entry }
  /** Its parent is not known here, or not as the one that the entry says. */
  | { readonly _tag: "Orphan" }

export const initial: State = {
  held: HashMap.empty(),
  names: HashMap.empty(),
  parents: HashMap.empty(),
  order: 0
}

const uuidsOf = (state: State, name: string): ReadonlyArray<string> =>
  Option.getOrElse(HashMap.get(state.names, name), () => [])

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
  // Said twice it is still one claim.
  if (known !== undefined) {
    return [state, known.actor.name === name && isSame(known.path, entry.path) ? nothing : orphan]
  }
  if (!hasParent(state, entry)) return [state, orphan]
  const namesakes = uuidsOf(state, name)
  const first = namesakes.length === 0 ? undefined : heldOf(state, namesakes[0]!)
  if (first !== undefined && (entry.unique || first.entry.unique)) {
    const stranger = namesakes.map((other) => heldOf(state, other)!).find((other) => !isSameRole(entry, other.entry))
    if (stranger !== undefined) return [state, { _tag: "Taken", by: stranger.entry }]
  }
  const parent = entry.path.at(-2)
  return [{
    ...state,
    held: HashMap.set(state.held, uuid, { entry, phase: "starting", order: state.order }),
    names: HashMap.set(state.names, name, [...namesakes, uuid]),
    parents: parent === undefined ? state.parents : HashMap.set(state.parents, parent, true as const)
  }, nothing]
}

const remove = (state: State, { entry }: Held): State => {
  const { name, uuid } = entry.actor
  const namesakes = uuidsOf(state, name).filter((other) => other !== uuid)
  return {
    ...state,
    held: HashMap.remove(state.held, uuid),
    names: namesakes.length === 0 ? HashMap.remove(state.names, name) : HashMap.set(state.names, name, namesakes),
    parents: HashMap.remove(state.parents, uuid)
  }
}

const gone = (state: State, uuid: string, why: "ended" | "stale"): readonly [State, Outcome] => {
  const held = heldOf(state, uuid)
  if (held === undefined) return [state, nothing]
  const ending = HashMap.has(state.parents, uuid)
    ? Array.from(HashMap.values(state.held)).filter(({ entry }) => isBelow(entry.path, held.entry.path))
    : [held]
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
  return [{ ...state, order, held: HashMap.set(state.held, uuid, { entry, phase: "ready", order }) }, [
    { _tag: "Up", entry }
  ]]
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

/** The ready actors, of one name or of all, the one that came last first. */
export const entries = (state: State, name?: string): ReadonlyArray<Entry> => {
  const all = name === undefined
    ? Array.from(HashMap.values(state.held))
    : uuidsOf(state, name).flatMap((uuid) => heldOf(state, uuid) ?? [])
  return all.filter(({ phase }) => phase === "ready").sort((a, b) => b.order - a.order).map(({ entry }) => entry)
}

/** Its path in the tree, if it is there. */
export const pathOf = (state: State, uuid: string): ReadonlyArray<string> | undefined => heldOf(state, uuid)?.entry.path
