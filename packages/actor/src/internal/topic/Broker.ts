/**
 * The handlers of a topic's endpoints, which the actor of the topic serves with a `Hub`. A topic holds each message as
 * bytes; the publisher of the message has encoded it once for all subscribers.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { endpoint, streamEndpoint } from "../contract/Call.ts"
import { StreamOverrun } from "../errors/ActorError.ts"
import { ActorRuntime } from "../settings/ActorRuntime.ts"
import { type Action, type Bounds, Hub, type Message, type Taken } from "./Hub.ts"

const Bytes = Schema.Struct({ key: Schema.String, bytes: Schema.Uint8Array })

export const publish = endpoint("publish", { payload: { messages: Schema.Array(Bytes) } })

/**
 * The first item of a subscription has no message; it tells the subscriber that the topic has added the subscription.
 * The field `dropped` is the number of messages that the subscriber lost before the message of this item.
 */
const Item = Schema.Struct({ dropped: Schema.Int, message: Schema.NullOr(Bytes) })
export type Item = typeof Item.Type

export const subscribe = streamEndpoint("subscribe", {
  payload: {
    keys: Schema.NullOr(Schema.Array(Schema.String)),
    overflow: Schema.Literals(["block", "drop-oldest", "error"]),
    replay: Schema.Int
  },
  success: Item,
  error: StreamOverrun
})

const Statistics = Schema.Struct({ subscribers: Schema.Int, publishersWaiting: Schema.Int, kept: Schema.Int })
export type Statistics = typeof Statistics.Type

export const statistics = endpoint("statistics", { success: Statistics })

type Wish = typeof subscribe.endpoint.payload.Type

const opened: readonly [Item] = [{ dropped: 0, message: null }]

const itemsOf = ({ dropped, messages }: Taken): readonly [Item, ...ReadonlyArray<Item>] => {
  const [first, ...rest] = messages as readonly [Message, ...ReadonlyArray<Message>]
  return [{ dropped, message: first }, ...rest.map((message) => ({ dropped: 0, message }))]
}

/**
 * Copies a message that is a small part of a larger buffer, because the whole buffer would stay in memory with the
 * message.
 */
const owned = (message: Message): Message =>
  message.bytes.buffer.byteLength <= 2 * message.bytes.length
    ? message
    : { key: message.key, bytes: new Uint8Array(message.bytes) }

/**
 * Makes the handlers of one topic. The function `whenDrained` registers a callback that is called when the topic's
 * actor is drained.
 */
export const handlers = (name: string, bounds: Bounds, whenDrained: (listener: () => void) => void) =>
  Effect.sync(() => {
    const hub = new Hub(bounds)
    let ids = 0
    const resumes = new Map<number, () => void>()
    const execute = (actions: ReadonlyArray<Action>): void => {
      for (const { id } of actions) {
        const resume = resumes.get(id)
        resumes.delete(id)
        resume?.()
      }
    }
    // A drained topic ends its subscriptions, so that subscribers change to the topic's new actor and do not delay the
    // old actor's end.
    whenDrained(() => execute(hub.drain()))
    /**
     * Calls the function `attempt` until it returns an answer: now, and again whenever the object `hub` wakes the
     * publisher or subscriber with the number `id`.
     */
    const answered = <A, E>(id: number, attempt: () => Effect.Effect<A, E> | undefined, otherwise = () => {}) =>
      Effect.callback<A, E>((resume) => {
        const look = () => {
          const answer = attempt()
          if (answer === undefined) resumes.set(id, look)
          else resume(answer)
        }
        look()
        return Effect.sync(() => {
          resumes.delete(id)
          otherwise()
        })
      })
    const taken = (id: number) =>
      Effect.flatMap(
        ActorRuntime,
        ({ info }) =>
          answered<readonly [Item, ...ReadonlyArray<Item>], StreamOverrun | Cause.Done>(id, () => {
            const [found, actions] = hub.take(id)
            execute(actions)
            if (found === undefined) {
              return undefined
            }
            if (found === "over") {
              return Cause.done()
            }
            if (found !== "overrun") {
              return Effect.succeed(itemsOf(found))
            }
            return Effect.fail(new StreamOverrun({ actor: info.id, endpoint: name }))
          })
      )
    /**
     * Publishes messages. The first call of `attempt` gives the publisher's messages to the hub. The second call of
     * `attempt` comes when the hub has taken all messages of the publisher.
     */
    const published = (messages: ReadonlyArray<Message>) =>
      Effect.suspend(() => {
        const id = ++ids
        let isGiven = false
        return answered(id, () => {
          if (isGiven) {
            return Effect.void
          }
          isGiven = true
          const actions = hub.publish(id, messages.map(owned))
          const isDone = actions.some((action) => action._tag === "Published" && action.id === id)
          execute(actions)
          return isDone ? Effect.void : undefined
        }, () => execute(hub.withdraw(id)))
      })
    return {
      statistics: () => Effect.sync(() => hub.statistics),
      publish: ({ messages }: { readonly messages: ReadonlyArray<Message> }) => published(messages),
      subscribe: ({ keys, overflow, replay }: Wish) =>
        Stream.unwrap(Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => {
              const id = ++ids
              hub.subscribe(id, keys, overflow, replay)
              return id
            }),
            (id) => Effect.sync(() => execute(hub.leave(id)))
          ),
          (id) => Stream.concat(Stream.fromArray(opened), Stream.fromPull(Effect.succeed(taken(id))))
        ))
    }
  })
