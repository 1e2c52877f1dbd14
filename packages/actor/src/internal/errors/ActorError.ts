/**
 * Everything that can go wrong between two actors, closed and tagged.
 *
 * Three tiers never mix: an endpoint's own error keeps its type; what the runtime itself has to say is one member of
 * `ActorError`; a local defect stays a local defect. Every member names the side that did it, the thing, and the next
 * step.
 *
 * @since 0.1.0
 */
import { ActorId as ActorIdSchema, Boxed, Lost as LostSchema } from "@furrow/protocol/Failure"
import * as Schema from "effect/Schema"

/**
 * Who an actor is. `uuid` alone decides equality; name and pid are for people.
 *
 * @since 0.1.0
 */
export const ActorId = ActorIdSchema
export type ActorId = typeof ActorId.Type

/** `name@pid`, as an actor is called in messages. */
export const formatActor = (actor: ActorId): string => `${actor.name}@${actor.pid}`

const tail = (stderr: ReadonlyArray<string>): string =>
  stderr.length === 0 ? "" : `\nits last lines on stderr:\n${stderr.map((line) => `  | ${line}`).join("\n")}`

/**
 * The work was cancelled, and not by us alone: `by` asked first, for `reason` (features CANC-4 to CANC-9).
 * `acknowledged` is false where the far finalizers did not end within the bound.
 *
 * @since 0.1.0
 */
export class ContextCancelled extends Schema.TaggedError<ContextCancelled>()("ContextCancelled", {
  actor: ActorId,
  by: ActorId,
  reason: Schema.String,
  acknowledged: Schema.Boolean
}) {
  override get message(): string {
    const who = this.by.uuid === this.actor.uuid ? "itself" : formatActor(this.by)
    return `the work in ${formatActor(this.actor)} was cancelled by ${who}: ${this.reason}` +
      (this.acknowledged ? "" : " (not acknowledged: its finalizers may still be running)")
  }
}

/**
 * How an actor was lost.
 *
 * @since 0.1.0
 */
export const Lost = LostSchema
export type Lost = typeof Lost.Type

/** How an actor was lost, in words. */
export const formatLost = (how: Lost): string => {
  switch (how._tag) {
    case "Exited":
      return `its process exited with code ${how.code}`
    case "Signalled":
      return `its process was killed by ${how.signal}`
    case "ConnectionClosed":
      return "its connection closed"
  }
}

/**
 * The actor is gone without a last word (features W-C6, W-S12: lost peers fail every open call at once).
 * `stderr` holds its last lines where we are its parent, `failure` what it could still say of an uncaught error.
 *
 * @since 0.1.0
 */
export class ActorLost extends Schema.TaggedError<ActorLost>()("ActorLost", {
  actor: ActorId,
  how: Lost,
  stderr: Schema.Array(Schema.String),
  failure: Schema.NullOr(Boxed)
}) {
  override get message(): string {
    const failure = this.failure === null ? "" : ` after an uncaught ${this.failure.type}: ${this.failure.message}`
    return `${formatActor(this.actor)} is lost: ${formatLost(this.how)}${failure}${tail(this.stderr)}`
  }
  /** What the actor could still say, as an `Error` with the frames of the actor's own code. */
  override get cause(): Error | undefined {
    return this.failure === null ? undefined : unbox(this.failure)
  }
}

/**
 * Why an actor cannot be reached: it has ended or is of another tree (`gone`), nobody answered in time (`timeout`), it let
 * nobody in (`refused`), it cannot be listened or dialled to (`transport`), this actor is ending (`closed`), or there is no
 * such actor to reach from here, as the parent of a root (`none`).
 *
 * @category models
 * @since 0.1.0
 */
export const Unreachability = Schema.Literals(["gone", "timeout", "refused", "transport", "closed", "none"])
export type Unreachability = typeof Unreachability.Type

/**
 * The actor cannot be reached from here. `actor` is nobody's where only a name is known; `target` says in words who was
 * meant, `why` is what a program can act on, `reason` says it to people.
 *
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

/** An endpoint that is named with its kind, as both sides do where the kind is what is wrong. */
const asKind = (endpoint: string): { readonly name: string; readonly kind: keyof typeof verbs } | undefined => {
  const [, name, kind] = /^(.*) (?:as a |\()(call|stream|dialog)\)?$/.exec(endpoint) ?? []
  return name === undefined ? undefined : { name, kind: kind as keyof typeof verbs }
}

/**
 * The actor does not expose this endpoint, or exposes another one of that name (features RPC-6, ACT-7).
 *
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
 * The actor ran nothing: too many dialogs of ours are open there at once, or ended and we have not read how.
 *
 * @since 0.1.0
 */
export class ActorBusy extends Schema.TaggedError<ActorBusy>()("ActorBusy", {
  actor: ActorId,
  endpoint: Schema.String,
  limit: Schema.Int
}) {
  override get message(): string {
    return `${
      formatActor(this.actor)
    } did not run ${this.endpoint}: ${this.limit} dialogs of this actor are open there ` +
      "already. Bound how many are in flight (the option `concurrency`), or end some"
  }
}

