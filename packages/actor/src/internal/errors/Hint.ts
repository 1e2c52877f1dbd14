/**
 * Describes the death of an actor: its kind for programs, and its reason and advice for people.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"

/**
 * The ways in which an actor dies, as a schema:
 *
 * - The kind `heap` says that the heap of the actor was full
 * - The kind `memory` says that the kernel killed the actor because the memory had run out
 * - The kind `abort` says that the actor aborted, and `crash` that native code in the actor crashed
 * - The kind `signal` says that a process outside of the tree sent the actor a signal
 * - The kind `owner` says that the owner killed the actor because the actor did not answer
 * - The kind `release` says that the owner killed the actor because a finalizer of the actor did not end
 * - The kind `blocked` says that the owner killed the actor while the actor was in a call of the kernel
 * - The kind `exception` says that the actor died of an uncaught exception
 * - The kind `rejection` says that the actor died of an unhandled rejection
 * - The kind `exit` says that code of the actor called `process.exit`
 * - The kind `import` says that importing the actor's module threw, and `layer` that a Layer of the actor failed
 * - The kind `parent` says that the parent of the actor was lost
 *
 * @example
 * ```ts
 * Schema.is(ActorError.Death)("heap") // true
 * ```
 * @category models
 * @since 0.2.0
 */
export const Death = Schema.Literals([
  "heap",
  "memory",
  "abort",
  "crash",
  "signal",
  "owner",
  "release",
  "blocked",
  "exception",
  "rejection",
  "exit",
  "import",
  "layer",
  "parent"
])
export type Death = typeof Death.Type

/**
 * The reason why an actor died, as far as its parent knows: the kind of the death, and a sentence with what the user
 * can do next.
 *
 * @example
 * ```ts
 * const isHint = Schema.is(ActorError.Hint)
 * isHint({ death: "exit", text: "Its code called process.exit(3)." }) // true
 * ```
 * @category models
 * @since 0.2.0
 */
export const Hint = Schema.Struct({ death: Death, text: Schema.String })
export type Hint = typeof Hint.Type

/**
 * A call that an actor served when it died: the endpoint, its caller as `name@pid`, and how long it had run (`millis`).
 *
 * The field `recorded` is true when the actor itself had written the call into its record. The field `recorded` is
 * false when only the parent knows of the call, which the actor may not have begun.
 *
 * @example
 * ```ts
 * const isDoing = Schema.is(ActorError.Doing)
 * isDoing({ endpoint: "hash", caller: "root@4711", millis: 400, recorded: true }) // true
 * ```
 * @category models
 * @since 0.2.0
 */
export const Doing = Schema.Struct({
  endpoint: Schema.String,
  caller: Schema.String,
  millis: Schema.Number,
  recorded: Schema.Boolean
})
export type Doing = typeof Doing.Type

/** The number of calls that a message names; the field `doing` of the error lists all open calls. */
const maxNamed = 3

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

const listed = (doing: ReadonlyArray<Doing>): string => {
  const named = doing.slice(0, maxNamed).map(({ caller, endpoint, millis }) =>
    `${endpoint} (${caller}, ${seconds(millis)})`
  )
  const more = doing.length - named.length
  return `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}

/** The calls of a dead actor as a sentence; an empty text when the actor served no call. */
export const formatDoing = (doing: ReadonlyArray<Doing>): string => {
  const recorded = doing.filter(({ recorded }) => recorded)
  if (recorded.length > 0) return `It was serving ${listed(recorded)}`
  return doing.length > 0 ? `It had been asked for ${listed(doing)}` : ""
}
