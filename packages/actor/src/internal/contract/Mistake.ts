/**
 * Types whose names are sentences, by which the compiler explains a mistake and its remedy, instead of listing missing
 * members.
 *
 * The type that explains a mistake is `never` for a valid argument, so that the types of valid programs do not change.
 */
import type { AnyEndpoint } from "./Endpoint.ts"

/** The keys of `T`, or no keys if `T` has an index signature, which would allow every key. */
type Known<T> = string extends keyof T ? never : keyof T

/**
 * A type that demands a property which no value has, so that the compiler's error shows the sentence `Says` as the name
 * of this property.
 */
export type Wrong<Says extends string, T> = { readonly [K in `~furrow: ${Says}` | Known<T>]: unknown }

/** Gives `Name` if `Name` is a literal type, and `Otherwise` if it is not. */
type Literal<Name extends string, Otherwise extends string> = {} extends { readonly [K in Name]: 1 } ? Otherwise : Name

type NameOf<Ep extends AnyEndpoint> = Literal<Ep["name"], "it">
type KeyOf<R> = R extends { readonly key: infer Key extends string } ? Literal<Key, "a service"> : "a service"

type OpenService<Key extends string> =
  `the handler needs ${Key}, and \`layer\` does not close it. Add its Layer to \`layer\``
type UnusedService<Key extends string> =
  `the implementation needs the Service ${Key}, which is not in \`uses\`. Add it to \`uses\``
type UnservedService<Key extends string> =
  `the implementation needs ${Key}, and its \`layer\` does not close it. Pass its Layer to \`serve\`: { layer }`

export type Unclosed<R> = Wrong<OpenService<KeyOf<R>>, R>
export type LeftOpen<R, Closed> = [R] extends [Closed] ? never : Unclosed<Exclude<R, Closed>>

/** The type whose name tells the user which Service is missing in `uses`, or which service is missing in `layer`. */
export type Unserved<R> = Wrong<
  R extends { readonly "~endpoints": unknown } ? UnusedService<KeyOf<R>> : UnservedService<KeyOf<R>>,
  R
>
export type LeftUnserved<R, Closed> = [R] extends [Closed] ? never : Unserved<Exclude<R, Closed>>

/** The argument type of a function that takes a Layer: an error type if the Layer leaves a service unprovided. */
export type Closing<R, Closed> = [R] extends [Closed] ? unknown : Unserved<Exclude<R, Closed>>

type MissingMiddleware<Key extends string> =
  `the Layer lacks the middleware ${Key} of the group. Merge its Layer with that of the handlers`
type MissingHandler<Tag extends string> = `the Layer lacks a handler for ${Tag}. Add it, or merge the Layer that has it`

/**
 * The argument type of a function that takes the Layer of an RpcGroup: an error type if the Layer lacks a handler or a
 * middleware.
 */
export type LeftUnprovided<Needed, Given> = [Needed] extends [Given] ? unknown : Unprovided<Exclude<Needed, Given>>
type Unprovided<R> = Wrong<
  R extends { readonly tag: infer Tag extends string; readonly handler: unknown }
    ? MissingHandler<Literal<Tag, "a procedure">>
    : MissingMiddleware<KeyOf<R>>,
  never
>

interface OfKind {
  readonly actor: {
    readonly call: "is a call. Run it with Actor.runInActor"
    readonly stream: "is a stream. Read it with Actor.streamInActor"
    readonly dialog: "is a dialog. Start its actor with Actor.start, and open it with portal.open"
  }
  readonly portal: {
    readonly call: "is a call. Run it with portal.run"
    readonly stream: "is a stream. Read it with portal.stream"
    readonly dialog: "is a dialog. Open it with portal.open"
  }
}
/** The kind of actor to which a call is given: an actor of the call's own, or an actor behind a portal. */
type Where = keyof OfKind
type Kind = AnyEndpoint["kind"]

/**
 * The kind of a value: a call, a definition, or another thing. The kind of a value is computed by a type of its own,
 * because the compiler refuses a bound that depends on itself.
 */
type RoleOf<C> = [C] extends [{ readonly "~furrow/Call": unknown; readonly definition: unknown }] ? "call"
  : [C] extends [{ readonly "~furrow/Call": unknown }] ? "contract call"
  : [C] extends [{ readonly endpoint: unknown; readonly handler: unknown }] ? "definition"
  : [C] extends [{ readonly endpoint: unknown }] ? "contract"
  : "other"
type EndpointOf<C> = [C] extends [{ readonly endpoint: infer Ep extends AnyEndpoint }] ? Ep : AnyEndpoint

type OtherKind<Ep extends AnyEndpoint, In extends Where> = `${NameOf<Ep>} ${OfKind[In][Ep["kind"]]}`
type Uncalled<Name extends string> = `${Name} is a definition, not a call. Call it: ${Name}(payload)`
type Bare<Name extends string> =
  `${Name} is a contract without an implementation. Define it with Actor.fn or Actor.stream, or ask an actor that has it through its portal`

interface Sentences<Ep extends AnyEndpoint, Is extends Kind, In extends Where> {
  readonly call: Is extends Ep["kind"] ? never : OtherKind<Ep, In>
  readonly "contract call": Is extends Ep["kind"] ? In extends "portal" ? never : Bare<NameOf<Ep>> : OtherKind<Ep, In>
  readonly definition: Uncalled<NameOf<Ep>>
  readonly contract: In extends "portal" ? Uncalled<NameOf<Ep>> : Bare<NameOf<Ep>>
  readonly other: "only a call crosses, as data. Define this with Actor.fn or Actor.stream, and call the definition"
}

type Saying<Says extends string, T> = [Says] extends [never] ? never : Wrong<Says, T>

export type Misused<C, Is extends Kind, In extends Where> = Saying<Sentences<EndpointOf<C>, Is, In>[RoleOf<C>], C>

type Exposed<Name extends string> = `${Name}(payload) is a call, not a definition. Expose the definition: ${Name}`
type Implementing<Name extends string> =
  `${Name} is a contract without an implementation. Expose what Actor.fn, Actor.stream or Actor.dialog returned`
type OwnActor<Key extends string> =
  `the Service ${Key} is an actor of its own. Start it without \`expose\`: Actor.start(${Key})`
type ServiceOptions<Key extends string, Config> = `the options do not fit: the Service ${Key} takes ${[Config] extends
  [never] ? ""
  : "`config`, "}\`name\`, \`unique\` and those of its process`
type ConfigOf<W> = W extends { readonly "~config": infer Config } ? Config : never

type NotExposed<D> = D extends { readonly handler: unknown } ? never
  : D extends { readonly "~furrow/Call": unknown; readonly endpoint: infer Ep extends AnyEndpoint }
    ? Wrong<Exposed<NameOf<Ep>>, D>
  : D extends { readonly endpoint: infer Ep extends AnyEndpoint } ? Wrong<Implementing<NameOf<Ep>>, D>
  : D extends { readonly key: string; readonly endpoints: unknown } ? Wrong<OwnActor<KeyOf<D>>, D>
  : never

/** The mistakes in a list of definitions. */
export type Unexposed<X> = [X] extends [ReadonlyArray<infer D>] ? NotExposed<D> : never

/**
 * The mistakes with a Service and its options. The compiler explains a mistake with a Service by the last overload of
 * `Actor.start`, which is the overload that takes a name.
 */
export type Unnamed<W> = [W] extends [{ readonly key: string; readonly endpoints: unknown }]
  ? Wrong<ServiceOptions<KeyOf<W>, ConfigOf<W>>, W>
  : never
