/**
 * The middleware of an RpcGroup refuses every call, both when Effect's own server serves the RpcGroup and when an actor
 * serves it.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as RpcTest from "effect/rpc/RpcTest"
import * as Schema from "effect/Schema"

class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {}
class Auth extends RpcMiddleware.Service<Auth>()("Auth", { error: Denied }) {}

export class FileRpcs extends RpcGroup.make(
  Rpc.make("Delete", { payload: { id: Schema.String }, success: Schema.String })
).middleware(Auth) {}

const FilesLive = FileRpcs.toLayer({ Delete: ({ id }) => Effect.succeed(`deleted ${id}`) })
const AuthLive = Layer.succeed(Auth)(Auth.of(() => Effect.fail(new Denied())))
const Live = Layer.merge(FilesLive, AuthLive)

export class Files extends Actor.Service<Files>()("Files", { module: import.meta.url, endpoints: FileRpcs }) {}
export default Files.serveRpc(Live)

/** The type of the RpcGroup's client contains the error of the middleware; otherwise this file would not compile. */
const told = <E extends { readonly _tag: string }>(answer: Effect.Effect<string, E>) =>
  Effect.match(answer, { onSuccess: (text) => text, onFailure: ({ _tag }) => _tag })

NodeActor.runMain(
  Effect.gen(function*() {
    const own = yield* Effect.provide(RpcTest.makeClient(FileRpcs), Live)
    yield* Console.log(`Effect's own server: ${yield* told(own.Delete({ id: "1" }))}`)
    const client = yield* Actor.rpcClient(yield* Files, FileRpcs)
    const answer = client.Delete({ id: "1" })
    const typed: Effect.Effect<string, Denied | Actor.ActorError> = answer
    yield* Console.log(`an actor: ${yield* told(typed)}`)
  }).pipe(Effect.scoped, Effect.provide(Files.layer))
)
