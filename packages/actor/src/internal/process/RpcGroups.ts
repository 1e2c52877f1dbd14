/**
 * RpcGroups of Effect, served by an actor: their procedures and their handlers. Every other feature of a group is
 * refused, because the group would mean something else without it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import type * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Endpoint from "../contract/Endpoint.ts"
import type { Handler, Handlers } from "../dialog/Dispatcher.ts"

/** Names by which Effect marks its own. An import of effect/rpc at run time would cost every actor its modules. */
export const marks = {
  streamSchema: "~effect/rpc/RpcSchema/StreamSchema",
  wrapper: "~effect/rpc/Rpc/Wrapper",
  parseOptions: "effect/rpc/Rpc/ParseOptions",
  headers: "effect/rpc/RpcClient/CurrentHeaders"
} as const

/** The procedures of a group, by their names. */
export type Rpcs = ReadonlyMap<string, Rpc.AnyWithProps>

/** The keys of the middleware that procedures have. */
type MiddlewareOf<R> = R extends Rpc.Rpc<infer _Tag, infer _Payload, infer _Success, infer _Error, infer M, infer _R>
  ? M extends { new(_: never): { readonly key: infer Key } } ? Key : M extends Context.Key<any, any> ? string : never
  : never

/**
 * Condition for a group to be served: no procedure has middleware. The message of the compiler says what to do instead.
 *
 * @since 0.1.0
 */
export type WithoutMiddleware<R> = 0 extends 1 & R ? unknown
  : [MiddlewareOf<R>] extends [never] ? unknown
  : {
    readonly "~furrow: no middleware of an RpcGroup runs in an actor. Put its work into the handlers, or serve the group with Effect's own RpcServer":
      MiddlewareOf<R>
  }

const quoted = (names: Iterable<string>): string => Array.from(names, (name) => `"${name}"`).join(", ")

/** The middleware of a group and the procedures that have it. */
const middlewareOf = (rpcs: Rpcs): string | undefined => {
  const found = new Map<string, Array<string>>()
  for (const [name, { middlewares }] of rpcs) {
    for (const { key } of middlewares) found.set(key, [...found.get(key) ?? [], name])
  }
  if (found.size === 0) return undefined
  return Array.from(found, ([key, names]) => `"${key}" of ${quoted(names)}`).join(", ")
}

const namesWhere = (rpcs: Rpcs, has: (rpc: Rpc.AnyWithProps) => boolean): string | undefined => {
  const found = Array.from(rpcs.entries()).filter(([, rpc]) => has(rpc)).map(([name]) => name)
  return found.length === 0 ? undefined : quoted(found)
}

/** Throws where a group means more than is kept here; `who` names the one it was given to. */
const refuse = (who: string, rpcs: Rpcs, effects: string): void => {
  const middleware = middlewareOf(rpcs)
  if (middleware !== undefined) {
    throw new Error(
      `${who} refuses the RpcGroup: no middleware runs in an actor, and the group has ${middleware}. ` +
        `Put its work into the handlers, or use Effect's own ${effects}`
    )
  }
  // Effect keeps one value of its default: another schema was given on purpose, for instance to hide a stack.
  const defects = namesWhere(rpcs, ({ defectSchema }) => defectSchema !== Schema.Defect())
  if (defects !== undefined) {
    throw new Error(
      `${who} refuses the RpcGroup: a defect becomes a RemoteActorError, not what the \`defect\` schema of ${defects} ` +
        `says. Leave \`defect\` out, or use Effect's own ${effects}`
    )
  }
  const parsed = namesWhere(rpcs, ({ annotations }) => annotations.mapUnsafe.has(marks.parseOptions))
  if (parsed !== undefined) {
    throw new Error(
      `${who} refuses the RpcGroup: values cross without the \`Rpc.ParseOptions\` of ${parsed}. ` +
        `Leave the annotation out and check in the handlers, or use Effect's own ${effects}`
    )
  }
}

const isNever = (schema: Schema.Top): boolean => schema.ast._tag === "Never"

const endpointOf = ({ _tag, errorSchema, payloadSchema, successSchema }: Rpc.AnyWithProps): Endpoint.AnyEndpoint => {
  const payload = payloadSchema as Endpoint.Wire
  const error = errorSchema as Endpoint.Wire
  if (!(marks.streamSchema in successSchema)) {
    return Endpoint.make("call", _tag, { payload, success: successSchema as Endpoint.Wire, error })
  }
  const stream = successSchema as unknown as { readonly success: Endpoint.Wire; readonly error: Endpoint.Wire }
  // A stream that was given another error by `setError` has both.
  const own = isNever(error) ? stream.error : isNever(stream.error) ? error : Schema.Union([error, stream.error])
  return Endpoint.make("stream", _tag, { payload, success: stream.success, error: own })
}

/**
 * The endpoints of a group's procedures. Throws where the group has middleware, a `defect` schema or parse options:
 * `who` names the one it was given to, and `effects` the module of Effect that keeps them.
 */
export const endpointsOf = (
  who: string,
  { requests }: { readonly requests: Rpcs },
  effects: "RpcServer" | "RpcClient"
): ReadonlyArray<Endpoint.AnyEndpoint> => {
  refuse(who, requests, effects)
  return Array.from(requests.values(), endpointOf)
}

