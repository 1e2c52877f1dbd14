/**
 * Compares the log of a round over a supervised tree: the calls of callers, their results, and the calls that began in
 * the called actors.
 */

/** The events that all processes of a supervised tree have logged. */
export interface Accounts {
  /** The calls that were made, and whose end is not in the log. */
  readonly open: ReadonlySet<string>
  readonly tried: number
  readonly answered: number
  readonly interrupted: number
  /** The number of failed calls by the tag of their error, with its reason where the error has one. */
  readonly failed: ReadonlyMap<string, number>
  /** The calls whose error says that the calls had not begun. */
  readonly unbegun: ReadonlySet<string>
  /** The number of times that each call began in the called actor. */
  readonly begun: ReadonlyMap<string, number>
  /** The pid of each numbered caller. */
  readonly callers: ReadonlyMap<string, number>
  readonly cancels: number
  readonly restarts: number
  readonly giveUps: number
  /** The number of actors that answered at the end of a round of chaos; undefined where no actor was asked. */
  readonly roll: number | undefined
  /** The number of calls that ended with an answer to another call, or with a failure without a type. */
  readonly untyped: number
  /**
   * The faults of single calls: failures without a type, errors that a call cannot have, and ends of calls that were
   * not open.
   */
  readonly wrong: ReadonlyArray<string>
}

/**
 * The errors that a call may have when its actor dies, restarts or is given up, or when a call of the actor itself
 * fails.
 */
const typed: ReadonlySet<string> = new Set([
  "ActorLost",
  "ActorBusy",
  "ChannelClosed",
  "ContextCancelled",
  "RemoteActorError:GaveUp",
  "Refused"
])

export const sum = (counts: ReadonlyMap<string, number>): number =>
  Array.from(counts.values()).reduce((all, count) => all + count, 0)

const more = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** Reads the lines of the log file of a supervised tree; the last line may be incomplete. */
export const read = (text: string): Accounts => {
  const open = new Set<string>()
  const failed = new Map<string, number>()
  const unbegun = new Set<string>()
  const begun = new Map<string, number>()
  const callers = new Map<string, number>()
  const wrong: Array<string> = []
  const counts = new Map<string, number>()
  let roll: number | undefined
  const ends = (line: string, id: string): void => {
    if (!open.delete(id)) wrong.push(`a call has ended that was not open: ${line}`)
  }
  for (const line of text.split("\n").slice(0, -1)) {
    const [word, id, tag, began] = line.split(" ") as [string, string, string, string]
    more(counts, word)
    switch (word) {
      case "tried":
        open.add(id)
        break
      case "answered":
      case "interrupted":
        ends(line, id)
        break
      case "failed":
        ends(line, id)
        more(failed, tag)
        if (!typed.has(tag) && !tag.startsWith("ActorUnreachable:")) {
          wrong.push(`a call has failed with an error that it cannot have: ${line}`)
        }
        if (began === "no") unbegun.add(id)
        break
      case "wrong":
        ends(line, id)
        wrong.push(line)
        break
      case "begun":
        more(begun, id)
        break
      case "caller":
        callers.set(id, Number(tag))
        break
      case "roll":
        roll = Number(id)
    }
  }
  const count = (word: string) => counts.get(word) ?? 0
  return {
    open,
    failed,
    unbegun,
    begun,
    callers,
    roll,
    wrong,
    untyped: count("wrong"),
    tried: count("tried"),
    answered: count("answered"),
    interrupted: count("interrupted"),
    cancels: count("cancel"),
    restarts: count("restarting"),
    giveUps: count("gave-up")
  }
}

export interface Round {
  readonly accounts: Accounts
  readonly isAlive: (pid: number) => boolean
  /**
   * The number of actors that should answer at the end of a round of chaos; undefined where no root is left to ask
   * them.
   */
  readonly actors: number | undefined
  readonly left: ReadonlyArray<string>
}

export interface Verdict {
  /** The number of open calls whose callers live. */
  readonly hung: number
  /** The number of open calls whose callers were killed. */
  readonly bereft: number
  readonly lost: number
  readonly twice: number
  /** The number of idempotent calls that began more than once, which is allowed. */
  readonly repeated: number
  /** The number of calls that began, although their error says that they had not begun. */
  readonly untrue: number
  readonly problems: ReadonlyArray<string>
}

const isIdempotent = (id: string): boolean => id.endsWith("+")

export const judge = ({ accounts, actors, isAlive, left }: Round): Verdict => {
  const { answered, begun, callers, failed, giveUps, interrupted, open, restarts, roll, tried, unbegun } = accounts
  const isHung = (id: string) => isAlive(callers.get(id.slice(0, id.indexOf(".")))!)
  const hung = Array.from(open).filter(isHung)
  const bereft = open.size - hung.length
  const lost = tried - answered - sum(failed) - interrupted - open.size - accounts.untyped
  const repeated = Array.from(begun).filter(([, count]) => count > 1).map(([id]) => id)
  const twice = repeated.filter((id) => !isIdempotent(id))
  const untrue = Array.from(unbegun).filter((id) => begun.has(id))
  const problems = [...accounts.wrong]
  if (hung.length > 0) problems.push(`${hung.length} calls hang: ${hung.slice(0, 5).join(", ")}`)
  if (lost !== 0) problems.push(`${lost} calls are lost`)
  if (twice.length > 0) problems.push(`${twice.length} calls ran twice: ${twice.slice(0, 5).join(", ")}`)
  if (untrue.length > 0) {
    problems.push(`${untrue.length} calls had not begun, and ran: ${untrue.slice(0, 5).join(", ")}`)
  }
  if (actors !== undefined && roll !== actors) problems.push(`in the end ${roll ?? 0} of ${actors} actors answer`)
  if (answered === 0) problems.push("no call was answered")
  if (giveUps > restarts) problems.push(`${giveUps} supervisors gave up after ${restarts} restarts`)
  return {
    hung: hung.length,
    bereft,
    lost,
    twice: twice.length,
    repeated: repeated.length - twice.length,
    untrue: untrue.length,
    problems: [...problems, ...left.map((found) => `left in the end: ${found}`)]
  }
}
