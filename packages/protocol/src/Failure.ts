/**
 * Encodes a failure for the wire, as the payload that an `Error` word carries.
 *
 * A Cause crosses to the other side with all its reasons. One reason of the Cause decides the tag of the failure: an
 * endpoint's own error first, then a defect, then a cancellation. The field `others` of a failure holds the remaining
 * reasons of its Cause. A value without a schema is boxed: its type, message, stack and causes cross as text,
 * together with its plain data, the actor where it happened and the actors that passed it on.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Hot from "./internal/hotFailure.ts"
import * as HotFarewell from "./internal/hotFarewell.ts"
import * as Payload from "./Payload.ts"

/**
 * The schema of an actor's identity: its name, its uuid and the number of its process.
 *
 * @example
 * ```ts
 * Schema.is(Failure.ActorId)({ name: "shop", uuid: "7d44", pid: 4711 }) // true
 * ```
 */
export const ActorId = Schema.Struct({ name: Schema.String, uuid: Schema.String, pid: Schema.Int })

/**
 * A failure as text. The field `path` of a boxed failure lists the actors that passed the failure on, in the order in
 * which they passed it on. The field `properties` of a boxed failure holds its own plain data, and `parts` holds the
 * errors inside an AggregateError. A boxed failure leaves out an empty `properties` or `parts`.
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

/** The schema of a failure as text. */
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

/**
 * The schema of the answer to whether a lost actor had begun the work of a call: `maybe` or `no`.
 *
 * @example
 * ```ts
 * Schema.is(Failure.Began)("maybe") // true
 * ```
 */
export const Began = Schema.Literals(["no", "maybe"])

/**
 * The schema of how an actor was lost, as its parent has seen the loss.
 *
 * @example
 * ```ts
 * Schema.is(Failure.Lost)({ _tag: "Exited", code: 1 }) // true
 * ```
 */
export const Lost = Schema.Union([
  Schema.TaggedStruct("Exited", { code: Schema.Int }),
  Schema.TaggedStruct("Signalled", { signal: Schema.String }),
  /** The owner of the lost actor killed it by the signal in the field `signal`, for the reason in `reason`. */
  Schema.TaggedStruct("Killed", { signal: Schema.String, reason: Schema.String }),
  /**
   * The actor was lost because its heap was full. The field `limit` is the size in MiB to which the heap of the lost
   * actor was limited at its start.
   */
  Schema.TaggedStruct("OutOfMemory", { limit: Schema.optionalKey(Schema.Number) }),
  Schema.TaggedStruct("ConnectionClosed", { reason: Schema.optionalKey(Schema.String) }),
  /**
   * The actor gave no sign of life for `millis` milliseconds on a connection, such as TCP, that can be cut without
   * notice.
   */
  Schema.TaggedStruct("Silent", { millis: Schema.Number }),
  /** The parent killed the actor, and the operating system never reported the exit, so the process may still exist. */
  Schema.TaggedStruct("Unreported", {})
])

/**
 * The schema of all failures that an `Error` word can carry.
 *
 * @example
 * ```ts
 * Schema.is(Failure.Failure)({ _tag: "Busy", limit: 1 }) // true
 * ```
 */
export const Failure = Schema.Union([
  /**
   * The endpoint's own error, encoded by its schema. The fields `type` and `message` describe the endpoint's own
   * error for a caller that cannot decode the error.
   */
  Schema.TaggedStruct("Fail", {
    error: Schema.Uint8Array,
    type: Schema.String,
    message: Schema.String,
    others: Schema.Array(Boxed)
  }),
  /**
   * A defect of the handler of a call, or of an actor. The field `ending` is true when the defect ends the whole actor.
   */
  Schema.TaggedStruct("Defect", { boxed: Boxed, others: Schema.Array(Boxed), ending: Schema.Boolean }),
  /**
   * The work of a call was cancelled. The field `ending` is true when the whole actor in the field `actor` is
   * cancelled, and not only the work of this call. The field `began` is "no" when the call was refused before its
   * work began.
   */
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
  /**
   * The callee has refused a call, because the caller has `limit` dialogs on this connection that are open or whose
   * answers are unread.
   */
  Schema.TaggedStruct("Busy", { limit: Schema.Int }),
  /**
   * The caller and the callee have different contracts of the endpoint. The field `representation` is the callee's
   * contract, which the caller compares with its own contract.
   */
  Schema.TaggedStruct("ContractMismatch", { endpoint: Schema.String, representation: Schema.String }),
  Schema.TaggedStruct("PayloadInvalid", { part: Schema.String, issue: Schema.String }),
  Schema.TaggedStruct("SpawnFailed", { step: Schema.String, boxed: Boxed }),
  /** An ending actor reports that its cleanup has failed; the report belongs to no call. */
  Schema.TaggedStruct("CleanupFailed", { boxed: Boxed }),
  /**
   * An actor reports that a fiber in its background has failed; the actor continues, and the report belongs to no call.
   */
  Schema.TaggedStruct("BackgroundFailed", { boxed: Boxed }),
  /** A report of an actor that relays the dialog between caller and callee: the callee was lost. */
  Schema.TaggedStruct("Lost", { actor: ActorId, how: Lost, began: Began })
])
/** The type of a failure in the payload of an `Error` word. */
export type Failure = typeof Failure.Type

