/**
 * Makes the errors and texts by which callers and users learn why a supervisor or a child of it has ended.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import { ActorUnreachable, isActorError, RemoteActorError } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { box } from "../errors/Boxing.ts"
import { GaveUp } from "../errors/GaveUp.ts"
import { RollFailed } from "../errors/RollFailed.ts"
import { withoutStack } from "../errors/stack.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import type * as Machine from "./SupervisorMachine.ts"

/** Makes the error of a supervisor that gives up. */
export const gaveUpOf = ({ child, deaths, reason }: Machine.GivenUp, { intensity }: Machine.Policy): GaveUp => {
  const { withinMillis } = intensity
  const exits = deaths.flatMap(({ child, exit }) => exit === undefined ? [] : [{ child, exit }])
  return withoutStack(() => new GaveUp({ child, deaths: deaths.length, withinMillis, exits, reason }))
}

/** Makes the failure of a supervisor that ended before all its children were up for the first time. */
export const bootFailureOf = (why: Machine.Why): Exit.Exit<never, unknown> => {
  switch (why._tag) {
    case "NotStarted":
      return Exit.failCause(why.cause)
    case "AutoShutdown":
      return Exit.fail(endedEarly(why.child))
    case "EndedEarly": {
      const { child, exit } = why
      return Exit.fail(exit._tag === "Failed" || exit._tag === "Lost" ? exit.error : endedEarly(child))
    }
    default:
      return Exit.interrupt()
  }
}

const endedEarly = (child: string): ActorUnreachable => {
  const reason = "it had ended before all children of its supervisor were up"
  return withoutStack(() => new ActorUnreachable({ actor: null, target: `"${child}"`, why: "gone", reason }))
}

/** Makes the result of a rolling restart for its caller. */
export const rollExitOf = (
  { outcome, replaced }: Extract<Machine.Action, { readonly _tag: "RollEnded" }>
): Exit.Exit<void, RollFailed> => {
  if (outcome._tag === "Done") return Exit.void
  const { child } = outcome
  const why = ({ NotStarted: "start", Busy: "busy", Unknown: "unknown", Closed: "closed" } as const)[outcome._tag]
  const exit = outcome._tag === "NotStarted" ? outcome.exit : undefined
  const error = exit?._tag === "Failed" || exit?._tag === "Lost" ? exit.error : null
  return Exit.fail(withoutStack(() => new RollFailed({ child, why, error, replaced })))
}

/**
 * Converts the Exit of a child that is a plain Layer to an `ActorExit`: the first failure, and all other failures as
 * its cleanup.
 */
export const exitOfCause = (local: LocalActor, child: string, exit: Exit.Exit<void, unknown>): ActorExit => {
  if (Exit.isSuccess(exit)) return { _tag: "Returned", cleanup: [] }
  const [error = new Error("interrupted"), ...others] = exit.cause.reasons.flatMap((reason) =>
    reason._tag === "Fail" ? [reason.error] : reason._tag === "Die" ? [reason.defect] : []
  )
  const cleanup = others.map((other) => box(other, local.info.id))
  if (error instanceof RemoteActorError) return { _tag: "Failed", error, cleanup }
  if (isActorError(error)) return { _tag: "Lost", error, cleanup }
  const actor = { ...local.info.id, name: child }
  const boxed = withoutStack(() => new RemoteActorError({ actor, boxed: box(error, local.info.id), others: [] }))
  return { _tag: "Failed", error: boxed, cleanup }
}

/** Returns the text that an incarnation gets as the reason when its supervisor ends it. */
export const reasonOf = (
  { children, phase }: Machine.State,
  key: string,
  incarnation: number,
  closing = "layer closed"
): string => {
  if (phase._tag !== "Closing") {
    const child = children.find((child) => child.key === key)
    if (child?.goal === "Stopped" || child?.goal === "Removed") return "stopped by hand"
    return child?.incarnation === incarnation ? "restarted by its supervisor" : "replaced by its supervisor"
  }
  switch (phase.why._tag) {
    case "GaveUp":
      return "its supervisor gave up"
    case "AutoShutdown":
      return "its supervisor shut down"
    default:
      return closing
  }
}

/**
 * Returns a text for a call that has waited too long for a restarted child: what the supervisor is doing about the
 * child.
 */
export const progressOf = (
  { backoff, children }: Machine.State,
  key: string,
  supervisor: string,
  waitMillis: number
): string => {
  const child = children.find((child) => child.key === key)
  if (child?.goal === "Stopped") return `it was stopped by hand, and ${supervisor} waits for its start`
  const attempt = (child?.started ?? 0) + 1
  const next = child?.status === "Starting" || child?.behind?.status === "Starting"
    ? `start ${attempt - 1} is under way`
    : backoff === "Waiting"
    ? `start ${attempt} begins in ${waitMillis} ms`
    : `start ${attempt} comes next`
  return `${supervisor} is starting it again: ${next}`
}

/** Returns the text that says why a child begins no more calls. */
export const goneReasonOf = ({ phase }: Machine.State, policy: Machine.Policy, supervisor: string): string => {
  if (phase._tag !== "Closing" && phase._tag !== "Closed") return "it has ended for good"
  return phase.why._tag === "GaveUp"
    ? `${supervisor} gave up: ${gaveUpOf(phase.why, policy).message}`
    : `${supervisor} has ended`
}
