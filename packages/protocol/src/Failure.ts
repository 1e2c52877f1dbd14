/**
 * How a failure looks on the wire: what an `Error` word carries.
 *
 * A cause crosses with all its reasons. One of them decides the tag (the endpoint's own error first, then a defect,
 * then a cancellation); the others ride along in `others`. A value without a schema is boxed: type, message, stack and
 * the chain of causes as text, its own plain data, with the actor it comes from and the actors that passed it on.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Hot from "./internal/hotFailure.ts"
import * as HotFarewell from "./internal/hotFarewell.ts"
import * as Payload from "./Payload.ts"

export const ActorId = Schema.Struct({ name: Schema.String, uuid: Schema.String, pid: Schema.Int })

/**
 * A failure as text. `path` lists the actors that passed it on, the nearest last. `properties` are its own where they are
 * plain data, `parts` the errors that it holds (an AggregateError); neither is there where there is nothing of it.
 */
export interface Boxed {
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly cause: Boxed | null
  readonly origin: typeof ActorId.Type
  readonly path: ReadonlyArray<typeof ActorId.Type>
  readonly properties?: { readonly [key: string]: Schema.Json }
  readonly parts?: ReadonlyArray<Boxed>
}

export const Boxed: Schema.Codec<Boxed> = Schema.Struct({
  type: Schema.String,
  message: Schema.String,
  stack: Schema.String,
  cause: Schema.NullOr(Schema.suspend((): Schema.Codec<Boxed> => Boxed)),
  origin: ActorId,
  path: Schema.Array(ActorId),
  properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  parts: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<Boxed> => Boxed)))
})

/** True when the work of a call may have begun when its actor was lost. */
export const Began = Schema.Literals(["no", "maybe"])

/** How an actor was lost, as its parent could see it. */
export const Lost = Schema.Union([
  Schema.TaggedStruct("Exited", { code: Schema.Int }),
  Schema.TaggedStruct("Signalled", { signal: Schema.String }),
  /** The actor's owner sent the signal, for this reason. */
  Schema.TaggedStruct("Killed", { signal: Schema.String, reason: Schema.String }),
  /** The actor's heap was full; `limit` is the one it was started with, in MiB. */
  Schema.TaggedStruct("OutOfMemory", { limit: Schema.optionalKey(Schema.Number) }),
  Schema.TaggedStruct("ConnectionClosed", { reason: Schema.optionalKey(Schema.String) }),
  /** The actor gave no sign of life for so long (milliseconds), and its connection can die without an end. */
  Schema.TaggedStruct("Silent", { millis: Schema.Number }),
  /** The actor was killed, and its exit was never reported: it may still be there. */
  Schema.TaggedStruct("Unreported", {})
])

export const Failure = Schema.Union([
  /** The endpoint's own error, encoded by its schema; its type and message are for a caller that cannot read it. */
  Schema.TaggedStruct("Fail", {
    error: Schema.Uint8Array,
    type: Schema.String,
    message: Schema.String,
    others: Schema.Array(Boxed)
  }),
  /** `ending`: the actor does not outlive this failure. */
  Schema.TaggedStruct("Defect", { boxed: Boxed, others: Schema.Array(Boxed), ending: Schema.Boolean }),
  /** `ending`: not the work alone is cancelled, but the whole of `actor`. `began`: "no" where it was refused. */
  Schema.TaggedStruct("Cancelled", {
    by: ActorId,
    reason: Schema.String,
    actor: ActorId,
    path: Schema.Array(ActorId),
    others: Schema.Array(Boxed),
    ending: Schema.Boolean,
    began: Schema.optionalKey(Began)
  }),
  Schema.TaggedStruct("EndpointUnknown", { endpoint: Schema.String, exposed: Schema.Array(Schema.String) }),
  /** Nothing was run: the caller has `limit` dialogs on this connection that are open, or answered and unread. */
  Schema.TaggedStruct("Busy", { limit: Schema.Int }),
  /** The two sides have different contracts; this is the callee's, for the caller to compare. */
  Schema.TaggedStruct("ContractMismatch", { endpoint: Schema.String, representation: Schema.String }),
  Schema.TaggedStruct("PayloadInvalid", { part: Schema.String, issue: Schema.String }),
  Schema.TaggedStruct("SpawnFailed", { step: Schema.String, boxed: Boxed }),
  /** An error of dialog 0: an actor that is ending could not finish its cleanup, and ends all the same. */
  Schema.TaggedStruct("CleanupFailed", { boxed: Boxed }),
  /** An error of dialog 0: a fiber in the background of an actor failed, and the actor goes on. */
  Schema.TaggedStruct("BackgroundFailed", { boxed: Boxed }),
  /** Passed on by an actor between caller and callee, when the callee was lost. */
  Schema.TaggedStruct("Lost", { actor: ActorId, how: Lost, began: Began })
])
export type Failure = typeof Failure.Type

