/**
 * The machine of an actor as its owner knows the actor: one value is the state, and the pure function `step` changes
 * it. The state of an owned actor holds its rung of the shutdown ladder, the author of its end, its `Bye`, and its
 * process's end. Only `OwnedActor` derives the exit (`ActorExit`) of an actor, so that every caller gets the same exit.
 *
 * The exit of an actor follows from the topmost line of this list that is true for the actor:
 *
 *   1. its exit was never reported        -> Lost: it may still live
 *   2. its Bye                            -> what it says there
 *   3. an uncaught error it told of       -> Failed
 *   4. a loss before an end was begun     -> Lost
 *   5. this process ended it              -> Cancelled, and its cleanup was cut off
 *   6. its process ended without a word   -> Lost
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import {
  type ActorError,
  type ActorId,
  ActorLost,
  ChannelClosed,
  formatActor,
  formatLost,
  type Lost,
  RemoteActorError,
  type SpawnStep
} from "../errors/ActorError.ts"
import { type ActorExit, cleanupFailures, cleanupUnfinished } from "../errors/ActorExit.ts"
import { withoutStack } from "../errors/stack.ts"
import type { Evidence, PostMortem } from "../spawn/Evidence.ts"
import { type Asked, doingOf, hintOf, type Known } from "./PostMortem.ts"
import * as Ladder from "./ShutdownLadder.ts"

/**
 * The end of an actor's process, as its spawner reports it. `Disconnected` means that the actor's connection has ended,
 * and that the exit of its process is not known yet.
 */
export type End =
  | { readonly _tag: "Running" }
  | { readonly _tag: "Disconnected" }
  | { readonly _tag: "Exited"; readonly code: number }
  | { readonly _tag: "Signalled"; readonly signal: string }
  /**
   * The actor was killed, but its spawner has not reported the end of the process, or has reported that the process
   * still runs.
   */
  | { readonly _tag: "Unreported" }

export interface State {
  readonly actor: ActorId
  /** The actor that has started the owned actor. */
  readonly owner: ActorId
  /** The limit of the owned actor's heap, in MiB. */
  readonly memoryLimit: number | undefined
  readonly rung: Ladder.Rung
  /** True when the actor has said `Ready`; from then on the actor may have finalizers, and can be asked to end. */
  readonly ready: boolean
  readonly end: End
  /**
   * The reason of the actor's end and the author of the end: the owner, or the actor itself if the actor asked to
   * leave.
   */
  readonly cancellation: Cancellation | undefined
  /** The reason that the actor gave when it asked to leave; `undefined` for an actor that did not ask to leave. */
  readonly leave: string | undefined
  /** True when the owner has sent `CancelActor`, which makes the actor run its finalizers. */
  readonly asked: boolean
  /** The exit in the actor's `Bye`, once the `Bye` has arrived. */
  readonly farewell: ActorExit | undefined
  /** The actor's report of an uncaught error, or of a failed start. */
  readonly failure: Boxed | undefined
  /** The actor's report of failures in its cleanup. */
  readonly cleanup: ReadonlyArray<Boxed>
  /** The error of a lost actor, which is set when the actor ended before its owner wanted the end. */
  readonly loss: ActorError | undefined
  /**
   * The last signal that the owner sent to the actor's process, the reason for the signal, and the rung of the first
   * signal.
   */
  readonly forced: { readonly signal: string; readonly reason: string; readonly rung: Ladder.Rung } | undefined
  /** The step of the actor's start that failed, as the actor has reported it. */
  readonly failedStep: SpawnStep | undefined
  /** The owner's calls to the actor that were open when the actor's connection ended. */
  readonly open: ReadonlyArray<Asked>
  /** The platform's evidence about the end of the actor's process, once the process has ended. */
  readonly evidence: Evidence | undefined
  /**
   * The number of monitors in the owner that wait for the actor's exit. An actor's exit that a monitor has heard does
   * not fail the owner.
   */
  readonly monitors: number
  /** The exit of the actor, which is set when the actor is reaped (rung `Gone`). */
  readonly exit: ActorExit | undefined
}

export const initial = (actor: ActorId, owner: ActorId, memoryLimit?: number): State => ({
  actor,
  owner,
  memoryLimit,
  rung: "Running",
  ready: false,
  end: { _tag: "Running" },
  cancellation: undefined,
  leave: undefined,
  asked: false,
  farewell: undefined,
  failure: undefined,
  cleanup: [],
  loss: undefined,
  forced: undefined,
  failedStep: undefined,
  open: [],
  evidence: undefined,
  monitors: 0,
  exit: undefined
})

