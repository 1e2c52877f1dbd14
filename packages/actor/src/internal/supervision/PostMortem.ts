/**
 * Decides why an actor died, from all facts that are known about the end of its process. The functions of `PostMortem`
 * are pure, so that a table of tests can cover every kind of death.
 *
 * @since 0.2.0
 */
import type { Lost, SpawnStep } from "../errors/ActorError.ts"
import type { Death, Doing, Hint } from "../errors/Hint.ts"
import type { Evidence } from "../spawn/Evidence.ts"

/** A call of the parent that was open when the called actor died. */
export interface Asked {
  readonly dialog: number
  readonly endpoint: string
  readonly millis: number
}

/** The largest number of calls that the post-mortem of a dead actor names. */
const maxDoing = 16

/**
 * Returns the calls that an actor was serving when it died, from the actor's record and from its parent. The parent of
 * the dead actor knows which of the parent's own calls were still open. Calls of other actors to the dead actor are
 * known only from the dead actor's record.
 */
export const doingOf = (
  calls: Evidence["calls"],
  asked: ReadonlyArray<Asked>,
  parent: string
): ReadonlyArray<Doing> => {
  const ours = new Map(asked.map((call) => [call.dialog, call]))
  const begun = new Set<number>()
  const recorded = (calls ?? []).flatMap(({ caller, dialog, endpoint, millis }): ReadonlyArray<Doing> => {
    if (caller !== parent) return [{ endpoint, caller, millis, recorded: true }]
    const open = ours.get(dialog)
    if (open === undefined) return []
    begun.add(dialog)
    return [{ endpoint, caller, millis: open.millis, recorded: true }]
  })
  const unseen = asked.filter(({ dialog }) => !begun.has(dialog))
    .map(({ endpoint, millis }): Doing => ({ endpoint, caller: parent, millis, recorded: false }))
  return [...recorded, ...unseen].sort((a, b) => Number(b.recorded) - Number(a.recorded) || b.millis - a.millis)
    .slice(0, maxDoing)
}

/** All known facts about the end of one actor. */
export interface Known {
  readonly how: Lost
  readonly evidence: Evidence | undefined
  /** The type of the uncaught error, if the actor could still report the error. */
  readonly failure: string | undefined
  /** The step of the actor's start that failed. */
  readonly step: SpawnStep | undefined
  /** True when the actor itself cut off a finalizer that did not end in time. */
  readonly unfinished?: boolean
  /**
   * The state of the actor when its owner killed it: the actor ran its finalizers, or the actor did not answer the
   * owner.
   */
  readonly killedIn: "finalizers" | "silence" | undefined
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20)

/** The fraction of its limit above which the heap of an aborted process counts as full. */
const fullShare = 0.9

const isFull = ({ heap }: Evidence): boolean => heap !== undefined && heap.used >= heap.limit * fullShare

const isAbort = (how: Lost): boolean =>
  how._tag === "Signalled" && how.signal === "SIGABRT" || how._tag === "Exited" && how.code === 134

const crashes: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"])

/** Matches the kernel functions in which an idle event loop waits. */
const idleIn = /epoll|ep_poll/

/** True for an actor that was killed while its process waited inside a blocking call and not in its event loop. */
const isBlocked = ({ evidence, killedIn }: Known): boolean => {
  const state = evidence?.state
  if (state?.is !== "asleep") return false
  return killedIn === "silence" ||
    state.at !== undefined && state.at !== "" && !idleIn.test(state.at)
}

const killed = (known: Known): Death => {
  if (isBlocked(known)) return "blocked"
  return known.killedIn === "finalizers" || known.evidence?.last?.what === "release" ? "release" : "owner"
}

