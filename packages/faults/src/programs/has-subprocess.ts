/**
 * The root of this program computes without a pause, and its actor has a subprocess. The test of the program kills the
 * program's actor first, and then the root.
 */
import { Actor } from "@furrow/actor"
import { NodeActor, NodeSpawner } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"

export const launch = Actor.fn("launch", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.sync(() => ChildProcess.spawn("sleep", ["1000"], { stdio: "ignore" }).pid!)
)

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const actor = yield* Actor.startScoped("actor", { expose: [launch], stderr: "ignore" })
    const subprocess = yield* actor.run(launch())
    Fs.writeSync(1, `actor: process ${actor.actor.pid}, below it: process ${subprocess}\n`)
    for (;;) { /* for ever */ }
  })),
  { layer: NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard: "thread" }))) }
)
