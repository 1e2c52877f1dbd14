/**
 * Defines the failures between two actors, as a closed union of tagged errors.
 *
 * An endpoint's own error keeps its type, an error of the runtime is one member of `ActorError`, and a local defect
 * stays a local defect. Every `ActorError` names the side that caused the error, the actor or endpoint that it
 * concerns, and what the user can do next.
 *
 * @since 0.1.0
 */
import { ActorId as ActorIdSchema, Began, Boxed, Lost as LostSchema } from "@furrow/protocol/Failure"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Doing, formatDoing, Hint } from "./Hint.ts"
import { unbox } from "./unbox.ts"

export { Death, Doing, Hint } from "./Hint.ts"

/**
 * The schema of an actor's identity, which may stand in a payload. Two identities of actors are equal when they have
 * the same `uuid`; name and pid are for people.
 *
 * @example
 * ```ts
 * const { id } = yield* Actor.current
 * Schema.is(ActorError.ActorId)(id) // true
 * ```
 * @category models
 * @since 0.1.0
 */
export const ActorId = ActorIdSchema
export type ActorId = typeof ActorId.Type

/**
 * Formats the identity of an actor as `name@pid`, in the form in which error messages show it.
 *
 * @example
 * ```ts
 * ActorError.formatActor(frankId) // "frank@4711"
 * ```
 * @category formatting
 * @since 0.1.0
 */
export const formatActor = (actor: ActorId): string => `${actor.name}@${actor.pid}`

/**
 * The field `began` of an error, which is "no" when the actor refused the work before the work had begun. Default:
 * "maybe".
 */
const beganField = Began.pipe(Schema.withConstructorDefault(Effect.succeed("maybe" as const)))

/**
 * The field `ending` of an error: true when the actor serves no more calls, false when the actor lives on. Default:
 * false.
 */
const endingField = Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(false)))

/**
 * The field `doing` of an error: the calls that the actor served when it died. The field `doing` is empty by default,
 * when the calls of the dead actor are not known.
 */
const doingField = Schema.Array(Doing).pipe(Schema.withConstructorDefault(Effect.succeed<ReadonlyArray<Doing>>([])))

/**
 * The field `hint` of an error: why the actor died, and what the user can do next. The field `hint` is null by default,
 * when the reason of the death is not known.
 */
const hintField = Schema.NullOr(Hint).pipe(Schema.withConstructorDefault(Effect.succeed<Hint | null>(null)))

const sentence = (text: string): string => text === "" ? "" : `. ${text}`

const tail = (stderr: ReadonlyArray<string>): string =>
  stderr.length === 0 ? "" : `\nits last lines on stderr:\n${stderr.map((line) => `  | ${line}`).join("\n")}`

/**
 * Another actor cancelled the work: the actor `by` asked first for the cancel, with the given `reason`. The field
 * `acknowledged` is false when the finalizers of the cancelled work did not end within their bound (`Timeouts.cancel`).
 *
 * The field `ending` is true when the whole of `actor` is being ended, so that it answers no more calls. The field
 * `began` is `"no"` when the actor refused the call because of the cancel, so that no part of the call has run.
 *
 * @example
 * ```ts
 * const call = yield* Effect.forkChild(Effect.flip(frank.run(forever())), { startImmediately: true })
 * yield* frank.cancel("the day is over")
 * const error = yield* Fiber.join(call)
 * error._tag // "ContextCancelled"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ContextCancelled extends Schema.TaggedError<ContextCancelled>()("ContextCancelled", {
  actor: ActorId,
  by: ActorId,
  reason: Schema.String,
  acknowledged: Schema.Boolean,
  ending: endingField,
  began: beganField
}) {
  override get message(): string {
    const who = this.by.uuid === this.actor.uuid ? "itself" : formatActor(this.by)
    return `the work in ${formatActor(this.actor)} was cancelled by ${who}: ${this.reason}` +
      (this.acknowledged ? "" : " (not acknowledged: its finalizers may still be running)")
  }
}

/**
 * The schema of the ways to lose an actor, such as the exit of its process, a signal, full memory, a closed connection
 * or silence. The loss `Silent` says for how many `millis` no sign of life came over a connection that can be lost
 * without notice.
 *
 * @example
 * ```ts
 * const isLost = Schema.is(ActorError.Lost)
 * isLost({ _tag: "Signalled", signal: "SIGKILL" }) // true
 * ```
 * @category models
 * @since 0.1.0
 */
