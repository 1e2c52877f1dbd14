/**
 * A supervisor as one value that one pure step changes. The step only marks: a death makes the incarnations of all children
 * that the strategy names stale. `settle` reads the next actions off the state:
 *
 *   stale or unwanted, and there  -> stopped, in reverse order, one after the other
 *   all of those down             -> one wait for the backoff
 *   wanted and down               -> started, in order, as soon as all that it uses is up
 *
 * So a death during a restart, the death of a child that is being stopped, a start that fails, and a close in between need
 * no rules of their own. `decide` holds the one table: what an exit means to a child of which restart type.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { ChildState } from "../inspect/Snapshot.ts"

/**
 * Which ends of a child are followed by another start: all of them, all but a return and a cancel, or none.
 *
 * @category models
 * @since 0.1.0
 */
export type Restart = "permanent" | "transient" | "temporary"

/**
 * Which children are stopped and started for the death of one: the dead one and those that use it, it alone, it and all
 * after it in the order of starts, or all.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "dependants" | "one-for-one" | "rest-for-one" | "one-for-all"

/**
 * The ends of significant children that end the supervisor in order: none, that of any, or the last of all.
 *
 * @category models
 * @since 0.1.0
 */
export type AutoShutdown = "never" | "any-significant" | "all-significant"

export interface ChildSpec {
  readonly key: string
  /** The keys of the children that it calls. */
  readonly uses: ReadonlyArray<string>
  readonly restart: Restart
  readonly significant: boolean
}

export interface Policy {
  readonly strategy: Strategy
  readonly intensity: { readonly restarts: number; readonly withinMillis: number }
  readonly autoShutdown: AutoShutdown
  /** Children come and go: they start and stop side by side, and leave the list when they end for good. */
  readonly dynamic: boolean
}

export type Status = "Down" | "Starting" | "Up" | "Stopping"

export interface Child extends ChildSpec {
  readonly status: Status
  /** The number of its starts so far. */
  readonly incarnation: number
  /** It is to be up, or has ended for good, or was stopped by hand, or is to leave the list. */
  readonly goal: "Up" | "Ended" | "Stopped" | "Removed"
  /** Its incarnation must go: it has died, or it goes with one that has. */
  readonly stale: boolean
  /** No call can begin at it any more; how it ended is not known yet. */
  readonly silent: boolean
}

/** A death that counts, and when. */
export interface Death {
  readonly child: string
  /** Absent in an old one of very many: it holds what its process wrote last. */
  readonly exit: ActorExit | undefined
  readonly at: number
}

/** Deaths whose exits are kept: a policy may allow any number of them. */
export const maxExits = 100

/** Why the supervisor ends. */
export type Why =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "AutoShutdown"; readonly child: string }
  | { readonly _tag: "NotStarted"; readonly child: string; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "EndedEarly"; readonly child: string; readonly exit: ActorExit }
  | GivenUp & { readonly _tag: "GaveUp" }

/** The last of the deaths, and why there are no more starts: too many for the window, or no more waits. */
export interface GivenUp {
  readonly child: string
  readonly deaths: ReadonlyArray<Death>
  readonly reason: "intensity" | "backoff"
}

export type Phase =
  /** The first start: no portal is out yet. */
  | { readonly _tag: "Booting" }
  | { readonly _tag: "Running" }
  | { readonly _tag: "Closing"; readonly why: Why }
  | { readonly _tag: "Closed"; readonly why: Why }

export interface State {
  readonly phase: Phase
  /** Sorted: each child comes after all that it uses. */
  readonly children: ReadonlyArray<Child>
  /** The deaths that count, no older than the window. */
  readonly deaths: ReadonlyArray<Death>
  /** The wait before the next start: every death makes it due, and deaths during the wait share it. */
  readonly backoff: "Due" | "Waiting" | "Over"
  /** The window held no death when the wait became due: its delays begin anew. */
  readonly isFresh: boolean
}

