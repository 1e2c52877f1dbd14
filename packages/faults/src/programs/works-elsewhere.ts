/**
 * The root gives relative paths of files to an actor in another working directory, and the actor must still find the
 * root's files.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Path from "node:path"

export const look = Actor.fn("look", { module: import.meta.url, success: Schema.String })(() =>
  Effect.sync(() => {
    const { loaded = "nothing" } = globalThis as { readonly loaded?: string }
    return `in ${Path.basename(process.cwd())}: ${process.env["SEED"] ?? "no seed"}, ${loaded} was loaded`
  })
)

NodeActor.runMain(Effect.flatMap(Actor.runInActor(look(), { cwd: "sub", env: { inherit: ["PATH"] } }), Console.log))