/**
 * The codec of failures, which is derived at the first failure that needs it, because the derivation takes a tenth of
 * an actor's start.
 */
let derived: Payload.Codec<Failure> | undefined
const codec = (): Payload.Codec<Failure> => derived ??= Payload.codec(Failure)

/**
 * Encodes a failure as the payload of an `Error` word. The first byte of a failure says how the other bytes are
 * encoded.
 *
 * @example
 * ```ts
 * const payload = Failure.encode({ _tag: "Busy", limit: 1 })
 * Failure.decode(payload) // { ok: true, value: { _tag: "Busy", limit: 1 } }
 * ```
 */
export const encode = (failure: Failure): Uint8Array => {
  const hot = Hot.encode(failure)
  if (hot !== undefined) return hot
  const encoded = codec().encode(failure)
  // A failure that cannot be encoded is a defect of the runtime, because the runtime itself builds failures.
  if (!encoded.ok) throw new Error(`a failure cannot be encoded: ${encoded.issue}`)
  return Hot.general(failure, encoded.value)
}

/**
 * Decodes the payload of an `Error` word. Returns an issue that names the fault when the payload holds no failure.
 *
 * @example
 * ```ts
 * Failure.decode(new Uint8Array(0)).ok // false
 * ```
 */
export const decode = (payload: Uint8Array): Payload.Result<Failure> => {
  if (Hot.isGeneral(payload)) return codec().decode(payload.subarray(1))
  const failure = Hot.decode(payload)
  return failure === undefined ? { ok: false, issue: "it is no failure" } : { ok: true, value: failure }
}

/**
 * True when the payload of an `Error` word refuses a call whose work never began. The function `isRefusal` reads only
 * the first byte of the payload, and decodes no failure.
 *
 * @example
 * ```ts
 * Failure.isRefusal(Failure.encode({ _tag: "Busy", limit: 1 })) // true
 * ```
 */
export const isRefusal = Hot.isRefusal

/**
 * Returns the endpoint's own error in the payload of an `Error` word, as the error's schema has encoded it. The result
 * is `undefined` for any other failure, and for an error beside which the payload carries other failures.
 *
 * @example
 * ```ts
 * Failure.ownError(Failure.encode({ _tag: "Busy", limit: 1 })) // undefined
 * ```
 */
export const ownError = Hot.ownError

/**
 * True when the payload of an `Error` word is a cancellation that carries no failure of a finalizer. The function
 * `isPlainCancellation` reads only the first byte of the payload, and is also false for a cancellation with a very long
 * or non-ASCII reason.
 *
 * @example
 * ```ts
 * Failure.isPlainCancellation(Failure.encode({ _tag: "Busy", limit: 1 })) // false
 * ```
 */
export const isPlainCancellation = Hot.isPlainCancellation

/**
 * The schema of a farewell: how an actor ended, as its `Bye` tells the peer. The field `cleanup` holds the failures of
 * the actor's finalizers. The field `taken` of a farewell is the number of the peer's last dialog that the ending actor
 * has read; later dialogs have not begun.
 */
export const Farewell = Schema.Struct({
  how: Schema.Union([
    Schema.TaggedStruct("Returned", {}),
    Schema.TaggedStruct("Failed", { boxed: Boxed }),
    Schema.TaggedStruct("Cancelled", { by: ActorId, reason: Schema.String }),
    // The farewell `Idle` says that the actor lives on and ends only this connection, because neither side uses the
    // connection.
    Schema.TaggedStruct("Idle", {})
  ]),
  cleanup: Schema.Array(Boxed),
  taken: Schema.optionalKey(Schema.Int)
})
/** The type of a farewell in the payload of a `Bye` word. */
export type Farewell = typeof Farewell.Type

/** The codec of farewells, which is derived for the first farewell that needs it. */
let derivedFarewell: Payload.Codec<Farewell> | undefined
const farewellCodec = (): Payload.Codec<Farewell> => derivedFarewell ??= Payload.codec(Farewell)

/**
 * Encodes a farewell as the payload of a `Bye` word. The first byte of a farewell's payload says how the other bytes of
 * the farewell are encoded.
 *
 * @example
 * ```ts
 * Failure.encodeFarewell({ how: { _tag: "Returned" }, cleanup: [] }).ok // true
 * ```
 */
export const encodeFarewell = (farewell: Farewell): Payload.Result<Uint8Array> => {
  const hot = HotFarewell.encode(farewell)
  if (hot !== undefined) return { ok: true, value: hot }
  const encoded = farewellCodec().encode(farewell)
  return encoded.ok ? { ok: true, value: HotFarewell.general(encoded.value) } : encoded
}

/**
 * Decodes the payload of a `Bye` word. Returns an issue that names the fault when the payload holds no farewell.
 *
 * @example
 * ```ts
 * Failure.decodeFarewell(new Uint8Array(0)).ok // false
 * ```
 */
export const decodeFarewell = (payload: Uint8Array): Payload.Result<Farewell> => {
  if (HotFarewell.isGeneral(payload)) return farewellCodec().decode(payload.subarray(1))
  const farewell = HotFarewell.decode(payload)
  return farewell === undefined ? { ok: false, issue: "it is no farewell" } : { ok: true, value: farewell }
}
