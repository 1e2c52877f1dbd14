/**
 * The state of a supervisor as data: its children with all their incarnations, its rolls, its inputs and its actions.
 *
 * A child has up to three kinds of incarnations. One incarnation plays the child's role, and gets the child's calls. A
 * second incarnation of the child may be behind the incarnation that plays the role: a standby, or the starting
 * replacement of a roll. Incarnations that have handed over the role are retired until they are down.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { ChildState } from "../inspect/Snapshot.ts"
import { affectedBy, type ChildSpec, goingFor, ordered, type Policy } from "./SupervisorPolicy.ts"

export type Status = "Down" | "Starting" | "Up" | "Stopping"

/** The incarnation behind the incarnation that plays the role: a standby, or the replacement of a roll. */
export interface Behind {
  readonly incarnation: number
  readonly status: "Starting" | "Ready" | "Stopping"
  /** True when the incarnation has died, or ends together with a child that it uses. */
  readonly stale: boolean
  /** True when the incarnation begins no more calls, and its exit is not known yet. */
  readonly silent: boolean
  /** The time at which the incarnation became ready. */
  readonly readyAt: number
}

/** An incarnation that has handed over its role: its open calls are ending, or it is being stopped. */
export interface Retired {
  readonly incarnation: number
  readonly status: "Draining" | "Stopping"
}

/** The number of standbys that ended in a row, and the delay before the next standby starts. */
export interface Setback {
  readonly count: number
  readonly exit: ActorExit
  /**
   * The state of the delay before the next standby starts. `Ended` means that the schedule has no more delays, and the
   * child gets no standby until another incarnation plays the role.
   */
  readonly wait: "Due" | "Waiting" | "Over" | "Ended"
}

export interface Child extends ChildSpec {
  readonly status: Status
  /** The number of the incarnation that plays the role, or will play it. */
  readonly incarnation: number
  /** The number of times that this child has been started. */
  readonly started: number
  /**
   * The goal `Up` means that the child should be up. The other values of `goal` mean that the child has ended for good,
   * was stopped by hand, or is leaving the list.
   */
  readonly goal: "Up" | "Ended" | "Stopped" | "Removed"
  /** True when the child's incarnation must end: it has died, or ends together with another child. */
  readonly stale: boolean
  /** True when the child begins no more calls, and its exit is not known yet. */
  readonly silent: boolean
  readonly behind: Behind | undefined
  readonly retired: ReadonlyArray<Retired>
  readonly setback: Setback | undefined
}

/** The state of a rolling restart, which ends when each of its targets is replaced. */
export interface Roll {
  readonly id: number
  /** The number of children that the roll replaces at the same time. */
  readonly atOnce: number
  readonly drainMillis: number
  /**
   * The children that must still be replaced, in the order of starts, each with the number of the newest incarnation to
   * replace.
   */
  readonly targets: ReadonlyArray<{ readonly child: string; readonly upTo: number }>
  readonly replaced: ReadonlyArray<string>
  /** The failure of a replacement that did not start, after which the roll begins no further child. */
  readonly failed: { readonly child: string; readonly exit: ActorExit } | undefined
}

/** The ways in which a roll of children ends. */
export type RollOutcome =
  | { readonly _tag: "Done" }
  | { readonly _tag: "NotStarted"; readonly child: string; readonly exit: ActorExit }
  /** The roll was refused, because another roll already replaces this child. */
  | { readonly _tag: "Busy"; readonly child: string }
  | { readonly _tag: "Unknown"; readonly child: string }
  | { readonly _tag: "Closed"; readonly child: string }

/** A death that counts for the intensity, with its time in milliseconds. */
export interface Death {
  readonly child: string
  /**
   * The exit of the child, which is absent for older deaths when there are very many deaths, because an exit holds the
   * last output of its process.
   */
  readonly exit: ActorExit | undefined
  readonly at: number
}

/**
 * The largest number of deaths whose exits a supervisor keeps. Older exits are dropped, because a policy may allow any
 * number of deaths.
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
 * The child whose death was the last, and the reason to give up: too many deaths within the time of the intensity, or
 * no further delay.
 */
export interface GivenUp {
  readonly child: string
  readonly deaths: ReadonlyArray<Death>
  readonly reason: "intensity" | "backoff"
}

export type Phase =
  /** The supervisor starts for the first time, and has handed out no portal yet. */
  | { readonly _tag: "Booting" }
  | { readonly _tag: "Running" }
  | { readonly _tag: "Closing"; readonly why: Why }
  | { readonly _tag: "Closed"; readonly why: Why }