export type Input =
  | { readonly _tag: "Up"; readonly child: string; readonly incarnation: number }
  | {
    readonly _tag: "StartFailed"
    readonly child: string
    readonly incarnation: number
    readonly cause: Cause.Cause<unknown>
    /** The failed start as an end, for the window. */
    readonly exit: ActorExit
    readonly now: number
  }
  | { readonly _tag: "Silent"; readonly child: string; readonly incarnation: number }
  | {
    readonly _tag: "Died"
    readonly child: string
    readonly incarnation: number
    readonly exit: ActorExit
    readonly now: number
  }
  | { readonly _tag: "Stopped"; readonly child: string; readonly incarnation: number }
  | { readonly _tag: "BackoffOver" }
  /** The delays have come to an end: there is no next attempt. */
  | { readonly _tag: "BackoffEnded" }
  | { readonly _tag: "Close" }
  /** A child of a dynamic supervisor. */
  | { readonly _tag: "Add"; readonly spec: ChildSpec }
  | { readonly _tag: "Remove"; readonly child: string }
  /** By hand: replaced with those that go for its death, which is none; stopped with all that use it; started with them. */
  | { readonly _tag: "ByHand"; readonly what: "restart" | "stop" | "start"; readonly child: string }

export type Action =
  | { readonly _tag: "Start"; readonly child: string; readonly incarnation: number }
  /** Ends what there is of an incarnation: a start under way is interrupted, a dead one leaves its resources. */
  | { readonly _tag: "Stop"; readonly child: string; readonly incarnation: number }
  | { readonly _tag: "Wait"; readonly isFresh: boolean; readonly exit: ActorExit }
  /** All children are up for the first time. */
  | { readonly _tag: "Ready" }
  /** A death that is followed by starts, with all children that go for it. */
  | {
    readonly _tag: "TellRestarting"
    readonly death: Death & { readonly exit: ActorExit }
    readonly affected: ReadonlyArray<string>
  }
  | { readonly _tag: "TellRestarted"; readonly child: string; readonly incarnation: number }
  | GivenUp & { readonly _tag: "TellGaveUp" }
  /** The first start of a dynamic child failed: it is none any more. */
  | { readonly _tag: "Refused"; readonly child: string; readonly cause: Cause.Cause<unknown> }
  /** A dynamic child is down for good. */
  | { readonly _tag: "Removed"; readonly child: string }
  | { readonly _tag: "Closed"; readonly why: Why }

export type Step = readonly [State, ReadonlyArray<Action>]

const childOf = (spec: ChildSpec): Child => ({
  ...spec,
  status: "Down",
  incarnation: 0,
  goal: "Up",
  stale: false,
  silent: false
})

export const initial = (specs: ReadonlyArray<ChildSpec>): State => ({
  phase: { _tag: "Booting" },
  children: ordered(specs).map(childOf),
  deaths: [],
  backoff: "Over",
  isFresh: true
})

// ---- order and strategy ---------------------------------------------------------------------------------------------

/** Each child after all that it uses, otherwise as they were given. Throws on a cycle, and on a key that is there twice. */
export const ordered = <C extends Pick<ChildSpec, "key" | "uses">>(specs: ReadonlyArray<C>): ReadonlyArray<C> => {
  const byKey = new Map(specs.map((spec) => [spec.key, spec]))
  const twice = specs.find(({ key }, i) => specs.findIndex((other) => other.key === key) !== i)
  if (twice !== undefined) throw new Error(`a supervisor has the child "${twice.key}" twice: give one of them a name`)
  const sorted = new Set<C>()
  const visit = (spec: C, path: ReadonlyArray<string>): void => {
    if (sorted.has(spec)) return
    const { key } = spec
    if (path.includes(key)) {
      const cycle = [...path.slice(path.indexOf(key)), key].map((key) => `"${key}"`).join(" uses ")
      throw new Error(`the children of a supervisor use each other in a cycle: ${cycle}`)
    }
    for (const used of spec.uses) {
      const child = byKey.get(used)
      if (child !== undefined) visit(child, [...path, key])
    }
    sorted.add(spec)
  }
  for (const spec of specs) visit(spec, [])
  return Array.from(sorted)
}

