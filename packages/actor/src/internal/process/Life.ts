/**
 * The life of an actor below the root, as a machine: a table of states and inputs.
 *
 *   Greeting --spec--> Booting --booted--> Serving --signal--> Leaving
 *                         |                   |                   |
 *            any end      |       any end     |      any end, or  |
 *        or a boot failed |                   |       no answer   |
 *                         v                   v                   v
 *   Ended <---------- Abandoning           Ending <---------------+
 *     ^                                       |
 *     +-- Bye -- platform -- output -- logs -- layers -- handlers
 *
 * | state      | what                                             | bound                                     |
 * | Booting    | platform, imports and layers are built           | the parent's `Timeouts.spawn`             |
 * | Serving    | calls are answered, its main runs                | -                                         |
 * | Leaving    | a signal came: the parent ends it in its order   | `Timeouts.finalizers`                     |
 * | Abandoning | what was being built is interrupted              | `Timeouts.finalizers`, less the last words |
 * | Ending     | part by part, each failure or cut kept           | the deadline of the actor that ends it    |
 *
 * An actor that serves calls or has asked to leave may be drained before it ends: it then begins no further call. The
 * end of an actor is never undone. If an actor gets several reasons to end, the first reason counts. When one part of
 * an actor's end fails or is cut off, the next part of the end follows.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"

/**
 * The signal from outside, such as SIGTERM, that told the actor to end. The field `code` becomes the exit code of the
 * actor's process if the actor ends for no other reason.
 */
export interface Signal {
  readonly reason: string
  readonly code: number
}

/** The reason for which an actor ends. */
export type Why =
  /**
   * Another actor has ended this actor. If this actor had asked for its end with `Leave` because of a signal, the field
   * `signal` holds the signal.
   */
  | { readonly _tag: "Cancelled"; readonly cancellation: Cancellation; readonly signal: Signal | undefined }
  /** The actor ends by itself: its main was interrupted, or its parent did not answer `Leave` after a signal. */
  | { readonly _tag: "Self"; readonly reason: string; readonly signal: Signal | undefined }
  /** An error in the actor was not caught, or the actor's main failed. */
  | { readonly _tag: "Failed"; readonly error: unknown; readonly of: "actor" | "main" }
  /** The actor's main returned, or code of the actor called `Actor.exit`. */
  | { readonly _tag: "Returned"; readonly reason: string }
  | { readonly _tag: "ParentLost"; readonly signal: Signal | undefined }

/** The parts of an actor's end, such as handlers, layers and logs, in the order in which they are ended. */
export const parts = ["handlers", "layers", "logs", "output", "platform", "farewell"] as const
export type Part = typeof parts[number]

/**
 * The way in which an actor has ended; the field `code` becomes the exit code of the actor's process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly how: "cancelled" | "returned" | "failed" | "boot-failed" | "parent-lost"
  readonly code: number
}

/**
 * The state of an actor's life, as the machine of this module keeps it. `F` is the type of a failure of the cleanup.
 */
export type State<F> =
  | { readonly _tag: "Greeting" }
  | { readonly _tag: "Booting" }
  | { readonly _tag: "Abandoning"; readonly why: Why }
  /**
   * The actor is ready, and answers calls. While the actor is `draining`, its open calls continue and no further call
   * begins.
   */
  | { readonly _tag: "Serving"; readonly draining: boolean }
  | { readonly _tag: "Leaving"; readonly signal: Signal; readonly draining: boolean }
  | { readonly _tag: "Ending"; readonly why: Why; readonly part: Part; readonly cleanup: ReadonlyArray<F> }
  | { readonly _tag: "Ended"; readonly ended: Ended }

export type Input<F> =
  | { readonly _tag: "Spec" }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Booted" }
  | { readonly _tag: "BootFailed"; readonly cause: F }
  /**
   * The word `CancelActor` has arrived. The field `own` is true when the parent ends the actor as an answer to the
   * actor's own `Leave`.
   */
  | { readonly _tag: "Cancel"; readonly cancellation: Cancellation; readonly own: boolean }
  | { readonly _tag: "Signal"; readonly signal: Signal }
  /**
   * An error in the actor was not caught by any code. The field `cause` holds an uncaught error in the form in which
   * failures of the cleanup are kept.
   */
  | { readonly _tag: "Uncaught"; readonly error: unknown; readonly cause: F }
  | { readonly _tag: "MainReturned" }
  | { readonly _tag: "MainFailed"; readonly error: unknown }
  | { readonly _tag: "MainInterrupted" }
  /** The owner of the actor drains it, so that no new calls begin. */
  | { readonly _tag: "Drain" }
  /** Code in the actor has called `Actor.exit`, which ends the whole actor. */
  | { readonly _tag: "Exit"; readonly reason: string }
  | { readonly _tag: "ParentLost" }
  /** The parent has not answered the actor's `Leave` in time. */
  | { readonly _tag: "Elapsed" }
  /** The running part of an actor's end is done, or was cut off. */
  | { readonly _tag: "Settled"; readonly failed: F | undefined }

