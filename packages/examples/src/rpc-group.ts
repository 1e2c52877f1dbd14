/**
 * The example moves an existing RpcGroup into an actor with one line.
 *
 * The RpcGroup `Todos` and its handlers are plain Effect code that knows nothing of actors. The Effect `program` only
 * needs a client of the RpcGroup `Todos`. The Effect `program` runs twice: with the RpcGroup's handlers in this
 * process, as Effect's own tests do, and with an actor.
 *
 * Prints:
 *
 *     here: added 1 and 2; EmptyTitle; plough, sow
 *     in an actor: added 1 and 2; EmptyTitle; plough, sow
 *     the actor is another process: true
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcTest from "effect/rpc/RpcTest"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class EmptyTitle extends Schema.TaggedError<EmptyTitle>()("EmptyTitle", {}) {}

export class TodoRpcs extends RpcGroup.make(
  Rpc.make("Add", { payload: { title: Schema.String }, success: Schema.Int, error: EmptyTitle }),
  Rpc.make("All", { success: Schema.String, stream: true })
) {}

const TodosLive = TodoRpcs.toLayer(Effect.sync(() => {
  const titles: Array<string> = []
  return {
    Add: ({ title }) => title === "" ? Effect.fail(new EmptyTitle()) : Effect.sync(() => titles.push(title)),
    All: () => Stream.fromIterable(titles)
  }
}))

const program = <E>(client: RpcClient<RpcGroup.Rpcs<typeof TodoRpcs>, E>) =>
  Effect.gen(function*() {
    const first = yield* client.Add({ title: "plough" })
    const second = yield* client.Add({ title: "sow" })
    const error = yield* client.Add({ title: "" }).pipe(
      Effect.as("nothing"),
      Effect.catchTag("EmptyTitle", ({ _tag }) => Effect.succeed(_tag))
    )
    const all = yield* Stream.runCollect(client.All())
    return `added ${first} and ${second}; ${error}; ${all.join(", ")}`
  })

/** The contract of the actor is the RpcGroup, and the actor's implementation is the group's own Layer. */
export class Todos extends Actor.Service<Todos>()("Todos", { module: import.meta.url, endpoints: TodoRpcs }) {}
export default Todos.serveRpc(TodosLive)

NodeActor.runMain(Actor.nursery(Effect.scoped(Effect.gen(function*() {
  const local = Effect.flatMap(RpcTest.makeClient(TodoRpcs), program).pipe(Effect.provide(TodosLive))
  yield* Console.log(`here: ${yield* local}`)

  const todos = yield* Actor.start(Todos)
  const remote = Effect.flatMap(Actor.rpcClient(todos, TodoRpcs), program)
  yield* Console.log(`in an actor: ${yield* remote}`)
  yield* Console.log(`the actor is another process: ${todos.actor.pid !== process.pid}`)
}))))
