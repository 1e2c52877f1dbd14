/** A Service whose main Effect fails: the actor of the Service must end with this Effect. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const read = Actor.endpoint("read", { success: Schema.Int })

export class Feed extends Actor.Service<Feed>()("Feed", { module: import.meta.url, endpoints: [read] }) {}

export default Feed.serve({ read: () => Effect.succeed(7) }, { main: Effect.fail("the feed dried up") })

NodeActor.runMain(Effect.scoped(Effect.gen(function*() {
  const feed = yield* Actor.startScoped(Feed)
  const exit = yield* feed.wait
  yield* Console.log(`${exit._tag}: ${exit._tag === "Failed" ? exit.error.boxed.message : ""}`)
})))
