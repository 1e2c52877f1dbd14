/**
 * Checks whether the history of a run keeps the guarantees. Each check of a history is a pure function from the history
 * to the faults found in it.
 */
import { defaults } from "@furrow/actor/Timeouts"
import * as Simulation from "@furrow/testing/Simulation"
import { type Check, factsOf, farther, has } from "./facts.ts"
import { compared } from "./History.ts"
import * as Owners from "./ownerChecks.ts"
import * as Rest from "./restChecks.ts"
import type { Result } from "./Run.ts"
import * as Streams from "./streamChecks.ts"

/** G1, G7, G12, G13, G72: at the end of a run, no call hangs, no actor is left, and no handler still runs. */
const comesToRest: Check = ({ run }) => [
  ...Simulation.problems(run)
]

/** G7: every call that a random program has made gets an answer. */
const answersAll: Check = ({ of }) => {
  const answered = new Set(of("Answered").map(({ key }) => key))
  return of("Called").filter(({ key }) => !answered.has(key)).map(({ key }) => `${key} was called and never answered`)
}

/** G10, G155: the handler of each call runs at most once. */
const runsOnce: Check = ({ of }) => {
  const seen = new Set<number>()
  return of("Began").flatMap(({ actor, key }) => {
    const isFirst = !seen.has(key)
    seen.add(key)
    return isFirst ? [] : [`the handler of ${key} ran twice, the second time in ${actor}`]
  })
}

/** G9, G23: each caller gets the answer to its own call. */
const hearsItsOwn: Check = ({ of }) => {
  const kinds = new Map(of("Called").map(({ key, kind }) => [key, kind]))
  return of("Answered").flatMap(({ how, key }) => {
    const kind = kinds.get(key)
    if ((kind === "run" || kind === "own" || kind === "hop") && has(how, "ok") && how.value !== key) {
      return [`${key} was answered with ${String(how.value)}`]
    }
    return has(how, "Fail Oops") && how.key !== key && kind !== undefined
      ? [`${key} was answered with the error of ${how.key}`]
      : []
  })
}

/**
 * G11, G12: an interrupted caller resumes when the finalizers in the called actor have run, or when the bound of the
 * cancel has passed.
 */
const acknowledges: Check = ({ events, hurtAt, indexOf, of, slackMillis }) => {
  const began = new Map(of("Began").map((event) => [event.key, event]))
  const ended = new Map(of("Ended").map((event) => [event.key, event]))
  // An actor may pass a call on to another actor. The handler of a call that was passed on runs in another actor, and
  // is interrupted when the actor that passed the call on ends.
  const called = new Map(of("Called").map(({ actor, key }) => [key, actor]))
  return of("Interrupted").flatMap((event) => {
    const { at, key } = event
    const start = began.get(key)
    const end = ended.get(key)
    const since = events.find(({ _tag, ...fields }) =>
      _tag === "Interrupting" && (fields as { key: number }).key === key
    )!.at
    if (at - since > defaults.cancel + slackMillis && !of("Hurt").length) {
      return [
        `${key} was interrupted, and its caller went on ${at - since} ms later`
      ]
    }
    if (start === undefined || end !== undefined && indexOf(end) < indexOf(event)) return []
    // A cleanup that never ends is interrupted when its actor ends; in a deep tree the actor may end before the bound.
    const isGone = of("Gone").some((gone) => gone.actor === start.actor && indexOf(gone) < indexOf(event))
    if (end === undefined && isGone) return []
    const bound = end === undefined ? defaults.finalizers / 2 : defaults.cancel
    if (hurtAt(start.actor) < Infinity || hurtAt(called.get(key) ?? "") < Infinity || at - since >= bound) return []
    // The check also reports a handler that began after its interrupted caller had already continued.
    if (indexOf(start) > indexOf(event)) return [`${key} began in ${start.actor} after its caller had gone`]
    return [`${key} was interrupted, and its caller went on while its handler still ran in ${start.actor}`]
  })
}

/** G78, G144: a call fails with `ActorLost` only if a step has killed, stopped or cut off the called actor. */
const isNotLost: Check = ({ isHurt, of }) => {
  const called = new Map(of("Called").map((event) => [event.key, event]))
  return of("Answered").flatMap(({ how, key }) => {
    const call = called.get(key)
    if (has(how, "Fail ProtocolViolation")) return [`${key} heard that the protocol was broken`]
    if (call === undefined || !has(how, "Fail ActorLost")) return []
    if ((call.actor === "" || farther.has(call.kind)) && of("Hurt").length > 0) return []
    return isHurt(call.actor) ? [] : [`${key} heard ActorLost, and ${call.actor} was not hurt`]
  })
}

/** G80, G124: the handler of a call has not run if the caller was told that the call had not begun. */
const hasNotBegun: Check = ({ of }) => {
  const began = new Map(of("Began").map(({ actor, key }) => [key, actor]))
  const called = new Map(of("Called").map((event) => [event.key, event]))
  return of("Answered").flatMap(({ how, key }) =>
    has(how, "Fail ActorLost") && how.began === "no" && began.has(key) && called.get(key)?.actor === began.get(key)
      ? [`${key} heard that it had not begun, and its handler ran`]
      : []
  )
}

/** The checks that need the events of a whole history. */
const decided: Readonly<Record<string, Check>> = {
  comesToRest,
  answersAll,
  runsOnce,
  hearsItsOwn,
  acknowledges,
  isNotLost,
  hasNotBegun,
  ...Streams,
  ...Rest,
  ...Owners
}

/** Returns the faults that steps recorded for one check, by its name, while the random program ran. */
const comparedAs = (name: string): Check => ({ of }) =>
  of("Wrong").filter(({ check }) => check === name).map(({ text }) => text)

/** All checks of a history, by the names of the checks. */
export const checks: Readonly<Record<string, Check>> = Object.fromEntries(
  [...new Set([...Object.keys(decided), ...compared])].map((name): [string, Check] => {
    const own = decided[name]
    return [name, (facts) => [...own?.(facts) ?? [], ...comparedAs(name)(facts)]]
  })
)

/** Returns the faults of a run, each with the name of the check that found the fault. */
export const problems = (result: Result): ReadonlyArray<{ readonly check: string; readonly text: string }> => {
  const facts = factsOf(result)
  return Object.entries(checks).flatMap(([check, find]) => find(facts).map((text) => ({ check, text })))
}
