/**
 * The failures between two actors, as a closed union of tagged errors.
 *
 * Three tiers never mix: an endpoint's own error keeps its type; what the runtime itself has to say is one member of
 * `ActorError`; a local defect stays a local defect. Every member names the side that did it, the thing, and the next
 * step.
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
 * The identity of an actor, as a schema: it may stand in a payload. `uuid` alone decides equality; name and pid are for
 * people.
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
 * Formats the identity of an actor as texts of messages do: `name@pid`.
 *
 * @example
 * ```ts
 * ActorError.formatActor(frankId) // "frank@4711"
 * ```
 * @category formatting
 * @since 0.1.0
 */
export const formatActor = (actor: ActorId): string => `${actor.name}@${actor.pid}`

/** The field `began`: "no" where the actor refused the work before it had begun. Default: "maybe". */
const beganField = Began.pipe(Schema.withConstructorDefault(Effect.succeed("maybe" as const)))

/** The field `ending`: true when the actor serves no more calls, false when it lives on. Default: false. */
const endingField = Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(false)))

/** The field `doing`: the calls that the actor served when it died. Default: empty, where they are not known. */
const doingField = Schema.Array(Doing).pipe(Schema.withConstructorDefault(Effect.succeed<ReadonlyArray<Doing>>([])))

/** The field `hint`: why the actor died and what to do next. Default: null, where neither is known. */
const hintField = Schema.NullOr(Hint).pipe(Schema.withConstructorDefault(Effect.succeed<Hint | null>(null)))

const sentence = (text: string): string => text === "" ? "" : `. ${text}`

const tail = (stderr: ReadonlyArray<string>): string =>
  stderr.length === 0 ? "" : `\nits last lines on stderr:\n${stderr.map((line) => `  | ${line}`).join("\n")}`

/**
 * The work was cancelled by another actor: `by` asked first, for `reason`. `acknowledged` is false where the far
 * finalizers did not end within their bound (`Timeouts.cancel`).
 *
 * `ending` is true where the whole of `actor` is being ended, so that it answers no more calls. `began` is `"no"` where
 * the actor refused the call for that reason, so that no part of it has run.
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
 * The ways to lose an actor, as a schema: its process exited, a signal killed it (`Killed`: one of its
 * owner), it ran out of memory, its connection closed, or it fell silent (`Silent`: `millis` without a sign of life over a
 * connection that can die without an end).
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
 * Formats in words how an actor was lost.
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
 * The actor is gone without a last word, and every open call on it fails with this at once.
 *
 * `began` is `"no"` where the call never left this process, so that it can be repeated elsewhere without doing anything
 * twice; it is `"maybe"` where the actor may have begun it. `stderr` holds its last lines where we are its parent. `failure` is
 * what it could still say of an uncaught error.
 *
 * `doing` lists the calls that it served when it died, and `hint` says why it died and what to do next; null where nothing tells
 * it. Both are known to its parent, and empty for others.
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
  /** The actor's last report as an `Error`, with the stack frames of the actor's own code. */
  override get cause(): Error | undefined {
    return this.failure === null ? undefined : unbox(this.failure)
  }
}

/**
 * The reasons why an actor cannot be reached:
 *
 * - `gone`: it has ended, or is of another tree
 * - `timeout`: there was no answer in time
 * - `refused`: it let no connection in
 * - `transport`: it cannot be listened or dialled to
 * - `closed`: this actor is ending
 * - `none`: there is no such actor to reach from here, as the parent of a root
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
 * The actor cannot be reached from here. A program can act on `why`; `reason` explains it to people.
 *
 * `actor` is null where only a name is known. `target` names in words the actor that was meant.
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

/** An endpoint with its kind, as texts name it where its kind is the fault. */
const asKind = (endpoint: string): { readonly name: string; readonly kind: keyof typeof verbs } | undefined => {
  const [, name, kind] = /^(.*) (?:as a |\()(call|stream|dialog)\)?$/.exec(endpoint) ?? []
  return name === undefined ? undefined : { name, kind: kind as keyof typeof verbs }
}

/**
 * The actor does not expose this endpoint, or exposes another one with that name. `exposed` lists the endpoints that it
 * does expose.
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
 * The actor refused the call before any of it ran: `limit` dialogs of this caller are open there, or have ended unread.
 * Bound the calls in flight to avoid it. A `limit` of 0 means that its owner drains the actor (`isDraining`).
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
  /** True when the owner drains the actor, which begins no more calls. */
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

/** The issue of a payload that matches its schema, and is too large for one frame. */
export const aboveLimit = (bytes: number, limit: number): string =>
  `its ${bytes} bytes are above the limit of ${limit} of one frame`

const isAboveLimit = (issue: string): boolean => /^its \d+ bytes are above the limit/.test(issue)

/**
 * A value does not match its schema, or is too large to be sent. `issue` names the fault, `part` the part of
 * the call. The settings of a Service are the part `config` of its start, and `endpoint` is its key.
 *
 * `side` made the value: `caller` before anything was sent, `callee` in the actor. `actor` serves the endpoint.
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
 * One side broke the rules of the wire, and the connection was closed: a bug in a runtime, or a peer that is not one.
 * `side` is the side that broke `rule`; a program can only report it.
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
 * The steps of starting an actor, in order: `SpawnFailed` says how far a start came.
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
 * The actor did not become ready. `step` says how far it came, `reason` what stopped it, `stderr` its last lines. `hint` says
 * why its process died, or its module could not be used, and what to do next; null where nothing tells it.
 *
 * Its `actor` has the pid 0 where there was no process yet.
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
 * A stream overran its reader, which had asked for this error: the reader opened the dialog with `overflow: "error"`,
 * and more than its window arrived.
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
 * Another actor holds this name, and the name was asked for alone (`unique: true`). `actor` is the holder; its pid is 0
 * while the holder is starting.
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
  /** The field is not called `name`: an error's `name` is printed instead of its tag. */
  wanted: Schema.String,
  actor: ActorId
}) {
  override get message(): string {
    const holder = this.actor.pid === 0 ? "an actor that is still starting" : formatActor(this.actor)
    return `the name "${this.wanted}" is taken by ${holder}: choose another, or share it`
  }
}

/**
 * The connection is closed, or one stream of the dialog that the error names.
 *
 * - `side: "local"`: this side closed it, as where a portal is used after its owner ended, or a message is sent after
 * `end`.
 * - `side: "peer"`: the actor has ended, or has ended its side of the dialog.
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
 * The far side died of a defect, or of an error without a schema, which arrives boxed as text. `cause` shows the remote
 * stack.
 *
 * `boxed.origin` is where it happened, `boxed.path` lists the actors that passed it on. `others` failed beside it.
 *
 * `ending` is true where `actor` does not outlive the failure: nothing more can be asked of it.
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
  /** The actor in which the failure happened. */
  get origin(): ActorId {
    return this.boxed.origin
  }
  /** The actors that passed the failure on, the nearest last. */
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
  /** The far error as an `Error`, with its own stack and causes. */
  override get cause(): Error {
    return unbox(this.boxed)
  }
}

/**
 * The union of all errors with which the runtime itself can fail. It is closed, so that a program can handle all of
 * them.
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

/** The schema of any error of an actor, as an exit that crosses holds it. */
export const AnyActorError = Schema.Union(classes)

/**
 * Tells the runtime's own errors from an endpoint's. It narrows an error to the closed union `ActorError`.
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