/** The children that go when one dies, in order: itself, and those that the strategy names. */
export const affectedBy = (
  strategy: Strategy,
  children: ReadonlyArray<Pick<ChildSpec, "key" | "uses">>,
  key: string
): ReadonlyArray<string> => {
  const keys = children.map((child) => child.key)
  switch (strategy) {
    case "one-for-one":
      return [key]
    case "one-for-all":
      return keys
    case "rest-for-one":
      return keys.slice(keys.indexOf(key))
    case "dependants": {
      const hit = new Set([key])
      for (const child of children) if (child.uses.some((used) => hit.has(used))) hit.add(child.key)
      return keys.filter((key) => hit.has(key))
    }
  }
}

/** The meaning of an exit for a child: it is started again, or it has ended for good. */
export const decide = (restart: Restart, exit: ActorExit["_tag"]): "restart" | "drop" => {
  switch (restart) {
    case "permanent":
      return "restart"
    case "temporary":
      return "drop"
    case "transient":
      return exit === "Failed" || exit === "Lost" ? "restart" : "drop"
  }
}

// ---- what others see ------------------------------------------------------------------------------------------------

/** What a portal to a child is good for: calls pass, calls wait, calls fail. */
export type View = "up" | "restarting" | "gone"

/** A portal's view of its child. */
export const view = (policy: Policy, state: State, key: string): View => views(policy, state).get(key) ?? "gone"

/** The views of all portals. A child whose end is not explained yet may come back: it counts as restarting. */
export const views = (policy: Policy, state: State): ReadonlyMap<string, View> => {
  const { children } = state
  const dying = children.filter(({ silent, stale }) => silent && !stale)
  const going = new Set(
    dying.flatMap(({ key, restart }) => restart === "temporary" ? [key] : affectedBy(policy.strategy, children, key))
  )
  return new Map(children.map((child) => {
    const { goal, key, silent } = child
    // One that was stopped by hand may be started again.
    if (isOver(state) || goal !== "Up" && goal !== "Stopped") return [key, isLive(child) && !silent ? "up" : "gone"]
    return [key, isLive(child) && !going.has(key) ? "up" : "restarting"]
  }))
}

/** How far a child is, for those who look. */
export const stateOf = (state: State, { goal, incarnation, status }: Child): ChildState => {
  if (status !== "Down") return status
  if (isOver(state)) return "Ended"
  if (goal === "Up") return incarnation === 0 ? "Down" : "Restarting"
  return goal === "Stopped" ? "Stopped" : "Ended"
}

/** It serves, and nothing speaks against it. */
const isLive = ({ stale, status }: Child): boolean => status === "Up" && !stale

/** Something that it uses, however far down, serves no more, and how that ended is not known yet. */
const usesSilent = ({ children }: State, { key, uses }: Child): boolean =>
  uses.length > 0 &&
  children.some((dying) =>
    dying.silent && dying.key !== key && affectedBy("dependants", children, dying.key).includes(key)
  )

// ---- the step -------------------------------------------------------------------------------------------------------

export const step = (policy: Policy, state: State, input: Input): Step => {
  const [changed, actions] = change(policy, state, input)
  const [settled, more] = settle(policy, changed)
  return [settled, [...actions, ...more]]
}

/** The first actions of a supervisor. */
export const begin = (policy: Policy, state: State): Step => settle(policy, state)

/** It ends, or has ended. */
export const isOver = ({ phase }: State): boolean => phase._tag === "Closing" || phase._tag === "Closed"

