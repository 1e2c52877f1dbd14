/**
 * The machine of a supervisor: one value is its state, and the pure function `step` changes it. At the death of a
 * child, `step` only marks the incarnations of all children that must restart as stale. The function `settle` then
 * derives the next actions from the marked state.
 *
 *   stale or unwanted, and there  -> stopped, in reverse order, one after the other
 *   all of those down             -> one wait for the backoff
 *   wanted and down               -> started, in order, as soon as all that it uses is up
 *   wanted behind, and not there  -> started, as soon as the one in front serves
 *   ready behind a dead one       -> takes its role over
 *
 * The function `settle` derives the actions from the state alone, so a death during a restart or a roll needs no extra
 * code. The function `decide` is a table: it says for each restart type which exits lead to a restart.
 *
 * @since 0.1.0
 */
import type { ActorExit } from "../errors/ActorExit.ts"
import * as Behind from "./SupervisorBehind.ts"
import { affectedBy, decide, goingFor, type Policy } from "./SupervisorPolicy.ts"
import {
  type Action,
  type Child,
  childOf,
  type Death,
  type GivenUp,
  type Input,
  isGone,
  isLive,
  isOver,
  isUsable,
  maxExits,
  type State,
  type Step,
  update,
  usesSilent,
  type Why
} from "./SupervisorState.ts"

export * from "./SupervisorPolicy.ts"
export * from "./SupervisorState.ts"

export const step = (policy: Policy, state: State, input: Input): Step => {
  const [changed, actions] = change(policy, state, input)
  const [settled, more] = settle(policy, changed)
  return [settled, [...actions, ...more]]
}

/** Returns the first actions of a new supervisor. */
export const begin = (policy: Policy, state: State): Step => settle(policy, state)

/**
 * Restarts, stops or starts a child at the request of a user. A restart at the request of a user counts as no death,
 * and has no delay. A supervisor that is ending ignores a user's request to restart, stop or start a child.
 */
const byHand = (policy: Policy, given: State, { goal, key }: Child, what: "restart" | "stop" | "start"): Step => {
  // A child that is leaving the supervisor's list cannot be started again.
  if (given.phase._tag !== "Running" || goal === "Removed") return [given, []]
  const state = withoutIdleWait(given)
  const { children } = state
  if (what === "restart") {
    const wanted = update(state, [key], () => ({ goal: "Up" }))
    return goingWith(wanted, goingFor(policy.strategy, children, key), key, key)
  }
  // Children that use a stopped child are stopped too, whatever the strategy is, because they cannot continue without
  // it.
  const users = affectedBy("dependants", children, key)
  const asked = what === "stop"
    ? update(state, users, ({ goal, status }) => ({ stale: status !== "Down", goal: goal === "Up" ? "Stopped" : goal }))
    : update(
      state,
      users,
      (child) => ({ goal: child.key === key || child.goal === "Stopped" ? "Up" : child.goal })
    )
  return [asked, []]
}

/** Ends the delay before a start when no start waits for it any more, because a standby has taken over. */
const withoutIdleWait = (state: State): State =>
  state.backoff === "Due" && state.children.every((child) => isLive(child) || child.goal !== "Up")
    ? { ...state, backoff: "Over" }
    : state

/**
 * Marks the children with the given keys: they must restart because of the child `first`, or end if they are temporary.
 * The child `first` keeps its standby, and the standbys of the other children end with these children.
 */
const goingWith = (state: State, keys: ReadonlyArray<string>, first: string, own?: string): Step => {
  const marked = update(state, keys, ({ goal, key, restart, status }) => ({
    stale: status !== "Down",
    goal: restart === "temporary" && goal === "Up" && key !== own ? "Ended" : goal
  }))
  return Behind.leaveWith(marked, keys.filter((key) => key !== first))
}

/** Marks a child of the supervisor so that the child leaves the list as soon as it is gone. */
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
  if (input._tag === "Roll") return Behind.beginRoll(state, input)
  if (input._tag === "RollLeft") return [Behind.leaveRoll(state, input.id), []]
  const child = state.children.find(({ key }) => key === input.child)
  if (child === undefined) return [state, []]
  if (input._tag === "Remove") return [removed(state, child), []]
  if (input._tag === "ByHand") return byHand(policy, state, child, input.what)
  if (input._tag === "StandbyWaited") return [Behind.standbyWaited(state, child, input.ended), []]
  const { behind, incarnation } = child
  if (behind?.incarnation === input.incarnation) return Behind.behindTold(policy, state, child, behind, input)
  // The function `retiredTold` handles the report of an incarnation that has handed over its role, and ignores the
  // report of an unknown incarnation.
  return incarnation === input.incarnation
    ? playerTold(policy, state, child, input)
    : Behind.retiredTold(state, child, input)
}