export const Lost = LostSchema
export type Lost = typeof Lost.Type

/**
 * Describes in words how an actor was lost.
 *
 * @example
 * ```ts
 * ActorError.formatLost({ _tag: "Exited", code: 1 }) // "its process exited with code 1"
 * ```
 * @category formatting
 * @since 0.1.0
 */
export const formatLost = (how: Lost): string => {
  switch (how._tag) {
    case "Exited":
      return `its process exited with code ${how.code}`
    case "Signalled":
      return `its process was killed by ${how.signal}`
    case "Killed":
      return `its owner killed its process by ${how.signal}: ${how.reason}`
    case "OutOfMemory":
      return how.limit === undefined
        ? "its process ran out of memory: its heap reached the runtime's limit, and `memoryLimit` sets another"
        : `its process ran out of memory: its heap reached its \`memoryLimit\` of ${how.limit} MiB`
    case "ConnectionClosed":
      return how.reason === undefined ? "its connection closed" : `its connection closed (${how.reason})`
    case "Silent":
      return `it gave no sign of life for ${how.millis / 1000} seconds`
    case "Unreported":
      return "it was killed, and the exit of its process is unseen: it may still be there"
  }
}

/**
 * The error of a call to an actor that is gone without a last word; every open call to the actor fails at once.
 *
 * The field `began` is `"no"` when the call never left this process, so that it can be repeated elsewhere without
 * running twice. The field `began` is `"maybe"` when the actor may have begun the call. The field `stderr` holds the
 * last lines of the lost actor's stderr, for its parent alone. The field `failure` is the lost actor's own report of an
 * uncaught error.
 *
 * The field `doing` lists the calls that the lost actor served when it died. The field `hint` says why the actor died,
 * and what the user can do next; null when the reason is not known. Only the parent of the lost actor gets an
 * `ActorLost` with the fields `doing` and `hint` filled in.
 *
 * @example
 * ```ts
 * const answer = yield* frank.run(isPrime({ n: 7 })).pipe(
 *   Effect.catchTag("ActorLost", (error) => Effect.as(Effect.logError(error.message), false))
 * )
 * answer // true
 *
 * const retried = frank.run(isPrime({ n: 7 })).pipe(
 *   Effect.catchIf(
 *     (error) => error._tag === "ActorLost" && error.began === "no",
 *     () => Actor.runInActor(isPrime({ n: 7 }))
 *   )
 * )
 * yield* retried // true
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ActorLost extends Schema.TaggedError<ActorLost>()("ActorLost", {
  actor: ActorId,
  how: Lost,
  began: Began,
  stderr: Schema.Array(Schema.String),
  failure: Schema.NullOr(Boxed),
  doing: doingField,
  hint: hintField
}) {
  override get message(): string {
    const began = this.began === "no" ? "; this call had not begun" : ""
    const failure = this.failure === null ? "" : ` after an uncaught ${this.failure.type}: ${this.failure.message}`
    const why = sentence(formatDoing(this.doing)) + sentence(this.hint?.text ?? "")
    return `${formatActor(this.actor)} is lost: ${formatLost(this.how)}${failure}${began}${why}${tail(this.stderr)}`
  }
  /** The lost actor's own report of its failure as an `Error`, with the stack frames of the actor's code. */
  override get cause(): Error | undefined {
    return this.failure === null ? undefined : unbox(this.failure)
  }
}