const update = (state: State, keys: ReadonlyArray<string>, patch: (child: Child) => Partial<Child>): State => ({
  ...state,
  children: state.children.map((child) => keys.includes(child.key) ? { ...child, ...patch(child) } : child)
})

/** What was asked for by hand counts as no death, and waits for no backoff. A supervisor that ends is left alone. */
const byHand = (policy: Policy, state: State, { key }: Child, what: "restart" | "stop" | "start"): State => {
  if (state.phase._tag !== "Running") return state
  const { children } = state
  if (what === "restart") {
    return goingWith(update(state, [key], () => ({ goal: "Up" })), affectedBy(policy.strategy, children, key), key)
  }
  // Its users cannot go on without it, under any strategy.
  const users = affectedBy("dependants", children, key)
  return what === "stop"
    ? update(state, users, ({ goal, status }) => ({ stale: status !== "Down", goal: goal === "Up" ? "Stopped" : goal }))
    : update(
      state,
      users,
      (child) => ({ goal: child.key === key || child.goal === "Stopped" ? "Up" : child.goal })
    )
}

/** These incarnations go, and come back: all but temporary ones, unless it is for their own sake. */
const goingWith = (state: State, keys: ReadonlyArray<string>, own?: string): State =>
  update(state, keys, ({ goal, key, restart, status }) => ({
    stale: status !== "Down",
    goal: restart === "temporary" && goal === "Up" && key !== own ? "Ended" : goal
  }))

/** It leaves the list as soon as nothing of it is left. */
const removed = (state: State, { key }: Child): State =>
  update(state, [key], ({ status }) => ({ goal: "Removed", stale: status !== "Down" }))

const closing = (state: State, why: Why): State => isOver(state) ? state : { ...state, phase: { _tag: "Closing", why } }

const change = (policy: Policy, state: State, input: Input): Step => {
  if (input._tag === "BackoffOver") return [state.backoff === "Waiting" ? { ...state, backoff: "Over" } : state, []]
  if (input._tag === "BackoffEnded") {
    return state.backoff === "Waiting" && !isOver(state)
      ? giveUp(state, "backoff")
      : [state, []]
  }
  if (input._tag === "Close") return [closing(state, { _tag: "Closed" }), []]
  if (input._tag === "Add") {
    return isOver(state) ? [state, []] : [{ ...state, children: [...state.children, childOf(input.spec)] }, []]
  }
  const child = state.children.find(({ key }) => key === input.child)
  if (child === undefined) return [state, []]
  if (input._tag === "Remove") return [removed(state, child), []]
  if (input._tag === "ByHand") return [byHand(policy, state, child, input.what), []]
  // What an earlier incarnation still tells is of no interest.
  if (child.incarnation !== input.incarnation) return [state, []]
  switch (input._tag) {
    case "Up": {
      if (child.status !== "Starting") return [state, []]
      const up = update(state, [child.key], () => ({ status: "Up" }))
      const { incarnation, key, stale } = child
      return [up, incarnation === 1 || stale ? [] : [{ _tag: "TellRestarted", child: key, incarnation }]]
    }
    case "Silent":
      return [child.status === "Up" ? update(state, [child.key], () => ({ silent: true })) : state, []]
    case "Stopped": {
      if (child.status !== "Stopping") return [state, []]
      return [update(state, [child.key], () => ({ status: "Down", stale: false, silent: false })), []]
    }
    case "StartFailed":
      return child.status === "Starting" ? startFailed(policy, state, child, input) : [state, []]
    case "Died":
      // A stale one goes for another's sake, or is counted already; one that is being stopped was to die.
      return isLive(child) && !isOver(state) ? died(policy, state, child, input) : [state, []]
  }
}

