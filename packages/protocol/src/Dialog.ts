/**
 * The two machines of a dialog, one for each side. The machines of a dialog do no IO: their step functions return
 * actions, and the runtime carries these actions out.
 *
 *   caller   Opening --Started | Yield--> Open --Return | Error--> Done
 *               |                          |
 *               +--------- cancel ---------+--> Cancelling --Return | Error--> Done
 *                                                   |
 *                                                   +--bound passed--> Overdue --Return | Error--> Done
 *
 *   callee   Fresh --started()--> Open --exit--> Done
 *              |                   |
 *              +-- Cancel ---------+--> Cancelling --exit--> Done
 *              +-- failed by us ---+--> Failing -----exit--> Done (with this failure, whatever the handler makes of it)
 *              +-- caller lost ----+--> Orphaned ----exit--> Done (no peer to tell)
 *
 * In any order of words a dialog settles at most once and is silent afterwards, and its `Cancel` is sent at most once.
 * Both sides of a dialog drop words that crossed a cancel on the wire or were overtaken by a cancel, because the reader
 * of these words is gone. A plain call is a dialog without `Started`, and a stream is a dialog whose caller sends no
 * items. Calls, streams and dialogs share one machine and one set of rules for cancels.
 *
 * @since 0.1.0
 */
import type * as Message from "./Message.ts"
import type { Violation } from "./Violation.ts"

/** The state of one direction of a dialog: the direction is `stopped` after its sender has said `Stop`. */
export type Half = "open" | "stopped"

/**
 * A cancel of a dialog: the actor that asked first (`by`), the reason of the cancel, and the milliseconds for
 * finalizers (`deadline`).
 */
export interface Cancellation {
  readonly by: Message.ActorId
  readonly reason: string
  readonly deadline: number
}

const order = (word: string, state: string): Violation => ({ _tag: "DialogOrder", word, state })

// ---- The caller's side of a dialog ---------------------------------------------------------------------------------

/**
 * A cancel of a dialog that the caller's side has sent. The field `byUs` is false when the runtime asked for the
 * cancel, because a slow reader was overrun by items.
 */
export interface OurCancel {
  readonly cancellation: Cancellation
  readonly byUs: boolean
}

/**
 * The state of the caller's side of a dialog. The type parameter `L` is the type of the error that tells of a lost
 * connection.
 */
export type CallerState<L = unknown> =
  | { readonly _tag: "Opening"; readonly kind: Message.Kind }
  | { readonly _tag: "Open"; readonly kind: Message.Kind; readonly ours: Half; readonly theirs: Half }
  | { readonly _tag: "Cancelling"; readonly cancel: OurCancel }
  /** The dialog is settled although its last word has not come, because the bound of its cancel has passed. */
  | { readonly _tag: "Overdue"; readonly cancel: OurCancel }
  | { readonly _tag: "Done"; readonly outcome: Outcome<L>; readonly cancel: OurCancel | undefined }

/** An event of the caller's side of a dialog: a word of the callee, a request of the caller, or a loss on this side. */
export type CallerInput<L = unknown> =
  | { readonly _tag: "Heard"; readonly word: Message.FromCallee }
  | { readonly _tag: "Cancel"; readonly cancellation: Cancellation; readonly byUs: boolean }
  /** The bound of a cancel that the caller's side sent has passed. */
  | { readonly _tag: "Elapsed" }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Lost"; readonly error: L }

/** An action that the caller's side of a dialog asks of the runtime. */
export type CallerAction<L = unknown> =
  | { readonly _tag: "Deliver"; readonly word: Message.Started | Message.Yield | Message.Credit | Message.Stop }
  | { readonly _tag: "SendCancel"; readonly cancellation: Cancellation }
  | { readonly _tag: "SendStop" }
  | { readonly _tag: "Settle"; readonly outcome: Outcome<L> }
  /**
   * Reports a last word of the callee that came after the bound of the cancel, when the caller had already continued.
   */
  | { readonly _tag: "SettleLate"; readonly outcome: Outcome<L> }

/** The outcome of a dialog for its caller's side. */
export type Outcome<L = unknown> =
  | { readonly _tag: "Return"; readonly payload: Uint8Array }
  | { readonly _tag: "Error"; readonly payload: Uint8Array }
  | { readonly _tag: "Lost"; readonly error: L }
  | { readonly _tag: "Violation"; readonly violation: Violation }
  /** The callee did not answer the cancel of the caller's side within the bound of the cancel. */
  | { readonly _tag: "Unanswered"; readonly cancellation: Cancellation }

