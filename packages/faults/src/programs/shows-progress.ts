/** An actor prints a progress bar without a newline, and goes on when the file `go` exists. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"

const told: Effect.Effect<void> = Effect.suspend(() =>
  Fs.existsSync("go") ? Effect.void : Effect.andThen(Effect.sleep("20 millis"), told)
)

export const work = Actor.fn("work", { module: import.meta.url })(() =>
  Effect.gen(function*() {
    process.stdout.write("\r40%")
    yield* told
    process.stdout.write("\r100%\n")
  })
)

NodeActor.runMain(Actor.runInActor(work()))