const startFailed = (
  policy: Policy,
  state: State,
  child: Child,
  { cause, exit, now }: Extract<Input, { readonly _tag: "StartFailed" }>
): Step => {
  const down = update(state, [child.key], () => ({ status: "Down", stale: false }))
  // It was to be stopped, or fails for what it uses: that one's end is on its way, and counts alone.
  if (isOver(state) || child.stale || child.incarnation > 1 && usesSilent(state, child)) return [down, []]
  if (child.incarnation > 1) return died(policy, down, { ...child, status: "Down" }, { exit, now })
  if (state.phase._tag === "Booting") return [closing(down, { _tag: "NotStarted", child: child.key, cause }), []]
  return [
    { ...down, children: down.children.filter(({ key }) => key !== child.key) },
    [{ _tag: "Refused", child: child.key, cause }]
  ]
}

/** The end of a child that was to be up, or a start again that failed. */
const died = (
  policy: Policy,
  state: State,
  child: Child,
  { exit, now }: { readonly exit: ActorExit; readonly now: number }
): Step => {
  const { key } = child
  const dead = update(state, [key], ({ status }) => ({ stale: status !== "Down" }))
  if (decide(child.restart, exit._tag) === "drop") {
    const dropped = drop(policy, dead, child)
    if (isOver(dropped) || state.phase._tag === "Booting" || !isAwaited(state, key)) return [dropped, []]
    // One that uses it waits to start: it comes back at once, so its end counts like any other.
  }
  if (state.phase._tag === "Booting") return [closing(dead, { _tag: "EndedEarly", child: key, exit }), []]
  const { restarts, withinMillis } = policy.intensity
  const before = state.deaths.filter(({ at }) => now - at < withinMillis)
  const death = { child: key, exit, at: now }
  const deaths = [...lighter(before), death]
  if (deaths.length > restarts) return giveUp({ ...dead, deaths }, "intensity")
  const affected = affectedBy(policy.strategy, state.children, key)
  const marked = goingWith(dead, affected)
  const going = state.children.filter((one) => affected.includes(one.key) && one.goal === "Up")
  return [
    { ...marked, deaths, ...due(state, before.length === 0) },
    [{ _tag: "TellRestarting", death, affected: going.map((one) => one.key) }]
  ]
}

/** A child that is down and wanted uses it, directly or through others that come back with it. */
const isAwaited = ({ children }: State, key: string): boolean => {
  const users = affectedBy("dependants", children, key)
  return children.some((child) =>
    child.key !== key && child.goal === "Up" && child.status === "Down" && users.includes(child.key)
  )
}

/** Makes room for the exit of one more death. */
const lighter = (deaths: ReadonlyArray<Death>): ReadonlyArray<Death> => {
  const oldest = deaths.length - maxExits
  return oldest < 0 ? deaths : deaths.map((death, i) => i === oldest ? { ...death, exit: undefined } : death)
}

/** No more restarts: all children stop, and the deaths in the window are the reason. */
const giveUp = (state: State, reason: GivenUp["reason"]): Step => {
  const { deaths } = state
  const last = { child: deaths.at(-1)!.child, deaths, reason }
  return [closing(state, { _tag: "GaveUp", ...last }), [{ _tag: "TellGaveUp", ...last }]]
}

const due = ({ backoff, isFresh }: State, isFirst: boolean): Pick<State, "backoff" | "isFresh"> =>
  backoff === "Over" ? { backoff: "Due", isFresh: isFirst } : { backoff, isFresh }

/** It has ended for good. Significant children may end the supervisor with them. */
const drop = (policy: Policy, state: State, { key, significant }: Child): State => {
  const dropped = update(state, [key], () => ({ goal: policy.dynamic ? "Removed" : "Ended" }))
  const all = dropped.children.every((child) => !child.significant || child.goal !== "Up")
  const ends = significant &&
    (policy.autoShutdown === "any-significant" || policy.autoShutdown === "all-significant" && all)
  return ends ? closing(dropped, { _tag: "AutoShutdown", child: key }) : dropped
}

// ---- what follows from the state alone ------------------------------------------------------------------------------

