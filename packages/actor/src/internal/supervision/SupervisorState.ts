/**
 * The state of a supervisor as data: its children with all their incarnations, its rolls, its inputs and its actions.
 *
 * A child has up to three kinds of incarnations. One incarnation plays the child's role, and gets the child's calls. A
 * second incarnation of the child may wait behind the first one: a standby, or the replacement that a roll has started.
 * An incarnation that has handed over the role is retired until it has ended.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { ChildState } from "../inspect/Snapshot.ts"
import { affectedBy, type ChildSpec, goingFor, ordered, type Policy } from "./SupervisorPolicy.ts"

export type Status = "Down" | "Starting" | "Up" | "Stopping"

/** The incarnation of a child that waits to take over the child's role: a standby, or the replacement of a roll. */
export interface Behind {
  readonly incarnation: number
  readonly status: "Starting" | "Ready" | "Stopping"
  /** True when the incarnation has died, or must end because a child that it uses ends. */
  readonly stale: boolean
  /** True when the incarnation begins no more calls, and its exit is not known yet. */
  readonly silent: boolean
  /** The time at which the incarnation became ready. */
  readonly readyAt: number
}

/** An incarnation that has handed over its role, and now finishes its open calls (`Draining`) or is being stopped. */
export interface Retired {
  readonly incarnation: number
  readonly status: "Draining" | "Stopping"
}

/** The number of standbys of a child that ended one after the other, and the state of the delay before the next one. */
export interface Setback {
  readonly count: number
  readonly exit: ActorExit
  /**
   * The state of the delay before the next standby starts. The state `Ended` means that the schedule of delays has
   * ended; the child then gets no standby until another incarnation plays its role.
   */
  readonly wait: "Due" | "Waiting" | "Over" | "Ended"
}

export interface Child extends ChildSpec {
  readonly status: Status
  /** The number of the incarnation that plays the child's role, or that is starting to play it. */
  readonly incarnation: number
  /** The number of incarnations of this child that have been started. */
  readonly started: number
  /**
   * The state that the supervisor wants for a child. With the goal `Up`, the supervisor keeps the child running. The
   * goals `Ended`, `Stopped` and `Removed` mean that the child has ended for good, was stopped by a user, or is being
   * removed.
   */
  readonly goal: "Up" | "Ended" | "Stopped" | "Removed"
  /** True when the incarnation that plays the role must end, because it has died or because another child ends. */
  readonly stale: boolean
  /** True when the child begins no more calls, and its exit is not known yet. */
  readonly silent: boolean
  readonly behind: Behind | undefined
  readonly retired: ReadonlyArray<Retired>
  readonly setback: Setback | undefined
}

/** The state of a rolling restart, which ends when every child in `targets` is replaced. */
export interface Roll {
  readonly id: number
  /** The number of children that the roll replaces at the same time. */
  readonly atOnce: number
  readonly drainMillis: number
  /**
   * The children that the roll must still replace, in order; the field `upTo` is the number of the newest incarnation
   * that must go.
   */
  readonly targets: ReadonlyArray<{ readonly child: string; readonly upTo: number }>
  readonly replaced: ReadonlyArray<string>
  /** The failure of a replacement that could not start; after this failure, the roll replaces no further child. */
  readonly failed: { readonly child: string; readonly exit: ActorExit } | undefined
}

/** The ways in which a roll of children ends. */
export type RollOutcome =
  | { readonly _tag: "Done" }
  | { readonly _tag: "NotStarted"; readonly child: string; readonly exit: ActorExit }
  /** The supervisor refused the roll, because another roll is already replacing one of the children. */
  | { readonly _tag: "Busy"; readonly child: string }
  | { readonly _tag: "Unknown"; readonly child: string }
  | { readonly _tag: "Closed"; readonly child: string }

/** A death of a child that counts towards the intensity; `at` is its time in milliseconds. */
export interface Death {
  readonly child: string
  /**
   * The exit of the dead child. Only the newest deaths of a supervisor's children, at most `maxExits`, keep their
   * exits, because an exit holds the last output of a process.
   */
  readonly exit: ActorExit | undefined
  readonly at: number
}

/**
 * The largest number of deaths whose exits a supervisor keeps in memory. A supervisor drops the exits of older deaths.
 */
export const maxExits = 100

/** The reason why a supervisor ends. */
export type Why =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "AutoShutdown"; readonly child: string }
  | { readonly _tag: "NotStarted"; readonly child: string; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "EndedEarly"; readonly child: string; readonly exit: ActorExit }
  | GivenUp & { readonly _tag: "GaveUp" }

/**
 * The reason for which a supervisor gave up: too many deaths (`intensity`), or the end of the schedule of delays
 * (`backoff`). The field `child` names the child that died last.
 */
export interface GivenUp {
  readonly child: string
  readonly deaths: ReadonlyArray<Death>
  readonly reason: "intensity" | "backoff"
}

