/** An actor that closes its connection and computes on: its owner kills it, and the error says so. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"

export const leave = Actor.fn("leave", { module: import.meta.url })(() =>
  Effect.sync(() => {
    // The connection to its parent.
    Fs.closeSync(3)
    for (;;) { /* for ever */ }
  })
)

NodeActor.runMain(Effect.flatMap(
  Effect.flip(Actor.runInActor(leave())),
  (error) => Console.log(`${error._tag}: ${error.message}`)
))