/** Why a payload is not sent though its schema has nothing against it. */
export const aboveLimit = (bytes: number, limit: number): string =>
  `its ${bytes} bytes are above the limit of ${limit} of one frame`

const isAboveLimit = (issue: string): boolean => /^its \d+ bytes are above the limit/.test(issue)

/**
 * A value does not match its schema, or is too large to be sent. `side` made it: `caller` before anything was sent, `callee`
 * in the actor. `actor` is who serves the endpoint.
 *
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
      return `the ${this.part} of ${this.endpoint}, made by the ${this.side}, is too large: ${this.issue}. Send it in ` +
        "pieces, as the items of a stream"
    }
    return this.part === "contract"
      ? `the two sides have different contracts of ${this.endpoint}: ${this.issue}`
      : `the ${this.part} of ${this.endpoint}, made by the ${this.side}, does not match its schema: ${this.issue}`
  }
}

/**
 * One side broke the rules of the wire: a bug in a runtime, or a peer that is not one.
 *
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
 * The steps of starting an actor, in order.
 *
 * @since 0.1.0
 */
export const SpawnStep = Schema.Literals(["process", "handshake", "import", "layer", "ready"])
export type SpawnStep = typeof SpawnStep.Type

/**
 * The actor did not become ready (features W-S1, W-S7). `step` says how far it came. Its `actor` has the pid 0 where there
 * was no process yet.
 *
 * @since 0.1.0
 */
export class SpawnFailed extends Schema.TaggedError<SpawnFailed>()("SpawnFailed", {
  actor: ActorId,
  step: SpawnStep,
  reason: Schema.String,
  stderr: Schema.Array(Schema.String),
  failure: Schema.NullOr(Boxed)
}) {
  override get message(): string {
    return `actor "${this.actor.name}" did not start (step: ${this.step}): ${this.reason}${tail(this.stderr)}`
  }
  /** What stopped the start over there, as an `Error` with the frames of the module or layer that threw it. */
  override get cause(): Error | undefined {
    return this.failure === null ? undefined : unbox(this.failure)
  }
}

/**
 * A stream overran its reader, where overrunning was asked for (features OVR-2).
 *
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
 * Another actor holds this name, and it was asked for alone. `actor` is that one; its pid is 0 while it is starting.
 *
 * @since 0.1.0
 */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", {
  /** Not `name`: what an error has there is printed instead of its tag. */
  wanted: Schema.String,
  actor: ActorId
}) {
  override get message(): string {
    const holder = this.actor.pid === 0 ? "an actor that is still starting" : formatActor(this.actor)
    return `the name "${this.wanted}" is taken by ${holder}: choose another, or share it`
  }
}

/**
 * The connection is closed. `side: "local"`: we closed it, a portal was used after its owner ended.
 *
 * @since 0.1.0
 */
export class ChannelClosed extends Schema.TaggedError<ChannelClosed>()("ChannelClosed", {
  side: Schema.Literals(["local", "peer"]),
  actor: ActorId
}) {
  override get message(): string {
    const actor = formatActor(this.actor)
    return this.side === "local"
      ? `the portal to ${actor} is closed here: its nursery, Scope or Layer has ended, or \`cancel\` was called`
      : `${actor} closed the connection: it has ended`
  }
}

/**
 * What the far side died of, boxed: a defect, or an error without a schema (features ERR-1 to ERR-4).
 * `boxed.origin` is where it happened, `boxed.path` who passed it on; `cause` shows the remote stack.
 *
 * @since 0.1.0
 */
export class RemoteActorError extends Schema.TaggedError<RemoteActorError>()("RemoteActorError", {
  actor: ActorId,
  boxed: Boxed,
  others: Schema.Array(Boxed)
}) {
  override get message(): string {
    const { boxed } = this
    const relays = boxed.path.length === 0 ? "" : ` (passed on by ${boxed.path.map(formatActor).join(", ")})`
    return `${boxed.type} in ${formatActor(boxed.origin)}${relays}: ${boxed.message}`
  }
  /** Where it happened. */
  get origin(): ActorId {
    return this.boxed.origin
  }
  /** The actors that passed it on, the nearest last. */
  get path(): ReadonlyArray<ActorId> {
    return this.boxed.path
  }
  /** The type's name on the far side. */
  get type(): string {
    return this.boxed.type
  }
  /** The stack on the far side. */
  get remoteStack(): string {
    return this.boxed.stack
  }
  /** The far error as an `Error`, with its own stack and causes. */
  override get cause(): Error {
    return unbox(this.boxed)
  }
}

const unbox = (boxed: Boxed): Error => {
  const error = new Error(boxed.message, boxed.cause === null ? undefined : { cause: unbox(boxed.cause) })
  error.name = boxed.type
  error.stack = boxed.stack
  return error
}

/**
 * Everything the runtime itself can fail with: closed, so that it can be handled exhaustively.
 *
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

/**
 * Tells the runtime's own errors from an endpoint's.
 *
 * @example
 * ```ts
 * Effect.catchIf(call, Actor.isActorError, (error) => Effect.logError(error.message))
 * ```
 * @since 0.1.0
 */
export const isActorError = (u: unknown): u is ActorError =>
  classes.some((ActorErrorClass) => u instanceof ActorErrorClass)
