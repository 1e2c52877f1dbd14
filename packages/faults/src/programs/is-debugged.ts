/**
 * This program asks an actor's debugger port for its debugger sessions, as any process of the host may. The program
 * prints whether the answer contains a session's id.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Inspector from "node:inspector"

export const debuggable = Actor.fn("debuggable", { module: import.meta.url, success: Schema.String })(() =>
  Effect.sync(() => new URL(Inspector.url()!).host)
)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const actor = yield* Actor.start("debuggable", { expose: [debuggable], inspect: true, stderr: "ignore" })
  const host = yield* actor.run(debuggable())
  const told = yield* Effect.promise(() =>
    fetch(`http://${host}/json/list`).then((answer) => answer.text(), () => "nothing")
  )
  yield* Console.log(`a stranger is told: ${/webSocketDebuggerUrl|[0-9a-f-]{36}/.test(told) ? told : "no id"}`)
})))
