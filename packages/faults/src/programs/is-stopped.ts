/**
 * This program starts an actor that becomes ready when the file `go` exists, and prints whether the actor was ready in
 * time.
 */
import { Actor, Timeouts } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"

const told: Effect.Effect<void> = Effect.suspend(() =>
  Fs.existsSync("go") ? Effect.void : Effect.andThen(Effect.sleep("20 millis"), told)
)

const Slow = Layer.effectDiscard(Effect.andThen(Effect.sync(() => console.log("building")), told))

export const work = Actor.fn("work", { module: import.meta.url, layer: Slow })(() => Effect.void)

NodeActor.runMain(
  Effect.andThen(Actor.runInActor(work()), Console.log("it was ready in time")).pipe(
    Timeouts.provide({ spawn: "6 seconds" })
  )
)