export type Action<F> =
  | { readonly _tag: "Boot" }
  | { readonly _tag: "Ack" }
  /** Tells the parent `Ready`, answers calls, and runs the actor's main. */
  | { readonly _tag: "Serve" }
  | { readonly _tag: "AbandonBoot"; readonly why: Why }
  | { readonly _tag: "SayBootFailed"; readonly cause: F; readonly why: Why | undefined }
  | { readonly _tag: "SayLeave"; readonly reason: string }
  /** Ends the open calls of the actor by interrupting or failing their handlers, and lets no further call begin. */
  | { readonly _tag: "BeginEnd"; readonly why: Why }
  | { readonly _tag: "Run"; readonly part: Part; readonly why: Why }
  /** Reports failures of the actor's cleanup to the actor's owner, and logs the failures. */
  | { readonly _tag: "Report"; readonly failed: ReadonlyArray<F> }
  | { readonly _tag: "SayBye"; readonly why: Why; readonly cleanup: ReadonlyArray<F> }
  | { readonly _tag: "Close" }

export type Step<F> = readonly [State<F>, ReadonlyArray<Action<F>>]

/** The largest number of failures of an actor's cleanup that the actor keeps for its `Bye`. */
export const maxFailures = 16

/** The exit code of an actor that failed (sysexits' EX_SOFTWARE). */
const failedCode = 70
/** The exit code of an actor that did not become ready, or whose parent is gone. */
const lostCode = 1

/** The reason with which open calls are cancelled when the effect `main` of the actor's Service has ended. */
export const mainEnded = "its main has ended"

export const initial: State<never> = { _tag: "Greeting" }

/** Returns how a ready actor has ended, and its exit code, for a given reason. */
export const endedBy = (why: Why): Ended => {
  switch (why._tag) {
    case "Cancelled":
    case "Self":
      return { how: "cancelled", code: why.signal?.code ?? 0 }
    case "Failed":
      return { how: "failed", code: failedCode }
    case "Returned":
      return { how: "returned", code: 0 }
    case "ParentLost":
      return { how: "parent-lost", code: why.signal?.code ?? lostCode }
  }
}

/** Returns the exit code of an actor that ends before it is ready. */
const bootEnded = (why: Why | undefined): Ended => ({
  how: "boot-failed",
  code: why?._tag === "Self" ? why.signal?.code ?? lostCode : lostCode
})

/**
 * Returns the reason why the actor ends after an input; `undefined` for an input that does not end the actor. The
 * argument `leaving` is the signal because of which the actor has already asked to leave.
 */
const reasonOf = <F>(input: Input<F>, leaving: Signal | undefined): Why | undefined => {
  switch (input._tag) {
    case "Cancel":
      return { _tag: "Cancelled", cancellation: input.cancellation, signal: input.own ? leaving : undefined }
    case "Uncaught":
      return { _tag: "Failed", error: input.error, of: "actor" }
    case "MainReturned":
      return { _tag: "Returned", reason: mainEnded }
    case "Exit":
      return { _tag: "Returned", reason: input.reason }
    case "MainFailed":
      return { _tag: "Failed", error: input.error, of: "main" }
    case "MainInterrupted":
      return { _tag: "Self", reason: "its main was interrupted", signal: undefined }
    case "ParentLost":
      return { _tag: "ParentLost", signal: leaving }
    default:
      return undefined
  }
}

const signalled = (signal: Signal): Why => ({ _tag: "Self", reason: signal.reason, signal })

const ackOf = <F>(input: Input<F>): ReadonlyArray<Action<F>> => input._tag === "Cancel" ? [{ _tag: "Ack" }] : []

