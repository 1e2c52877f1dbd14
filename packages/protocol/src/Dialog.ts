/**
 * One dialog as two machines, one for each side. Nothing here does IO: `step` says what to do, the runtime does it.
 *
 *   caller   Opening --Started | Yield--> Open --Return | Error--> Done
 *               |                          |
 *               +--------- cancel ---------+--> Cancelling --Return | Error--> Done
 *
 *   callee   Fresh --started()--> Open --exit--> Done
 *              |                   |
 *              +-- Cancel ---------+--> Cancelling --exit--> Done
 *              +-- caller lost ----+--> Orphaned ----exit--> Done (nobody to tell)
 *
 * Whatever arrives in whatever order: a dialog settles at most once and is silent afterwards; a cancel travels at most
 * once; what crossed a cancel on the wire, or was overtaken by it, is dropped on both sides, because nobody is left to
 * read it. A plain call is the dialog without `Started`, a stream one whose caller has nothing to say: one machine, one
 * set of cancel rules.
 *
 * @since 0.1.0
 */
import type * as Message from "./Message.ts"
import type { Violation } from "./Violation.ts"

/** One direction of a dialog: `stopped` after its sender's `Stop`. */
export type Half = "open" | "stopped"

/** Why somebody wants the work to stop, who asked first, and how many milliseconds the finalizers have. */
export interface Cancellation {
  readonly by: Message.ActorId
  readonly reason: string
  readonly deadline: number
}

const order = (word: string, state: string): Violation => ({ _tag: "DialogOrder", word, state })

// ---- the caller's side ------------------------------------------------------------------------------------------

export type CallerState =
  | { readonly _tag: "Opening"; readonly kind: Message.Kind }
  | { readonly _tag: "Open"; readonly kind: Message.Kind; readonly ours: Half; readonly theirs: Half }
  | { readonly _tag: "Cancelling"; readonly cancellation: Cancellation }
  | { readonly _tag: "Done" }

export type CallerInput =
  | { readonly _tag: "Heard"; readonly word: Message.FromCallee }
  | { readonly _tag: "Cancel"; readonly cancellation: Cancellation }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Lost" }

export type CallerAction =
  | { readonly _tag: "Deliver"; readonly word: Message.Started | Message.Yield | Message.Credit | Message.Stop }
  | { readonly _tag: "SendCancel"; readonly cancellation: Cancellation }
  | { readonly _tag: "SendStop" }
  | { readonly _tag: "Settle"; readonly outcome: Outcome }

/** How a dialog ended, seen by the caller. */
export type Outcome =
  | { readonly _tag: "Return"; readonly payload: Uint8Array }
  | { readonly _tag: "Error"; readonly payload: Uint8Array }
  | { readonly _tag: "Lost" }
  | { readonly _tag: "Violation"; readonly violation: Violation }

type CallerStep = readonly [CallerState, ReadonlyArray<CallerAction>]

const callerDone: CallerState = { _tag: "Done" }
const silence: ReadonlyArray<never> = []

const openings: { readonly [K in Message.Kind]: CallerState } = {
  call: { _tag: "Opening", kind: "call" },
  stream: { _tag: "Opening", kind: "stream" },
  dialog: { _tag: "Opening", kind: "dialog" }
}

/** The caller's state once its `Start` is on its way. */
export const opening = (kind: Message.Kind): CallerState => openings[kind]

const settle = (outcome: Outcome): CallerStep => [callerDone, [{ _tag: "Settle", outcome }]]

export const callerStep = (state: CallerState, input: CallerInput): CallerStep => {
  if (state._tag === "Done") return [state, silence]
  switch (input._tag) {
    case "Heard":
      return callerHeard(state, input.word)
    case "Cancel":
      // Asking twice is normal (a timeout and a parent's interrupt race): only the first reason travels.
      return state._tag === "Cancelling" ? [state, silence] : [
        { _tag: "Cancelling", cancellation: input.cancellation },
        [{ _tag: "SendCancel", cancellation: input.cancellation }]
      ]
    case "Stop":
      return state._tag === "Open" && state.kind === "dialog" && state.ours === "open"
        ? [{ ...state, ours: "stopped" }, [{ _tag: "SendStop" }]]
        : [state, silence]
    case "Lost":
      return settle({ _tag: "Lost" })
  }
}

