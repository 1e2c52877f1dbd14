/**
 * The steps whose calls end by themselves, or once their caller has left them.
 */
import { never } from "./actors.ts"
import { leaveCleanups } from "./partings.ts"
import type { Step } from "./Program.ts"
import { cleanups, ends, waits } from "./stage.ts"

/** Cleanups and waits that are over long before the last call is interrupted, in milliseconds. */
const shortMillis = 300

/** The longest wait of each of up to six calls of one actor on another one, in milliseconds. */
const shortFarMillis = 40

const isShort = (cleanup: number): boolean => cleanup !== never && cleanup <= shortMillis

/** The cleanup of the handler of a call, in milliseconds; undefined where the step decides none. */
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

/** True when nothing of an interrupted call may be left. */
export const isOverOnceLeft = (step: Step): boolean => isShort(cleanupOf(step) ?? never)

/** True when a call ends by itself. */
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