/**
 * The reasons why an actor cannot be reached:
 *
 * - The reason `gone` says that the wanted actor has ended, or belongs to another tree
 * - The reason `timeout` says that the wanted actor gave no answer in time
 * - The reason `refused` says that the wanted actor admitted no connection
 * - The reason `transport` says that no transport can listen on the address or dial the address
 * - The reason `closed` says that the calling actor is ending
 * - The reason `none` says that the wanted actor does not exist, such as the parent of a root
 *
 * @example
 * ```ts
 * const why = yield* Actor.parent([audit]).pipe(
 *   Effect.as("a parent"),
 *   Effect.catchTag("ActorUnreachable", (error) => Effect.succeed(error.why))
 * )
 * why // "none"
 * ```
 * @category models
 * @since 0.1.0
 */
export const Unreachability = Schema.Literals(["gone", "timeout", "refused", "transport", "closed", "none"])
export type Unreachability = typeof Unreachability.Type

/**
 * The error of an actor that cannot be reached by the calling actor. The field `why` is a literal on which a program
 * can branch; the field `reason` explains the failure to people.
 *
 * The field `actor` is null when the caller knows only a name of the wanted actor. The field `target` names the wanted
 * actor in words.
 *
 * @example
 * ```ts
 * const error = yield* Effect.flip(Registry.wait([isPrime], "gretchen", { within: "50 millis" }))
 * error._tag // "ActorUnreachable"
 * error.message // '"gretchen" cannot be reached: no actor of that name was ready within 50ms'
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ActorUnreachable extends Schema.TaggedError<ActorUnreachable>()("ActorUnreachable", {
  actor: Schema.NullOr(ActorId),
  target: Schema.String,
  why: Unreachability,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.target} cannot be reached: ${this.reason}`
  }
}

const verbs = { call: "run", stream: "stream", dialog: "open" }

/** An endpoint with its kind, for error texts about a wrong kind. */
const asKind = (endpoint: string): { readonly name: string; readonly kind: keyof typeof verbs } | undefined => {
  const [, name, kind] = /^(.*) (?:as a |\()(call|stream|dialog)\)?$/.exec(endpoint) ?? []
  return name === undefined ? undefined : { name, kind: kind as keyof typeof verbs }
}

/**
 * The actor does not expose the called endpoint, or exposes another endpoint of the same name. The field `exposed`
 * lists the endpoints that the actor does expose.
 *
 * @example
 * ```ts
 * yield* Actor.startScoped("ledger", { expose: [isPrime] })
 * const error = yield* Effect.flip(Registry.find([audit], "ledger"))
 * error._tag // "EndpointUnknown"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class EndpointUnknown extends Schema.TaggedError<EndpointUnknown>()("EndpointUnknown", {
  actor: ActorId,
  endpoint: Schema.String,
  exposed: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const exposed = this.exposed.length === 0 ? "nothing" : this.exposed.join(", ")
    const asked = asKind(this.endpoint)
    const there = asked && this.exposed.map(asKind).find((known) => known?.name === asked.name)
    if (there) {
      return `${formatActor(this.actor)} exposes ${there.name} as a ${there.kind}, not as a ${asked.kind}: use ` +
        `portal.${verbs[there.kind]}`
    }
    return `${formatActor(this.actor)} does not expose ${this.endpoint}; it exposes ${exposed}. ` +
      "Add it to `expose` where the actor is started"
  }
}

/**
 * The actor refused the call before any part of it ran, because `limit` dialogs of this caller are open at the actor,
 * or have ended unread. A caller avoids the refusal of calls by a bound on the number of its open calls. A field
 * `limit` of 0 means that the owner of the actor drains it (`isDraining`).
 *
 * @example
 * ```ts
 * const answers = yield* Effect.forEach([5, 6, 7], (n) => frank.run(isPrime({ n })), { concurrency: 16 }).pipe(
 *   Effect.catchTag("ActorBusy", ({ limit }) => Effect.die(`more than ${limit} calls in flight`))
 * )
 * answers // [true, false, true]
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ActorBusy extends Schema.TaggedError<ActorBusy>()("ActorBusy", {
  actor: ActorId,
  endpoint: Schema.String,
  limit: Schema.Int
}) {
  /** True when the owner drains the actor, which then begins no more calls. */
  get isDraining(): boolean {
    return this.limit === 0
  }
  override get message(): string {
    if (this.isDraining) {
      return `${
        formatActor(this.actor)
      } did not run ${this.endpoint}: its owner drains it, and it begins no call any ` +
        "more. Call another actor"
    }
    return `${
      formatActor(this.actor)
    } did not run ${this.endpoint}: ${this.limit} dialogs of this actor are open there ` +
      "already. Bound how many are in flight (the option `concurrency`), or end some"
  }
}

