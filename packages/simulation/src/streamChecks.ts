/**
 * Checks of the streams, tasks and deadlines in the history of a run.
 */
import { defaults } from "@furrow/actor/Timeouts"
import { never } from "./actors.ts"
import { type Check, has } from "./facts.ts"
import { cleanups } from "./stage.ts"

/**
 * G28, G31, G50, G51: every reader of a stream gets the items in order and without a gap. The reader of a stream that
 * ended without an error has read the stream to its last item.
 */
export const readsInOrder: Check = ({ of }) => {
  const next = new Map<string, number>()
  const wrong = of("Read").flatMap(({ item, key, reader }) => {
    const id = `${key} ${reader}`
    // A second subscriber of a stream may begin at a later item than the first subscriber.
    const expected = next.get(id) ?? (reader === "beside" ? item : 0)
    next.set(id, item + 1)
    return item === expected ? [] : [`${key}, ${reader}: item ${item} was read where ${expected} was next`]
  })
  const short = of("Completed").flatMap(({ count, key, reader }) => {
    const read = next.get(`${key} ${reader}`) ?? 0
    return read === count ? [] : [`${key}, ${reader}: the stream ended well after ${read} of ${count} items`]
  })
  return [...wrong, ...short]
}

/** G31: a writer is ahead of its reader by no more items than the reader's window. */
export const keepsCredit: Check = ({ events }) => {
  const read = new Map<number, number>()
  return events.flatMap((event) => {
    if (event._tag === "Read") read.set(event.key, Math.max(read.get(event.key) ?? 0, event.item + 1))
    if (event._tag !== "Wrote") return []
    const ahead = event.item + 1 - (read.get(event.key) ?? 0)
    // A reader may already have read one further item that is not recorded yet.
    return ahead <= event.window + 1
      ? []
      : [`${event.key}: a writer is ${ahead} items ahead, its window is ${event.window}`]
  })
}

/** G29: a reader gets all items that were sent before the failure of its stream. */
export const failsLast: Check = ({ of, program }) => {
  const read = new Map<number, number>()
  for (const { key } of of("Read")) read.set(key, (read.get(key) ?? 0) + 1)
  return of("Failing").flatMap(({ count, key }) => {
    const answer = of("Answered").find((event) => event.key === key)
    const heard = read.get(key) ?? 0
    return answer !== undefined && has(answer.how, "Fail Oops") && heard !== count
      ? [`${key} failed after ${heard} of ${count} items, in a program of ${program.steps.length} steps`]
      : []
  })
}

/** G139: tasks of one group never run in two workers at the same time. */
export const keepsGroups: Check = ({ events, isHurt }) => {
  const running = new Map<string, Map<number, string>>()
  return events.flatMap((event) => {
    if (event._tag === "Worked") running.get(event.group)?.delete(event.key)
    if (event._tag !== "Works") return []
    const group = running.get(event.group) ?? new Map<number, string>()
    running.set(event.group, group)
    const other = Array.from(group).find(([, worker]) => worker !== event.worker)
    group.set(event.key, event.worker)
    const pool = `pool${Math.floor(event.key / 10_000) - 1}`
    return other === undefined || isHurt(pool)
      ? []
      : [`${event.key} began in a worker while ${other[0]} of ${event.group} ran in another one`]
  })
}

/**
 * G21, G92, G137: a caller with a deadline goes on at the deadline, or when its cancel is acknowledged or exceeds its
 * bound.
 */
export const keepsDeadlines: Check = ({ isStopped, of, slackMillis }) =>
  isStopped ? [] : of("Timed").flatMap(({ actor, key, millis, within }) => {
    const bound = within + slackMillis + (actor.startsWith("pool") ? 0 : defaults.cancel)
    return millis <= bound ? [] : [`${key} went on ${millis} ms after its call, its deadline was ${within} ms`]
  })

/** G17: a cancel overtakes data, so the interrupted caller of a handler that can end at once goes on soon. */
export const overtakes: Check = ({ heldUntil, of, program }) => {
  if (of("Hurt").length > 0 || heldUntil > 0) return []
  const since = new Map(of("Interrupting").map(({ at, key }) => [key, at]))
  const slow = new Set(of("Began").filter(({ isEndless }) => isEndless).map(({ key }) => key))
  // A handler that was interrupted while it recorded the event `Began` still runs its cleanup.
  const began = new Set(of("Began").map(({ key }) => key))
  const isEndless = (key: number) => slow.has(key) || !began.has(key) && cleanups[program.steps[key]!.c] === never
  return of("Interrupted").flatMap(({ at, key }) => {
    const millis = at - since.get(key)!
    const kind = program.steps[key]?.kind ?? ""
    return prompt.has(kind) && !isEndless(key) && millis > promptMillis
      ? [`${key}, a ${kind}, was interrupted, and its caller went on ${millis} ms later`]
      : []
  })
}

/** The kinds of steps whose calls wait only for their own handler. */
const prompt: ReadonlySet<string> = new Set(["run", "stream", "bytes", "ask", "large", "lag", "overflow", "subscribe"])
/**
 * Milliseconds within which an interrupted caller continues: 300 for the longest cleanup that ends by itself, and 1500
 * for the words in both directions.
 */
const promptMillis = 300 + 1_500