/** Made with the first failure that needs it: deriving it is a tenth of what an actor does before it is ready. */
let derived: Payload.Codec<Failure> | undefined
const codec = (): Payload.Codec<Failure> => derived ??= Payload.codec(Failure)

/**
 * A failure -> the payload of an `Error` word. Its first byte says how the rest is written: an endpoint's own error and a
 * cancellation, where nothing rides along, by hand, and all others by the schema.
 */
export const encode = (failure: Failure): Uint8Array => {
  const hot = Hot.encode(failure)
  if (hot !== undefined) return hot
  const encoded = codec().encode(failure)
  // The schema is ours and its values are built by the runtime: a failure to encode them is a defect of it.
  if (!encoded.ok) throw new Error(`a failure cannot be encoded: ${encoded.issue}`)
  return Hot.general(failure, encoded.value)
}

/** Decodes a failure, or names the fault of a payload that is none. */
export const decode = (payload: Uint8Array): Payload.Result<Failure> => {
  if (Hot.isGeneral(payload)) return codec().decode(payload.subarray(1))
  const failure = Hot.decode(payload)
  return failure === undefined ? { ok: false, issue: "it is no failure" } : { ok: true, value: failure }
}

/** True when the payload refuses a call whose work never began; it is not decoded for that. */
export const isRefusal = Hot.isRefusal

/**
 * The end of an actor, in its own words: what its `Bye` carries. `Returned` is the end of its main, or of the program of
 * a root; `cleanup` holds what failed or was cut off in its finalizers. `taken` is the last dialog of the other side that was
 * read: those behind it have not begun.
 */
export const Farewell = Schema.Struct({
  how: Schema.Union([
    Schema.TaggedStruct("Returned", {}),
    Schema.TaggedStruct("Failed", { boxed: Boxed }),
    Schema.TaggedStruct("Cancelled", { by: ActorId, reason: Schema.String })
  ]),
  cleanup: Schema.Array(Boxed),
  taken: Schema.optionalKey(Schema.Int)
})
export type Farewell = typeof Farewell.Type

/** Made with the first farewell that needs it, as the codec of failures. */
let derivedFarewell: Payload.Codec<Farewell> | undefined
const farewellCodec = (): Payload.Codec<Farewell> => derivedFarewell ??= Payload.codec(Farewell)

/** A farewell -> the payload of a `Bye` word, or why there is none. Its first byte says how the rest is written. */
export const encodeFarewell = (farewell: Farewell): Payload.Result<Uint8Array> => {
  const hot = HotFarewell.encode(farewell)
  if (hot !== undefined) return { ok: true, value: hot }
  const encoded = farewellCodec().encode(farewell)
  return encoded.ok ? { ok: true, value: HotFarewell.general(encoded.value) } : encoded
}

/** Decodes a farewell, or names the fault of a payload that is none. */
export const decodeFarewell = (payload: Uint8Array): Payload.Result<Farewell> => {
  if (HotFarewell.isGeneral(payload)) return farewellCodec().decode(payload.subarray(1))
  const farewell = HotFarewell.decode(payload)
  return farewell === undefined ? { ok: false, issue: "it is no farewell" } : { ok: true, value: farewell }
}
