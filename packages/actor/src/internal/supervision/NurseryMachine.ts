/**
 * A region that owns actors, as one value that one pure step changes:
 *
 *   Open --body returned--> Joining --jobs and awaited actors are done--> Closing --body over, everybody reaped--> Done
 *     |                        |                                             ^
 *     +--body failed, or interrupted; an actor failed or was lost; a job failed
 *
 * The first failure is the region's, and interrupts the body. Later ones are data, and so is what only answers our own
 * cancel. A cleanup that failed is the region's failure where nothing else is: as a finalizer's that dies in a Scope.
 *
 * While the ends of its actors are read they are no failures: each waits for a reader. An end that stays unread counts
 * after all, when its readers have read enough, or when the region ends.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Cause from "effect/Cause"
import { ChannelClosed, ContextCancelled } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { raisedBy, raisedIn } from "../errors/raised.ts"

/** A region that lives long keeps the first of the cleanups that failed; events have told all of them. */
const maxCleanupFailures = 100

/** Ends that wait for a reader. */
export const maxUnreadEnds = 1000

/** Why everybody in it ends, and in whose name where it is not ours. */
export interface Closing {
  readonly reason: string
  readonly author: Cancellation | undefined
}

export type Phase =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Joining" }
  | { readonly _tag: "Closing"; readonly why: Closing; readonly interrupted: boolean; readonly bodyIsOver: boolean }
  | { readonly _tag: "Done" }

/** `Child` and `Job` are whatever their owner knows them by. */
export interface State<Child, Job> {
  readonly phase: Phase
  readonly children: ReadonlyMap<Child, { readonly awaited: boolean }>
  /** True when the owner dismissed the job: such an answer is no failure. */
  readonly jobs: ReadonlyMap<Job, { readonly dismissed: boolean }>
  readonly first: Cause.Cause<unknown> | undefined
  /** The cause of a body that was interrupted and failed in its cleanup. */
  readonly body: Cause.Cause<unknown> | undefined
  /** The failures after the first, as they were raised. */
  readonly others: ReadonlyArray<unknown>
  /** The cleanup failures of its actors. */
  readonly cleanup: ReadonlyArray<Boxed>
  /** Readers of the ends of its actors. */
  readonly readers: number
  /** The ends that came while they were read, the oldest first. */
  readonly unread: ReadonlyArray<End<Child>>
  /** The failure of a region whose readers do not keep up. */
  readonly overrun: Cause.Cause<unknown>
}

/** The end of an actor of the region, for a reader. */
export interface End<Child> {
  readonly child: Child
  readonly exit: ActorExit
  /** Failures of an actor's cleanup after the region had ended it. */
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
  /** An actor is ready, and is the region's from now on. */
  | { readonly _tag: "ChildReady"; readonly child: Child; readonly awaited: boolean }
  /** `raised` failed in its cleanup after the region had ended it. `handled`: a monitor has heard of it. */
  | {
    readonly _tag: "ChildGone"
    readonly child: Child
    readonly exit: ActorExit
    readonly raised: ReadonlyArray<Boxed>
    readonly handled: boolean
  }
  | { readonly _tag: "ReaderCame" }
  /** A reader takes the oldest end. */
  | { readonly _tag: "EndRead" }
  /** `enough`: it was not interrupted, and has not failed. */
  | { readonly _tag: "ReaderLeft"; readonly enough: boolean }
  | { readonly _tag: "JobStarted"; readonly job: Job }
  | { readonly _tag: "JobDismissed"; readonly job: Job }
  | { readonly _tag: "JobFailed"; readonly job: Job; readonly cause: Cause.Cause<unknown> }
  /** The job has answered, and its actor is gone. */
  | { readonly _tag: "JobEnded"; readonly job: Job }
  | { readonly _tag: "BodyReturned" }
  | { readonly _tag: "BodyFailed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "BodyInterrupted"; readonly why: Closing }
  /** Body and joining are over, whatever came of them. */
  | { readonly _tag: "BodyOver" }

export type Action<Child> =
  | { readonly _tag: "End"; readonly child: Child; readonly why: Closing }
  /** An end can be read, or there will be no more. */
  | { readonly _tag: "WakeReaders" }
  /** The actor became ready too late: no portal to it is out. */
  | { readonly _tag: "Discard"; readonly child: Child }
  /** Something that the region owns has failed: the body hears of it. */
  | { readonly _tag: "InterruptBody"; readonly cause: Cause.Cause<unknown> }
  /** The actor failed after the first: told by an event. */
  | { readonly _tag: "TellSuppressed"; readonly failure: unknown }
  /** Nothing is left to be waited for before the daemons are ended. */
  | { readonly _tag: "Joined" }
  /** Nothing of the region is left. */
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

/** The consequences of the state alone: joining ends, and so does the region. */
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

/** Asks every child to end, at once: what the body's own finalizers still wait for ends with them. */
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

/** An end without a handler. */
const count = <Child, Job>(state: State<Child, Job>, { exit, raised }: End<Child>): Step<Child, Job> => {
  const told = { ...state, cleanup: [...state.cleanup, ...raised].slice(0, maxCleanupFailures) }
  return exit._tag === "Lost" || exit._tag === "Failed" ? fail(told, Cause.fail(exit.error)) : [told, []]
}

/** The unread ends count after all. */
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
  // The body has returned: no fiber is left to interrupt, but the region has failed.
  if (phase._tag === "Closing") return [isAnswer(cause) ? state : { ...state, first: cause }, []]
  const [closing, actions] = close({ ...state, first: cause }, { reason: "nursery failed", author: undefined })
  return [closing, [...actions, { _tag: "InterruptBody", cause }]]
}

/** The failures besides the first, as data; an answer to our own cancel is none. */
const suppress = <Child, Job>(state: State<Child, Job>, cause: Cause.Cause<unknown>): Step<Child, Job> => {
  if (isAnswer(cause)) return [state, []]
  const known = new Set([...state.first?.reasons.map(raisedBy) ?? [], ...state.others])
  const raised = raisedIn(cause).filter((failure) => !known.has(failure))
  const others = [...state.others, ...raised]
  return [{ ...state, others }, raised.map((failure): Action<Child> => ({ _tag: "TellSuppressed", failure }))]
}

/** A failure that is only the echo of our own cancel. */
const isAnswer = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) =>
    reason._tag === "Interrupt" ||
    reason._tag === "Fail" && (reason.error instanceof ContextCancelled || reason.error instanceof ChannelClosed)
  )
