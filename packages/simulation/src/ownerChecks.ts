/** Checks of the owners, names and ends of actors, and of the reports of a tree about itself. */
import { type Check, farther, has } from "./facts.ts"
import { linesOf } from "./sinks.ts"

/** G2, G72: a service that a handler uses is released only after the handler has ended. */
export const releasesLast: Check = ({ of }) =>
  of("UsedReleased").map(({ key, what }) => `${what} was released before the handler of ${key} had ended`)

/**
 * G2, G13, G53: an owner has ended only when no handler of its actors runs any more, or when the bound of the owner's
 * end has passed.
 */
export const leavesLast: Check = ({ events, hurtAt, indexOf, of }) => {
  const ended = new Map(of("Ended").map((event) => [event.key, event]))
  const [left] = of("LeftOwner")
  if (left === undefined) return []
  const late = of("Began").flatMap(({ actor, at, key }) => {
    const end = ended.get(key)
    if (end === undefined || indexOf(end) < indexOf(left) || hurtAt(actor) < Infinity) return []
    // The check leaves out handlers in the root, because the nursery or Scope of the random program does not own the
    // root.
    if (actor === "root") return []
    return at > left.at
      ? [`${key} began in ${actor} after its owner was left`]
      : [`the handler of ${key} ended in ${actor} after its owner was left`]
  })
  const last = events.findLast(({ _tag }) => _tag === "LeftOwner")!
  return last === left ? late : [...late, "the owner was left twice"]
}

/** G66: a unique name has one holder at a time. */
export const holdsAlone: Check = ({ events }) => {
  const holders = new Map<string, number>()
  return events.flatMap((event) => {
    if (event._tag === "LetGo") holders.delete(event.name)
    if (event._tag !== "Holds") return []
    const other = holders.get(event.name)
    holders.set(event.name, event.key)
    return other === undefined ? [] : [`${event.key} and ${other} hold ${event.name} at the same time`]
  })
}

/** G14, G15, G70: a cancelled handler is told the name of the actor that cancelled it. */
export const namesAuthors: Check = ({ of }) => {
  const said = new Map(of("Ending").map(({ by, reason }) => [reason, by]))
  return of("Answered").flatMap(({ how, key }) => {
    if (!has(how, "Fail ContextCancelled") || how.reason === undefined || !/^(end|retire|exit) \d+$/.test(how.reason)) {
      return []
    }
    const by = said.get(how.reason)
    return by === undefined || by === how.by ? [] : [`${key} heard "${how.reason}" of ${how.by}, and ${by} said it`]
  })
}

/** G12, G13: the end of an actor takes no longer than all rungs of the shutdown ladder. */
export const endsInTime: Check = ({ isStopped, of, slackMillis }) => {
  if (isStopped) return []
  const gone = of("Gone")
  // A handler may end its own actor during a call. A call whose handler is to end its own actor may be interrupted
  // before the handler has asked for the end.
  const taken = new Set(of("Interrupting").map(({ key }) => `exit ${key}`))
  return of("Ending").flatMap(({ actor, at, bound, reason }) => {
    if (taken.has(reason)) return []
    const end = gone.find((event) => event.actor === actor && event.at >= at)
    return end !== undefined && end.at - at > bound + slackMillis
      ? [`${actor} was gone ${end.at - at} ms after "${reason}"`]
      : []
  })
}

/** G93, G120: all watchers of an actor are told the same end. */
export const tellsOneEnd: Check = ({ of }) => {
  const ends = new Map<string, string>()
  return of("Heard").flatMap(({ actor, exit, watcher }) => {
    const first = ends.get(actor) ?? exit
    ends.set(actor, first)
    return first === exit
      ? []
      : [`${watcher} heard that ${actor} ended as ${exit}, and another that it ended as ${first}`]
  })
}

/**
 * G61, G274: the log lines of an actor reach the root once and in order. All log lines of an answered call arrive, also
 * where another log sink of the root throws.
 */
export const logsInOrder: Check = ({ isHurt, of, program, run }) => {
  const next = new Map<string, number>()
  const wrong = run.history.flatMap(({ text }) => {
    const [, key, line] = /^logs Info: "?line (\d+) (\d+)/.exec(text) ?? []
    if (key === undefined) return []
    const expected = next.get(key) ?? 0
    next.set(key, Number(line) + 1)
    return Number(line) === expected ? [] : [`line ${line} of ${key} was logged where ${expected} was next`]
  })
  const calls = new Map(of("Called").map((event) => [event.key, event]))
  const lost = of("Answered").flatMap(({ how, key }) => {
    const call = calls.get(key)
    const step = program.steps[key]
    const isLogging = call?.kind === "log" || call?.kind === "sink" && step?.c !== 5
    if (!isLogging || step === undefined || !has(how, "ok") || isHurt(call.actor)) return []
    const count = next.get(String(key)) ?? 0
    return count === linesOf(step.a) ? [] : [`${count} of ${linesOf(step.a)} lines of ${key} were logged`]
  })
  return [...wrong, ...lost]
}