const abandon = <F>(why: Why, input: Input<F>): Step<F> => [
  { _tag: "Abandoning", why },
  [...ackOf(input), { _tag: "AbandonBoot", why }]
]

const begin = <F>(why: Why, input: Input<F>): Step<F> => [
  { _tag: "Ending", why, part: "handlers", cleanup: [] },
  [...ackOf(input), { _tag: "BeginEnd", why }, { _tag: "Run", part: "handlers", why }]
]

const ungreeted = <F>(why: Why | undefined): Step<F> => [{ _tag: "Ended", ended: bootEnded(why) }, [{ _tag: "Close" }]]

const bootFailed = <F>(cause: F, why: Why | undefined): Step<F> => [
  { _tag: "Ended", ended: bootEnded(why) },
  [{ _tag: "SayBootFailed", cause, why }, { _tag: "Close" }]
]

/**
 * Notes that a part of an actor's end is over, and begins the next part. Failures of the cleanup are reported before
 * the logs are sent. Failures that come after the logs have been sent, for example while the platform closes, are
 * reported at once.
 */
const settled = <F>(state: Extract<State<F>, { readonly _tag: "Ending" }>, failed: F | undefined): Step<F> => {
  const { part, why } = state
  const cleanup = kept(state.cleanup, failed)
  if (part === "farewell") {
    return [{ _tag: "Ended", ended: endedBy(why) }, [{ _tag: "SayBye", why, cleanup }, { _tag: "Close" }]]
  }
  const next = parts[parts.indexOf(part) + 1]!
  const report: ReadonlyArray<F> = part === "layers"
    ? cleanup
    : part === "handlers" || failed === undefined
    ? []
    : [failed]
  return [
    { _tag: "Ending", why, part: next, cleanup },
    [...reported(report), { _tag: "Run", part: next, why }]
  ]
}

const kept = <F>(cleanup: ReadonlyArray<F>, failed: F | undefined): ReadonlyArray<F> =>
  failed === undefined || cleanup.length >= maxFailures ? cleanup : [...cleanup, failed]

const reported = <F>(failed: ReadonlyArray<F>): ReadonlyArray<Action<F>> =>
  failed.length === 0 ? [] : [{ _tag: "Report", failed }]

export const step = <F>(state: State<F>, input: Input<F>): Step<F> => {
  const stay: Step<F> = [state, ackOf(input)]
  switch (state._tag) {
    case "Greeting":
      if (input._tag === "Spec") return [{ _tag: "Booting" }, [{ _tag: "Boot" }]]
      if (input._tag === "Signal") return ungreeted(signalled(input.signal))
      return input._tag === "Refused" || input._tag === "ParentLost" || input._tag === "Uncaught"
        ? ungreeted(undefined)
        : stay
    case "Booting": {
      if (input._tag === "Booted") return [{ _tag: "Serving", draining: false }, [{ _tag: "Serve" }]]
      if (input._tag === "BootFailed") return bootFailed(input.cause, undefined)
      const why = input._tag === "Signal" ? signalled(input.signal) : reasonOf(input, undefined)
      return why === undefined ? stay : abandon(why, input)
    }
    case "Abandoning":
      if (input._tag === "BootFailed") return bootFailed(input.cause, state.why)
      // An actor that is told to end during its boot first waits for the boot's result.
      return input._tag === "Booted" ? begin(state.why, input) : stay
    case "Serving": {
      if (input._tag === "Signal") {
        const { draining } = state
        return [{ _tag: "Leaving", signal: input.signal, draining }, [{
          _tag: "SayLeave",
          reason: input.signal.reason
        }]]
      }
      if (input._tag === "Drain") return [{ ...state, draining: true }, []]
      const why = reasonOf(input, undefined)
      return why === undefined ? stay : begin(why, input)
    }
    case "Leaving": {
      if (input._tag === "Drain") return [{ ...state, draining: true }, []]
      const why = input._tag === "Elapsed" ? signalled(state.signal) : reasonOf(input, state.signal)
      return why === undefined ? stay : begin(why, input)
    }
    case "Ending":
      if (input._tag === "Settled") return settled(state, input.failed)
      if (input._tag !== "Uncaught") return stay
      return [
        { ...state, cleanup: kept(state.cleanup, input.cause) },
        state.part === "handlers" || state.part === "layers"
          ? []
          : reported([input.cause])
      ]
    case "Ended":
      return [state, []]
  }
}
