/**
 * A contract is data: the name and the schemas of an endpoint, which is something that an actor can be asked. An
 * endpoint is identified by its module and name; its codecs are derived once, at their first use.
 *
 * @since 0.1.0
 */
import * as Payload from "@furrow/protocol/Payload"
import * as Schema from "effect/Schema"

/**
 * A schema whose values can cross to another process, because the schema needs no services on either side.
 *
 * @category models
 * @since 0.1.0
 */
export type Wire = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }
/**
 * The fields of a payload: a record of schemas, which stands for the struct with these fields.
 *
 * @category models
 * @since 0.1.0
 */
export type Fields = { readonly [key: string]: Wire }

export type SchemaOf<P> = P extends Schema.Top ? P : P extends Schema.Struct.Fields ? Schema.Struct<P> : never
export type Type<S> = S extends Schema.Top ? S["Type"] : never

/**
 * The type of any endpoint, whatever its kind is.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnyEndpoint {
  readonly kind: "call" | "stream" | "dialog"
  readonly name: string
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  /** True when running the endpoint of a call twice has the same effect as running it once. */
  readonly idempotent?: boolean
  /** The schemas of a dialog's first value, of its messages to the actor, and of its messages from the actor. */
  readonly started?: Schema.Top
  readonly input?: Schema.Top
  readonly output?: Schema.Top
}

/**
 * An endpoint that answers one payload with one value.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallEndpoint<
  out Name extends string,
  out P extends Schema.Top,
  out A extends Schema.Top,
  out E extends Schema.Top
> {
  readonly kind: "call"
  readonly name: Name
  readonly payload: P
  readonly success: A
  readonly error: E
}

/**
 * An endpoint that answers one payload with many items.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamEndpoint<
  out Name extends string,
  out P extends Schema.Top,
  out A extends Schema.Top,
  out E extends Schema.Top
> {
  readonly kind: "stream"
  readonly name: Name
  readonly payload: P
  readonly success: A
  readonly error: E
}

/**
 * An endpoint that holds a dialog: a payload, a first value, messages both ways, and a result. The field `input` is the
 * stream from the caller to the actor, and `output` is the stream from the actor to the caller.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogEndpoint<
  out Name extends string,
  out P extends Schema.Top,
  out First extends Schema.Top,
  out In extends Schema.Top,
  out Out extends Schema.Top,
  out A extends Schema.Top,
  out E extends Schema.Top
> {
  readonly kind: "dialog"
  readonly name: Name
  readonly payload: P
  readonly started: First
  readonly input: In
  readonly output: Out
  readonly success: A
  readonly error: E
}

/**
 * Any endpoint of the kind `dialog`.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyDialogEndpoint = DialogEndpoint<
  string,
  Schema.Top,
  Schema.Top,
  Schema.Top,
  Schema.Top,
  Schema.Top,
  Schema.Top
>

/**
 * Any endpoint of the kind `call`.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyCallEndpoint = CallEndpoint<string, Schema.Top, Schema.Top, Schema.Top>
/**
 * Any endpoint of the kind `stream`.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyStreamEndpoint = StreamEndpoint<string, Schema.Top, Schema.Top, Schema.Top>

/**
 * The payload as a caller writes it: fields with a default in the schema may be left out.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Input<Ep extends AnyEndpoint> = Ep["payload"]["~type.make.in"]

/**
 * The options with which a program defines an endpoint, such as the schemas of its payload, answer and error. An
 * omitted payload or answer is nothing (`Void`), and an omitted error cannot happen (`Never`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Contract<P, A, E> {
  readonly payload?: P
  readonly success?: A
  readonly error?: E
  /**
   * True when running the endpoint twice has the same effect as running it once, so that a pool may repeat a task whose
   * worker was lost in the middle of it. The contracts of both sides have to declare an endpoint `idempotent`. Default:
   * false.
   */
  readonly idempotent?: boolean | undefined
}

