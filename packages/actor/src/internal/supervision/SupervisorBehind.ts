/**
 * The rules of a supervisor for incarnations that do not play their child's role: standbys, replacements of a roll, and
 * replaced incarnations that have not ended yet.
 *
 * A standby or replacement that is ready takes over when the incarnation in front of it has died, or when a roll
 * replaces that incarnation. Takeovers are derived from the state alone, so a death during a roll or a roll during a
 * restart needs no special rule.
 *
 * @since 0.1.0
 */
import type { Policy } from "./SupervisorPolicy.ts"
import {
  type Action,
  type Behind,
  type Child,
  type Input,
  isGone,
  isLive,
  isNewer,
  isOver,
  isUsable,
  type Roll,
  type RollOutcome,
  type State,
  type Step,
  update
} from "./SupervisorState.ts"

const childOf = ({ children }: State, key: string): Child | undefined => children.find((child) => child.key === key)

/**
 * True when a roll need not replace any incarnation of a child: all are newer than the roll, or the child has ended for
 * good.
 */
const isReplaced = (state: State, { child: key, upTo }: Roll["targets"][number]): boolean => {
  const child = childOf(state, key)
  return child === undefined || child.goal !== "Up" ||
    isLive(child) && isNewer(child, upTo)
}

/**
 * Returns the roll that is replacing a child now, with the number of the newest incarnation that the roll must replace.
 */
const rollingOf = ({ rolls }: State, key: string): { readonly roll: Roll; readonly upTo: number } | undefined => {
  for (const roll of rolls) {
    const target = roll.targets.slice(0, roll.atOnce).find(({ child }) => child === key)
    if (target !== undefined) return { roll, upTo: target.upTo }
  }
  return undefined
}

/**
 * Returns the roll that must replace the incarnation which plays the child's role now; `undefined` if there is none.
 */
const replacing = (state: State, { incarnation, key }: Child) => {
  const rolling = rollingOf(state, key)
  return rolling !== undefined && incarnation <= rolling.upTo ? rolling : undefined
}

const ended = ({ id, replaced }: Roll, outcome: RollOutcome): Action => ({ _tag: "RollEnded", id, outcome, replaced })

export const beginRoll = (state: State, input: Extract<Input, { readonly _tag: "Roll" }>): Step => {
  const { atOnce, children, drainMillis, id } = input
  const refused = (outcome: RollOutcome): Step => [state, [{ _tag: "RollEnded", id, outcome, replaced: [] }]]
  const unknown = children.find((key) => childOf(state, key) === undefined)
  if (isOver(state)) return refused({ _tag: "Closed", child: children[0] ?? "" })
  if (unknown !== undefined) return refused({ _tag: "Unknown", child: unknown })
  const busy = children.find((key) => state.rolls.some(({ targets }) => targets.some(({ child }) => child === key)))
  if (busy !== undefined) return refused({ _tag: "Busy", child: busy })
  const targets = state.children.filter(({ key }) => children.includes(key)).map(({ key, started }) => ({
    child: key,
    upTo: started
  }))
  return [
    { ...state, rolls: [...state.rolls, { id, atOnce, drainMillis, targets, replaced: [], failed: undefined }] },
    []
  ]
}

export const leaveRoll = (state: State, id: number): State => ({
  ...state,
  rolls: state.rolls.filter((roll) => roll.id !== id)
})

/**
 * Records in a roll that a replacement has failed to start. After a failed replacement a roll begins with no further
 * child, and ends when the children that it has begun with are replaced.
 */
const withFailure = (roll: Roll, failed: NonNullable<Roll["failed"]>): Roll => ({
  ...roll,
  failed: roll.failed ?? failed,
  targets: roll.targets.slice(0, roll.atOnce).filter(({ child }) => child !== failed.child)
})

const progressed = (state: State, roll: Roll): Roll => {
  const done = roll.targets.filter((target) => isReplaced(state, target)).map(({ child }) => child)
  return done.length === 0 ? roll : {
    ...roll,
    targets: roll.targets.filter(({ child }) => !done.includes(child)),
    replaced: [...roll.replaced, ...done]
  }
}

export const settleRolls = (state: State): Step => {
  if (state.rolls.length === 0) return [state, []]
  if (isOver(state)) {
    return [
      { ...state, rolls: [] },
      state.rolls.map((roll) => ended(roll, { _tag: "Closed", child: roll.targets[0]!.child }))
    ]
  }
  const rolls = state.rolls.map((roll) => progressed(state, roll))
  const over = rolls.filter(({ targets }) => targets.length === 0)
  return [
    { ...state, rolls: rolls.filter(({ targets }) => targets.length > 0) },
    over.map((roll) =>
      ended(roll, roll.failed === undefined ? { _tag: "Done" } : { _tag: "NotStarted", ...roll.failed })
    )
  ]
}

type Told = Extract<Input, { readonly child: string; readonly incarnation: number }>

const withBehind = (state: State, key: string, patch: Partial<Behind>): State =>
  update(state, [key], ({ behind }) => ({ behind: { ...behind!, ...patch } }))

