/**
 * The history of a run as data: handlers and callers record events when they happen, and checks read the events after
 * the run.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fs from "node:fs"

/** The way in which a call or a handler ended, as texts that checks can compare. */
export interface How {
  /**
   * Texts about the end of a call, such as "ok", "interrupted", "Fail ActorLost" or "Die Error", without a repetition
   * in the list.
   */
  readonly words: ReadonlyArray<string>
  /** The field `began` of a failed call's error, which says whether the handler of the call had begun. */
  readonly began?: string | undefined
  readonly reason?: string | undefined
  readonly by?: string | undefined
  readonly key?: number | undefined
  readonly value?: unknown
}

export type Event =
  | {
    readonly _tag: "Called"
    readonly key: number
    readonly kind: string
    readonly actor: string
    readonly from: string
  }
  | {
    readonly _tag: "Began"
    readonly key: number
    readonly actor: string
    /** True when the cleanup of the handler that began never ends by itself. */
    readonly isEndless?: boolean
  }
  | { readonly _tag: "Ended"; readonly key: number; readonly how: How }
  | { readonly _tag: "Answered"; readonly key: number; readonly how: How }
  /** A reader has read the item with this number from a stream. */
  | { readonly _tag: "Read"; readonly key: number; readonly reader: string; readonly item: number }
  /** A reader was told that its stream of `count` items has ended, after the reader had read all items. */
  | { readonly _tag: "Completed"; readonly key: number; readonly reader: string; readonly count: number }
  | { readonly _tag: "Wrote"; readonly key: number; readonly item: number; readonly window: number }
  | { readonly _tag: "Interrupting"; readonly key: number }
  | { readonly _tag: "Interrupted"; readonly key: number }
  | { readonly _tag: "Hurt"; readonly actor: string; readonly what: string }
  /**
   * A step lets no bytes pass on a connection for `millis` milliseconds. The field `actor` names the connection, as the
   * function `wireOf` of wires.ts says.
   */
  | { readonly _tag: "Held"; readonly actor: string; readonly millis: number }
  | {
    readonly _tag: "Ending"
    readonly actor: string
    readonly by: string
    readonly reason: string
    readonly bound: number
  }
  /** A watcher of an actor was told how the actor ended. */
  | { readonly _tag: "Heard"; readonly actor: string; readonly watcher: string; readonly exit: string }
  | { readonly _tag: "Gone"; readonly actor: string }
  | { readonly _tag: "Started"; readonly actor: string; readonly parent: string }
  | { readonly _tag: "LeftOwner"; readonly owner: string }
  /** The random program has been silent for a while, so that all work that ends by itself has ended. */
  | { readonly _tag: "Rests" }
  /** The number of open dialogs between the root and an actor after the last call of the random program. */
  | { readonly _tag: "Open"; readonly actor: string; readonly dialogs: number }
  /** A handler saw the release of a service that it uses, before the handler had ended. */
  | { readonly _tag: "UsedReleased"; readonly key: number; readonly what: string }
  | { readonly _tag: "Holds"; readonly key: number; readonly name: string }
  | { readonly _tag: "LetGo"; readonly key: number; readonly name: string }
  | { readonly _tag: "Logged"; readonly actor: string; readonly key: number; readonly line: number }
  | { readonly _tag: "Opened"; readonly name: string }
  | { readonly _tag: "Shut"; readonly name: string }
  /** A holder has a share of a shared actor from this event until its event `Unshares`. */
  | { readonly _tag: "Shares"; readonly key: number; readonly name: string; readonly uuid: string }
  | { readonly _tag: "Unshares"; readonly key: number; readonly name: string }
  /** An actor plays a role from this event on, because its `main` has begun. */
  | { readonly _tag: "Leads"; readonly name: string; readonly uuid: string }
  /**
   * A worker of a pool has begun (`Works`) or finished (`Worked`) a task. Tasks with the same key have the same
   * `group`.
   */
  | { readonly _tag: "Works"; readonly key: number; readonly group: string; readonly worker: string }
  | { readonly _tag: "Worked"; readonly key: number; readonly group: string; readonly worker: string }
  /** A watcher of the registry was told that an actor has come or gone. */
  | {
    readonly _tag: "Seen"
    readonly watcher: number
    readonly what: string
    readonly uuid: string
    readonly name: string
  }
  /** A stream fails on purpose after it has sent `count` items. */
  | { readonly _tag: "Failing"; readonly key: number; readonly count: number }
  /** A caller was not told that a cleanup had died during its call. */
  | { readonly _tag: "Unsaid"; readonly key: number; readonly actor: string }
  /** A call that was made with a deadline has ended. */
  | {
    readonly _tag: "Timed"
    readonly key: number
    readonly actor: string
    readonly millis: number
    readonly within: number
  }
  /**
   * A step found a fault itself while the random program ran; the event contains a text about the fault and the name of
   * a check.
   */
  | { readonly _tag: "Wrong"; readonly check: Compared; readonly text: string }