/**
 * The schemas of a dialog's contract; a dialog without `input` or without `output` has no messages in the direction of
 * the omitted schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialogContract<P, First, In, Out, A, E> extends Contract<P, A, E> {
  readonly started?: First
  readonly input?: In
  readonly output?: Out
}

const toSchema = (payload: Wire | Fields | undefined): Schema.Top =>
  payload === undefined ? Schema.Void : Schema.isSchema(payload) ? payload as Wire : Schema.Struct(payload as Fields)

/** True for an endpoint of the runtime itself, which an actor serves but never lists. */
export const isInternal = (name: string): boolean => name.startsWith("furrow/")

/** Throws when the values of a contract's schema have no form in which they can cross to another process. */
export const refuse = (name: string, part: string, schema: Schema.Top): void => {
  const issue = Payload.refusal(schema)
  if (issue !== undefined) throw new Error(`the ${part} of ${name} is refused: ${issue}`)
}

/** Builds the endpoint of a contract; throws when the values of a schema cannot cross to another process. */
export const make = (
  kind: AnyEndpoint["kind"],
  name: string,
  contract: DialogContract<Wire | Fields, Wire, Wire, Wire, Wire, Wire> | undefined
): AnyEndpoint => {
  const schemas = {
    payload: toSchema(contract?.payload),
    success: contract?.success ?? Schema.Void,
    error: contract?.error ?? Schema.Never,
    ...(kind === "dialog"
      ? {
        started: contract?.started ?? Schema.Void,
        input: contract?.input ?? Schema.Never,
        output: contract?.output ?? Schema.Never
      }
      : {})
  }
  for (const [part, schema] of Object.entries(schemas)) refuse(name, part, schema)
  return { kind, name, ...schemas, ...(contract?.idempotent === true ? { idempotent: true } : {}) }
}

/**
 * The codecs of one endpoint. The codec `items` is for the chunks of a stream, or for the messages from a dialog's
 * callee to its caller.
 */
export interface Codecs {
  readonly payload: Payload.Codec<unknown>
  readonly success: Payload.Codec<unknown>
  readonly items: Payload.ChunkCodec<unknown>
  readonly input: Payload.ChunkCodec<unknown>
  readonly started: Payload.Codec<unknown>
  readonly error: Payload.Codec<unknown>
}

const chunks = (schema: Schema.Top): Payload.ChunkCodec<unknown> => Payload.chunks(schema as Wire)

const known = new WeakMap<AnyEndpoint, Codecs>()

/**
 * The codecs of an endpoint, derived at their first use, so that a parent that never calls the endpoint does not pay
 * for them.
 */
export const codecs = (endpoint: AnyEndpoint): Codecs => {
  const found = known.get(endpoint)
  if (found !== undefined) return found
  const success = endpoint.success as Wire
  let items: Codecs["items"] | undefined
  let input: Codecs["input"] | undefined
  let started: Codecs["started"] | undefined
  let error: Codecs["error"] | undefined
  const derived: Codecs = {
    // Payloads of the runtime itself, such as log lines, are sent with U+FFFD for broken text, because a lost log line
    // would be worse.
    payload: (isInternal(endpoint.name) ? Payload.codec : Payload.faithful)(endpoint.payload as Wire),
    success: endpoint.kind === "stream" ? Payload.codec(Schema.Void) : Payload.faithful(success),
    get items() {
      return items ??= chunks(endpoint.kind === "dialog" ? endpoint.output! : success)
    },
    get input() {
      return input ??= chunks(endpoint.input ?? Schema.Never)
    },
    get started() {
      return started ??= Payload.faithful((endpoint.started ?? Schema.Void) as Wire)
    },
    get error() {
      return error ??= Payload.faithful(endpoint.error as Wire)
    }
  }
  known.set(endpoint, derived)
  return derived
}

/**
 * Derives beforehand what the first dialog of an endpoint needs at its callee: the reader of payloads, the writer of
 * results, the codec of the items of a stream.
 */
export const prepare = (endpoint: AnyEndpoint): void => {
  const derived = codecs(endpoint)
  Payload.prepare(endpoint.payload as Wire)
  if (endpoint.kind === "stream") void derived.items
  else Payload.prepare(endpoint.success as Wire)
}
