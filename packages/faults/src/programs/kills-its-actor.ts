/** Ends an actor that computes: the actor's exit must name the killer of the actor, and the reason. */
import { Actor, Timeouts } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const spin = Actor.fn("spin", { module: import.meta.url })(() =>
  Effect.sync(() => {
    setImmediate(() => {
      for (;;) { /* for ever */ }
    })
  })
)

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const spinner = yield* Actor.startScoped("spinner", { expose: [spin] })
    yield* spinner.run(spin())
    yield* spinner.cancel("enough")
    const exit = yield* spinner.wait
    yield* Console.log(`${exit._tag}: ${exit.cleanup.map(({ message }) => message).join("; ")}`)
  })).pipe(Timeouts.provide({ cancelAck: "500 millis", terminate: "500 millis" }))
)
