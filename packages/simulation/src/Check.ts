/**
 * The guarantees that a history decides: each check is a pure function of a history, and gives its faults.
 */
import { defaults } from "@furrow/actor/Timeouts"
import * as Simulation from "@furrow/testing/Simulation"
import type { How, Timed } from "./History.ts"
import type { Program } from "./Program.ts"
import type { Result } from "./Run.ts"

type Of<Tag extends Timed["_tag"]> = Extract<Timed, { readonly _tag: Tag }>

/** A history, looked at from several sides. */
export interface Facts {
  readonly program: Program
  readonly run: Simulation.Run
  readonly events: ReadonlyArray<Timed>
  readonly of: <Tag extends Timed["_tag"]>(tag: Tag) => ReadonlyArray<Of<Tag>>
  /** The place of an event in the history. */
  readonly indexOf: (event: Timed) => number
  /** When an actor, or one that it lives in, was hurt first, as an index; Infinity for never. */
  readonly hurtAt: (actor: string) => number
  readonly isHurt: (actor: string) => boolean
  /** Stopped actors make everybody late. */
  readonly isStopped: boolean
  /** Milliseconds that every bound gets more. */
  readonly slackMillis: number
}

const indices = (events: ReadonlyArray<Timed>) => {
  const map = new Map(events.map((event, i) => [event, i]))
  return (event: Timed): number => map.get(event)!
}

export const factsOf = ({ events, program, run, slackMillis = virtualSlackMillis }: Result): Facts => {
  const groups = new Map<string, Array<Timed>>()
  for (const event of events) {
    const group = groups.get(event._tag)
    if (group === undefined) groups.set(event._tag, [event])
    else group.push(event)
  }
  const of = <Tag extends Timed["_tag"]>(tag: Tag) => (groups.get(tag) ?? []) as unknown as ReadonlyArray<Of<Tag>>
  const indexOf = indices(events)
  const first = new Map<string, number>()
  for (const hurt of of("Hurt")) if (!first.has(hurt.actor)) first.set(hurt.actor, indexOf(hurt))
  // The name of an actor below another one begins with its parent's.
  const hurtAt = (actor: string) =>
    Math.min(
      Infinity,
      ...Array.from(first, ([hurt, at]) => actor === hurt || actor.startsWith(`${hurt}.`) ? at : Infinity)
    )
  return {
    program,
    run,
    events,
    of,
    indexOf,
    hurtAt,
    isHurt: (actor) => hurtAt(actor) < Infinity,
    isStopped: of("Hurt").some(({ what }) => what === "stop"),
    slackMillis
  }
}

const has = ({ words }: How, word: string): boolean => words.includes(word)

type Check = (facts: Facts) => ReadonlyArray<string>

/** Virtual time passes while work is done, and the machine is shared: every bound gets this much more. */
const virtualSlackMillis = 1_500

/** G1, G7, G12, G13, G72: nothing hangs, nothing is left, nothing goes on. */
const comesToRest: Check = ({ of, run }) => [
  ...Simulation.problems(run),
  ...of("Wrong").map(({ text }) => text)
]

/** G7: every call that was made is answered. */
const answersAll: Check = ({ of }) => {
  const answered = new Set(of("Answered").map(({ key }) => key))
  return of("Called").filter(({ key }) => !answered.has(key)).map(({ key }) => `${key} was called and never answered`)
}

/** G10, G155: a call runs once, whatever is repeated below it. */
const runsOnce: Check = ({ of }) => {
  const seen = new Set<number>()
  return of("Began").flatMap(({ actor, key }) => {
    const isFirst = !seen.has(key)
    seen.add(key)
    return isFirst ? [] : [`the handler of ${key} ran twice, the second time in ${actor}`]
  })
}

/** G9, G23: each caller hears its own answer. */
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