/** The issue of a payload that matches its schema, but is too large for one frame. */
export const aboveLimit = (bytes: number, limit: number): string =>
  `its ${bytes} bytes are above the limit of ${limit} of one frame`

const isAboveLimit = (issue: string): boolean => /^its \d+ bytes are above the limit/.test(issue)

/**
 * The error of a value that does not match its schema, or is too large to send. The field `issue` names the mismatch,
 * and the field `part` names the value of the call that has the mismatch. For the settings of a Service, `part` is
 * `config` and `endpoint` is the key of the Service.
 *
 * The field `side` is the side that made the value, which is `caller` before the call was sent, and `callee` in the
 * actor. The field `actor` is the actor that serves the endpoint.
 *
 * @example
 * ```ts
 * const error = yield* Effect.flip(frank.run(isPrime({ n: 0.5 })))
 * error._tag // "PayloadInvalid"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class PayloadInvalid extends Schema.TaggedError<PayloadInvalid>()("PayloadInvalid", {
  actor: ActorId,
  side: Schema.Literals(["caller", "callee"]),
  endpoint: Schema.String,
  part: Schema.String,
  issue: Schema.String
}) {
  override get message(): string {
    if (isAboveLimit(this.issue)) {
      const remedy = this.part === "config"
        ? "Send the large part in a call, once the actor is ready"
        : "Send it in pieces, as the items of a stream"
      return `the ${this.part} of ${this.endpoint}, made by the ${this.side}, is too large: ${this.issue}. ${remedy}`
    }
    return this.part === "contract"
      ? `the two sides have different contracts of ${this.endpoint}: ${this.issue}`
      : `the ${this.part} of ${this.endpoint}, made by the ${this.side}, does not match its schema: ${this.issue}`
  }
}

/**
 * One side broke the rules of the protocol, and the connection was closed: a bug in a runtime, or a peer that does not
 * run Furrow. The field `side` is the side that broke `rule`; a program can only report this error.
 *
 * @example
 * ```ts
 * const answer = yield* frank.run(isPrime({ n: 7 })).pipe(
 *   Effect.catchTag("ProtocolViolation", (error) => Effect.die(error))
 * )
 * answer // true
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ProtocolViolation extends Schema.TaggedError<ProtocolViolation>()("ProtocolViolation", {
  side: Schema.Literals(["local", "peer"]),
  actor: ActorId,
  rule: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    const actor = formatActor(this.actor)
    const who = this.side === "peer" ? actor : `this actor, says ${actor},`
    return `${who} broke the protocol (${this.rule}): ${this.detail}. The connection was closed`
  }
}

/**
 * The steps of the start of an actor, in order; `SpawnFailed` says which step the start had reached.
 *
 * @example
 * ```ts
 * ActorError.SpawnStep.literals // ["process", "handshake", "import", "layer", "ready"]
 * ```
 * @category models
 * @since 0.1.0
 */
export const SpawnStep = Schema.Literals(["process", "handshake", "import", "layer", "ready"])
export type SpawnStep = typeof SpawnStep.Type