const callerHeard = (state: Exclude<CallerState, { _tag: "Done" }>, word: Message.FromCallee): CallerStep => {
  if (word._tag === "Error") return settle({ _tag: "Error", payload: word.payload })
  if (word._tag === "Return") {
    // A dialog's handler that ends without `started` says Error: its caller still waits for the first value.
    return state._tag === "Opening" && state.kind === "dialog"
      ? settle({ _tag: "Violation", violation: order("Return", "Opening") })
      : settle({ _tag: "Return", payload: word.payload })
  }
  if (state._tag === "Cancelling") return [state, silence]
  const next = callerNext(state, word._tag)
  return next === undefined
    ? settle({ _tag: "Violation", violation: order(word._tag, state._tag) })
    : [next, [{ _tag: "Deliver", word }]]
}

type Word = "Started" | "Yield" | "Credit" | "Stop"

/** The state after a word that does not end the dialog, or `undefined` where the word has no place. */
const callerNext = (state: Extract<CallerState, { kind: unknown }>, word: Word): CallerState | undefined => {
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

// ---- the callee's side ------------------------------------------------------------------------------------------

export type CalleeState =
  | { readonly _tag: "Fresh"; readonly kind: Message.Kind }
  | { readonly _tag: "Open"; readonly kind: Message.Kind; readonly ours: Half; readonly theirs: Half }
  | { readonly _tag: "Cancelling"; readonly cancellation: Cancellation }
  | { readonly _tag: "Orphaned" }
  | { readonly _tag: "Done" }

export type CalleeInput =
  | { readonly _tag: "Heard"; readonly word: Message.FromCaller }
  | { readonly _tag: "Started" }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Exited" }
  | { readonly _tag: "Lost" }

export type CalleeAction =
  | { readonly _tag: "Deliver"; readonly word: Message.Yield | Message.Credit | Message.Stop }
  | { readonly _tag: "SendStarted" }
  | { readonly _tag: "SendStop" }
  /** Interrupt the handler: on the caller's word, or because the caller is gone. */
  | { readonly _tag: "Interrupt"; readonly cancellation: Cancellation | "caller-lost" }
  /** Say the last word. */
  | { readonly _tag: "SendLast" }
  | { readonly _tag: "Forget" }
  | { readonly _tag: "Violate"; readonly violation: Violation }

type CalleeStep = readonly [CalleeState, ReadonlyArray<CalleeAction>]

const calleeDone: CalleeState = { _tag: "Done" }
const orphaned: CalleeState = { _tag: "Orphaned" }
const lastWord: ReadonlyArray<CalleeAction> = [{ _tag: "SendLast" }, { _tag: "Forget" }]
const forget: ReadonlyArray<CalleeAction> = [{ _tag: "Forget" }]

const accepted: { readonly [K in Message.Kind]: CalleeState } = {
  // Only a dialog has a first value to say: the others are open from the start, one of them with nothing to yield.
  call: { _tag: "Open", kind: "call", ours: "stopped", theirs: "stopped" },
  stream: { _tag: "Open", kind: "stream", ours: "open", theirs: "stopped" },
  dialog: { _tag: "Fresh", kind: "dialog" }
}

/** The callee's state once a `Start` was accepted. */
export const accept = (kind: Message.Kind): CalleeState => accepted[kind]

/** Whether the callee may yield now; its runtime asks before it encodes. */
export const mayYield = (state: CalleeState): boolean => state._tag === "Open" && state.ours === "open"

export const calleeStep = (state: CalleeState, input: CalleeInput): CalleeStep => {
  if (state._tag === "Done") return [state, silence]
  switch (input._tag) {
    case "Exited":
      return state._tag === "Orphaned" ? [calleeDone, forget] : [calleeDone, lastWord]
    case "Lost":
      return state._tag === "Orphaned"
        ? [state, silence]
        : [orphaned, state._tag === "Cancelling" ? silence : [{ _tag: "Interrupt", cancellation: "caller-lost" }]]
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

const calleeHeard = (state: Exclude<CalleeState, { _tag: "Done" }>, word: Message.FromCaller): CalleeStep => {
  if (state._tag === "Orphaned") return [state, silence]
  const breach = (): CalleeStep => [
    orphaned,
    [
      { _tag: "Violate", violation: order(word._tag, state._tag) },
      ...(state._tag === "Cancelling" ? silence : [{ _tag: "Interrupt", cancellation: "caller-lost" } as const])
    ]
  ]
  if (word._tag === "Cancel") {
    if (state._tag === "Cancelling") return breach()
    const { by, deadline, reason } = word
    const cancellation = { by, reason, deadline }
    return [{ _tag: "Cancelling", cancellation }, [{ _tag: "Interrupt", cancellation }]]
  }
  // Cancel takes the control lane: what the caller said before it may arrive after it, and nobody is left to read it.
  if (state._tag === "Cancelling") return [state, silence]
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