/**
 * The names of the checks that steps carry out themselves while the random program runs. All other checks read the
 * history after the run.
 */
export const compared = [
  "comesToRest",
  "readsInOrder",
  "hearsItsOwn",
  "leavesNothing",
  "failsFirst",
  "tellsCleanups",
  "keepsRoles",
  "freesNames",
  "passesOn",
  "decidesItems",
  "keepsDeadlines",
  "closesPools",
  "leavesReaders",
  "tellsEvents"
] as const
export type Compared = typeof compared[number]

export type Timed = Event & { readonly at: number }

export type Recorder = (event: Timed) => void

/** The environment variable that names the file of a history which several processes write. */
export const fileVariable = "FURROW_SIMULATION_HISTORY"

/**
 * The recorder appends each event to the history's file as one line, at once. A killed process takes no line of the
 * history with it, and the lines are in the order of their events.
 */
export const fileRecorder = (file: string): Recorder => (event) => Fs.appendFileSync(file, `${JSON.stringify(event)}\n`)

/**
 * The recorder of the history of the current run. Actors in memory inherit the recorder of the history, and a process
 * is told the file of the history.
 */
export const Recorder: Context.Reference<Recorder> = Context.Reference<Recorder>("simulation/Recorder", {
  defaultValue: () => {
    const file = process.env[fileVariable]
    return file === undefined ? () => undefined : fileRecorder(file)
  }
})

/**
 * Records one event of the history in a single operation, so that no other event comes between an occurrence and its
 * record.
 */
export const record = (event: Event): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const at = Number(fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe() / 1_000_000n)
    fiber.getRef(Recorder)({ ...event, at })
    return Effect.void
  })

export const wrong = (check: Compared, text: string): Effect.Effect<void> => record({ _tag: "Wrong", check, text })

export const howOf = (exit: Exit.Exit<unknown, unknown>): How => {
  if (exit._tag === "Success") return { words: ["ok"], value: typeof exit.value === "object" ? undefined : exit.value }
  const words = new Set<string>()
  let first: Record<string, unknown> | undefined
  for (const reason of exit.cause.reasons) {
    if (reason._tag === "Interrupt") {
      words.add("interrupted")
      continue
    }
    const error = (reason._tag === "Fail" ? reason.error : reason.defect) as Record<string, unknown> | null
    words.add(`${reason._tag} ${String(error?._tag ?? error?.name ?? error)}`)
    if (reason._tag === "Fail") first ??= error ?? undefined
  }
  const by = first?.by as { readonly name?: string } | undefined
  return {
    words: Array.from(words),
    ...(typeof first?.began === "string" ? { began: first.began } : {}),
    ...(typeof first?.reason === "string" ? { reason: first.reason } : {}),
    ...(typeof first?.key === "number" ? { key: first.key } : {}),
    ...(by?.name === undefined ? {} : { by: by.name })
  }
}

const text = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(text).join("+")
  if (typeof value !== "object" || value === null) return String(value)
  return Object.entries(value).filter(([, field]) => field !== undefined).map(([name, field]) =>
    name === "words" ? text(field) : `${name} ${text(field)}`
  ).join(" ")
}

/** Formats an event of the history of a run as a line. */
export const show = ({ _tag, at, ...fields }: Timed): string => `${at} ${_tag} ${text(fields)}`