export const behindTold = (policy: Policy, state: State, child: Child, behind: Behind, input: Told): Step => {
  const { key } = child
  switch (input._tag) {
    case "Up": {
      if (behind.status !== "Starting") return [state, []]
      const takesOver = behind.stale || !isLive(child) || replacing(state, child) !== undefined
      const { incarnation } = behind
      return [
        withBehind(state, key, { status: "Ready", readyAt: input.now }),
        takesOver ? [] : [{ _tag: "TellStandbyReady", child: key, incarnation }]
      ]
    }
    case "StartFailed": {
      if (behind.status !== "Starting") return [state, []]
      const gone = update(state, [key], () => ({ behind: undefined }))
      if (behind.stale || isOver(state)) return [gone, []]
      return setBack(policy, failRoll(gone, child, input), child, behind, input)
    }
    case "Silent":
      return [withBehind(state, key, { silent: true }), []]
    case "Died":
      return behind.status !== "Ready" || behind.stale || isOver(state)
        ? [state, []]
        : setBack(policy, withBehind(state, key, { stale: true }), child, behind, input)
    case "Stopped":
      return [behind.status === "Stopping" ? update(state, [key], () => ({ behind: undefined })) : state, []]
    default:
      return [state, []]
  }
}

const failRoll = (state: State, child: Child, { exit }: Extract<Input, { readonly _tag: "StartFailed" }>): State => {
  const failing = replacing(state, child)
  return failing === undefined ? state : {
    ...state,
    rolls: state.rolls.map((roll) => roll === failing.roll ? withFailure(roll, { child: child.key, exit }) : roll)
  }
}

/**
 * The end of a standby is no death of its child, because the active incarnation continues. After the end of a standby
 * and a delay, the next standby starts.
 */
const setBack = (
  { intensity }: Policy,
  state: State,
  { key, setback, standby }: Child,
  { incarnation, readyAt, status }: Behind,
  { exit, now }: Extract<Input, { readonly _tag: "StartFailed" | "Died" }>
): Step => {
  if (!standby) return [state, []]
  const lasted = status === "Ready" && now - readyAt >= intensity.withinMillis
  const count = lasted ? 1 : (setback?.count ?? 0) + 1
  return [
    update(state, [key], () => ({ setback: { count, exit, wait: "Due" } })),
    [{ _tag: "TellStandbyEnded", child: key, incarnation, exit }]
  ]
}

export const standbyWaited = (state: State, child: Child, ended: boolean): State =>
  child.setback?.wait === "Waiting"
    ? update(state, [child.key], ({ setback }) => ({ setback: { ...setback!, wait: ended ? "Ended" : "Over" } }))
    : state

export const retiredTold = (state: State, { key, retired }: Child, input: Told): Step => {
  const { incarnation } = input
  const one = retired.find((one) => one.incarnation === incarnation)
  if (one === undefined) return [state, []]
  const stop = (): Step => [
    update(state, [key], () => ({
      retired: retired.map((other) => other === one ? { incarnation, status: "Stopping" } : other)
    })),
    [{ _tag: "Stop", child: key, incarnation }]
  ]
  switch (input._tag) {
    case "Stopped":
      return one.status === "Stopping"
        ? [update(state, [key], () => ({ retired: retired.filter((other) => other !== one) })), []]
        : [state, []]
    // The end of a draining incarnation is no death of its child, because another incarnation already plays the child's
    // role.
    case "Died":
      return one.status === "Draining" ? stop() : [state, []]
    case "Drained": {
      if (one.status !== "Draining") return [state, []]
      const [stopping, actions] = stop()
      return [stopping, [{ _tag: "TellDrained", child: key, incarnation, open: input.open }, ...actions]]
    }
    default:
      return [state, []]
  }
}

/** Lets a ready standby or replacement take over when the incarnation in front has died, or a roll must replace it. */
export const settleTakeovers = (state: State): Step => {
  if (isOver(state)) return [state, []]
  let settled = state
  const actions: Array<Action> = []
  for (const child of state.children) {
    const { behind, goal, incarnation, key, retired, status } = child
    if (goal !== "Up" || !isUsable(behind) || behind.status !== "Ready" || behind.silent) continue
    const rolling = replacing(state, child)
    const live = isLive(child)
    if (live && (rolling === undefined || behind.incarnation <= rolling.upTo)) continue
    const drainMillis = live ? rolling!.roll.drainMillis : undefined
    actions.push({ _tag: "TakeOver", child: key, incarnation: behind.incarnation, from: incarnation, drainMillis })
    // The action `Stop` also releases the resources of an incarnation that has already died.
    if (status === "Up" && !live) actions.push({ _tag: "Stop", child: key, incarnation })
    settled = update(settled, [key], () => ({
      status: "Up",
      incarnation: behind.incarnation,
      stale: false,
      silent: false,
      behind: undefined,
      setback: undefined,
      retired: status === "Down" ? retired : [...retired, { incarnation, status: live ? "Draining" : "Stopping" }]
    }))
  }
  return [settled, actions]
}