type Told = Extract<Input, { readonly child: string; readonly incarnation: number }>

/** Handles a report of the incarnation that plays its child's role. */
const playerTold = (policy: Policy, state: State, child: Child, input: Told): Step => {
  switch (input._tag) {
    case "Up": {
      if (child.status !== "Starting") return [state, []]
      const up = update(state, [child.key], ({ setback }) => ({
        status: "Up",
        setback: setback?.wait === "Ended" ? undefined : setback
      }))
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
      // The death of an incarnation marked as stale does not count: the incarnation ends because of another child, or
      // its death was counted before. The end of an incarnation that its supervisor is stopping is no death.
      return isLive(child) && !isOver(state) ? died(policy, state, child, input) : [state, []]
    case "Drained":
      return [state, []]
  }
}

const startFailed = (
  policy: Policy,
  state: State,
  child: Child,
  { cause, exit, now }: Extract<Input, { readonly _tag: "StartFailed" }>
): Step => {
  const down = update(state, [child.key], () => ({ status: "Down", stale: false }))
  // A failed start does not count if the child was to be stopped anyway, or if a child that it uses has failed. When a
  // used child has failed, only the death of that used child counts; the report of this death is about to come.
  if (isOver(state) || child.stale || child.incarnation > 1 && usesSilent(state, child)) return [down, []]
  if (child.incarnation > 1) return died(policy, down, { ...child, status: "Down" }, { exit, now })
  if (state.phase._tag === "Booting") return [closing(down, { _tag: "NotStarted", child: child.key, cause }), []]
  return [
    { ...down, children: down.children.filter(({ key }) => key !== child.key) },
    [{ _tag: "Refused", child: child.key, cause }]
  ]
}

/** Handles the death of a child that should be up, or the failure of its restart. */
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
    // A child that should not restart is started again nevertheless if another child uses it and waits to be started.
    // Each end of a child that is started again counts as a death.
  }
  if (state.phase._tag === "Booting") return [closing(dead, { _tag: "EndedEarly", child: key, exit }), []]
  const { restarts, withinMillis } = policy.intensity
  const before = state.deaths.filter(({ at }) => now - at < withinMillis)
  const death = { child: key, exit, at: now }
  const deaths = [...lighter(before), death]
  if (deaths.length > restarts) return giveUp({ ...dead, deaths }, "intensity")
  const affected = goingFor(policy.strategy, state.children, key)
  const [left, stops] = goingWith(dead, affected, key)
  const going = state.children.filter((one) => affected.includes(one.key) && one.goal === "Up")
  return [
    { ...left, deaths, ...due(state, before.length === 0) },
    [{ _tag: "TellRestarting", death, affected: going.map((one) => one.key) }, ...stops]
  ]
}

/** True when another child that waits to be started uses the given child, directly or through further children. */
const isAwaited = ({ children }: State, key: string): boolean => {
  const users = affectedBy("dependants", children, key)
  return children.some((child) =>
    child.key !== key && child.goal === "Up" && child.status === "Down" && users.includes(child.key)
  )
}

/** Drops the exit of the oldest death that still has one, if a further exit would exceed the bound `maxExits`. */
const lighter = (deaths: ReadonlyArray<Death>): ReadonlyArray<Death> => {
  const oldest = deaths.length - maxExits
  return oldest < 0 ? deaths : deaths.map((death, i) => i === oldest ? { ...death, exit: undefined } : death)
}

/** Makes the supervisor give up: all its children are stopped, and the error names the deaths that led to this. */
const giveUp = (state: State, reason: GivenUp["reason"]): Step => {
  const { deaths } = state
  const last = { child: deaths.at(-1)!.child, deaths, reason }
  return [closing(state, { _tag: "GaveUp", ...last }), [{ _tag: "TellGaveUp", ...last }]]
}

const due = ({ backoff, isFresh }: State, isFirst: boolean): Pick<State, "backoff" | "isFresh"> =>
  backoff === "Over"
    ? { backoff: "Due", isFresh: isFirst }
    // The value `Due` means that a child has died, and the delay before the next restart has not begun yet.
    : { backoff, isFresh: isFresh || backoff === "Due" && isFirst }

/**
 * Marks a child as ended for good. If the ended child is significant, the supervisor ends too, as far as `autoShutdown`
 * says so.
 */
const drop = (policy: Policy, state: State, { key, significant }: Child): State => {
  const dropped = update(state, [key], () => ({ goal: policy.dynamic ? "Removed" : "Ended" }))
  const all = dropped.children.every((child) => !child.significant || child.goal !== "Up")
  const ends = significant &&
    (policy.autoShutdown === "any-significant" || policy.autoShutdown === "all-significant" && all)
  return ends ? closing(dropped, { _tag: "AutoShutdown", child: key }) : dropped
}