export type Phase =
  /** The supervisor is starting all its children for the first time, and no user has a portal to them yet. */
  | { readonly _tag: "Booting" }
  | { readonly _tag: "Running" }
  | { readonly _tag: "Closing"; readonly why: Why }
  | { readonly _tag: "Closed"; readonly why: Why }

export interface State {
  readonly phase: Phase
  /** The children of the supervisor, sorted so that each child comes after all children that it uses. */
  readonly children: ReadonlyArray<Child>
  /** The deaths that count towards the intensity, the oldest first. */
  readonly deaths: ReadonlyArray<Death>
  /**
   * The state of the delay before the supervisor restarts a child: not begun (`Due`), running (`Waiting`), or not
   * needed (`Over`). If another child dies during a delay, the supervisor restarts this child too at the end of the
   * delay.
   */
  readonly backoff: "Due" | "Waiting" | "Over"
  /**
   * True when the death that caused the delay was the only death within the time of the intensity: the schedule of
   * delays then begins again.
   */
  readonly isFresh: boolean
  readonly rolls: ReadonlyArray<Roll>
}

export type Input =
  | { readonly _tag: "Up"; readonly child: string; readonly incarnation: number; readonly now: number }
  | {
    readonly _tag: "StartFailed"
    readonly child: string
    readonly incarnation: number
    readonly cause: Cause.Cause<unknown>
    /** The exit that stands for the failed start, which counts towards the intensity like a death. */
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
  /**
   * An incarnation that has handed over its role has finished its open calls, or the bound of its drain has passed. The
   * field `open` is the number of calls that were still open when the drain was over; null if the number is not known.
   */
  | { readonly _tag: "Drained"; readonly child: string; readonly incarnation: number; readonly open: number | null }
  | { readonly _tag: "BackoffOver" }
  /** The schedule `backoff` has no further delay, so the supervisor gives up. */
  | { readonly _tag: "BackoffEnded" }
  /**
   * The delay before the next standby of a child is over. If the field `ended` is true, the schedule of delays has no
   * further delay, and no standby is started.
   */
  | { readonly _tag: "StandbyWaited"; readonly child: string; readonly ended: boolean }
  | { readonly _tag: "Close" }
  | {
    readonly _tag: "Roll"
    readonly id: number
    readonly children: ReadonlyArray<string>
    readonly atOnce: number
    readonly drainMillis: number
  }
  /** The caller of the roll was interrupted, so replacements that have not taken over yet are stopped. */
  | { readonly _tag: "RollLeft"; readonly id: number }
  /** Adds a child to a dynamic supervisor. */
  | { readonly _tag: "Add"; readonly spec: ChildSpec }
  | { readonly _tag: "Remove"; readonly child: string }
  /** A user asks to restart a child (which is no death), to stop a child with all its users, or to start a child. */
  | { readonly _tag: "ByHand"; readonly what: "restart" | "stop" | "start"; readonly child: string }

export type Action =
  /**
   * Starts an incarnation of a child. The registry does not list an incarnation that starts behind another one
   * (`isBehind`) before its takeover.
   */
  | { readonly _tag: "Start"; readonly child: string; readonly incarnation: number; readonly isBehind: boolean }
  /**
   * Ends an incarnation: interrupts its start if it is still starting, and releases its resources, even if it has
   * already died.
   */
  | { readonly _tag: "Stop"; readonly child: string; readonly incarnation: number }
  | { readonly _tag: "Wait"; readonly isFresh: boolean; readonly exit: ActorExit }
  | { readonly _tag: "WaitStandby"; readonly child: string; readonly isFresh: boolean; readonly exit: ActorExit }
  /**
   * Gives the role of the child and its name in the registry to the standby or replacement with the number
   * `incarnation`. The replaced incarnation `from`, if it still lives, is drained for at most the milliseconds in the
   * field `drainMillis`.
   */
  | {
    readonly _tag: "TakeOver"
    readonly child: string
    readonly incarnation: number
    readonly from: number
    readonly drainMillis: number | undefined
  }
  /** Reports that a standby is ready, so that its effect `warm` can begin. */
  | { readonly _tag: "TellStandbyReady"; readonly child: string; readonly incarnation: number }
  | {
    readonly _tag: "TellStandbyEnded"
    readonly child: string
    readonly incarnation: number
    readonly exit: ActorExit
  }
  | { readonly _tag: "TellDrained"; readonly child: string; readonly incarnation: number; readonly open: number | null }
  | {
    readonly _tag: "RollEnded"
    readonly id: number
    readonly outcome: RollOutcome
    readonly replaced: ReadonlyArray<string>
  }
  /** Reports that all children of the supervisor are up for the first time. */
  | { readonly _tag: "Ready" }
  /** Reports a death that leads to restarts, and the keys of all children that restart. */
  | {
    readonly _tag: "TellRestarting"
    readonly death: Death & { readonly exit: ActorExit }
    readonly affected: ReadonlyArray<string>
  }
  | { readonly _tag: "TellRestarted"; readonly child: string; readonly incarnation: number }
  | GivenUp & { readonly _tag: "TellGaveUp" }
  /** Reports that the first start of a dynamic child has failed, and that the supervisor has dropped the child. */
  | { readonly _tag: "Refused"; readonly child: string; readonly cause: Cause.Cause<unknown> }
  /** Reports that a dynamic child has ended for good, and that the supervisor has removed the child. */
  | { readonly _tag: "Removed"; readonly child: string }
  | { readonly _tag: "Closed"; readonly why: Why }

export type Step = readonly [State, ReadonlyArray<Action>]

export const childOf = (spec: ChildSpec): Child => ({
  ...spec,
  status: "Down",
  incarnation: 0,
  started: 0,
  goal: "Up",
  stale: false,
  silent: false,
  behind: undefined,
  retired: [],
  setback: undefined
})

export const initial = (specs: ReadonlyArray<ChildSpec>): State => ({
  phase: { _tag: "Booting" },
  children: ordered(specs).map(childOf),
  deaths: [],
  backoff: "Over",
  isFresh: true,
  rolls: []
})

/** The state of a child for its callers: calls to the child pass (`up`), wait (`restarting`) or fail (`gone`). */
export type View = "up" | "restarting" | "gone"

/** Returns whether calls to a child pass, wait or fail. */
export const view = (policy: Policy, state: State, key: string): View => views(policy, state).get(key) ?? "gone"

/**
 * Returns for each child whether calls to it pass, wait or fail. A child that begins no more calls counts as restarting
 * while its exit is not known, because it may be started again.
 */
export const views = (policy: Policy, state: State): ReadonlyMap<string, View> => {
  const { children } = state
  const dying = children.filter(({ silent, stale }) => silent && !stale)
  const going = new Set(
    dying.flatMap(({ key, restart }) => restart === "temporary" ? [key] : goingFor(policy.strategy, children, key))
  )
  return new Map(children.map((child) => {
    const { goal, key, silent } = child
    // Calls to a child that a user has stopped wait, because the user may start the child again.
    if (isOver(state) || goal !== "Up" && goal !== "Stopped") return [key, isLive(child) && !silent ? "up" : "gone"]
    return [key, isLive(child) && !going.has(key) ? "up" : "restarting"]
  }))
}

/** Returns the state of a child for snapshots and observers. */
export const stateOf = (state: State, { goal, incarnation, status }: Child): ChildState => {
  if (status !== "Down") return status
  if (isOver(state)) return "Ended"
  if (goal === "Up") return incarnation === 0 ? "Down" : "Restarting"
  return goal === "Stopped" ? "Stopped" : "Ended"
}

/** True when the active incarnation of the child is ready, and need not end. */
export const isLive = ({ stale, status }: Child): boolean => status === "Up" && !stale

/**
 * True when the given child uses, directly or indirectly, a child that begins no more calls and whose exit is not known
 * yet.
 */
export const usesSilent = ({ children }: State, { key, uses }: Child): boolean =>
  uses.length > 0 &&
  children.some((dying) =>
    dying.silent && dying.key !== key && affectedBy("dependants", children, dying.key).includes(key)
  )

/** True when the supervisor is ending or has ended. */
export const isOver = ({ phase }: State): boolean => phase._tag === "Closing" || phase._tag === "Closed"

export const update = (
  state: State,
  keys: ReadonlyArray<string>,
  patch: (child: Child) => Partial<Child>
): State => ({
  ...state,
  children: state.children.map((child) => keys.includes(child.key) ? { ...child, ...patch(child) } : child)
})

/** True for a standby or replacement that can take over the role as soon as it is ready. */
export const isUsable = (behind: Behind | undefined): behind is Behind =>
  behind !== undefined && behind.status !== "Stopping" && !behind.stale

/** True while the supervisor is stopping the incarnation with the given number. */
export const isStopping = ({ children }: State, key: string, incarnation: number): boolean => {
  const child = children.find((child) => child.key === key)
  return child !== undefined &&
    (child.incarnation === incarnation && child.status === "Stopping" ||
      child.behind?.incarnation === incarnation && child.behind.status === "Stopping" ||
      child.retired.some((one) => one.incarnation === incarnation && one.status === "Stopping"))
}

/** True when all incarnations of the child with a number of at most `upTo` are gone. */
export const isNewer = ({ behind, incarnation, retired, status }: Child, upTo: number): boolean =>
  (status === "Down" || incarnation > upTo) && (behind === undefined || behind.incarnation > upTo) &&
  retired.every((one) => one.incarnation > upTo)

/** True when no incarnation of the child is left. */
export const isGone = (child: Child): boolean => isNewer(child, Infinity)
