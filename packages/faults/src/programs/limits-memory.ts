/** Tries invalid values of the option `memoryLimit`, and a valid limit that an actor reaches. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const hoard = Actor.fn("hoard", { module: import.meta.url })(() =>
  Effect.sync(() => {
    const kept: Array<unknown> = []
    for (;;) kept.push(Array.from({ length: 1_000 }, (_, i) => ({ i })))
  })
)

const tried = (memoryLimit: number) =>
  Effect.flatMap(
    Effect.flip(Actor.runInActor(hoard(), { memoryLimit, stderr: "ignore" })),
    (error) => Console.log(`${memoryLimit}: ${error._tag}: ${error.message.split("\n")[0]}`)
  )

NodeActor.runMain(Effect.forEach([-5, NaN, 64], tried, { discard: true }))
