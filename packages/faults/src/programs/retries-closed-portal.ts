/**
 * A program that calls a closed portal in a loop: each call takes a turn of the event loop, so that timers still fire.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const work = Actor.fn("work", { module: import.meta.url })(() => Effect.void)

const calls = 500

NodeActor.runMain(Effect.gen(function*() {
  const portal = yield* Effect.scoped(Actor.startScoped("worker", { expose: [work] }))
  yield* Console.log(`closed: ${(yield* Effect.flip(portal.run(work())))._tag}`)
  let turns = 0
  let immediate = setImmediate(function turn() {
    turns++
    immediate = setImmediate(turn)
  })
  for (let n = 0; n < calls; n++) yield* Effect.ignore(portal.run(work()))
  clearImmediate(immediate)
  yield* Console.log(`a turn for nearly every call: ${turns > calls * 0.9 || `no, ${turns} for ${calls}`}`)
}))
