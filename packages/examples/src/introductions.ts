/**
 * A graph of actors instead of a tree: the owner of two actors introduces them to each other, and takes no part in
 * their calls.
 *
 * The value `portal.ref` is a reference to an actor, as data. A reference is sent in a payload whose contract allows
 * references (`Actor.ref`). The receiver of a reference opens a portal with the reference (`Actor.portal`). The first
 * call over a reference makes a connection, which both actors then use for all their calls. A reference grants no
 * access: an actor's endpoint that is not exposed cannot be called over the reference.
 *
 * Prints:
 *
 *     ada to ben: nice to meet you
 *     ada to cem: nice to meet you
 *     ben to ada: nice to meet you
 *     ben to cem: nice to meet you
 *     cem to ada: nice to meet you
 *     cem to ben: nice to meet you
 *     6 greetings, 3 connections, and none of them is the host's: true
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const hello = Actor.fn("hello", {
  module: import.meta.url,
  payload: { from: Schema.String },
  success: Schema.String
})(Effect.fnUntraced(function*({ from }) {
  const { name } = yield* Actor.current
  return `${from} to ${name}: nice to meet you`
}))

/**
 * Greets an actor to which this actor has just been introduced. The greeted actor of this example needs no code for the
 * introduction beside its exposed endpoint `hello`.
 */
export const greet = Actor.fn("greet", {
  module: import.meta.url,
  payload: { whom: Actor.ref([hello]) },
  success: Schema.String
})(Effect.fnUntraced(function*({ whom }) {
  const { name } = yield* Actor.current
  const other = yield* Actor.portal(whom)
  return yield* other.run(hello({ from: name }))
}, Actor.orDie))

export const acquaintances = Actor.fn("acquaintances", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.map(Actor.statistics, ({ peers }) => peers.length)
)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const invite = (name: string) => Actor.start(name, { expose: [hello, greet, acquaintances] })
  const guests = yield* Effect.forEach(["ada", "ben", "cem"], invite, { concurrency: "unbounded" })
  const pairs = guests.flatMap((guest) =>
    guests.filter((other) => other !== guest).map((other) => [guest, other] as const)
  )

  const greetings = yield* Effect.forEach(pairs, ([guest, { ref }]) => guest.run(greet({ whom: ref })), {
    concurrency: "unbounded"
  })
  yield* Effect.forEach(greetings, (greeting) => Console.log(greeting))

  const ends = yield* Effect.forEach(guests, (guest) => guest.run(acquaintances()))
  const connections = ends.reduce((sum, n) => sum + n, 0) / 2
  const { peers } = yield* Actor.statistics
  yield* Console.log(
    `${greetings.length} greetings, ${connections} connections, and none of them is the host's: ${peers.length === 0}`
  )
})))
