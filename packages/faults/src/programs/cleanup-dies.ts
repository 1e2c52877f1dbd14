/**
 * A stream whose finalizer dies after its reader has stopped, read in this process and from an actor: both exits must
 * be equal.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const numbers = Actor.stream("numbers", { module: import.meta.url, success: Schema.Int })(() =>
  Stream.ensuring(Stream.range(1, 1_000_000), Effect.die(new Error("the cleanup broke")))
)

const shown = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ?
    "Success" :
    exit.cause.reasons.map((reason) =>
      `${reason._tag} ${reason._tag === "Die" ? /the cleanup broke/.exec(Cause.pretty(exit.cause)) : ""}`
    ).join(", ")

const first = <E, R>(stream: Stream.Stream<number, E, R>) =>
  Effect.map(Effect.exit(Stream.runCollect(Stream.take(stream, 1))), shown)

NodeActor.runMain(Effect.gen(function*() {
  yield* Console.log(`here:  ${yield* first(numbers())}`)
  yield* Console.log(`there: ${yield* first(Actor.streamInActor(numbers()))}`)
}))
