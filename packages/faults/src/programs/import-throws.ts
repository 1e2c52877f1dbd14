/**
 * A module that throws when an actor imports it, and a Layer that fails: the error must show the line of the program.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const connect = (url: string): never => {
  throw new Error(`no database at ${url}`)
}

export class Database extends Actor.Service<Database>()("Database", {
  module: import.meta.url,
  endpoints: [Actor.endpoint("query", { success: Schema.Int })]
}) {}

export default Database.serve(Effect.sync(() => ({ query: () => Effect.succeed(connect("nowhere")) })), {
  layer: Layer.effectDiscard(Effect.sync(() => connect("the layer's url")))
})

if (!import.meta.main && process.env["IMPORT"] === "throws") connect("the module's url")

/** Finds the first stack frame in the code of this program. */
const where = (cause: Cause.Cause<unknown>) => /at (\w+) \(.*import-throws\.ts/.exec(Cause.pretty(cause))?.[1]

NodeActor.runMain(Effect.forEach(["throws", "succeeds"], (how) =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(
      Effect.scoped(Actor.startScoped(Database, { env: { set: { IMPORT: how } }, stderr: "ignore" }))
    )
    if (exit._tag === "Success") return yield* Console.log("it started")
    const [reason] = exit.cause.reasons
    const step = reason?._tag === "Fail" && reason.error._tag === "SpawnFailed" ? reason.error.step : "?"
    yield* Console.log(
      `step ${step}, thrown in ${where(exit.cause)}: ${/no database at [\w' ]+url/.exec(Cause.pretty(exit.cause))?.[0]}`
    )
  }), { discard: true }))