const settle = (policy: Policy, given: State): Step => {
  const [state, removals] = settleRemovals(given)
  const [stopped, stops] = settleStops(policy, state)
  const [closed, ends] = settleEnds(stopped)
  if (isOver(closed)) return [closed, [...removals, ...stops, ...ends]]
  const [started, starts] = settleStarts(policy, closed)
  return [started, [...removals, ...stops, ...ends, ...starts]]
}

const settleRemovals = (state: State): Step => {
  const isRemoved = ({ goal, status }: Child) => goal === "Removed" && status === "Down"
  const removed = state.children.filter(isRemoved)
  return removed.length === 0
    ? [state, []]
    : [
      { ...state, children: state.children.filter((child) => !isRemoved(child)) },
      removed.map(({ key }): Action => ({ _tag: "Removed", child: key }))
    ]
}

/** The children whose incarnation must go. */
const isLeaving = (state: State) => (child: Child): boolean =>
  child.status !== "Down" && (child.stale || child.goal !== "Up" || isOver(state))

const settleStops = (policy: Policy, state: State): Step => {
  const leaving = state.children.filter(isLeaving(state)).reverse()
  // One after the other: users have left before what they use begins to.
  const next = policy.dynamic ? leaving : leaving.slice(0, 1)
  const stopping = next.filter(({ status }) => status !== "Stopping")
  return [
    update(state, stopping.map(({ key }) => key), () => ({ status: "Stopping" })),
    stopping.map(({ incarnation, key }): Action => ({ _tag: "Stop", child: key, incarnation }))
  ]
}

const settleEnds = (state: State): Step => {
  const { children, phase } = state
  if (phase._tag === "Closing" && children.every(({ status }) => status === "Down")) {
    return [{ ...state, phase: { _tag: "Closed", why: phase.why } }, [{ _tag: "Closed", why: phase.why }]]
  }
  if (phase._tag === "Booting" && children.every((child) => isLive(child) || child.goal !== "Up")) {
    return [{ ...state, phase: { _tag: "Running" } }, [{ _tag: "Ready" }]]
  }
  return [state, []]
}

const settleStarts = (policy: Policy, state: State): Step => {
  const revived = withRevived(state)
  const { children } = revived
  const down = children.filter(({ goal, status }) => goal === "Up" && status === "Down")
  if (down.length === 0 || !policy.dynamic && children.some(isLeaving(revived))) return [revived, []]
  const { backoff, deaths, isFresh } = revived
  const again = down.some(({ incarnation }) => incarnation > 0)
  if (again && backoff === "Due") {
    return [{ ...revived, backoff: "Waiting" }, [{ _tag: "Wait", isFresh, exit: deaths.at(-1)!.exit! }]]
  }
  const ready = down.filter((child) => (child.incarnation === 0 || backoff === "Over") && !usesSilent(revived, child))
  // Down and wanted, and the first in order: all that it uses is up.
  const next = policy.dynamic ? ready : isStarting(revived) ? [] : ready.slice(0, 1)
  const keys = next.map(({ key }) => key)
  const starting = update(revived, keys, ({ incarnation }) => ({ status: "Starting", incarnation: incarnation + 1 }))
  return [
    starting,
    next.map(({ incarnation, key }): Action => ({ _tag: "Start", child: key, incarnation: incarnation + 1 }))
  ]
}

const isStarting = ({ children }: State): boolean => children.some(({ status }) => status === "Starting")

/** A child that ended for good, or was stopped by hand, is wanted again where one that uses it has to start. */
const withRevived = (state: State): State => {
  const needed = new Set(
    state.children.filter(({ goal, status }) => goal === "Up" && status === "Down").flatMap(({ uses }) => uses)
  )
  const again = state.children.filter(({ goal, key, status }) =>
    (goal === "Ended" || goal === "Stopped") && status === "Down" && needed.has(key)
  )
  return again.length === 0
    ? state
    : withRevived(update(state, again.map(({ key }) => key), () => ({ goal: "Up" })))
}