export type Input =
  /** The owner of the actor wants the actor to end. */
  | { readonly _tag: "End"; readonly cancellation: Cancellation }
  /** The actor has said `Ready` to its owner. */
  | { readonly _tag: "Ready" }
  /**
   * The owner gives up the start of the actor. A discarded actor that is not ready gets a SIGTERM, because it cannot be
   * asked to end.
   */
  | { readonly _tag: "Discard"; readonly cancellation: Cancellation }
  /** The actor was told from outside to end, for example by a signal. */
  | { readonly _tag: "Leave"; readonly reason: string }
  /** A monitor begins (1) or stops (-1) to wait for the actor's exit. */
  | { readonly _tag: "Monitored"; readonly change: 1 | -1 }
  | { readonly _tag: "Ack" }
  | { readonly _tag: "Bye"; readonly farewell: ActorExit }
  | { readonly _tag: "Failed"; readonly boxed: Boxed; readonly step?: SpawnStep | undefined }
  /**
   * The actor's connection has ended; the field `open` holds the owner's calls to the actor that were open at that
   * moment.
   */
  | { readonly _tag: "Ending"; readonly open: ReadonlyArray<Asked> }
  | { readonly _tag: "CleanupFailed"; readonly boxed: Boxed }
  | { readonly _tag: "ConnectionEnded"; readonly error: ActorError }
  /**
   * The bound of a rung of the shutdown ladder has passed. The field `ending` is true when the owner is itself being
   * ended.
   */
  | { readonly _tag: "Elapsed"; readonly ending: boolean; readonly lines: ReadonlyArray<string> }
  | {
    readonly _tag: "ProcessEnded"
    readonly end: End
    readonly lines: ReadonlyArray<string>
    readonly evidence?: Evidence | undefined
  }

export type Action = Ladder.Action | { readonly _tag: "TellLoss"; readonly error: ActorError }

export type Step = readonly [State, ReadonlyArray<Action>]

const climb = (state: State, input: Ladder.Input): Step => {
  const [rung, actions] = Ladder.step(state.rung, input)
  const asked = state.asked || actions.some(({ _tag }) => _tag === "Ask")
  return [{ ...state, rung, asked, forced: forcedBy(state, input, actions) }, actions]
}

const forcedBy = (state: State, input: Ladder.Input, actions: ReadonlyArray<Ladder.Action>): State["forced"] => {
  const sent = actions.find((action) => action._tag === "Signal")
  if (sent === undefined) return state.forced
  const { forced, rung } = state
  return {
    signal: sent.signal,
    rung: forced?.rung ?? rung,
    reason: forced === undefined
      ? reasonOf(rung, input)
      : `${forced.reason}, and ${forced.signal} did not end it`
  }
}

/** Returns the text that says why the owner sends a signal, by the rung on which the actor stands. */
const reasonOf = (rung: Ladder.Rung, input: Ladder.Input): string => {
  if (input === "lost") return "it could not be asked to end, because it had no connection"
  if (input === "discard") return "it could not be asked to end, because it was not ready"
  switch (rung) {
    case "Discarded":
      return "it did not exit in time after SIGTERM (`Timeouts.terminate`)"
    case "Asked":
      return "it did not acknowledge that it was to end (`Timeouts.cancelAck`)"
    case "Finalizing":
      return "its finalizers did not end in time (`Timeouts.finalizers`)"
    default:
      return "it did not exit in time after its last word (`Timeouts.terminate`)"
  }
}

export const step = (state: State, input: Input): Step => {
  if (state.rung === "Gone") return [state, []]
  switch (input._tag) {
    case "End":
      return climb({ ...state, cancellation: state.cancellation ?? input.cancellation }, "end")
    case "Ready":
      return climb({ ...state, ready: true }, "ready")
    case "Discard":
      return climb(
        { ...state, cancellation: state.cancellation ?? input.cancellation },
        state.ready ? "end" : "discard"
      )
    case "Leave":
      return state.rung === "Running" ? climb({ ...state, leave: input.reason }, "leave") : [state, []]
    case "Monitored":
      return [{ ...state, monitors: state.monitors + input.change }, []]
    case "Ack":
      return climb(state, "ack")
    case "Bye":
      return climb({ ...state, farewell: state.farewell ?? input.farewell }, "bye")
    case "Failed":
      return [{ ...state, failure: state.failure ?? input.boxed, failedStep: state.failedStep ?? input.step }, []]
    case "Ending":
      return [state.open.length === 0 ? { ...state, open: input.open } : state, []]
    case "CleanupFailed":
      return [{ ...state, cleanup: [...state.cleanup, input.boxed] }, []]
    case "ConnectionEnded":
      return disconnected(state, input.error)
    case "Elapsed":
      return elapsed(state, input)
    case "ProcessEnded":
      return ended({ ...state, evidence: input.evidence }, input.end, input.lines)
  }
}

