/** A loop that calls a closed portal and catches what it fails with: timers fire all the same. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const work = Actor.fn("work", { module: import.meta.url })(() => Effect.void)

NodeActor.runMain(Effect.gen(function*() {
  const portal = yield* Effect.scoped(Actor.startScoped("worker", { expose: [work] }))
  yield* Console.log(`closed: ${(yield* Effect.flip(portal.run(work())))._tag}`)
  let tries = 0
  const loop = Effect.forever(Effect.ignore(Effect.suspend(() => {
    tries++
    return portal.run(work())
  })))
  yield* Effect.timeoutOption(loop, "100 millis")
  yield* Console.log(`the timer fired: ${tries > 1}`)
}))
