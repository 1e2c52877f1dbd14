/**
 * A program writes the messages of a protocol to its stdout, while a library in its actor prints with console.log.
 */
import { Actor } from "@furrow/actor"
import { NodeActor, NodeSpawner } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export const job = Actor.fn("job", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.sync(() => {
    console.log("[db] connected")
    return 1
  })
)

NodeActor.runMain(
  Effect.flatMap(Actor.runInActor(job()), (result) => Console.log(JSON.stringify({ jsonrpc: "2.0", id: 1, result }))),
  { layer: NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ stdout: "stderr" }))) }
)
