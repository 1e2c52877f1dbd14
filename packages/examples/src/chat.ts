/**
 * A chat room in an actor, and two people in this process who each hold a dialog with the room.
 *
 * A dialog of two actors is a linked pair of fibers. The chat room first sends the names of its members, messages go
 * both ways while the dialog lasts, and the dialog ends with one result. The chat room throws a rude guest out by a
 * typed error, which interrupts the body of the guest's dialog in this process.
 *
 * Prints:
 *
 *     ann is in; already there: nobody
 *     bob is in; already there: ann
 *     bob hears: ann says hello
 *     ann hears: bob says hi ann
 *     bob was thrown out: rude
 *     ann hears: bob has left
 *     ann said 1 thing
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class ThrownOut extends Schema.TaggedError<ThrownOut>()("ThrownOut", { why: Schema.String }) {}

/** The guests in the chat room: for the name of each guest, the function that sends a line to this guest. */
class Guests extends Context.Service<Guests, Map<string, (line: string) => Effect.Effect<void>>>()("examples/Guests") {}

export const join = Actor.dialog("join", {
  module: import.meta.url,
  payload: { name: Schema.String },
  started: Schema.Struct({ there: Schema.Array(Schema.String) }),
  input: Schema.String,
  output: Schema.String,
  success: Schema.Int,
  error: ThrownOut,
  layer: Layer.sync(Guests, () => new Map())
})(Effect.fnUntraced(function*({ name }, dialog) {
  const guests = yield* Guests
  const stream = yield* dialog.started({ there: [...guests.keys()] })
  const tellOthers = (line: string) =>
    Effect.forEach(guests, ([other, tell]) => other === name ? Effect.void : tell(line), { discard: true })
  // The chat room tells the other guests that a guest leaves, however the guest leaves.
  yield* Effect.acquireRelease(
    Effect.sync(() => guests.set(name, (line) => Effect.ignore(stream.send(line)))),
    () => Effect.andThen(Effect.sync(() => guests.delete(name)), tellOthers(`${name} has left`))
  )
  let said = 0
  yield* Stream.runForEach(stream.toStream, (line) => {
    if (line === "boo") return Effect.fail(new ThrownOut({ why: "rude" }))
    said++
    return tellOthers(`${name} says ${line}`)
  })
  return said
}, Actor.orDie))

const names = (there: ReadonlyArray<string>) => there.length === 0 ? "nobody" : there.join(", ")

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const room = yield* Actor.start("room", { expose: [join] })
  yield* room.open(
    join({ name: "ann" }),
    Effect.fnUntraced(function*(ann) {
      yield* Console.log(`ann is in; already there: ${names(ann.first.there)}`)
      const bob = room.open(
        join({ name: "bob" }),
        Effect.fnUntraced(function*(bob) {
          yield* Console.log(`bob is in; already there: ${names(bob.first.there)}`)
          yield* ann.stream.send("hello")
          yield* Console.log(`bob hears: ${yield* bob.stream.receive}`)
          yield* bob.stream.send("hi ann")
          yield* Console.log(`ann hears: ${yield* ann.stream.receive}`)
          yield* bob.stream.send("boo")
          return yield* Effect.never
        })
      )
      yield* Effect.catchTag(bob, "ThrownOut", ({ why }) => Console.log(`bob was thrown out: ${why}`))
      yield* Console.log(`ann hears: ${yield* ann.stream.receive}`)
      yield* ann.stream.end
      yield* Console.log(`ann said ${yield* ann.result} thing`)
    })
  )
})))
