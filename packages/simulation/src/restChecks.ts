/** Checks that calls end when no step of the random program disturbs them any more. */
import type { Check } from "./facts.ts"
import type { Timed } from "./History.ts"
import type { Step } from "./Program.ts"
import { endsByItself, isOverOnceLeft } from "./shortSteps.ts"

/** Faults after which a connection is lost only when more bytes are written to it. */
const unheard: ReadonlySet<string> = new Set(["break", "snap"])

/** Milliseconds without an event of a call, after which the call counts as stuck. */
const restMillis = 1_000

/**
 * Returns the names of the actors that a call needs: the called actor, and another actor that the called actor calls.
 */
const neededBy = ({ actor, kind }: Step, called: string, actors: number): ReadonlyArray<string> =>
  kind === "far" || kind === "cross" ? [called, `a${(actor + 1) % actors}`] : [called]

/**
 * G1, G7, G11, G31, G276: a call whose work can end does end, and waits for no event that has already happened.
 */
export const comesToItsEnd: Check = ({ events, heldUntil, indexOf, isHurt, isStopped, of, program }) => {
  const [rest] = of("Rests")
  if (rest === undefined || isStopped || heldUntil > rest.at - restMillis) return []
  const before = events.slice(0, indexOf(rest))
  const keys = (tag: Timed["_tag"]) =>
    new Set(before.flatMap((event) => event._tag === tag && "key" in event ? [event.key] : []))
  const [began, ended, answered, interrupted] = [keys("Began"), keys("Ended"), keys("Answered"), keys("Interrupting")]
  // A slow connection can make a long dialog last longer than the time for which the random program has been silent.
  const moves = (key: number) =>
    before.some((event) => "key" in event && event.key === key && rest.at - event.at < restMillis)
  // The owner that ends an actor decides when the handlers of this actor end.
  const isEnded = (actor: string) => before.some((event) => event._tag === "Ending" && event.actor === actor)
  const isUnplugged = program.steps.some(({ kind }) => kind === "unplug")
  return before.flatMap((event) => {
    if (event._tag !== "Called") return []
    const { key } = event
    const step = program.steps[key]
    // A handler of the root ends when the actor that has called it is lost. A connection that throws is noticed only
    // at the next write.
    const isLost = of("Hurt").some(({ actor, what }) => actor === event.actor && !unheard.has(what))
    if (step?.kind === "up" && isLost && isOverOnceLeft(step) && !moves(key)) {
      return began.has(key) && !ended.has(key) ? [`${key} goes on in the root, and ${event.actor} is lost`] : []
    }
    if (step === undefined || neededBy(step, event.actor, program.actors).some((one) => isHurt(one) || isEnded(one))) {
      return []
    }
    const isFar = neededBy(step, event.actor, program.actors).length > 1
    if (
      isFar && isUnplugged || moves(key) ||
      !(endsByItself(step) || interrupted.has(key) && isOverOnceLeft(step))
    ) return []
    if (!answered.has(key)) return [`${key}, a ${event.kind}, is not answered, and nothing happens any more`]
    return began.has(key) && !ended.has(key) ? [`${key} is answered, and its handler still runs`] : []
  })
}

/** Kinds of steps that leave no open dialog between the root and its actors. */
const forgotten: ReadonlySet<string> = new Set(["run", "stream", "talk", "ask", "subscribe", "up", "halves", "leave"])

/** G7, G11: both sides forget a dialog that is over. */
export const forgetsDialogs: Check = ({ of, program }) =>
  program.steps.every((step) => step.kind === "interrupt" || forgotten.has(step.kind) && isOverOnceLeft(step))
    ? of("Open").flatMap(({ actor, dialogs }) =>
      dialogs === 0 ? [] : [`${dialogs} dialogs are open between the root and ${actor}, and every call is over`]
    )
    : []
