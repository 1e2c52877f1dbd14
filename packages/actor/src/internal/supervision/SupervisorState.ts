/**
 * The state of a supervisor as data: its children with all their incarnations, its rolls, what it hears and what it does.
 *
 * A child has up to three kinds of incarnations. One plays its role, and calls go there. One may stand behind it: a standby,
 * or the replacement of a roll while it starts. Those that have handed the role on are retired, until they are down.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { ChildState } from "../inspect/Snapshot.ts"
import { affectedBy, type ChildSpec, goingFor, ordered, type Policy } from "./SupervisorPolicy.ts"

export type Status = "Down" | "Starting" | "Up" | "Stopping"

/** The incarnation behind the one that plays the role. */
export interface Behind {
  readonly incarnation: number
  readonly status: "Starting" | "Ready" | "Stopping"
  /** The incarnation has died, or goes with what it uses. */
  readonly stale: boolean
  /** No call can begin at it any more; how it ended is not known yet. */
  readonly silent: boolean
  /** The time at which it was ready. */
  readonly readyAt: number
}

/** An incarnation that has handed its role on: its open calls end, or it is being stopped. */
export interface Retired {
  readonly incarnation: number
  readonly status: "Draining" | "Stopping"
}

/** The ends of standbys in a row, and the wait before the next one is started. */
export interface Setback {
  readonly count: number
  readonly exit: ActorExit
  /** `Ended`: the delays have come to an end, and there is no standby until another incarnation plays the role. */
  readonly wait: "Due" | "Waiting" | "Over" | "Ended"
}

export interface Child extends ChildSpec {
  readonly status: Status
  /** The number of the start whose incarnation plays the role, or is to. */
  readonly incarnation: number
  /** The number of its starts so far. */
  readonly started: number
  /** The child is to be up, or has ended for good, or was stopped by hand, or is to leave the list. */
  readonly goal: "Up" | "Ended" | "Stopped" | "Removed"
  /** The child's incarnation must go: it has died, or it goes with one that has. */
  readonly stale: boolean
  /** No call can begin at it any more; how it ended is not known yet. */
  readonly silent: boolean
  readonly behind: Behind | undefined
  readonly retired: ReadonlyArray<Retired>
  readonly setback: Setback | undefined
}

/** A rolling restart: it ends when each of its targets is replaced. */
export interface Roll {
  readonly id: number
  /** The children that are replaced side by side. */
  readonly atOnce: number
  readonly drainMillis: number
  /** The children that are left, in the order of starts, with the newest incarnation that is to go. */
  readonly targets: ReadonlyArray<{ readonly child: string; readonly upTo: number }>
  readonly replaced: ReadonlyArray<string>
  /** Set when a replacement did not start: the roll begins no other. */
  readonly failed: { readonly child: string; readonly exit: ActorExit } | undefined
}

/** How a roll ended. */
export type RollOutcome =
  | { readonly _tag: "Done" }
  | { readonly _tag: "NotStarted"; readonly child: string; readonly exit: ActorExit }
  /** Another roll is at this child. */
  | { readonly _tag: "Busy"; readonly child: string }
  | { readonly _tag: "Unknown"; readonly child: string }
  | { readonly _tag: "Closed"; readonly child: string }

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
  readonly rolls: ReadonlyArray<Roll>
}

