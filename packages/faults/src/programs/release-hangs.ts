/**
 * A layer's release that never ends must not hold an actor: after a signal the actor ends in time, and reports the
 * unfinished release.
 */
import { Actor, Timeouts } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isAlive } from "./alive.ts"

const Endless = Layer.effectDiscard(Effect.acquireRelease(Effect.void, () => Effect.never))

export const work = Actor.fn("work", { module: import.meta.url, layer: Endless })(() => Console.log("it works"))

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const worker = yield* Actor.startScoped("worker", { expose: [work] })
    yield* worker.run(work())
    process.kill(worker.actor.pid, "SIGTERM")
    const exit = yield* worker.wait
    yield* Console.log(`it ended: ${exit._tag}, cut off: ${exit.cleanup.map(({ type }) => type).join(", ")}`)
    yield* Console.log(`it is there: ${isAlive(worker.actor.pid)}`)
  })).pipe(Timeouts.provide({ finalizers: "1 second" }))
)
