/**
 * A topic is an actor that passes published messages on to its subscribers. A topic is a Service: it lives as long as
 * its Layer lives, actors that publish or subscribe `use` it, and a supervisor can restart it.
 *
 * The publisher of a message encodes the message once, and the topic's actor passes the bytes on. Messages of one key
 * reach every subscriber in the order in which they were published.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { type Served, Service as makeService, type Startable } from "./internal/api/Service.ts"
import { encodeInput } from "./internal/contract/Call.ts"
import * as Endpoint from "./internal/contract/Endpoint.ts"
import { type ActorError, type ActorId, PayloadInvalid } from "./internal/errors/ActorError.ts"
import { current } from "./internal/local/LocalActor.ts"
import type { Portal } from "./internal/portal/Portal.ts"
import * as Broker from "./internal/topic/Broker.ts"
import type { Overflow } from "./internal/topic/Hub.ts"

export type { Overflow } from "./internal/topic/Hub.ts"

/**
 * An element of a subscription: a message, or a notice that messages are missing.
 *
 * - `Message` is a published message with its key
 * - `Dropped` is the number of messages that a slow subscriber lost at this point of the stream
 * - `Gap` means that the topic's actor was lost or replaced, so that an unknown number of messages may be missing
 *
 * @category models
 * @since 0.1.0
 */
export type Element<A, K extends string = string> =
  | { readonly _tag: "Message"; readonly key: K; readonly value: A }
  | { readonly _tag: "Dropped"; readonly count: number }
  | { readonly _tag: "Gap" }

/**
 * The options of a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<S extends Endpoint.Wire, K extends string> {
  /** The `import.meta.url` of the module that exports the result of the topic's `serve`. */
  readonly module: string
  /** The schema of the topic's messages. */
  readonly message: S
  /** The key of a message, by which subscribers choose messages. By default all messages have the key `""`. */
  readonly key?: ((message: S["Type"]) => K) | undefined
  /**
   * The number of messages that the topic holds for one subscriber, in addition to the messages in the window of the
   * subscriber's stream. Default: 256.
   */
  readonly buffer?: number | undefined
  /** The number of messages that the topic keeps for later subscribers. Default: 0. */
  readonly replay?: number | undefined
}

/**
 * The options of a subscriber.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubscribeOptions<out K extends string> {
  /**
   * Each message of a topic has a key. The subscriber reads only the messages whose keys are in the list `keys`; by
   * default, the subscriber reads all messages.
   */
  readonly keys?: ReadonlyArray<K> | undefined
  /**
   * The number of earlier messages that the subscriber gets, out of the messages that the topic has kept. Default: 0.
   */
  readonly replay?: number | undefined
  /** Decides what happens to a message for which the subscriber has no room. Default: `"block"`. */
  readonly overflow?: Overflow | undefined
  /** The number of messages that may be on their way to the subscriber: the window of its stream. Default: 64. */
  readonly window?: number | undefined
}

/**
 * A snapshot of a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface TopicSnapshot {
  readonly subscribers: number
  readonly publishersWaiting: number
  readonly kept: number
}

/**
 * A topic as a Service, with the functions for its publishers and its subscribers.
 *
 * @category models
 * @since 0.1.0
 */
export interface TopicClass<in out Self, Name extends string, A, K extends string>
  extends Startable<Self, Name, never>
{
  new(_: never): Context.ServiceClass.Shape<Name, Portal<Self>> & { readonly "~endpoints": never }
  /**
   * Publishes one message to the topic. Publishing succeeds when every subscriber of the message's key has the message,
   * or has room for the message. A subscriber that has no room, and has the option `overflow: "block"`, delays only
   * messages of the keys that this subscriber reads.
   */
  readonly publish: (message: A) => Effect.Effect<void, ActorError, Self>
  /**
   * Publishes several messages to the topic in one call. If a slow subscriber delays a message of `publishAll`, all
   * later messages of the call are delayed as well.
   */
  readonly publishAll: (messages: Iterable<A>) => Effect.Effect<void, ActorError, Self>
  /**
   * Reads the messages that are published to the topic from now on. The stream of a subscription does not end by
   * itself: it fails if the topic's actor has ended and no successor of this actor is ready in time. When a supervisor
   * restarts the topic, the stream gives a `Gap`, and continues with the messages that the topic's new actor has kept.
   */
  readonly subscribe: (options?: SubscribeOptions<K>) => Stream.Stream<Element<A, K>, ActorError, Self>
  /**
   * A snapshot of the topic: its subscribers, the publishers that wait for a subscriber, and the messages that are kept
   * for later subscribers.
   */
  readonly statistics: Effect.Effect<TopicSnapshot, ActorError, Self>
  /**
   * Returns the implementation of the topic. The module of a topic must export the result of `serve`, because the actor
   * of the topic imports the module and runs the export.
   */
  readonly serve: () => Served<Self>
  /** Serves the topic in this process, with messages through the codec, for tests and small programs. */
  readonly layerTest: Layer.Layer<Self>
}

