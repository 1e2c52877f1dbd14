/** A command line tool in one file parses its arguments at the top of the module, and runs a job in an actor. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { parseArgs } from "node:util"

const { values } = parseArgs({ options: { shout: { type: "boolean", default: false } } })

export const greet = Actor.fn("greet", { module: import.meta.url, success: Schema.String })(() =>
  Effect.sync(() => values.shout ? "HELLO" : "hello")
)

NodeActor.runMain(Effect.flatMap(Actor.runInActor(greet()), Console.log))
