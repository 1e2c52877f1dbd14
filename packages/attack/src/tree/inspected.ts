/** Runs a tree with one actor that waits for a debugger, until the tree is killed. */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import { echo } from "./actors.ts"

NodeActor.runMain(
  Effect.scoped(Effect.andThen(Actor.startScoped("inspected", { expose: [echo], inspect: true }), Effect.never))
)
