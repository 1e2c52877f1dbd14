/**
 * A program registers a module loader for its own kind of file while it runs, and lets an actor import such a file.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { registerHooks } from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"

registerHooks({
  load: (url, context, next) =>
    url.endsWith(".crop")
      ? { format: "module", source: "export default 'barley'", shortCircuit: true }
      : next(url, context)
})
const file = Path.resolve("field.crop")
if (!Fs.existsSync(file)) Fs.writeFileSync(file, "barley\n")

const harvest = Actor.fn("harvest", { module: pathToFileURL(file).href, success: Schema.String })(() =>
  Effect.succeed("never here")
)

NodeActor.runMain(Effect.gen(function*() {
  const { default: crop } = yield* Effect.promise(() =>
    import(pathToFileURL(file).href) as Promise<{ default: string }>
  )
  yield* Console.log(`the root has loaded ${crop}`)
  const error = yield* Effect.flip(Actor.runInActor(harvest()))
  yield* Console.log(error.message)
}))