/**
 * The error of a failed start: the actor did not become ready. The field `step` is the step that the start had reached,
 * `reason` the cause of the failure, and `stderr` the last lines of the actor's stderr. The field `hint` says why the
 * process died, or why the module could not be used, and what the user can do next; null when the reason is not known.
 *
 * The pid of `actor` is 0 when the start failed before the actor had a process.
 *
 * @example
 * ```ts
 * export const search = Actor.fn("search", {
 *   module: import.meta.url, layer: Layer.effectDiscard(Effect.fail("no index"))
 * })(() => Effect.void)
 *
 * const step = yield* Actor.runInActor(search()).pipe(
 *   Effect.as("ready"),
 *   Effect.catchTag("SpawnFailed", (error) => Effect.succeed(error.step))
 * )
 * step // "layer"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class SpawnFailed extends Schema.TaggedError<SpawnFailed>()("SpawnFailed", {
  actor: ActorId,
  step: SpawnStep,
  reason: Schema.String,
  stderr: Schema.Array(Schema.String),
  failure: Schema.NullOr(Boxed),
  hint: hintField
}) {
  override get message(): string {
    return `actor "${this.actor.name}" did not start (step: ${this.step}): ${this.reason}${tail(this.stderr)}`
  }
  /**
   * The failure that stopped the start in the actor, as an `Error` with the stack frames of the module or layer that
   * threw it.
   */
  override get cause(): Error | undefined {
    return this.failure === null ? undefined : unbox(this.failure)
  }
}

/**
 * A stream overran its reader: the reader opened the dialog with `overflow: "error"`, and more items than the reader's
 * window allows arrived unread.
 *
 * @example
 * ```ts
 * const answer = frank.open(
 *   chat({ room: "kitchen" }),
 *   ({ stream }) => Effect.andThen(stream.sendAll(["a", "b"]), Effect.delay(stream.receive, "50 millis")),
 *   { overflow: "error", window: { items: 1 } }
 * )
 * const heard = yield* Effect.catchTag(answer, "StreamOverrun", () => Effect.succeed("too slow"))
 * heard // "too slow"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class StreamOverrun extends Schema.TaggedError<StreamOverrun>()("StreamOverrun", {
  actor: ActorId,
  endpoint: Schema.String
}) {
  override get message(): string {
    return `the reader of ${this.endpoint} in ${formatActor(this.actor)} is too slow for its overflow policy`
  }
}

/**
 * Another actor holds the wanted name, and one of the two actors has asked to hold this name alone (`unique: true`).
 * The field `actor` is the holder of the name; the pid of a holder that is starting is 0.
 *
 * @example
 * ```ts
 * yield* Actor.startScoped("ledger", { expose: [isPrime], unique: true })
 * const error = yield* Effect.flip(Actor.startScoped("ledger", { expose: [isPrime], unique: true }))
 * error._tag // "NameTaken"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", {
  /**
   * The field for the wanted name is not called `name`, because an error's `name` is printed in the place of its tag.
   */
  wanted: Schema.String,
  actor: ActorId
}) {
  override get message(): string {
    const holder = this.actor.pid === 0 ? "an actor that is still starting" : formatActor(this.actor)
    return `the name "${this.wanted}" is taken by ${holder}: choose another, or share it`
  }
}