/** Returns the kind of an actor's death; `undefined` when no fact tells the kind. */
export const deathOf = (known: Known): Death | undefined => {
  const { evidence, failure, how, step } = known
  if (step === "import" || step === "layer") return step
  if (known.unfinished === true && how._tag !== "Killed" && known.killedIn === undefined) return "release"
  const last = evidence?.last?.what
  switch (how._tag) {
    case "OutOfMemory":
      return "heap"
    case "Killed":
      return killed(known)
    case "Signalled":
    case "Exited":
      // Without evidence or a reported error the kind of death is unknown, because an exit code or a signal does not
      // say why.
      if (evidence === undefined && failure === undefined) return undefined
      // If an owner's SIGTERM ends a process with an exit code, the kind of death is the owner's reason for the
      // SIGTERM.
      if (how._tag === "Exited" && known.killedIn !== undefined) return killed(known)
      if (isAbort(how)) return evidence !== undefined && isFull(evidence) ? "heap" : "abort"
      if (how._tag === "Exited") {
        if (failure !== undefined) return last === "rejection" ? "rejection" : "exception"
        return last === undefined || last === "release" ? "exit" : last
      }
      if (crashes.has(how.signal)) return "crash"
      return how.signal === "SIGKILL" && evidence?.memoryKill === true ? "memory" : "signal"
    case "ConnectionClosed":
    case "Silent":
    case "Unreported":
      return failure === undefined ? undefined : last === "rejection" ? "rejection" : "exception"
  }
}

const at = (evidence: Evidence | undefined): string => {
  const place = evidence?.last?.place
  return place === undefined ? "" : ` at ${place}`
}

const heapText = ({ evidence }: Known): string => {
  const heap = evidence?.heap
  const level = heap === undefined
    ? ""
    : ` (${mebibytes(heap.used)} of ${mebibytes(heap.limit)} MiB when last measured)`
  return `Its heap was full${level}: give it more with \`memoryLimit\`, or find what grows with the flag ` +
    "--heapsnapshot-near-heap-limit=1 in `execArgv`"
}

const blockedText = ({ evidence }: Known): string => {
  const { at = "", command } = evidence!.state!
  const where = [...at === "" ? [] : [`in ${at}`], ...command === undefined ? [] : [`with the child \`${command}\``]]
  return `It stood in a call of the kernel${
    where.length === 0 ? "" : ` (${where.join(", ")})`
  } when its owner ended it: use ` +
    "the asynchronous form of that call"
}

const whyLate = {
  busy: " because it computed without a pause",
  stopped: " because it was stopped",
  asleep: ""
} as const

const ownerText = ({ evidence }: Known): string =>
  `Its owner ended it, and it did not answer in time${
    whyLate[evidence?.state?.is ?? "asleep"]
  }: divide its work, or raise ` +
  "the bound that is named above"

const exitText = ({ evidence, how }: Known): string => {
  const code = how._tag === "Exited" ? how.code : ""
  return `Its own code called process.exit(${code})${
    at(evidence)
  }: use \`Actor.exit\` to end an actor, or fail the call`
}

const texts: { readonly [K in Exclude<Death, "parent">]: (known: Known) => string } = {
  heap: heapText,
  memory: () =>
    "The kernel killed it because its control group, or the machine, was out of memory: raise that limit, start fewer actors, " +
    "or find what grows",
  abort: () =>
    "It aborted itself: its code called process.abort(), or native code found itself broken. Its last lines on stderr say which",
  crash: () =>
    "Native code in it crashed: look at the native addons that its modules import, and at the version of Node",
  signal: ({ how }) =>
    `No process of its tree sent ${
      how._tag === "Signalled" ? how.signal : "it"
    }: look into the logs of the container, ` +
    "of the service manager, and of the kernel",
  owner: ownerText,
  release: () =>
    "Its owner ended it, and a finalizer did not end in time: look for a release that hangs, or raise `Timeouts.finalizers`",
  blocked: blockedText,
  exception: ({ evidence, failure }) =>
    `An uncaught ${failure ?? "exception"}${at(evidence)} ended it: catch it where a callback or a timer throws it`,
  rejection: ({ evidence, failure }) =>
    `An unhandled rejection${failure === undefined ? "" : ` with ${failure}`}${
      at(evidence)
    } ended it: await that promise, ` +
    "or catch its error",
  exit: exitText,
  import: () =>
    "Its module could not be imported, or has not what it is to serve: the reason names it, and `cause` has the line",
  layer: () => "A Layer of it failed before it was ready: `cause` has the error of that Layer"
}

/** Returns the kind of an actor's death, and what the user can do next; null when no fact tells the kind. */
export const hintOf = (known: Known): Hint | null => {
  const death = deathOf(known)
  return death === undefined || death === "parent" ? null : { death, text: texts[death](known) }
}
