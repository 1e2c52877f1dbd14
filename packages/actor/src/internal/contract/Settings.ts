/**
 * The settings of a Service: values of a schema that each start supplies. Settings cross with the start like the
 * payload of a call, with the same defaults, checks and bounds.
 *
 * @since 0.1.0
 */
import { defaultMaxFrame } from "@furrow/protocol/Frame"
import type * as Payload from "@furrow/protocol/Payload"
import type * as Schema from "effect/Schema"
import { aboveLimit } from "../errors/ActorError.ts"
import { encodeInput } from "./Call.ts"
import * as Endpoint from "./Endpoint.ts"

/**
 * A schema of settings: a record of fields, or a schema of objects.
 *
 * @category models
 * @since 0.1.0
 */
export type SettingsSchema = Endpoint.Fields | (Endpoint.Wire & { readonly Type: object })

/**
 * The settings as the caller of a start writes them: fields with a default in the schema may be left out.
 *
 * @category type-level
 * @since 0.1.0
 */
export type SettingsInput<C> = Endpoint.SchemaOf<C> extends infer S extends Schema.Top ? S["~type.make.in"] : never

/**
 * The option that carries the settings of a Service: absent for a Service without settings, and optional when every
 * setting has a default. Only the type of the Service decides which settings its start takes.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Configured<Config> = [Config] extends [never] ? unknown
  : {} extends Config ? { readonly config?: NoInfer<Config> | undefined }
  : { readonly config: NoInfer<Config> }

/**
 * The type of a function's last argument, its options, which may be left out if every option is optional.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Argument<Options> = {} extends Options ? [options?: Options] : [options: Options]

/** The schema of one Service's settings, as a payload that is named by the key of the Service. */
export const make = (key: string, config: SettingsSchema | undefined): Endpoint.AnyEndpoint | undefined =>
  config === undefined ? undefined : Endpoint.make("call", key, { payload: config as Endpoint.Fields })

/** The number of bytes of a frame that are kept free for the fields of a start other than the settings. */
const reservedBytes = 64 * 1024

/** Checks and encodes the settings of a start, before any process exists that would have to be ended. */
export const encode = (
  settings: Endpoint.AnyEndpoint | undefined,
  given: unknown
): Payload.Result<Uint8Array | null> => {
  if (settings === undefined) {
    return given === undefined
      ? { ok: true, value: null }
      : { ok: false, issue: "Expected no settings: the Service declares no `config`" }
  }
  const encoded = encodeInput(settings, given === undefined ? {} : given)
  if (!encoded.ok) return encoded
  const limit = defaultMaxFrame - reservedBytes
  const { length } = encoded.value
  return length > limit ? { ok: false, issue: aboveLimit(length, limit) } : encoded
}

/**
 * Decodes the settings of a start in the actor, with the schema of the actor's Service. Settings that do not match
 * their schema throw an error that names the Service and the mismatch.
 */
export const decode = (settings: Endpoint.AnyEndpoint | undefined, bytes: Uint8Array | null): unknown => {
  if (settings === undefined) return undefined
  const decoded: Payload.Result<unknown> = bytes === null
    ? { ok: false, issue: "Expected settings: the parent has a Service of that key without `config`" }
    : Endpoint.codecs(settings).payload.decode(bytes)
  if (decoded.ok) return decoded.value
  throw new Error(`the config of "${settings.name}" does not match its schema in the actor: ${decoded.issue}`)
}