export interface State {
  readonly phase: Phase
  /** The children in order: each comes after all children that it uses. */
  readonly children: ReadonlyArray<Child>
  /** The deaths within the time of the intensity, which count towards giving up. */
  readonly deaths: ReadonlyArray<Death>
  /**
   * The state of the delay before the next start of a child. Every death makes a delay due, and deaths during a delay
   * share this delay.
   */
  readonly backoff: "Due" | "Waiting" | "Over"
  /** True when no death counted when the delay became due, so that the schedule of delays begins anew. */
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
    /** The failed start as an exit, which counts for the intensity like a death. */
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
   * The drain of a retired incarnation is over. `open` is the number of calls that were open at the bound of the drain,
   * if the incarnation reported this number.
   */
  | { readonly _tag: "Drained"; readonly child: string; readonly incarnation: number; readonly open: number | null }
  | { readonly _tag: "BackoffOver" }
  /** The backoff schedule has no further delay, so no further start is attempted. */
  | { readonly _tag: "BackoffEnded" }
  /** The delay before a child's next standby is over, or there will be no next standby. */
  | { readonly _tag: "StandbyWaited"; readonly child: string; readonly ended: boolean }
  | { readonly _tag: "Close" }
  | {
    readonly _tag: "Roll"
    readonly id: number
    readonly children: ReadonlyArray<string>
    readonly atOnce: number
    readonly drainMillis: number
  }
  /** The caller of the roll has left: replacements that have not taken over yet are stopped. */
  | { readonly _tag: "RollLeft"; readonly id: number }
  /** Adds a child of a dynamic supervisor. */
  | { readonly _tag: "Add"; readonly spec: ChildSpec }
  | { readonly _tag: "Remove"; readonly child: string }
  /**
   * An operation by hand: a restart that does not count as a death, a stop of a child and all its users, or a start of
   * a child.
   */
  | { readonly _tag: "ByHand"; readonly what: "restart" | "stop" | "start"; readonly child: string }

export type Action =
  /**
   * Starts an incarnation of a child. An incarnation that starts behind another incarnation is not listed, and has no
   * name before its takeover.
   */
  | { readonly _tag: "Start"; readonly child: string; readonly incarnation: number; readonly isBehind: boolean }
  /**
   * Ends an incarnation: interrupts a start that is under way, and releases the resources of an incarnation that has
   * died.
   */
  | { readonly _tag: "Stop"; readonly child: string; readonly incarnation: number }
  | { readonly _tag: "Wait"; readonly isFresh: boolean; readonly exit: ActorExit }
  | { readonly _tag: "WaitStandby"; readonly child: string; readonly isFresh: boolean; readonly exit: ActorExit }
  /**
   * Gives the role to the incarnation behind its player, together with the name in the registry. The earlier
   * incarnation, if it lives, is drained within the bound of the roll.
   */
  | {
    readonly _tag: "TakeOver"
    readonly child: string
    readonly incarnation: number
    readonly from: number
    readonly drainMillis: number | undefined
  }
  /** Tells that a standby is ready, and may follow the incarnation in front of it. */
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
  /** Tells the owner of the supervisor that all children are up for the first time. */
  | { readonly _tag: "Ready" }
  /** Tells of a death that leads to restarts, with all the children that restart. */
  | {
    readonly _tag: "TellRestarting"
    readonly death: Death & { readonly exit: ActorExit }
    readonly affected: ReadonlyArray<string>
  }
  | { readonly _tag: "TellRestarted"; readonly child: string; readonly incarnation: number }
  | GivenUp & { readonly _tag: "TellGaveUp" }
  /** Tells that the first start of a dynamic child has failed, and that the child does not exist. */
  | { readonly _tag: "Refused"; readonly child: string; readonly cause: Cause.Cause<unknown> }
  /** Tells that a dynamic child has ended for good. */
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

// ---- views for portals and observers --------------------------------------------------------------------------------

/** The fate of calls through a portal to a child: they pass, wait, or fail. */
export type View = "up" | "restarting" | "gone"

/** Returns the fate of calls to a child. */
export const view = (policy: Policy, state: State, key: string): View => views(policy, state).get(key) ?? "gone"

/**
 * Returns the fate of calls for all children. A child whose exit is not known yet may be started again, so the child
 * counts as restarting.
 */
export const views = (policy: Policy, state: State): ReadonlyMap<string, View> => {
  const { children } = state
  const dying = children.filter(({ silent, stale }) => silent && !stale)
  const going = new Set(
    dying.flatMap(({ key, restart }) => restart === "temporary" ? [key] : goingFor(policy.strategy, children, key))
  )
  return new Map(children.map((child) => {
    const { goal, key, silent } = child
    // A child that was stopped by hand may be started again.
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

/** True when the child serves, and is not about to be stopped. */
export const isLive = ({ stale, status }: Child): boolean => status === "Up" && !stale

/**
 * True when a child that the given child uses, at any depth, no longer serves, and the exit of the used child is not
 * known yet.
 */
export const usesSilent = ({ children }: State, { key, uses }: Child): boolean =>
  uses.length > 0 &&
  children.some((dying) =>
    dying.silent && dying.key !== key && affectedBy("dependants", children, dying.key).includes(key)
  )

/** True when the supervisor ends, or has ended. */
export const isOver = ({ phase }: State): boolean => phase._tag === "Closing" || phase._tag === "Closed"

export const update = (
  state: State,
  keys: ReadonlyArray<string>,
  patch: (child: Child) => Partial<Child>
): State => ({
  ...state,
  children: state.children.map((child) => keys.includes(child.key) ? { ...child, ...patch(child) } : child)
})

/** True when the incarnation behind the role's player can take over the role as soon as it is ready. */
export const isUsable = (behind: Behind | undefined): behind is Behind =>
  behind !== undefined && behind.status !== "Stopping" && !behind.stale

/** True while a Stop of this incarnation is under way. */
export const isStopping = ({ children }: State, key: string, incarnation: number): boolean => {
  const child = children.find((child) => child.key === key)
  return child !== undefined &&
    (child.incarnation === incarnation && child.status === "Stopping" ||
      child.behind?.incarnation === incarnation && child.behind.status === "Stopping" ||
      child.retired.some((one) => one.incarnation === incarnation && one.status === "Stopping"))
}

/** True when all incarnations of the child up to the given number are gone. */
export const isNewer = ({ behind, incarnation, retired, status }: Child, upTo: number): boolean =>
  (status === "Down" || incarnation > upTo) && (behind === undefined || behind.incarnation > upTo) &&
  retired.every((one) => one.incarnation > upTo)

/** True when no incarnation of the child is left. */
export const isGone = (child: Child): boolean => isNewer(child, Infinity)