/** G11, G12: an interrupted caller resumes when the far finalizers have run, or when the bound has passed. */
const acknowledges: Check = ({ events, hurtAt, indexOf, of, slackMillis }) => {
  const began = new Map(of("Began").map((event) => [event.key, event]))
  const ended = new Map(of("Ended").map((event) => [event.key, event]))
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
    // A cleanup that never ends is cut off when its actor ends; in a deep tree that is earlier.
    const isGone = of("Gone").some((gone) => gone.actor === start.actor && indexOf(gone) < indexOf(event))
    if (end === undefined && isGone) return []
    const bound = end === undefined ? defaults.finalizers / 2 : defaults.cancel
    if (hurtAt(start.actor) < Infinity || at - since >= bound) return []
    // The handler that had not begun when its caller went on has begun later.
    if (indexOf(start) > indexOf(event)) return [`${key} began in ${start.actor} after its caller had gone`]
    return [`${key} was interrupted, and its caller went on while its handler still ran in ${start.actor}`]
  })
}

/** Kinds whose calls reach other actors than the one they are made to. */
const farther: ReadonlySet<string> = new Set([
  "far",
  "cross",
  "find",
  "own",
  "release",
  "unique",
  "service",
  "supervised",
  "pool",
  "rpc"
])

/** G78, G144: a call is lost only with an actor that was hurt. */
const isNotLost: Check = ({ isHurt, of }) => {
  const called = new Map(of("Called").map((event) => [event.key, event]))
  return of("Answered").flatMap(({ how, key }) => {
    const call = called.get(key)
    if (call === undefined || !has(how, "Fail ActorLost")) return []
    if (farther.has(call.kind) && of("Hurt").length > 0) return []
    return isHurt(call.actor) ? [] : [`${key} heard ActorLost, and ${call.actor} was not hurt`]
  })
}

/** G80, G124: a call that has not begun has not run. */
const hasNotBegun: Check = ({ of }) => {
  const began = new Map(of("Began").map(({ actor, key }) => [key, actor]))
  const called = new Map(of("Called").map((event) => [event.key, event]))
  return of("Answered").flatMap(({ how, key }) =>
    has(how, "Fail ActorLost") && how.began === "no" && began.has(key) && called.get(key)?.actor === began.get(key)
      ? [`${key} heard that it had not begun, and its handler ran`]
      : []
  )
}