/** True when a standby or replacement must end because it has died, is no longer needed, or is too old for a roll. */
const isBehindLeaving = (state: State, child: Child): boolean => {
  const { behind, goal, key, standby } = child
  if (behind === undefined) return false
  const rolling = rollingOf(state, key)
  return behind.stale || goal !== "Up" || isOver(state) || !standby && rolling === undefined ||
    rolling !== undefined && behind.incarnation <= rolling.upTo
}

/**
 * True while an incarnation of the child must still end. A supervisor that is not dynamic starts no child while an
 * incarnation must still end.
 */
export const isLeaving = (state: State) => (child: Child): boolean => {
  const { goal, retired, stale, status } = child
  const ends = goal !== "Up" || isOver(state)
  if (ends ? !isGone(child) : status !== "Down" && stale) return true
  return !isLive(child) && (isBehindLeaving(state, child) || retired.some(({ status }) => status === "Stopping"))
}

/**
 * Stops standbys and replacements that must end although their child continues. A standby or a replacement is stopped
 * at once, because it has no callers.
 */
export const settleBehindStops = (state: State): Step => {
  if (isOver(state)) return [state, []]
  const leaving = state.children.filter((child) => isBehindLeaving(state, child) && child.behind?.status !== "Stopping")
  return [
    update(state, leaving.map(({ key }) => key), ({ behind }) => ({ behind: { ...behind!, status: "Stopping" } })),
    leaving.flatMap(({ behind, key }) => stops(key, [behind!.incarnation]))
  ]
}

/**
 * Stops the incarnations of a child that is ending, all of them at once: the active incarnation, the standby and the
 * draining incarnations.
 */
export const stopAll = (state: State, child: Child): Step => {
  const { behind, goal, incarnation, key, retired, status } = child
  const isPlayer = status === "Up" || status === "Starting"
  const isBehind = behind !== undefined && behind.status !== "Stopping" && isBehindLeaving(state, child)
  const draining = isOver(state) || goal !== "Up" ? retired.filter(({ status }) => status === "Draining") : []
  const numbers = [
    ...isPlayer ? [incarnation] : [],
    ...isBehind ? [behind.incarnation] : [],
    ...draining.map(({ incarnation }) => incarnation)
  ]
  if (numbers.length === 0) return [state, []]
  return [
    update(state, [key], () => ({
      status: isPlayer ? "Stopping" : status,
      behind: isBehind ? { ...behind, status: "Stopping" } : behind,
      retired: retired.map((one) => draining.includes(one) ? { ...one, status: "Stopping" } : one)
    })),
    stops(key, numbers)
  ]
}

const stops = (child: string, incarnations: ReadonlyArray<number>): ReadonlyArray<Action> =>
  incarnations.map((incarnation) => ({ _tag: "Stop", child, incarnation }))

/**
 * Ends the standby and the draining incarnations of each child in `keys`: these children must end because of another
 * child.
 */
export const leaveWith = (state: State, keys: ReadonlyArray<string>): Step => {
  const actions = state.children.filter(({ key }) => keys.includes(key)).flatMap(({ key, retired }) =>
    stops(key, retired.filter(({ status }) => status === "Draining").map(({ incarnation }) => incarnation))
  )
  return [
    update(state, keys, ({ behind, retired }) => ({
      behind: behind && { ...behind, stale: true },
      retired: retired.map((one) => ({ ...one, status: "Stopping" }))
    })),
    actions
  ]
}

/** True when a standby or replacement of the child may start now. */
const hasPlaceBehind = (child: Child): boolean =>
  child.behind === undefined && isLive(child) && child.goal === "Up" && !child.silent

/** True when a replacement (for a roll) or a standby of the child must start now. */
export const isWanted = (state: State, child: Child): boolean =>
  state.phase._tag === "Running" && hasPlaceBehind(child) &&
  (replacing(state, child) !== undefined || child.standby && (child.setback?.wait ?? "Over") === "Over")

/** Starts the standbys and replacements that are needed, each behind an active incarnation of its child. */
export const settleBehinds = (state: State): Step => {
  if (state.phase._tag !== "Running") return [state, []]
  let settled = state
  const actions: Array<Action> = []
  for (const child of state.children) {
    const { key, setback, standby, started } = child
    const usesAreUp = child.uses.every((used) => {
      const other = childOf(state, used)
      return other === undefined || isLive(other) && !other.silent
    })
    if (!hasPlaceBehind(child)) continue
    const isRolled = replacing(state, child) !== undefined
    if (!isRolled && !standby) continue
    const wait = isRolled ? "Over" : setback?.wait ?? "Over"
    if (wait === "Due") {
      actions.push({ _tag: "WaitStandby", child: key, isFresh: setback!.count === 1, exit: setback!.exit })
      settled = update(settled, [key], () => ({ setback: { ...setback!, wait: "Waiting" } }))
    }
    if (wait !== "Over" || !usesAreUp) continue
    const incarnation = started + 1
    actions.push({ _tag: "Start", child: key, incarnation, isBehind: true })
    settled = update(settled, [key], () => ({
      started: incarnation,
      behind: { incarnation, status: "Starting", stale: false, silent: false, readyAt: 0 }
    }))
  }
  return [settled, actions]
}
