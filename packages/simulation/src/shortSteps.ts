/** Says which steps make calls that end by themselves, or that end once their caller has left. */
import { never } from "./actors.ts"
import { leaveCleanups } from "./partings.ts"
import type { Step } from "./Program.ts"
import { cleanups, ends, waits } from "./stage.ts"

/**
 * The longest cleanup or wait, in milliseconds, that certainly ends before the random program interrupts its open
 * calls.
 */
const shortMillis = 300

/** The longest wait of a call, in milliseconds, in a step where one actor calls another actor up to six times. */
const shortFarMillis = 40

const isShort = (cleanup: number): boolean => cleanup !== never && cleanup <= shortMillis

/**
 * Returns the milliseconds of a handler's cleanup; `undefined` where the step of the random program does not set
 * them.
 */
const cleanupOf = ({ a, c, kind }: Step): number | undefined => {
  switch (kind) {
    case "run":
    case "up":
      return cleanups[c]!
    case "leave":
      return leaveCleanups[a]!
    case "talk":
      return c === 5 ? 0 : cleanups[a]!
    case "stream":
    case "ask":
    case "halves":
    case "subscribe":
    case "far":
    case "cross":
      return 0
    default:
      return undefined
  }
}

/**
 * True when an interrupted call of this step in a random program must end soon, because the handler's cleanup is
 * short.
 */
export const isOverOnceLeft = (step: Step): boolean => isShort(cleanupOf(step) ?? never)

/** True when a call of this step in a random program ends without being interrupted. */
export const endsByItself = (step: Step): boolean => {
  const { a, b, c, kind } = step
  if (!isOverOnceLeft(step)) return false
  switch (kind) {
    case "run":
    case "up":
      return ends[b] !== "hang" && waits[a]! <= shortMillis
    case "talk":
      return c === 5 || ends[c] !== "hang"
    case "far":
    case "cross":
      return waits[b]! <= shortFarMillis
    default:
      return true
  }
}