type CallerStep<L> = readonly [CallerState<L>, ReadonlyArray<CallerAction<L>>]

const silence: ReadonlyArray<never> = []

const openings: { readonly [K in Message.Kind]: CallerState<never> } = {
  call: { _tag: "Opening", kind: "call" },
  stream: { _tag: "Opening", kind: "stream" },
  dialog: { _tag: "Opening", kind: "dialog" }
}

/**
 * Returns the state of the caller's side of a dialog whose `Start` is on its way.
 *
 * @example
 * ```ts
 * Dialog.opening("call") // { _tag: "Opening", kind: "call" }
 * ```
 */
export const opening = (kind: Message.Kind): CallerState<never> => openings[kind]

/**
 * The first cancel that the caller's side sent for this dialog; `undefined` when it sent none.
 *
 * @example
 * ```ts
 * Dialog.cancelOf(Dialog.opening("call")) // undefined
 * ```
 */
export const cancelOf = (state: CallerState): OurCancel | undefined =>
  state._tag === "Opening" || state._tag === "Open" ? undefined : state.cancel

/**
 * True when the caller no longer waits for a last word: the callee has said its last word, or the bound of the cancel
 * has passed.
 *
 * @example
 * ```ts
 * Dialog.isSettled(Dialog.opening("call")) // false
 * ```
 */
export const isSettled = (state: CallerState): boolean => state._tag === "Done" || state._tag === "Overdue"

type Unfinished = Exclude<CallerState, { readonly _tag: "Done" }>

const settle = <L>(state: Unfinished, outcome: Outcome<L>): CallerStep<L> => {
  const cancel = cancelOf(state)
  if (state._tag !== "Overdue") return [{ _tag: "Done", outcome, cancel }, [{ _tag: "Settle", outcome }]]
  const { cancellation } = state.cancel
  return [
    { _tag: "Done", outcome: { _tag: "Unanswered", cancellation }, cancel },
    [{ _tag: "SettleLate", outcome }]
  ]
}

/**
 * Takes one input of the caller's side; returns the next state and the actions for the runtime.
 *
 * @example
 * ```ts
 * const [state] = Dialog.callerStep(Dialog.opening("call"), { _tag: "Lost", error: "the peer died" })
 * Dialog.isSettled(state) // true
 * ```
 */
export const callerStep = <L>(state: CallerState<L>, input: CallerInput<L>): CallerStep<L> => {
  if (state._tag === "Done") return [state, silence]
  switch (input._tag) {
    case "Heard":
      return callerHeard(state, input.word)
    case "Cancel": {
      // Only the first cancel of a dialog is sent. A second cancel is normal, for instance when a timeout and the
      // interrupt of a parent race.
      if (state._tag === "Cancelling" || state._tag === "Overdue") return [state, silence]
      const { byUs, cancellation } = input
      return [{ _tag: "Cancelling", cancel: { cancellation, byUs } }, [{ _tag: "SendCancel", cancellation }]]
    }
    case "Elapsed": {
      if (state._tag !== "Cancelling") return [state, silence]
      const { cancel } = state
      const outcome = { _tag: "Unanswered", cancellation: cancel.cancellation } as const
      return [{ _tag: "Overdue", cancel }, [{ _tag: "Settle", outcome }]]
    }
    case "Stop":
      return state._tag === "Open" && state.kind === "dialog" && state.ours === "open"
        ? [{ ...state, ours: "stopped" }, [{ _tag: "SendStop" }]]
        : [state, silence]
    case "Lost":
      return settle(state, { _tag: "Lost", error: input.error })
  }
}

const callerHeard = <L>(state: Exclude<CallerState<L>, { _tag: "Done" }>, word: Message.FromCallee): CallerStep<L> => {
  if (word._tag === "Error") return settle(state, { _tag: "Error", payload: word.payload })
  if (word._tag === "Return") {
    // A `Return` before `Started` is a violation: a dialog handler that ends without a first value must say `Error`.
    return state._tag === "Opening" && state.kind === "dialog"
      ? settle(state, { _tag: "Violation", violation: order("Return", "Opening") })
      : settle(state, { _tag: "Return", payload: word.payload })
  }
  if (state._tag === "Cancelling" || state._tag === "Overdue") return [state, silence]
  const next = callerNext(state, word._tag)
  return next === undefined
    ? settle(state, { _tag: "Violation", violation: order(word._tag, state._tag) })
    : [next, [{ _tag: "Deliver", word }]]
}

