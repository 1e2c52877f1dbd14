/** The server process of Effect's rpc over a socket, whose path is the first argument. */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { Echoes, handlers } from "./group.ts"

process.on("disconnect", () => process.exit(0))

const server = RpcServer.layer(Echoes, { disableTracing: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(RpcServer.layerProtocolSocketServer),
  Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" })),
  Layer.provideMerge(NodeSocketServer.layer({ path: process.argv[2]! }))
)

Layer.build(server).pipe(
  Effect.andThen(Effect.sync(() => process.send!("ready"))),
  Effect.andThen(Effect.never),
  Effect.scoped,
  Effect.runFork
)
