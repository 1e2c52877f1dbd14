/**
 * The events that happen to most actors in their lives: a start, a call, a failure, a stream, a cancel, and an end.
 * The build runs the sample life of an actor to find out which functions of the runtime an actor needs.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class TooSmall extends Schema.TaggedError<TooSmall>()("TooSmall", { n: Schema.Int }) {}

const Line = Schema.Struct({ text: Schema.String, n: Schema.Int })

export const echo = Actor.fn("echo", {
  module: import.meta.url,
  payload: { line: Line },
  success: Line,
  error: TooSmall
})(({ line }) => line.n < 0 ? Effect.fail(new TooSmall({ n: line.n })) : Effect.succeed(line))

export const count = Actor.stream("count", {
  module: import.meta.url,
  payload: { to: Schema.Int },
  success: Schema.Int
})(
  ({ to }) => Stream.range(1, to)
)

export const wait = Actor.fn("wait", { module: import.meta.url })(() => Effect.never)

/** Starts an actor below this actor, calls the new actor, and ends the new actor. */
export const ask = Actor.fn("ask", { module: import.meta.url })(() =>
  Effect.orDie(Effect.scoped(Effect.gen(function*() {
    const below = yield* Actor.startScoped("below", { expose: [echo] })
    yield* below.run(echo({ line: { text: "a line", n: 1 } }))
    yield* Effect.log("asked")
  })))
)

/**
 * Milliseconds in which the actor can rehearse its first call; after this time the call that never ends is
 * interrupted.
 */
const millis = { rehearsal: 300, call: 20 } as const

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const actor = yield* Actor.startScoped("sample", { expose: [ask, echo, count, wait] })
    yield* Effect.sleep(millis.rehearsal)
    yield* actor.run(echo({ line: { text: "a line", n: 1 } }))
    yield* Effect.exit(actor.run(echo({ line: { text: "a line", n: -1 } })))
    yield* Stream.runDrain(actor.stream(count({ to: 100 })))
    yield* actor.run(ask())
    yield* Effect.exit(Effect.timeout(actor.run(wait()), millis.call))
  })),
  { spares: "off" }
)
