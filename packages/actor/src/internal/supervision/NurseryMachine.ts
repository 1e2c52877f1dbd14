/**
 * The machine of a nursery (here also called a region), whose state is one value:
 *
 *   Open --body returned--> Joining --jobs and awaited actors are done--> Closing --body over, everybody reaped--> Done
 *     |                        |                                             ^
 *     +--body failed, or interrupted; an actor failed or was lost; a job failed
 *
 * The first failure in a region interrupts the body of the region, and becomes the failure of the region. Later
 * failures of the region are kept as data. Failures that are only a consequence of the region's own cancel are dropped.
 * The failed cleanup of an actor becomes the failure of the region only if the region has no other failure.
 *
 * While a stream reads the exits of the region's actors, an actor's exit fails nothing, and waits for the reader of the
 * stream. A failed actor's exit that is still unread when the readers have stopped, or when the region ends, counts as
 * a failure.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Cause from "effect/Cause"
import { ChannelClosed, ContextCancelled } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { raisedBy, raisedIn } from "../errors/raised.ts"

/**
 * The largest number of cleanup failures that a long-lived region keeps. Every cleanup failure of the region's actors,
 * kept or not, is also reported by an event.
 */
const maxCleanupFailures = 100

/** The largest number of actors' exits that may wait for a reader. */
export const maxUnreadEnds = 1000

/**
 * The reason for which a region ends its actors and jobs, and another actor's cancellation if that has caused the end.
 */
export interface Closing {
  readonly reason: string
  readonly author: Cancellation | undefined
}

export type Phase =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Joining" }
  | { readonly _tag: "Closing"; readonly why: Closing; readonly interrupted: boolean; readonly bodyIsOver: boolean }
  | { readonly _tag: "Done" }

/** The type parameters `Child` and `Job` are the values by which `Nursery` identifies its actors and jobs. */
export interface State<Child, Job> {
  readonly phase: Phase
  readonly children: ReadonlyMap<Child, { readonly awaited: boolean }>
  /**
   * The jobs of the region; the field `dismissed` is true when the owner has cancelled the job, so that the cancel is
   * no failure.
   */
  readonly jobs: ReadonlyMap<Job, { readonly dismissed: boolean }>
  readonly first: Cause.Cause<unknown> | undefined
  /** The cause of a region's body that was interrupted and then failed in its cleanup. */
  readonly body: Cause.Cause<unknown> | undefined
  /** The failures of the region after the first failure, in the order in which they came. */
  readonly others: ReadonlyArray<unknown>
  /** The cleanup failures of the region's actors. */
  readonly cleanup: ReadonlyArray<Boxed>
  /** The number of readers of the exits of the region's actors. */
  readonly readers: number
  /** The exits of actors that came while there was a reader and are still unread, the oldest first. */
  readonly unread: ReadonlyArray<End<Child>>
  /** The failure of a region whose readers are too slow. */
  readonly overrun: Cause.Cause<unknown>
}

/** The exit of an actor of the region, as a reader of exits gets it. */
export interface End<Child> {
  readonly child: Child
  readonly exit: ActorExit
  /** The failures of the actor's cleanup, if the region has ended the actor. */
  readonly raised: ReadonlyArray<Boxed>
}

export const initial = <Child, Job>(overrun: Cause.Cause<unknown>): State<Child, Job> => ({
  phase: { _tag: "Open" },
  children: new Map(),
  jobs: new Map(),
  first: undefined,
  body: undefined,
  others: [],
  cleanup: [],
  readers: 0,
  unread: [],
  overrun
})

