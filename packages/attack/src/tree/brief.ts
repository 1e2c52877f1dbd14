/**
 * Runs a tree in the given runtime folder, with one call between two of the tree's actors. `brief.ts <runtime folder>`.
 * Prints the error of the call between the two actors of the tree, or `ok`.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor, NodeTransport } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { echo, visit } from "./actors.ts"

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const host = yield* Actor.startScoped("host", { expose: [echo] })
    const guest = yield* Actor.startScoped("guest", { expose: [visit] })
    yield* Console.log((yield* guest.run(visit({ to: host.ref }))) ?? "ok")
  })),
  { layer: NodeActor.layer.pipe(Layer.provide(NodeTransport.layerUnix({ folder: process.argv[2]! }))) }
)
