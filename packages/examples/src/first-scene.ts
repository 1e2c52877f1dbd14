/**
 * The two actors of this example have never met, find each other by name, and each receives a line from the other.
 *
 * The two actors of this example are siblings, and each knows only the other's name. The function `Registry.wait`
 * returns a portal to the actor with a given name when that actor is ready. The line that an actor of this example
 * receives is sent over a direct connection between the two actors. When both actors of this example have received
 * their line, the body of the nursery returns, and the nursery cancels both actors.
 *
 * Prints:
 *
 *     donny hears from process <pid>: hi donny, my name is gretchen
 *     gretchen hears from process <pid>: hi gretchen, my name is donny
 *     three processes played: true
 *     actors left on the stage: 0
 */
import { Actor, Registry } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Line = Schema.Struct({ pid: Schema.Int, text: Schema.String })

/**
 * The endpoint by which an actor of this example says its line. The handler of `line` runs in the process of the actor
 * that says the line.
 */
export const line = Actor.fn("line", {
  module: import.meta.url,
  payload: { to: Schema.String },
  success: Line
})(Effect.fnUntraced(function*({ to }) {
  const { name } = yield* Actor.current
  return { pid: process.pid, text: `hi ${to}, my name is ${name}` }
}))

/**
 * Waits for the other actor of this example, whichever actor was started first, and asks the other actor for its line.
 */
export const meet = Actor.fn("meet", {
  module: import.meta.url,
  payload: { whom: Schema.String },
  success: Line
})(Effect.fnUntraced(function*({ whom }) {
  const { name } = yield* Actor.current
  const other = yield* Registry.wait([line], whom, { within: "10 seconds" })
  return yield* other.run(line({ to: name }))
}, Actor.orDie))

const play = Effect.fnUntraced(function*(name: string, whom: string) {
  const actor = yield* Actor.start(name, { expose: [line, meet] })
  return yield* actor.run(meet({ whom }))
})

const scene = Actor.nursery(
  Effect.all([play("donny", "gretchen"), play("gretchen", "donny")], { concurrency: "unbounded" })
)

NodeActor.runMain(Effect.gen(function*() {
  const [donny, gretchen] = yield* scene
  yield* Console.log(`donny hears from process ${donny.pid}: ${donny.text}`)
  yield* Console.log(`gretchen hears from process ${gretchen.pid}: ${gretchen.text}`)
  yield* Console.log(`three processes played: ${new Set([process.pid, donny.pid, gretchen.pid]).size === 3}`)
  const { children } = yield* Actor.statistics
  yield* Console.log(`actors left on the stage: ${children.length}`)
}))
