/**
 * The RpcGroup of the actor that the benchmarks measure. The RpcGroup of the benchmarks has a module of its own, so
 * that an actor without an RpcGroup is measured without Effect's rpc.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { User } from "../payloads.ts"

/** The handler of the endpoint `echo`, as a procedure of an RpcGroup. */
export const Echoes = RpcGroup.make(Rpc.make("echo", { payload: User, success: User }))
export class Echo extends Actor.Service<Echo>()("Echo", { module: import.meta.url, endpoints: Echoes }) {}
export const served = Echo.serveRpc(Echoes.toLayer({ echo: (payload) => Effect.succeed(payload) }))