/** Answers to return instead of one that is not understood. */
const instead = {
  call: {
    "a Deferred": "`Deferred.await(deferred)`",
    "a Queue": "`Queue.take(queue)`",
    "a Stream": "`Stream.runCollect(stream)`",
    "a Promise": "`Effect.promise(() => promise)`",
    "an Effect of a Deferred": "`Effect.flatMap(effect, Deferred.await)`",
    "an Effect of a Queue": "`Effect.flatMap(effect, Queue.take)`",
    other: "`Effect.succeed(value)`"
  },
  stream: {
    "a Deferred": "`Stream.fromEffect(Deferred.await(deferred))`",
    "a Queue": "`Stream.fromQueue(queue)`",
    "an Effect":
      "`Stream.unwrap(Effect.map(queue, Stream.fromQueue))` of a Queue, `Stream.fromEffect(effect)` of one value",
    "a Promise": "`Stream.fromEffect(Effect.promise(() => promise))`",
    other: "`Stream.make(value)`"
  }
} as const

type Kind = keyof typeof instead

const kindOf = (value: unknown): string | undefined =>
  Deferred.isDeferred(value) ? "a Deferred" : Queue.isDequeue(value) ? "a Queue" : undefined

const describe = (value: unknown): string => {
  if (Effect.isEffect(value)) return "an Effect"
  if (Stream.isStream(value)) return "a Stream"
  if (Predicate.isPromiseLike(value)) return "a Promise"
  return kindOf(value) ?? (value === null || value === undefined ? String(value) : `a plain value (${typeof value})`)
}

/** Error of one call that is refused; `who` is the Service with the call. */
const refusedAnswer = (who: string, kind: Kind, got: string): Error => {
  const known: Readonly<Record<string, string>> = instead[kind]
  const only = kind === "call" ? "a call is answered by an Effect" : "a stream is answered by a Stream"
  return new Error(`${who}: its handler returned ${got}, and ${only}. Return ${known[got] ?? known["other"]} instead`)
}

const refusedWrapper = (who: string): Error =>
  new Error(
    `${who}: its handler returned \`Rpc.uninterruptible\`, and every call of an actor can be cancelled. ` +
      "Wrap the work in `Effect.uninterruptible` inside the handler: a cancel then waits for it"
  )

/** Takes the Effect or Stream out of a handler's answer. Throws where there is none, so that this one call fails. */
const understood = (who: string, kind: Kind, answer: unknown): unknown => {
  let value = answer
  if (Predicate.hasProperty(answer, marks.wrapper)) {
    const wrapped = answer as unknown as Rpc.Wrapper<unknown>
    if (wrapped.uninterruptible) throw refusedWrapper(who)
    // Nothing is left to do for `fork`: every handler has a fiber of its own.
    value = wrapped.value
  }
  if (kind === "stream" && Stream.isStream(value)) return value
  if (kind === "call" && Effect.isEffect(value)) {
    return Effect.map(value, (result) => {
      const got = kindOf(result)
      if (got !== undefined) throw refusedAnswer(who, kind, `an Effect of ${got}`)
      return result
    })
  }
  // A Promise that fails later would end the whole actor. Another thenable may begin its work when `then` is called.
  if (value instanceof Promise) value.catch(() => {})
  throw refusedAnswer(who, kind, describe(value))
}

const notCarried = (who: string, option: string, what: string): Error =>
  new Error(
    `${who}: its handler read \`options.${option}\`, which does not reach an actor. Pass ${what} in the payload`
  )

/**
 * Options of a handler. A part that is not carried throws when it is read, because an empty one would look like an
 * anonymous caller.
 */
const optionsOf = (who: string, rpc: Rpc.AnyWithProps, requestId: number): object => ({
  rpc,
  requestId,
  get headers(): never {
    throw notCarried(who, "headers", "what it needs of them")
  },
  get client(): never {
    throw notCarried(who, "client", "who calls")
  }
})

/** Entry of a group's handlers Layer for one procedure. */
interface Entry {
  readonly handler: (payload: unknown, options: object) => unknown
  readonly context: Context.Context<never>
}

/** The handlers of a group, taken from what its Layer built. */
export const handlersOf = (
  service: { readonly key: string; readonly endpoints: ReadonlyArray<Endpoint.AnyEndpoint>; readonly rpcs?: Rpcs },
  built: Context.Context<never>,
  base: Context.Context<never>
): Handlers => {
  const { endpoints, key, rpcs } = service
  if (rpcs === undefined) throw new Error(`"${key}" has no RpcGroup: implement it with \`serve\``)
  let requests = 0
  return new Map(endpoints.map((endpoint): [string, Handler] => {
    const rpc = rpcs.get(endpoint.name)!
    const entry = built.mapUnsafe.get(rpc.key) as Entry | undefined
    if (entry === undefined) throw new Error(`the handlers Layer has no handler for ${endpoint.name}`)
    const who = `Service "${key}" refuses this call of ${endpoint.name}`
    const kind = endpoint.kind as Kind
    return [endpoint.name, {
      endpoint,
      context: Context.merge(base, entry.context),
      handler: (payload) => understood(who, kind, entry.handler(payload, optionsOf(who, rpc, requests++)))
    }]
  }))
}