/** G58: a Service that another Service uses is built before its user, and released after its user. */
export const nestsServices: Check = ({ events, of, run }) => {
  // The interruption of a start ends the new actor by a signal, so that the resources of the actor are not released
  // in order.
  const isSignalled = run.history.some(({ text }) => text.startsWith("exits: SIG"))
  if (of("Hurt").length > 0 || isSignalled) return []
  let stock = 0
  let shop = 0
  return events.flatMap((event) => {
    if (event._tag !== "Opened" && event._tag !== "Shut") return []
    const change = event._tag === "Opened" ? 1 : -1
    if (event.name === "Stock") stock += change
    else shop += change
    return shop > stock ? [`there are ${shop} shops and ${stock} stocks`] : []
  })
}

/** G193, G194: all holders of a shared actor's name hold the same actor. */
export const sharesOne: Check = ({ events, isHurt }) => {
  const holders = new Map<string, Map<number, string>>()
  return events.flatMap((event) => {
    if (event._tag === "Unshares") holders.get(event.name)?.delete(event.key)
    if (event._tag !== "Shares" || isHurt(event.name)) return []
    const held = holders.get(event.name) ?? new Map<number, string>()
    holders.set(event.name, held)
    const other = Array.from(held).find(([, uuid]) => uuid !== event.uuid)
    held.set(event.key, event.uuid)
    return other === undefined ? [] : [`${event.key} and ${other[0]} hold two actors called ${event.name}`]
  })
}

/** G65: a watcher of the registry is told once that an actor has come, and afterwards once that the actor has gone. */
export const seesInOrder: Check = ({ of }) => {
  const there = new Map<string, boolean>()
  return of("Seen").flatMap(({ name, uuid, watcher, what }) => {
    const id = `${watcher} ${uuid}`
    const was = there.get(id)
    there.set(id, what !== "Down")
    if (what === "Up" && was !== undefined) return [`${watcher} heard twice that ${name} came`]
    return what === "Down" && was !== true ? [`${watcher} heard that ${name} went, and it was not there`] : []
  })
}

/** G123, G136, G158: the handler of a call that was refused before it began has not run. */
export const refusesUnrun: Check = ({ of }) => {
  const began = new Set(of("Began").map(({ key }) => key))
  const far = new Set(of("Called").filter(({ kind }) => farther.has(kind)).map(({ key }) => key))
  const words = ["Fail ActorBusy", "Fail PoolFull", "Fail EndpointUnknown", "Fail NameTaken"]
  return of("Answered").flatMap(({ how, key }) =>
    !far.has(key) && words.some((word) => has(how, word)) && began.has(key)
      ? [`${key} heard ${how.words.join()}, and its handler ran`]
      : []
  )
}

/**
 * G20, G72: a handler that began also ends, unless a step has harmed its actor, or the handler's own cleanup never
 * ends.
 */
export const endsHandlers: Check = ({ isHurt, of }) => {
  const ended = new Set(of("Ended").map(({ key }) => key))
  const endless = of("Began").filter(({ isEndless }) => isEndless).map(({ actor }) => actor)
  return of("Began").flatMap(({ actor, key }) =>
    // The root ends with its main program, and does not wait for handlers that it still serves. A cleanup that never
    // ends is interrupted in the end, and so is every handler that waits for the actor of this cleanup.
    actor === "root" || endless.some((below) => below.startsWith(actor)) || ended.has(key) || isHurt(actor) ||
      actor.startsWith("pool")
      ? []
      : [`the handler of ${key} in ${actor} began, and never ended`]
  )
}

/** G82: a caller is told of a cleanup that died, also when the caller was interrupted. */
export const tellsCleanups: Check = ({ indexOf, isHurt, of }) =>
  of("Unsaid").flatMap((event) => {
    const end = of("Ended").find(({ key }) => key === event.key)
    return end === undefined || indexOf(end) > indexOf(event) || isHurt(event.actor)
      ? []
      : [`the cleanup of ${event.key} died, and its caller heard nothing of it`]
  })

/** G19: a failure of a call is still reported when a cancel comes after the failure. */
export const keepsFailures: Check = ({ of }) => {
  const called = new Map(of("Called").map(({ actor, key }) => [key, actor]))
  // The failure of the last actor of a chain may not have arrived yet when an actor in the middle of the chain is
  // cancelled.
  const own = new Set(of("Began").filter(({ actor, key }) => called.get(key) === actor).map(({ key }) => key))
  const failed = new Set(
    of("Ended").filter(({ how, key }) => own.has(key) && has(how, "Fail Oops") && !has(how, "interrupted"))
      .map(({ key }) => key)
  )
  return of("Answered").flatMap(({ how, key }) =>
    failed.has(key) && has(how, "Fail ContextCancelled")
      ? [`the handler of ${key} had failed, and its caller heard ContextCancelled`]
      : []
  )
}