/**
 * The connection to `actor` is closed, or one direction of the dialog that this error names has ended.
 *
 * - `side: "local"` says that this side closed the connection or the stream, such as by `end` of the stream.
 * - `side: "peer"` says that the other actor has ended, or has ended its side of the dialog.
 *
 * @example
 * ```ts
 * const late = yield* Effect.scoped(Actor.startScoped("ledger", { expose: [isPrime] }))
 * const error = yield* Effect.flip(late.run(isPrime({ n: 7 })))
 * error._tag // "ChannelClosed"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ChannelClosed extends Schema.TaggedError<ChannelClosed>()("ChannelClosed", {
  side: Schema.Literals(["local", "peer"]),
  actor: ActorId,
  dialog: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const actor = formatActor(this.actor)
    if (this.dialog !== undefined) {
      return this.side === "local"
        ? `our half of the stream of ${this.dialog} with ${actor} has ended: \`end\` or \`close\` was called`
        : `${actor} has ended the dialog ${this.dialog}: it reads no more`
    }
    return this.side === "local"
      ? `the portal to ${actor} is closed here: its nursery, Scope or Layer has ended, or \`cancel\` was called`
      : `${actor} closed the connection: it has ended`
  }
}

/**
 * Work in another actor failed with a defect, or with an error without a schema, which arrives as boxed text. The field
 * `cause` shows the stack that the error has in the other actor.
 *
 * The field `boxed.origin` is the actor in which the error happened, and `boxed.path` lists the actors that passed it
 * on. The field `others` holds the errors that happened together with the first error.
 *
 * The field `ending` is true when `actor` does not outlive the failure, so that it answers no further call.
 *
 * @example
 * ```ts
 * const message = yield* frank.run(broken()).pipe(
 *   Effect.as("done"),
 *   Effect.catchTag("RemoteActorError", ({ boxed }) => Effect.succeed(boxed.message))
 * )
 * message // "out of paper"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class RemoteActorError extends Schema.TaggedError<RemoteActorError>()("RemoteActorError", {
  actor: ActorId,
  boxed: Boxed,
  others: Schema.Array(Boxed),
  ending: endingField
}) {
  override get message(): string {
    const { boxed } = this
    const relays = boxed.path.length === 0 ? "" : ` (passed on by ${boxed.path.map(formatActor).join(", ")})`
    return `${boxed.type} in ${formatActor(boxed.origin)}${relays}: ${boxed.message}`
  }
  /** The actor in which the boxed failure happened. */
  get origin(): ActorId {
    return this.boxed.origin
  }
  /** The actors that passed the boxed failure on, the nearest actor last. */
  get path(): ReadonlyArray<ActorId> {
    return this.boxed.path
  }
  /** The name of the error's type in the actor where it happened. */
  get type(): string {
    return this.boxed.type
  }
  /** The stack of the error in the actor where it happened. */
  get remoteStack(): string {
    return this.boxed.stack
  }
  /** The error of the other actor as an `Error`, with its own stack and causes. */
  override get cause(): Error {
    return unbox(this.boxed)
  }
}

/**
 * The union of all errors with which the runtime itself can fail. The union `ActorError` is closed, so that a program
 * can handle every member.
 *
 * @category errors
 * @since 0.1.0
 */
export type ActorError =
  | ContextCancelled
  | ActorLost
  | ActorUnreachable
  | EndpointUnknown
  | ActorBusy
  | PayloadInvalid
  | ProtocolViolation
  | SpawnFailed
  | StreamOverrun
  | NameTaken
  | ChannelClosed
  | RemoteActorError

const classes = [
  ContextCancelled,
  ActorLost,
  ActorUnreachable,
  EndpointUnknown,
  ActorBusy,
  PayloadInvalid,
  ProtocolViolation,
  SpawnFailed,
  StreamOverrun,
  NameTaken,
  ChannelClosed,
  RemoteActorError
] as const

/** The schema of any error of an actor, for an `ActorExit` that crosses to another process. */
export const AnyActorError = Schema.Union(classes)

/**
 * Distinguishes the runtime's own errors from those of an endpoint. The type guard narrows an error to the closed union
 * `ActorError`.
 *
 * @example
 * ```ts
 * const error = yield* Effect.flip(frank.run(isPrime({ n: 1 })))
 * Actor.isActorError(error) // false
 * const answer = frank.run(isPrime({ n: 7 })).pipe(
 *   Effect.catchIf(Actor.isActorError, (error) => Effect.as(Effect.logError(error.message), false))
 * )
 * yield* answer // true
 * ```
 * @category guards
 * @since 0.1.0
 */
export const isActorError = (u: unknown): u is ActorError =>
  classes.some((ActorErrorClass) => u instanceof ActorErrorClass)