/**
 * After `maxLosses` failed attempts to subscribe to a topic, one after the other, the stream of the subscriber fails.
 * An attempt to subscribe fails if the topic's actor ends before it has added the subscriber.
 */
const maxLosses = 3

/** True for an error which says that the topic's actor has ended, so that a successor of this actor may come. */
const isLoss = (error: ActorError): boolean =>
  error._tag === "ActorLost" || error._tag === "ContextCancelled" && error.ending ||
  error._tag === "ChannelClosed" || error._tag === "RemoteActorError" && error.ending

interface Codec<A> {
  readonly encode: (actor: ActorId, message: A) => Effect.Effect<Uint8Array, PayloadInvalid>
  readonly decode: (actor: ActorId, bytes: Uint8Array) => Result.Result<A, PayloadInvalid>
}

const codecOf = <A>(name: string, message: Endpoint.Wire): Codec<A> => {
  const endpoint = Endpoint.make("call", name, { payload: { message } as Endpoint.Fields })
  const invalid = (actor: ActorId, side: PayloadInvalid["side"], issue: string) =>
    new PayloadInvalid({ actor, side, endpoint: name, part: "message", issue })
  return {
    encode: (actor, message) => {
      const encoded = encodeInput(endpoint, { message })
      return encoded.ok ? Effect.succeed(encoded.value) : Effect.fail(invalid(actor, "caller", encoded.issue))
    },
    decode: (actor, bytes) => {
      const decoded = Endpoint.codecs(endpoint).payload.decode(bytes)
      return decoded.ok
        ? Result.succeed((decoded.value as { readonly message: A }).message)
        : Result.fail(invalid(actor, "callee", decoded.issue))
    }
  }
}

/** Checks that a limit is a whole number of messages; a wrong number, such as NaN, is a mistake in the program. */
const bound = (topic: string, option: "buffer" | "replay", value: number, least: number): number => {
  if (Number.isNaN(value)) throw new Error(`the topic "${topic}" has \`${option}: ${value}\`: use a number of messages`)
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(least, Math.floor(value)))
}

type AnyPortal = Portal<any>

/** Fails a stream at its first element that is an error, after the stream has given all elements before the error. */
const upToFailure = <A extends object, E>(
  elements: Stream.Stream<A | PayloadInvalid, E>
): Stream.Stream<A, E | PayloadInvalid> =>
  Stream.suspend(() => {
    let failure: PayloadInvalid | undefined
    const isGood = (element: A | PayloadInvalid): element is A => {
      if (element instanceof PayloadInvalid) failure = element
      return failure === undefined
    }
    return Stream.concat(
      Stream.takeWhile(elements, isGood),
      Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail(failure))
    )
  })

/** The stream of one subscriber over all actors that play the topic's role, one after the other. */
const follow = <A, K extends string>(
  portal: AnyPortal,
  codec: Codec<A>,
  { keys, overflow = "block", replay = 0, window = 64 }: SubscribeOptions<K>,
  kept: number
): Stream.Stream<Element<A, K>, ActorError> =>
  Stream.suspend(() => {
    let stands = false
    let losses = 0
    let isFirst = true
    const elementsOf = ({ dropped, message }: Broker.Item): ReadonlyArray<Element<A, K> | PayloadInvalid> => {
      if (message === null) {
        const elements: ReadonlyArray<Element<A, K>> = isFirst ? [] : [{ _tag: "Gap" }]
        stands = true
        isFirst = false
        losses = 0
        return elements
      }
      const missing: ReadonlyArray<Element<A, K>> = dropped === 0 ? [] : [{ _tag: "Dropped", count: dropped }]
      return Result.match(codec.decode(portal.actor, message.bytes), {
        onSuccess: (value) => [...missing, { _tag: "Message", key: message.key as K, value }],
        onFailure: (error) => [...missing, error]
      })
    }
    const attempt = Effect.sync(() => {
      stands = false
      // A subscriber asks the successor of the topic's actor for the messages that this successor has kept, because the
      // subscriber has not read these messages.
      const call = Broker.subscribe({ keys: keys ?? null, overflow, replay: isFirst ? replay : kept } as never)
      return (portal.stream(call as never, { window: { items: window } }) as Stream.Stream<Broker.Item, ActorError>)
        .pipe(
          Stream.mapArray((items) => [items.flatMap(elementsOf)]),
          Stream.flattenIterable,
          upToFailure,
          Stream.catchIf(
            (error: ActorError) => isLoss(error) && (stands || ++losses < maxLosses),
            () => Stream.empty
          )
        )
    })
    return Stream.flatten(Stream.fromEffectRepeat(attempt)) as Stream.Stream<Element<A, K>, ActorError>
  })

