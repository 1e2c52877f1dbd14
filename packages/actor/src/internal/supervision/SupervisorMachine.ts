/**
 * The state of a supervisor, as one value that one pure step changes. A step of the supervisor only marks children: at
 * a death it marks the incarnations of all children that the strategy names as stale. The function `settle` then
 * derives the next actions from the marked state.
 *
 *   stale or unwanted, and there  -> stopped, in reverse order, one after the other
 *   all of those down             -> one wait for the backoff
 *   wanted and down               -> started, in order, as soon as all that it uses is up
 *   wanted behind, and not there  -> started, as soon as the one in front serves
 *   ready behind a dead one       -> takes its role over
 *
 * A death during a restart, the death of a child that is being stopped, a failed start, a roll, and a close in between
 * need no rules of their own. The only table of the supervisor is in `decide`: the meaning of an exit for a child of
 * each restart type.
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

// ---- the step -------------------------------------------------------------------------------------------------------

export const step = (policy: Policy, state: State, input: Input): Step => {
  const [changed, actions] = change(policy, state, input)
  const [settled, more] = settle(policy, changed)
  return [settled, [...actions, ...more]]
}

/** Returns the first actions of a new supervisor. */
export const begin = (policy: Policy, state: State): Step => settle(policy, state)

/**
 * Stops or restarts a child by hand. A stop or restart by hand counts as no death, and waits for no backoff. A
 * supervisor that is ending ignores operations by hand.
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
  // The users of the child cannot continue without the child, whatever the strategy is.
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

/** Ends a delay for which no start waits any more, because a standby has taken over. */
const withoutIdleWait = (state: State): State =>
  state.backoff === "Due" && state.children.every((child) => isLive(child) || child.goal !== "Up")
    ? { ...state, backoff: "Over" }
    : state

/**
 * Makes children restart because of another child, except for temporary children. The incarnation behind the player of
 * the child `first` takes over its role. The incarnations behind all other children end with their children.
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
  // All other incarnations of the child are retired or gone, and their later reports have no effect.
  return incarnation === input.incarnation
    ? playerTold(policy, state, child, input)
    : Behind.retiredTold(state, child, input)
}

type Told = Extract<Input, { readonly child: string; readonly incarnation: number }>

/** Handles a report of the incarnation that plays the role. */
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
      // A stale incarnation ends because of another child, or its death has been counted already. The end of an
      // incarnation that is being stopped is no death.
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
  // The child was meant to be stopped, or fails because a child that it uses has failed. When a used child has failed,
  // only the end of that child counts, and its report is about to come.
  if (isOver(state) || child.stale || child.incarnation > 1 && usesSilent(state, child)) return [down, []]
  if (child.incarnation > 1) return died(policy, down, { ...child, status: "Down" }, { exit, now })
  if (state.phase._tag === "Booting") return [closing(down, { _tag: "NotStarted", child: child.key, cause }), []]
  return [
    { ...down, children: down.children.filter(({ key }) => key !== child.key) },
    [{ _tag: "Refused", child: child.key, cause }]
  ]
}

/** Handles the end of a child that was meant to be up, or its failed restart. */
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
    // A child that uses the dead child waits for its own start. The dead child is started again at once, and its end
    // counts as a death.
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

/**
 * True when a child that must come up uses the given child, directly or through others that must come up together with
 * the given child.
 */
const isAwaited = ({ children }: State, key: string): boolean => {
  const users = affectedBy("dependants", children, key)
  return children.some((child) =>
    child.key !== key && child.goal === "Up" && child.status === "Down" && users.includes(child.key)
  )
}

/** Drops the exits of older deaths, to make room for the exit of a further death. */
const lighter = (deaths: ReadonlyArray<Death>): ReadonlyArray<Death> => {
  const oldest = deaths.length - maxExits
  return oldest < 0 ? deaths : deaths.map((death, i) => i === oldest ? { ...death, exit: undefined } : death)
}

/**
 * Makes the supervisor give up: all its children stop, and the deaths within the time of the intensity are the reason.
 */
const giveUp = (state: State, reason: GivenUp["reason"]): Step => {
  const { deaths } = state
  const last = { child: deaths.at(-1)!.child, deaths, reason }
  return [closing(state, { _tag: "GaveUp", ...last }), [{ _tag: "TellGaveUp", ...last }]]
}

const due = ({ backoff, isFresh }: State, isFirst: boolean): Pick<State, "backoff" | "isFresh"> =>
  backoff === "Over"
    ? { backoff: "Due", isFresh: isFirst }
    // A takeover may have left a delay of the supervisor for which no start waits.
    : { backoff, isFresh: isFresh || backoff === "Due" && isFirst }

/** Marks a child as ended for good. If the child is significant, the supervisor may end together with the child. */
const drop = (policy: Policy, state: State, { key, significant }: Child): State => {
  const dropped = update(state, [key], () => ({ goal: policy.dynamic ? "Removed" : "Ended" }))
  const all = dropped.children.every((child) => !child.significant || child.goal !== "Up")
  const ends = significant &&
    (policy.autoShutdown === "any-significant" || policy.autoShutdown === "all-significant" && all)
  return ends ? closing(dropped, { _tag: "AutoShutdown", child: key }) : dropped
}

// ---- actions that follow from the state alone -----------------------------------------------------------------------

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
  // Children stop one after the other: the users of a child have ended before the child begins to end.
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
  // A standby that is starting behind the dead incarnation is ready earlier than a new start, and takes over as soon as
  // it is ready.
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
  // The next start is that of the first child in order that is down, must come up, and uses only children that are up.
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

/** Marks a child that ended for good, or was stopped by hand, as wanted again if a child that uses it must start. */
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
