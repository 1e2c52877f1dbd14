/**
 * In this example the root sets a deadline, and an actor that is called through another actor knows the deadline.
 *
 *     root  --->  office  --->  field
 *
 * The function `Actor.timeout` is an `Effect.timeout` that also tells every actor of the call how much time is left.
 * The last actor of the example reads its deadline with `Timeouts.Deadline`, and decides how thorough its work can be.
 * When the deadline of this example is over, all actors of the call have ended their work before the program goes on.
 *
 * Prints:
 *
 *     without a deadline: thorough
 *     with ten minutes: thorough
 *     with half a minute: quick
 *     when the time is up: TimeoutError
 *     actors left: 0
 */
import { Actor, Timeouts } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const job = { payload: { endless: Schema.Boolean }, success: Schema.String }

/** An endpoint that reads the deadline of its call before it begins to work. */
export const survey = Actor.fn("survey", { module: import.meta.url, ...job })(
  Effect.fnUntraced(function*({ endless }) {
    if (endless) return yield* Effect.never
    const deadline = yield* Timeouts.Deadline
    const left = deadline === undefined ? Infinity : deadline - Number(yield* Clock.monotonicTimeNanos) / 1_000_000
    return left > 60_000 ? "thorough" : "quick"
  })
)

/** An endpoint that knows nothing of deadlines, and passes its work on to another actor. */
export const plan = Actor.fn("plan", { module: import.meta.url, ...job })((request) =>
  Actor.orDie(Actor.runInActor(survey(request), { name: "field" }))
)

const ask = (endless: boolean) => Actor.runInActor(plan({ endless }), { name: "office" })

NodeActor.runMain(Effect.gen(function*() {
  yield* Console.log(`without a deadline: ${yield* ask(false)}`)
  yield* Console.log(`with ten minutes: ${yield* ask(false).pipe(Actor.timeout("10 minutes"))}`)
  yield* Console.log(`with half a minute: ${yield* ask(false).pipe(Actor.timeout("30 seconds"))}`)
  const late = yield* Effect.flip(ask(true).pipe(Actor.timeout("2 seconds")))
  yield* Console.log(`when the time is up: ${late._tag}`)
  const { children } = yield* Actor.statistics
  yield* Console.log(`actors left: ${children.length}`)
}))