/**
 * Declares a topic: a class that is the topic's key in the context, with `layer` to run the topic's actor, and `serve`
 * for the module that implements the topic. The functions `publish` and `subscribe` of a topic's class use the topic in
 * the context.
 *
 * @example
 * ```ts
 * export const Price = Schema.Struct({ of: Schema.String, euros: Schema.Finite })
 * export class Prices extends Topic.Service<Prices>()("Prices", {
 *   module: import.meta.url,
 *   message: Price,
 *   key: ({ of }) => of,
 *   replay: 10
 * }) {}
 * export default Prices.serve()
 *
 * const program = Effect.gen(function*() {
 *   yield* Prices.publishAll([{ of: "tea", euros: 3 }, { of: "rice", euros: 2 }, { of: "tea", euros: 4 }])
 *   return yield* Prices.subscribe({ keys: ["tea"], replay: 10 }).pipe(Stream.take(2), Stream.runCollect)
 * })
 * const [first] = yield* Effect.provide(program, Prices.layerTest)
 * first // { _tag: "Message", key: "tea", value: { of: "tea", euros: 3 } }
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>() =>
<const Name extends string, S extends Endpoint.Wire, const K extends string = "">(
  name: Name,
  { buffer: buffered = 256, key, message, module, replay: replayed = 0 }: Options<S, K>
): TopicClass<Self, Name, S["Type"], K> => {
  const buffer = bound(name, "buffer", buffered, 1)
  const replay = bound(name, "replay", replayed, 0)
  const service: any = makeService<Self>()(name, {
    module,
    endpoints: [Broker.publish, Broker.subscribe, Broker.statistics]
  })
  const codec = codecOf<S["Type"]>(name, message)
  const build = Effect.flatMap(
    current,
    (local) => Broker.handlers(name, { buffer, replay }, (listener) => local.whenDrained(listener))
  )
  const { layerTest, serve } = service
  const publishAll = (messages: Iterable<S["Type"]>): Effect.Effect<void, ActorError, any> =>
    Effect.flatMap(service as Effect.Effect<AnyPortal, never, any>, (portal) =>
      Effect.flatMap(
        Effect.forEach(
          messages,
          (message) =>
            Effect.map(codec.encode(portal.actor, message), (bytes) => ({ key: key?.(message) ?? "", bytes }))
        ),
        (messages) => portal.run(Broker.publish({ messages }) as never) as Effect.Effect<void, ActorError>
      ))
  const statics = {
    publishAll,
    publish: (message: S["Type"]) => publishAll([message]),
    subscribe: (options: SubscribeOptions<K> = {}) =>
      Stream.unwrap(Effect.map(
        service as Effect.Effect<AnyPortal, never, any>,
        (portal) => follow(portal, codec, options, replay)
      )),
    statistics: Effect.flatMap(
      service as Effect.Effect<AnyPortal, never, any>,
      (portal) => portal.run(Broker.statistics() as never) as Effect.Effect<TopicSnapshot, ActorError>
    ),
    serve: () => serve(build),
    layerTest: layerTest(build)
  }
  for (const [property, value] of Object.entries(statics)) {
    Object.defineProperty(service, property, { value, enumerable: true, configurable: true })
  }
  return service
}

/**
 * Selects the messages of a subscription, without the notices that messages are missing.
 *
 * @example
 * ```ts
 * const elements = Stream.make({ _tag: "Message", key: "", value: 1 } as const, { _tag: "Gap" } as const)
 * yield* Stream.runCollect(Topic.messages(elements)) // [1]
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const messages = <A, E, R>(subscription: Stream.Stream<Element<A>, E, R>): Stream.Stream<A, E, R> =>
  Stream.flattenIterable(Stream.map(subscription, (element) => element._tag === "Message" ? [element.value] : []))
