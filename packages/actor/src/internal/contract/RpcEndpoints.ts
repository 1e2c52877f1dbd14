/**
 * Makes the endpoints behind an RpcGroup of Effect: one for each procedure, with the group's own schemas, and the
 * session that a client holds. Effect's RpcServer and RpcClient define the meaning of a request; this module only
 * defines how a request crosses.
 *
 *   payload   the session, headers, discard, and the procedure's own payload
 *   answer    the procedure's own success, or nothing where the caller discards it
 *   failure   the whole Cause that Effect's client is given, or why there is none
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Endpoint from "./Endpoint.ts"

/**
 * The names with which Effect marks its RPC values. Effect's names are copied into this module, because an import of
 * effect/rpc at run time would load its modules into every actor.
 */
export const marks = {
  streamSchema: "~effect/rpc/RpcSchema/StreamSchema",
  parseOptions: "effect/rpc/Rpc/ParseOptions"
} as const

/** The procedures of a group, by their names. */
export type Rpcs = ReadonlyMap<string, Rpc.AnyWithProps>

export interface Group {
  readonly requests: Rpcs
}

/**
 * A request of an RpcClient on its way to the actor. The payload of a request is a tuple, because field names would
 * cross with each request.
 */
export type RequestPayload = readonly [
  session: number,
  value: unknown,
  headers: Readonly<Record<string, string>>,
  discard: boolean
]

/** The answer of a call; empty when the caller discards the answer. */
export type Answer = readonly [] | readonly [value: unknown]

/** The ways in which an actor ends a request without an answer. */
export type Failure =
  /** The request failed, and its client fails with the given Cause. */
  | { readonly _tag: "RpcFailed"; readonly cause: Cause.Cause<unknown> }
  /** The request failed with an error that the schemas of its procedure do not declare. */
  | { readonly _tag: "RpcUndeclared"; readonly issue: string }
  /** The request names no client that its caller has opened at the actor, so no part of the request has run. */
  | { readonly _tag: "RpcNoSession" }

/**
 * The dialog of one client of an RpcGroup, open as long as the client lives. The first value of a client's dialog is
 * the number of the client.
 */
export const session: Endpoint.AnyEndpoint = Endpoint.make("dialog", "furrow/rpc/session", { started: Schema.Int })

const isStream = (schema: object): schema is { readonly success: Endpoint.Wire; readonly error: Endpoint.Wire } =>
  marks.streamSchema in schema

/** The schema of the Cause of a failed request, with every error that the procedure's schemas declare. */
export const causeOf = ({ defectSchema, errorSchema, middlewares, successSchema }: Rpc.AnyWithProps): Endpoint.Wire => {
  const failures = new Set<Schema.Top>([errorSchema])
  if (isStream(successSchema)) failures.add(successSchema.error)
  for (const { error } of middlewares) failures.add(error)
  return Schema.Cause(Schema.Union([...failures]), defectSchema) as unknown as Endpoint.Wire
}

const endpointOf = (rpc: Rpc.AnyWithProps): Endpoint.AnyEndpoint => {
  const { _tag, errorSchema, payloadSchema, successSchema } = rpc
  Endpoint.refuse(_tag, "payload", payloadSchema)
  Endpoint.refuse(_tag, "error", errorSchema)
  const payload = Schema.Tuple([
    // The number of a session is not checked by a schema, because the check would cost more than all other parts of the
    // payload. A request with a wrong number is refused, because no session has this number.
    Schema.Number,
    payloadSchema as Endpoint.Wire,
    Schema.Record(Schema.String, Schema.String),
    Schema.Boolean
  ])
  // RpcClient has already made and checked the payload of a request, so this code only encodes the payload.
  Object.defineProperty(payload, "make", { value: (made: RequestPayload) => made })
  const error = Schema.Union([
    Schema.TaggedStruct("RpcFailed", { cause: causeOf(rpc) }),
    Schema.TaggedStruct("RpcUndeclared", { issue: Schema.String }),
    Schema.TaggedStruct("RpcNoSession", {})
  ])
  return isStream(successSchema)
    ? Endpoint.make("stream", _tag, { payload, success: successSchema.success, error })
    : Endpoint.make("call", _tag, {
      payload,
      success: Schema.Tuple([Schema.optionalKey(successSchema as Endpoint.Wire)]),
      error
    })
}

const known = new WeakMap<Rpc.AnyWithProps, Endpoint.AnyEndpoint>()

/**
 * Returns the endpoint of a procedure. Each procedure has one endpoint value, because the codecs are cached by the
 * endpoint value.
 */
const knownEndpointOf = (rpc: Rpc.AnyWithProps): Endpoint.AnyEndpoint => {
  const found = known.get(rpc)
  if (found !== undefined) return found
  const made = endpointOf(rpc)
  known.set(rpc, made)
  return made
}

/**
 * The endpoints of a group, by the names of its procedures. Throws when a procedure has parse options, because the
 * codecs of an actor have no parse options. The parameter `who` names the function that got the group, for the text of
 * the error.
 */
export const endpointsOf = (who: string, { requests }: Group): ReadonlyMap<string, Endpoint.AnyEndpoint> => {
  const parsed = Array.from(requests.values()).filter(({ annotations }) =>
    annotations.mapUnsafe.has(marks.parseOptions)
  )
  if (parsed.length > 0) {
    throw new Error(
      `${who} refuses the RpcGroup: values cross without the \`Rpc.ParseOptions\` of ` +
        `${parsed.map(({ _tag }) => `"${_tag}"`).join(", ")}. Leave the annotation out and check in the handlers`
    )
  }
  return new Map(Array.from(requests, ([name, rpc]) => [name, knownEndpointOf(rpc)]))
}
