/**
 * An RpcGroup with a request that its actor does not know and a request that dies: a stream of the same client must go
 * on.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Tick = Rpc.make("Tick", { success: Schema.Int, stream: true })
const Break = Rpc.make("Break", { success: Schema.String })
const Missing = Rpc.make("Missing", { success: Schema.String })

const served = RpcGroup.make(Tick, Break)
const asked = RpcGroup.make(Tick, Break, Missing)

export class Clock extends Actor.Service<Clock>()("Clock", { module: import.meta.url, endpoints: served }) {}
export default Clock.serveRpc(served.toLayer({
  Tick: () => Stream.fromSchedule(Schedule.spaced("20 millis")),
  Break: () => Effect.die(new Error("broken"))
}))

const shown = (exit: Exit.Exit<string, Actor.ActorError>): string =>
  Exit.isSuccess(exit)
    ? exit.value
    : exit.cause.reasons.map((reason) =>
      reason._tag === "Fail" ? reason.error._tag : `${reason._tag} ${(Cause.squash(exit.cause) as Error).message}`
    ).join(", ")

NodeActor.runMain(
  Effect.gen(function*() {
    // A client of a later version of the same RpcGroup.
    const portal = (yield* Clock) as unknown as Parameters<typeof Actor.rpcClient<any, any>>[0]
    const client = yield* Actor.rpcClient(portal, asked)
    let ticks = 0
    const reader = yield* Effect.forkChild(Stream.runForEach(client.Tick(), () => Effect.sync(() => ticks++)))
    const more = Effect.suspend(() => {
      const goal = ticks + 5
      const reached: Effect.Effect<void> = Effect.suspend(() =>
        ticks >= goal ? Effect.void : Effect.andThen(Effect.sleep("20 millis"), reached)
      )
      return reached
    })
    yield* more
    yield* Console.log(`unknown: ${shown(yield* Effect.exit(client.Missing()))}`)
    yield* Console.log(`broken: ${shown(yield* Effect.exit(client.Break()))}`)
    yield* more
    yield* Console.log("the stream went on")
    yield* Fiber.interrupt(reader)
  }).pipe(Effect.scoped, Effect.provide(Clock.layer))
)
