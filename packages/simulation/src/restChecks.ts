/**
 * Calls that must be over when a program is left in peace, by the steps that made them.
 */
import type { Check } from "./facts.ts"
import type { Timed } from "./History.ts"
import type { Step } from "./Program.ts"
import { endsByItself, isOverOnceLeft } from "./shortSteps.ts"

/** Faults that a connection is lost by only when more is written to it. */
const unheard: ReadonlySet<string> = new Set(["break", "snap"])

/** Milliseconds in which nothing more happens to a call that is stuck. */
const restMillis = 1_000

/** The actors that a call needs: the one that it is made to, and another one that this one calls. */
const neededBy = ({ actor, kind }: Step, called: string, actors: number): ReadonlyArray<string> =>
  kind === "far" || kind === "cross" ? [called, `a${(actor + 1) % actors}`] : [called]

/** G1, G7, G11, G31, G276: what can come to its end does so: nothing waits for what has happened. */
export const comesToItsEnd: Check = ({ events, heldUntil, indexOf, isHurt, isStopped, of, program }) => {
  const [rest] = of("Rests")
  if (rest === undefined || isStopped || heldUntil > rest.at - restMillis) return []
  const before = events.slice(0, indexOf(rest))
  const keys = (tag: Timed["_tag"]) =>
    new Set(before.flatMap((event) => event._tag === tag && "key" in event ? [event.key] : []))
  const [began, ended, answered, interrupted] = [keys("Began"), keys("Ended"), keys("Answered"), keys("Interrupting")]
  // A slow connection makes a long talk longer than the rest.
  const moves = (key: number) =>
    before.some((event) => "key" in event && event.key === key && rest.at - event.at < restMillis)
  // An owner that ends an actor decides when its handlers are over.
  const isEnded = (actor: string) => before.some((event) => event._tag === "Ending" && event.actor === actor)
  const isUnplugged = program.steps.some(({ kind }) => kind === "unplug")
  return before.flatMap((event) => {
    if (event._tag !== "Called") return []
    const { key } = event
    const step = program.steps[key]
    // The root works for an actor until that is lost. A connection that throws is found out by the next write.
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

/** Kinds that leave no dialog between the root and its actors once they are over. */
const forgotten: ReadonlySet<string> = new Set(["run", "stream", "talk", "ask", "subscribe", "up", "halves", "leave"])

/** G7, G11: a dialog that is over is forgotten by both sides. */
export const forgetsDialogs: Check = ({ of, program }) =>
  program.steps.every((step) => step.kind === "interrupt" || forgotten.has(step.kind) && isOverOnceLeft(step))
    ? of("Open").flatMap(({ actor, dialogs }) =>
      dialogs === 0 ? [] : [`${dialogs} dialogs are open between the root and ${actor}, and every call is over`]
    )
    : []