const settle = (policy: Policy, given: State): Step => {
  const passes: ReadonlyArray<(state: State) => Step> = [
    settleRemovals,
    Behind.settleTakeovers,
    Behind.settleRolls,
    // Takeovers are decided again, because a newer incarnation of a roll's next child may be ready already.
    Behind.settleTakeovers,
    Behind.settleBehindStops,
    (state) => settleStops(policy, state),
    settleEnds,
    (state) => settleStarts(policy, state),
    Behind.settleBehinds
  ]
  let state = given
  const actions: Array<Action> = []
  for (const pass of passes) {
    const [next, more] = pass(state)
    state = next
    actions.push(...more)
  }
  return [state, actions]
}

const settleRemovals = (state: State): Step => {
  const isRemoved = (child: Child) => child.goal === "Removed" && isGone(child)
  const removed = state.children.filter(isRemoved)
  return removed.length === 0
    ? [state, []]
    : [
      { ...state, children: state.children.filter((child) => !isRemoved(child)) },
      removed.map(({ key }): Action => ({ _tag: "Removed", child: key }))
    ]
}

const settleStops = (policy: Policy, state: State): Step => {
  const leaving = state.children.filter(Behind.isLeaving(state)).reverse()
  // Children stop one after the other: a child begins to end only when all children that use it have ended.
  const next = policy.dynamic ? leaving : leaving.slice(0, 1)
  let stopped = state
  const actions: Array<Action> = []
  for (const child of next) {
    const [after, stops] = Behind.stopAll(stopped, child)
    stopped = after
    actions.push(...stops)
  }
  return [stopped, actions]
}

const settleEnds = (state: State): Step => {
  const { children, phase } = state
  if (phase._tag === "Closing" && children.every(isGone)) {
    return [{ ...state, phase: { _tag: "Closed", why: phase.why } }, [{ _tag: "Closed", why: phase.why }]]
  }
  if (phase._tag === "Booting" && children.every((child) => isLive(child) || child.goal !== "Up")) {
    return [{ ...state, phase: { _tag: "Running" } }, [{ _tag: "Ready" }]]
  }
  return [state, []]
}

const settleStarts = (policy: Policy, state: State): Step => {
  if (isOver(state)) return [state, []]
  const revived = withRevived(state)
  const { children } = revived
  // A dead child whose standby is still starting needs no other start, because the standby takes over as soon as it is
  // ready.
  const down = children.filter(({ behind, goal, status }) => goal === "Up" && status === "Down" && !isUsable(behind))
  if (down.length === 0 || !policy.dynamic && children.some(Behind.isLeaving(revived))) return [revived, []]
  const { backoff, deaths, isFresh } = revived
  const again = down.some(({ incarnation }) => incarnation > 0)
  if (again && backoff === "Due") {
    return [{ ...revived, backoff: "Waiting" }, [{ _tag: "Wait", isFresh, exit: deaths.at(-1)!.exit! }]]
  }
  const ready = down.filter((child) =>
    (child.incarnation === 0 || backoff === "Over") && !usesSilent(revived, child) &&
    !child.uses.some((used) =>
      children.some((child) => child.key === used && child.status === "Down" && isUsable(child.behind))
    )
  )
  // The next child to start is the first child in order that should run, has no running incarnation, and uses only
  // running children.
  const next = policy.dynamic ? ready : isStarting(revived) ? [] : ready.slice(0, 1)
  const keys = next.map(({ key }) => key)
  const starting = update(revived, keys, ({ started }) => ({
    status: "Starting",
    incarnation: started + 1,
    started: started + 1
  }))
  return [
    starting,
    next.map(({ key, started }): Action => ({
      _tag: "Start",
      child: key,
      incarnation: started + 1,
      isBehind: false
    }))
  ]
}

const isStarting = ({ children }: State): boolean => children.some(({ status }) => status === "Starting")

/**
 * If a child must start, the children that it uses start too, even if they had ended for good or a user had stopped
 * them.
 */
const withRevived = (state: State): State => {
  const starting = state.children.filter((child) =>
    child.goal === "Up" && child.status === "Down" || Behind.isWanted(state, child)
  )
  const needed = new Set(starting.flatMap(({ uses }) => uses))
  const again = state.children.filter(({ goal, key, status }) =>
    (goal === "Ended" || goal === "Stopped") && status === "Down" && needed.has(key)
  )
  return again.length === 0
    ? state
    : withRevived(update(state, again.map(({ key }) => key), () => ({ goal: "Up" })))
}