type Word = "Started" | "Yield" | "Credit" | "Stop"

/**
 * The state of the caller's side after a word that does not end the dialog; `undefined` when the word is not allowed
 * in this state.
 */
const callerNext = (
  state: Extract<CallerState, { kind: unknown }>,
  word: Word
): Extract<CallerState, { kind: unknown }> | undefined => {
  if (state._tag === "Opening") {
    const begins = state.kind === "dialog" ? word === "Started" : state.kind === "stream" && word === "Yield"
    return begins ? { _tag: "Open", kind: state.kind, ours: "open", theirs: "open" } : undefined
  }
  switch (word) {
    case "Yield":
      return state.theirs === "open" ? state : undefined
    case "Credit":
      return state.kind === "dialog" ? state : undefined
    case "Stop":
      return state.kind === "dialog" && state.theirs === "open" ? { ...state, theirs: "stopped" } : undefined
    case "Started":
      return undefined
  }
}

// ---- The callee's side of a dialog ---------------------------------------------------------------------------------

/**
 * The state of the callee's side of a dialog. The type parameter `F` is the type of the failures with which the runtime
 * ends a handler.
 */
export type CalleeState<F = unknown> =
  | { readonly _tag: "Fresh"; readonly kind: Message.Kind }
  | { readonly _tag: "Open"; readonly kind: Message.Kind; readonly ours: Half; readonly theirs: Half }
  | { readonly _tag: "Cancelling"; readonly cancellation: Cancellation }
  | { readonly _tag: "Failing"; readonly failure: F; readonly cancelled: boolean }
  | { readonly _tag: "Orphaned" }
  | { readonly _tag: "Done" }

/** An event of the callee's side of a dialog: a word of the caller, or a step of the handler or the runtime. */
export type CalleeInput<F = unknown> =
  | { readonly _tag: "Heard"; readonly word: Message.FromCaller }
  | { readonly _tag: "Started" }
  | { readonly _tag: "Stop" }
  /** The runtime fails the call with an error of its own (`failure`), and drops the result of the call's handler. */
  | { readonly _tag: "Fail"; readonly failure: F; readonly cancellation: Cancellation }
  | { readonly _tag: "Exited" }
  | { readonly _tag: "Lost" }

/** An action that the callee's side of a dialog asks of the runtime. */
export type CalleeAction<F = unknown> =
  | { readonly _tag: "Deliver"; readonly word: Message.Yield | Message.Credit | Message.Stop }
  | { readonly _tag: "SendStarted" }
  | { readonly _tag: "SendStop" }
  /** Interrupts the handler, because the caller has cancelled or the caller is gone. */
  | { readonly _tag: "Interrupt"; readonly cancellation: Cancellation | "caller-lost" }
  /**
   * Says the last word of the dialog: the field `failure` if it is set, and otherwise the exit of the handler.
   * The field `asked` is true when the last word answers a cancel of the caller.
   */
  | { readonly _tag: "SendLast"; readonly failure: F | undefined; readonly asked: boolean }
  /** Tells the runtime that a handler has exited after its caller was gone. */
  | { readonly _tag: "Unheard" }
  | { readonly _tag: "Forget" }
  | { readonly _tag: "Violate"; readonly violation: Violation }

type CalleeStep<F> = readonly [CalleeState<F>, ReadonlyArray<CalleeAction<F>>]

const calleeDone: CalleeState<never> = { _tag: "Done" }
const orphaned: CalleeState<never> = { _tag: "Orphaned" }
const forget: CalleeAction<never> = { _tag: "Forget" }
const lastWord: ReadonlyArray<CalleeAction<never>> = [{ _tag: "SendLast", failure: undefined, asked: false }, forget]
const answer: ReadonlyArray<CalleeAction<never>> = [{ _tag: "SendLast", failure: undefined, asked: true }, forget]
const unheard: ReadonlyArray<CalleeAction<never>> = [{ _tag: "Unheard" }, forget]

const accepted: { readonly [K in Message.Kind]: CalleeState<never> } = {
  // Only an endpoint of the kind "dialog" begins with a first value. A call or a stream counts as open from its
  // `Start` on, and the sides of a call send no items.
  call: { _tag: "Open", kind: "call", ours: "stopped", theirs: "stopped" },
  stream: { _tag: "Open", kind: "stream", ours: "open", theirs: "stopped" },
  dialog: { _tag: "Fresh", kind: "dialog" }
}

