/**
 * Defines the actors of a round of chaos: each actor starts the actors below it in a nursery, and does its own work at
 * the same time.
 */
import * as Actor from "@furrow/actor/Actor"
import type * as Endpoint from "@furrow/actor/Endpoint"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import type { Shape } from "./plan.ts"

/** The error of an actor's own work, or the error of an actor below it. */
export class Broken extends Schema.TaggedError<Broken>()("Broken", { text: Schema.String }) {}

const ShapeSchema: Schema.Codec<Shape> = Schema.Struct({
  work: Schema.Literals(["waits", "answers", "fails", "dies", "spins", "blocks", "ignores", "litters"]),
  millis: Schema.Int,
  below: Schema.Array(Schema.suspend((): Schema.Codec<Shape> => ShapeSchema))
})

const payload = { shape: ShapeSchema }

const work = ({ millis, work }: Shape): Effect.Effect<string, Broken> => {
  const afterwards = Effect.ensuring(Effect.never, Effect.sleep(Math.min(millis, 100)))
  switch (work) {
    case "waits":
      return afterwards
    case "answers":
      return Effect.as(Effect.sleep(millis), "answered")
    case "fails":
      return Effect.andThen(Effect.sleep(millis), Effect.fail(new Broken({ text: "as planned" })))
    case "dies":
      return Effect.andThen(Effect.sleep(millis), Effect.sync(() => process.exit(3)))
    case "spins":
      return Effect.sync(() => {
        for (;;) { /* for ever */ }
      })
    case "blocks":
      return Effect.sync(() => {
        ChildProcess.execFileSync("sleep", ["1000004"])
        return "unblocked"
      })
    case "ignores":
      return Effect.uninterruptible(Effect.never)
    case "litters":
      return Effect.suspend(() => {
        ChildProcess.spawn("/bin/sh", ["-c", "trap '' HUP INT TERM; exec sleep 1000005"], { stdio: "ignore" })
        return afterwards
      })
  }
}

export const live: Actor.Fn<
  Endpoint.CallEndpoint<"live", Schema.Struct<typeof payload>, typeof Schema.String, typeof Broken>,
  Actor.ActorRuntime
> = Actor.fn("live", { module: import.meta.url, payload, success: Schema.String, error: Broken })(({ shape }) =>
  Actor.nursery(Effect.gen(function*() {
    yield* Effect.forEach(shape.below, (shape) => Actor.forkInActor(live({ shape })), { concurrency: "unbounded" })
    return yield* work(shape)
  })).pipe(
    Effect.catchIf(Actor.isActorError, (error) => Effect.fail(new Broken({ text: error.message })))
  )
)