export type Input =
  | { readonly _tag: "Up"; readonly child: string; readonly incarnation: number; readonly now: number }
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
  /** The drain of a retired incarnation is over, with the number of calls that were open at the bound, if it told one. */
  | { readonly _tag: "Drained"; readonly child: string; readonly incarnation: number; readonly open: number | null }
  | { readonly _tag: "BackoffOver" }
  /** The delays have come to an end: there is no next attempt. */
  | { readonly _tag: "BackoffEnded" }
  /** The wait for the next standby of a child is over, or there is no next one. */
  | { readonly _tag: "StandbyWaited"; readonly child: string; readonly ended: boolean }
  | { readonly _tag: "Close" }
  | {
    readonly _tag: "Roll"
    readonly id: number
    readonly children: ReadonlyArray<string>
    readonly atOnce: number
    readonly drainMillis: number
  }
  /** The roll's caller has left: what has not taken a role over by now is stopped. */
  | { readonly _tag: "RollLeft"; readonly id: number }
  /** A child of a dynamic supervisor. */
  | { readonly _tag: "Add"; readonly spec: ChildSpec }
  | { readonly _tag: "Remove"; readonly child: string }
  /** An action by hand: a restart as for a death that does not count, a stop with all users, or a start with them. */
  | { readonly _tag: "ByHand"; readonly what: "restart" | "stop" | "start"; readonly child: string }

export type Action =
  /** An incarnation that starts behind is not listed: it has no name before it takes over. */
  | { readonly _tag: "Start"; readonly child: string; readonly incarnation: number; readonly isBehind: boolean }
  /** Ends what there is of an incarnation: a start under way is interrupted, a dead one leaves its resources. */
  | { readonly _tag: "Stop"; readonly child: string; readonly incarnation: number }
  | { readonly _tag: "Wait"; readonly isFresh: boolean; readonly exit: ActorExit }
  | { readonly _tag: "WaitStandby"; readonly child: string; readonly isFresh: boolean; readonly exit: ActorExit }
  /**
   * The role goes over to the incarnation behind, and so does the name in the registry. The one before it, if it lives, is
   * drained within the bound.
   */
  | {
    readonly _tag: "TakeOver"
    readonly child: string
    readonly incarnation: number
    readonly from: number
    readonly drainMillis: number | undefined
  }
  /** A standby is ready, and may follow the incarnation in front of it. */
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

// ---- what others see ------------------------------------------------------------------------------------------------

/** The use of a portal to a child: calls pass, calls wait, calls fail. */
export type View = "up" | "restarting" | "gone"

/** A portal's view of its child. */
export const view = (policy: Policy, state: State, key: string): View => views(policy, state).get(key) ?? "gone"

/** The views of all portals. A child whose end is not explained yet may come back: it counts as restarting. */
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

/** How far a child is, for those who look. */
export const stateOf = (state: State, { goal, incarnation, status }: Child): ChildState => {
  if (status !== "Down") return status
  if (isOver(state)) return "Ended"
  if (goal === "Up") return incarnation === 0 ? "Down" : "Restarting"
  return goal === "Stopped" ? "Stopped" : "Ended"
}

/** The child serves, and nothing speaks against it. */
export const isLive = ({ stale, status }: Child): boolean => status === "Up" && !stale

/** True when a child that it uses, at any depth, serves no more, and the exit is not known yet. */
export const usesSilent = ({ children }: State, { key, uses }: Child): boolean =>
  uses.length > 0 &&
  children.some((dying) =>
    dying.silent && dying.key !== key && affectedBy("dependants", children, dying.key).includes(key)
  )

/** The child ends, or has ended. */
export const isOver = ({ phase }: State): boolean => phase._tag === "Closing" || phase._tag === "Closed"

export const update = (
  state: State,
  keys: ReadonlyArray<string>,
  patch: (child: Child) => Partial<Child>
): State => ({
  ...state,
  children: state.children.map((child) => keys.includes(child.key) ? { ...child, ...patch(child) } : child)
})

/** The incarnation's process can take the role over as soon as it is ready. */
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

/** Nothing is left of its incarnations up to this one. */
export const isNewer = ({ behind, incarnation, retired, status }: Child, upTo: number): boolean =>
  (status === "Down" || incarnation > upTo) && (behind === undefined || behind.incarnation > upTo) &&
  retired.every((one) => one.incarnation > upTo)

/** True when no incarnation of the child is left. */
export const isGone = (child: Child): boolean => isNewer(child, Infinity)