/** G28, G31, G50, G51: every reader reads in order and without a gap; a stream that ended well was read whole. */
const readsInOrder: Check = ({ of }) => {
  const next = new Map<string, number>()
  const wrong = of("Read").flatMap(({ item, key, reader }) => {
    const id = `${key} ${reader}`
    // A second subscriber begins where the first one does not.
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

/** G31: a writer is no further ahead of its reader than its window. */
const keepsCredit: Check = ({ events }) => {
  const read = new Map<number, number>()
  return events.flatMap((event) => {
    if (event._tag === "Read") read.set(event.key, Math.max(read.get(event.key) ?? 0, event.item + 1))
    if (event._tag !== "Wrote") return []
    const ahead = event.item + 1 - (read.get(event.key) ?? 0)
    // One more is in the hands of its reader and not written down yet.
    return ahead <= event.window + 1
      ? []
      : [`${event.key}: a writer is ${ahead} items ahead, its window is ${event.window}`]
  })
}

/** G2, G72: what a handler uses is released when it has ended. */
const releasesLast: Check = ({ of }) =>
  of("UsedReleased").map(({ key, what }) => `${what} was released before the handler of ${key} had ended`)

/** G2, G13, G53: an owner is left when no handler of its actors runs, or the bound for that has passed. */
const leavesLast: Check = ({ events, hurtAt, indexOf, of }) => {
  const ended = new Map(of("Ended").map((event) => [event.key, event]))
  const [left] = of("LeftOwner")
  if (left === undefined) return []
  const late = of("Began").flatMap(({ actor, at, key }) => {
    const end = ended.get(key)
    if (end === undefined || indexOf(end) < indexOf(left) || hurtAt(actor) < Infinity) return []
    return at > left.at
      ? [`${key} began in ${actor} after its owner was left`]
      : [`the handler of ${key} ended in ${actor} after its owner was left`]
  })
  const last = events.findLast(({ _tag }) => _tag === "LeftOwner")!
  return last === left ? late : [...late, "the owner was left twice"]
}

/** G66: a name that was asked for alone has one holder at a time. */
const holdsAlone: Check = ({ events }) => {
  const holders = new Map<string, number>()
  return events.flatMap((event) => {
    if (event._tag === "LetGo") holders.delete(event.name)
    if (event._tag !== "Holds") return []
    const other = holders.get(event.name)
    holders.set(event.name, event.key)
    return other === undefined ? [] : [`${event.key} and ${other} hold ${event.name} at the same time`]
  })
}

/** G14, G15, G70: a cancel is heard in the name of its author. */
const namesAuthors: Check = ({ of }) => {
  const said = new Map(of("Ending").map(({ by, reason }) => [reason, by]))
  return of("Answered").flatMap(({ how, key }) => {
    if (!has(how, "Fail ContextCancelled") || how.reason === undefined || !/^(end|retire|exit) \d+$/.test(how.reason)) {
      return []
    }
    const by = said.get(how.reason)
    return by === undefined || by === how.by ? [] : [`${key} heard "${how.reason}" of ${how.by}, and ${by} said it`]
  })
}

/** G12, G13: ending an actor takes no longer than all rungs of the ladder. */
const endsInTime: Check = ({ isStopped, of, slackMillis }) => {
  if (isStopped) return []
  const gone = of("Gone")
  // The call by which an actor ends itself may be interrupted before it has asked for the end.
  const taken = new Set(of("Interrupting").map(({ key }) => `exit ${key}`))
  return of("Ending").flatMap(({ actor, at, bound, reason }) => {
    if (taken.has(reason)) return []
    const end = gone.find((event) => event.actor === actor && event.at >= at)
    return end !== undefined && end.at - at > bound + slackMillis
      ? [`${actor} was gone ${end.at - at} ms after "${reason}"`]
      : []
  })
}

/** G93, G120: everybody hears the same end of an actor. */
const tellsOneEnd: Check = ({ of }) => {
  const ends = new Map<string, string>()
  return of("Heard").flatMap(({ actor, exit, watcher }) => {
    const first = ends.get(actor) ?? exit
    ends.set(actor, first)
    return first === exit
      ? []
      : [`${watcher} heard that ${actor} ended as ${exit}, and another that it ended as ${first}`]
  })
}

/** G61: the logs of an actor reach the root in order, and none that was logged twice. */
const logsInOrder: Check = ({ run }) => {
  const next = new Map<string, number>()
  return run.history.flatMap(({ text }) => {
    const [, key, line] = /^logs Info: "?line (\d+) (\d+)/.exec(text) ?? []
    if (key === undefined) return []
    const expected = next.get(key) ?? 0
    next.set(key, Number(line) + 1)
    return Number(line) === expected ? [] : [`line ${line} of ${key} was logged where ${expected} was next`]
  })
}

/** G58: a Service that is used is there before, and until after, its user. */
const nestsServices: Check = ({ events, of, run }) => {
  // A start that is interrupted ends its actor by a signal: what it had opened is not shut in order.
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

/** All checks, by their names. */
export const checks: Readonly<Record<string, Check>> = {
  comesToRest,
  answersAll,
  runsOnce,
  hearsItsOwn,
  acknowledges,
  isNotLost,
  hasNotBegun,
  readsInOrder,
  keepsCredit,
  releasesLast,
  leavesLast,
  holdsAlone,
  namesAuthors,
  endsInTime,
  tellsOneEnd,
  logsInOrder,
  nestsServices
}

/** The faults of a run, each with the name of the check that found it. */
export const problems = (result: Result): ReadonlyArray<{ readonly check: string; readonly text: string }> => {
  const facts = factsOf(result)
  return Object.entries(checks).flatMap(([check, find]) => find(facts).map((text) => ({ check, text })))
}