export type Input<Child, Job> =
  /** An actor is ready, and belongs to the region from now on. */
  | { readonly _tag: "ChildReady"; readonly child: Child; readonly awaited: boolean }
  /**
   * An actor of the region has ended. The field `raised` holds the failures of the actor's cleanup, if the region has
   * ended the actor. The field `handled` is true when a monitor has heard the actor's exit.
   */
  | {
    readonly _tag: "ChildGone"
    readonly child: Child
    readonly exit: ActorExit
    readonly raised: ReadonlyArray<Boxed>
    readonly handled: boolean
  }
  | { readonly _tag: "ReaderCame" }
  /** A reader of actors' exits takes the oldest unread exit. */
  | { readonly _tag: "EndRead" }
  /**
   * The field `enough` is true when the reader of exits stopped of its own accord, and was neither interrupted nor
   * failed.
   */
  | { readonly _tag: "ReaderLeft"; readonly enough: boolean }
  | { readonly _tag: "JobStarted"; readonly job: Job }
  | { readonly _tag: "JobDismissed"; readonly job: Job }
  | { readonly _tag: "JobFailed"; readonly job: Job; readonly cause: Cause.Cause<unknown> }
  /** A job of the region has answered, and its actor is gone. */
  | { readonly _tag: "JobEnded"; readonly job: Job }
  | { readonly _tag: "BodyReturned" }
  | { readonly _tag: "BodyFailed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "BodyInterrupted"; readonly why: Closing }
  /** The body of the region has ended, and the wait for the region's jobs is over. */
  | { readonly _tag: "BodyOver" }

export type Action<Child> =
  | { readonly _tag: "End"; readonly child: Child; readonly why: Closing }
  /** Wakes the readers of actors' exits, because an exit can be read or no further exit will come. */
  | { readonly _tag: "WakeReaders" }
  /**
   * Ends an actor that became ready only after the region had begun to end. The body of the region never gets the
   * portal of an actor that becomes ready too late.
   */
  | { readonly _tag: "Discard"; readonly child: Child }
  /** Interrupts the body of the region, because an actor or a job of the region has failed. */
  | { readonly _tag: "InterruptBody"; readonly cause: Cause.Cause<unknown> }
  /** Publishes an event about a failure that came after the first failure of the region. */
  | { readonly _tag: "TellSuppressed"; readonly failure: unknown }
  /** Tells the region that its jobs and awaited actors have ended, after which it ends its daemons. */
  | { readonly _tag: "Joined" }
  /** Tells the region that all its actors and jobs are gone. */
  | { readonly _tag: "Reaped" }

export type Step<Child, Job> = readonly [State<Child, Job>, ReadonlyArray<Action<Child>>]

export const isOpen = ({ phase }: State<any, any>): boolean => phase._tag === "Open" || phase._tag === "Joining"

export const step = <Child, Job>(state: State<Child, Job>, input: Input<Child, Job>): Step<Child, Job> => {
  const [changed, actions] = change(state, input)
  const [settled, more] = settle(changed)
  return [settled, [...actions, ...more]]
}

const change = <Child, Job>(state: State<Child, Job>, input: Input<Child, Job>): Step<Child, Job> => {
  switch (input._tag) {
    case "ChildReady": {
      if (state.phase._tag === "Done") return [state, [{ _tag: "Discard", child: input.child }]]
      const children = new Map(state.children).set(input.child, { awaited: input.awaited })
      return [{ ...state, children }, isOpen(state) ? [] : [{ _tag: "Discard", child: input.child }]]
    }
    case "ChildGone":
      return childGone(state, input)
    case "ReaderCame":
      return [{ ...state, readers: state.readers + 1 }, []]
    case "EndRead":
      return [{ ...state, unread: state.unread.slice(1) }, []]
    case "ReaderLeft": {
      const left = { ...state, readers: state.readers - 1 }
      return input.enough && left.readers === 0 ? countUnread(left) : [left, []]
    }
    case "JobStarted":
      return [{ ...state, jobs: new Map(state.jobs).set(input.job, { dismissed: false }) }, []]
    case "JobDismissed":
      return state.jobs.has(input.job)
        ? [{ ...state, jobs: new Map(state.jobs).set(input.job, { dismissed: true }) }, []]
        : [state, []]
    case "JobFailed": {
      const dismissed = state.jobs.get(input.job)?.dismissed === true
      const none = Cause.hasInterruptsOnly(input.cause) || dismissed && isAnswer(input.cause)
      return none ? [state, []] : fail(state, input.cause)
    }
    case "JobEnded": {
      const jobs = new Map(state.jobs)
      jobs.delete(input.job)
      return [{ ...state, jobs }, []]
    }
    case "BodyReturned":
      return state.phase._tag === "Open" ? [{ ...state, phase: { _tag: "Joining" } }, []] : [state, []]
    case "BodyFailed": {
      const { first, phase } = state
      const late = first === undefined && phase._tag === "Closing" && phase.interrupted
      return late ? [{ ...state, body: input.cause }, []] : fail(state, input.cause)
    }
    case "BodyInterrupted":
      return close(state, input.why, true)
    case "BodyOver": {
      const [closing, actions] = close(state, { reason: "nursery done", author: undefined })
      const { phase } = closing
      return phase._tag === "Closing" ? [{ ...closing, phase: { ...phase, bodyIsOver: true } }, actions] : [closing, []]
    }
  }
}

/**
 * After the body of a nursery has returned, the nursery waits for its jobs and its awaited actors. When no job and no
 * awaited actor is left, the function `settle` closes the nursery. A closed nursery is over when all its actors are
 * gone.
 */
const settle = <Child, Job>(state: State<Child, Job>): Step<Child, Job> => {
  const { children, jobs, phase } = state
  if (phase._tag === "Closing" && phase.bodyIsOver && children.size === 0) {
    const [counted, actions] = countUnread(state)
    return [{ ...counted, phase: { _tag: "Done" } }, [...actions, { _tag: "Reaped" }]]
  }
  if (phase._tag !== "Joining" || jobs.size > 0) return [state, []]
  for (const { awaited } of children.values()) if (awaited) return [state, []]
  const [closing, actions] = close(state, { reason: "nursery done", author: undefined })
  return [closing, [...actions, { _tag: "Joined" }]]
}

/**
 * Asks all actors of the region at the same time to end. The body's finalizers may wait for an actor of the region;
 * they continue when that actor has ended.
 */
const close = <Child, Job>(state: State<Child, Job>, why: Closing, interrupted = false): Step<Child, Job> =>
  isOpen(state)
    ? [
      { ...state, phase: { _tag: "Closing", why, interrupted, bodyIsOver: false } },
      [
        ...Array.from(state.children.keys(), (child): Action<Child> => ({ _tag: "End", child, why })),
        ...wakeReaders(state)
      ]
    ]
    : [state, []]

const childGone = <Child, Job>(
  state: State<Child, Job>,
  { child, exit, handled, raised }: Extract<Input<Child, Job>, { readonly _tag: "ChildGone" }>
): Step<Child, Job> => {
  const children = new Map(state.children)
  children.delete(child)
  if (state.readers > 0 && isOpen(state)) {
    if (state.unread.length === maxUnreadEnds) return fail({ ...state, children }, state.overrun)
    return [{ ...state, children, unread: [...state.unread, { child, exit, raised }] }, wakeReaders(state)]
  }
  if (handled) return [{ ...state, children }, []]
  return count({ ...state, children }, { child, exit, raised })
}

const wakeReaders = (state: State<any, any>): ReadonlyArray<Action<never>> =>
  state.readers > 0 ? [{ _tag: "WakeReaders" }] : []

/** Counts an actor's exit that no monitor and no reader has handled: a lost or failed actor fails the region. */
const count = <Child, Job>(state: State<Child, Job>, { exit, raised }: End<Child>): Step<Child, Job> => {
  const told = { ...state, cleanup: [...state.cleanup, ...raised].slice(0, maxCleanupFailures) }
  return exit._tag === "Lost" || exit._tag === "Failed" ? fail(told, Cause.fail(exit.error)) : [told, []]
}

/** Counts the exits that the program has not read before the nursery ends: a lost or failed actor fails the nursery. */
const countUnread = <Child, Job>(state: State<Child, Job>): Step<Child, Job> => {
  let counted: State<Child, Job> = { ...state, unread: [] }
  const told: Array<Action<Child>> = []
  for (const end of state.unread) {
    const [next, actions] = count(counted, end)
    counted = next
    told.push(...actions)
  }
  return [counted, told]
}

const fail = <Child, Job>(state: State<Child, Job>, cause: Cause.Cause<unknown>): Step<Child, Job> => {
  const { first, phase } = state
  if (first !== undefined || phase._tag === "Done" || phase._tag === "Closing" && phase.interrupted) {
    return suppress(state, cause)
  }
  // A failure of an actor after the nursery's body has returned interrupts no fiber, but is kept as the nursery's first
  // failure.
  if (phase._tag === "Closing") return [isAnswer(cause) ? state : { ...state, first: cause }, []]
  const [closing, actions] = close({ ...state, first: cause }, { reason: "nursery failed", author: undefined })
  return [closing, [...actions, { _tag: "InterruptBody", cause }]]
}

/** Keeps a failure after the first failure as data, unless it is only a consequence of the region's own cancel. */
const suppress = <Child, Job>(state: State<Child, Job>, cause: Cause.Cause<unknown>): Step<Child, Job> => {
  if (isAnswer(cause)) return [state, []]
  const known = new Set([...state.first?.reasons.map(raisedBy) ?? [], ...state.others])
  const raised = raisedIn(cause).filter((failure) => !known.has(failure))
  const others = [...state.others, ...raised]
  return [{ ...state, others }, raised.map((failure): Action<Child> => ({ _tag: "TellSuppressed", failure }))]
}

/** True for a failure that is only a consequence of the region's own cancel. */
const isAnswer = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) =>
    reason._tag === "Interrupt" ||
    reason._tag === "Fail" && (reason.error instanceof ContextCancelled || reason.error instanceof ChannelClosed)
  )