/** True while neither the owner has asked the actor to end nor the actor has said `Bye`. */
const isUnexpected = ({ cancellation, farewell }: State): boolean =>
  cancellation === undefined && farewell === undefined

const lose = (state: State, error: ActorError): Step =>
  state.loss === undefined ? [{ ...state, loss: error }, [{ _tag: "TellLoss", error }]] : [state, []]

const disconnected = (state: State, error: ActorError): Step => {
  const end: End = state.end._tag === "Running" ? { _tag: "Disconnected" } : state.end
  const known = { ...state, end }
  const [lost, told] = isUnexpected(known) && known.failure === undefined ? lose(known, error) : [known, []]
  const [next, actions] = climb(lost, "lost")
  return [next, [...told, ...actions]]
}

const elapsed = (state: State, { ending, lines }: Extract<Input, { readonly _tag: "Elapsed" }>): Step => {
  if (state.rung === "Killed") return ended(state, { _tag: "Unreported" }, lines)
  if (state.rung !== "LeaveRequested") return climb(state, "elapsed")
  // The Scope that owns the actor is closing, and will end the actor after the actors that use it.
  if (ending) return [state, [{ _tag: "Wait", bound: "leave" }]]
  const own: Cancellation = { by: state.actor, reason: state.leave ?? "leaving", deadline: 0 }
  return climb({ ...state, cancellation: state.cancellation ?? own }, "elapsed")
}

const ended = (state: State, end: End, lines: ReadonlyArray<string>): Step => {
  const known = { ...state, end }
  const unexpected = end._tag === "Unreported" || isUnexpected(known) && known.failure === undefined
  const [lost, told] = unexpected ? lose(known, lostOf(known, lines)) : [known, []]
  const [next, actions] = climb(lost, "exit")
  return [{ ...next, exit: exitOf(lost, lines) }, [...told, ...actions]]
}

/** Returns how the actor was lost, as errors describe it. */
const howOf = ({ end, forced, memoryLimit }: State, lines: ReadonlyArray<string>): Lost => {
  if (end._tag === "Running" || end._tag === "Disconnected") return { _tag: "ConnectionClosed" }
  if (isAbort(end) && lines.some((line) => outOfMemory.test(line))) {
    return { _tag: "OutOfMemory", ...(memoryLimit === undefined ? {} : { limit: memoryLimit }) }
  }
  if (forced === undefined || !isOurs(end, forced.signal)) return end
  return { _tag: "Killed", signal: forced.signal, reason: forced.reason }
}

/**
 * True when the process ended by the owner's last signal, or by the owner's earlier SIGTERM, which took effect late.
 */
const isOurs = (end: End, sent: string): boolean =>
  end._tag === "Signalled" && (end.signal === sent || end.signal === "SIGTERM")

const isAbort = (end: End): boolean =>
  end._tag === "Signalled" && end.signal === "SIGABRT" || end._tag === "Exited" && end.code === 134

/**
 * The line that V8 writes before it aborts for lack of memory. User code may write the same line, but its process then
 * does not end with SIGABRT.
 */
const outOfMemory = /^FATAL ERROR: .*out of memory/

const lostOf = (state: State, lines: ReadonlyArray<string>): ActorLost => {
  const { actor, failure } = state
  const how = howOf(state, lines)
  return withoutStack(() =>
    new ActorLost({
      actor,
      how,
      began: "maybe",
      stderr: lines,
      failure: failure ?? null,
      doing: doing(state),
      hint: hint(state, how)
    })
  )
}

const doing = ({ evidence, open, owner }: State): ActorLost["doing"] =>
  doingOf(evidence?.calls, open, formatActor(owner))

const hint = (state: State, how: Lost): ActorLost["hint"] => hintOf(knownOf(state, how))

const knownOf = (state: State, how: Lost): Known => ({
  how,
  evidence: state.evidence,
  failure: state.failure?.type,
  step: state.failedStep,
  killedIn: killedIn(state)
})

const killedIn = ({ forced }: State): Known["killedIn"] => {
  if (forced?.rung === "Finalizing") return "finalizers"
  return forced?.rung === "Asked" ? "silence" : undefined
}

/** True when the cleanup of an actor contains a finalizer that was cut off. */
const isUnfinished = ({ cleanup }: ActorExit): boolean => cleanup.some(({ type }) => type === cleanupUnfinished)

/**
 * True for an owned actor whose end deserves a post-mortem, because the actor was lost, failed, or was not able to end
 * in order.
 */
const isUnusual = ({ end, exit, farewell, forced, ready }: State): boolean => {
  if (exit === undefined) return false
  if (exit._tag === "Lost" || exit._tag === "Failed" || isUnfinished(exit)) return true
  if (exit._tag === "Returned") return false
  // An actor whose start was given up should end by a signal, so this end deserves no post-mortem.
  return end._tag === "Signalled" && (ready || forced === undefined || farewell !== undefined)
}