/**
 * Returns the state of the callee's side of a dialog after it has accepted a `Start`.
 *
 * @example
 * ```ts
 * Dialog.accept("dialog") // { _tag: "Fresh", kind: "dialog" }
 * ```
 */
export const accept = (kind: Message.Kind): CalleeState<never> => accepted[kind]

/**
 * True when the callee of the dialog may send items now. The runtime calls the function `mayYield` before it encodes an
 * item of the callee.
 *
 * @example
 * ```ts
 * Dialog.mayYield(Dialog.accept("stream")) // true
 * Dialog.mayYield(Dialog.accept("call")) // false
 * ```
 */
export const mayYield = (state: CalleeState): boolean => state._tag === "Open" && state.ours === "open"

/** True when the machine has already asked the runtime to interrupt the handler of the dialog. */
const isInterrupted = (state: CalleeState): boolean => state._tag === "Cancelling" || state._tag === "Failing"

/**
 * Takes one input of the callee's side; returns the next state and the actions for the runtime.
 *
 * @example
 * ```ts
 * const [state, actions] = Dialog.calleeStep(Dialog.accept("dialog"), { _tag: "Started" })
 * state._tag // "Open"
 * actions // [{ _tag: "SendStarted" }]
 * ```
 */
export const calleeStep = <F>(state: CalleeState<F>, input: CalleeInput<F>): CalleeStep<F> => {
  if (state._tag === "Done") return [state, silence]
  switch (input._tag) {
    case "Exited":
      switch (state._tag) {
        case "Orphaned":
          return [calleeDone, unheard]
        case "Failing":
          return [calleeDone, [{ _tag: "SendLast", failure: state.failure, asked: false }, forget]]
        case "Cancelling":
          return [calleeDone, answer]
        default:
          return [calleeDone, lastWord]
      }
    case "Lost":
      return state._tag === "Orphaned"
        ? [state, silence]
        : [orphaned, isInterrupted(state) ? silence : [{ _tag: "Interrupt", cancellation: "caller-lost" }]]
    case "Fail": {
      if (state._tag === "Orphaned" || state._tag === "Failing") return [state, silence]
      const cancelled = state._tag === "Cancelling"
      const { cancellation, failure } = input
      return [{ _tag: "Failing", failure, cancelled }, cancelled ? silence : [{ _tag: "Interrupt", cancellation }]]
    }
    case "Started":
      return state._tag === "Fresh"
        ? [{ _tag: "Open", kind: state.kind, ours: "open", theirs: "open" }, [{ _tag: "SendStarted" }]]
        : [state, silence]
    case "Stop":
      return state._tag === "Open" && state.kind === "dialog" && state.ours === "open"
        ? [{ ...state, ours: "stopped" }, [{ _tag: "SendStop" }]]
        : [state, silence]
    case "Heard":
      return calleeHeard(state, input.word)
  }
}

const calleeHeard = <F>(
  state: Exclude<CalleeState<F>, { _tag: "Done" }>,
  word: Message.FromCaller
): CalleeStep<F> => {
  if (state._tag === "Orphaned") return [state, silence]
  const breach = (): CalleeStep<F> => [
    orphaned,
    [
      { _tag: "Violate", violation: order(word._tag, state._tag) },
      ...(isInterrupted(state) ? silence : [{ _tag: "Interrupt", cancellation: "caller-lost" } as const])
    ]
  ]
  if (word._tag === "Cancel") {
    if (state._tag === "Failing") return state.cancelled ? breach() : [{ ...state, cancelled: true }, silence]
    if (state._tag === "Cancelling") return breach()
    const { by, deadline, reason } = word
    const cancellation = { by, reason, deadline }
    return [{ _tag: "Cancelling", cancellation }, [{ _tag: "Interrupt", cancellation }]]
  }
  // A `Cancel` takes the control lane, so words that the caller said before the cancel may arrive after the cancel. The
  // callee's side drops words that arrive behind the cancel.
  if (state._tag === "Cancelling" || state._tag === "Failing") return [state, silence]
  if (state._tag === "Fresh" || state.kind === "call") return breach()
  switch (word._tag) {
    case "Credit":
      return [state, [{ _tag: "Deliver", word }]]
    case "Yield":
      return state.theirs === "open" ? [state, [{ _tag: "Deliver", word }]] : breach()
    case "Stop":
      return state.theirs === "open" ? [{ ...state, theirs: "stopped" }, [{ _tag: "Deliver", word }]] : breach()
  }
}