/** Returns the post-mortem of the actor; `undefined` when the actor has ended as it should. */
export const postMortemOf = (
  state: State,
  lines: ReadonlyArray<string>
): Omit<PostMortem, "above"> | undefined => {
  if (!isUnusual(state)) return undefined
  const { actor, exit } = state
  const failure = state.failure ?? (exit?._tag === "Failed" ? exit.error.boxed : undefined)
  const how = howOf(state, lines)
  const unfinished = exit !== undefined && isUnfinished(exit) && state.farewell !== undefined
  const said = hintOf({ ...knownOf({ ...state, failure }, how), unfinished })
  return { actor, how, death: said?.death, hint: said?.text, doing: doing(state) }
}

/** Returns why the actor's portal can no longer be used. */
export const whyGone = (state: State, lines: ReadonlyArray<string>): ActorError => {
  const { actor, farewell, loss } = state
  if (loss !== undefined) return loss
  if (farewell === undefined) return lostOf(state, lines)
  // Callers of a failed actor get an `ActorLost`, because a failed actor does not end its dialogs in order.
  return farewell._tag === "Failed"
    ? lostOf({ ...state, failure: state.failure ?? farewell.error.boxed }, lines)
    : new ChannelClosed({ side: "peer", actor })
}

const cutOff = (state: State, lines: ReadonlyArray<string>): Boxed => ({
  type: cleanupUnfinished,
  message: `it ended before it had said how its cleanup went: ${formatLost(howOf(state, lines))}`,
  stack: "",
  cause: null,
  origin: state.actor,
  path: []
})

const stayed = "its process did not exit within Timeouts.terminate after its last word, and was killed"

/**
 * Returns a failure if the actor's process did not end as the actor's `Bye` had announced, for example if the owner had
 * to kill it.
 */
const aftermath = (state: State, farewell: ActorExit, lines: ReadonlyArray<string>): ReadonlyArray<Boxed> => {
  const { end, rung } = state
  if (rung === "Killed") return [{ ...cutOff(state, lines), message: stayed }]
  if (end._tag === "Exited" && isExpected(farewell, end.code)) return []
  const { message } = lostOf({ ...state, failure: undefined }, lines)
  return [{ ...cutOff(state, lines), type: "ActorLost", message }]
}

/**
 * True for an exit code that fits the actor's `Bye`: 0, any code after `Failed`, or the code of a signal after
 * `Cancelled`.
 */
const isExpected = (farewell: ActorExit, code: number): boolean =>
  code === 0 || farewell._tag === "Failed" || farewell._tag === "Cancelled" && code > 128

const isSame = (a: Boxed) => (b: Boxed): boolean => a.type === b.type && a.message === b.message && a.stack === b.stack

/**
 * Joins the cleanup failures that the actor reported one by one with those in its `Bye`, without repeating a failure.
 */
const allOf = (told: ReadonlyArray<Boxed>, farewell: ReadonlyArray<Boxed>): ReadonlyArray<Boxed> => [
  ...told,
  ...farewell.filter((boxed) => !told.some(isSame(boxed)))
]

/** Returns the cleanup failures for which the owner fails, because the owner itself has ended the actor. */
export const raisedBy = ({ actor, cancellation, exit }: State): ReadonlyArray<Boxed> =>
  exit === undefined || cancellation === undefined || cancellation.by.uuid === actor.uuid ? [] : cleanupFailures(exit)

/**
 * True when a monitor has heard the actor's exit. A monitor that comes after the actor's end does not count as having
 * heard the exit.
 */
export const isHandled = ({ exit, monitors }: State): boolean => exit !== undefined && monitors > 0

/** Decides the exit of the actor from all facts that the owner knows about the actor's end. */
export const exitOf = (state: State, lines: ReadonlyArray<string>): ActorExit => {
  const { actor, cancellation, cleanup, end, failure, farewell, loss } = state
  if (end._tag === "Unreported") return { _tag: "Lost", error: lostOf(state, lines), cleanup }
  if (farewell !== undefined) {
    return { ...farewell, cleanup: [...allOf(cleanup, farewell.cleanup), ...aftermath(state, farewell, lines)] }
  }
  if (failure !== undefined) {
    const error = withoutStack(() => new RemoteActorError({ actor, boxed: failure, others: [], ending: true }))
    return { _tag: "Failed", error, cleanup }
  }
  if (loss !== undefined) return { _tag: "Lost", error: loss, cleanup }
  if (cancellation === undefined) return { _tag: "Lost", error: lostOf(state, lines), cleanup }
  const { by, reason } = cancellation
  return { _tag: "Cancelled", by, reason, cleanup: state.asked ? [...cleanup, cutOff(state, lines)] : cleanup }
}
