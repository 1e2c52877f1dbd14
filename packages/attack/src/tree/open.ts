/**
 * Runs a tree over a transport of its own that asks for no proof of membership, until the tree is killed. The root of
 * the attacked tree prints the secret of the tree. For each line on stdin, the root of the attacked tree prints how
 * many calls the endpoint `door` has served.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Readline from "node:readline"
import { betray, door, echo, visit } from "./actors.ts"
import { Loose } from "./loose.ts"

const lines = Stream.fromAsyncIterable(Readline.createInterface({ input: process.stdin }), (error) => error)

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const host = yield* Actor.startScoped("host", { expose: [echo, door, betray] })
    const guest = yield* Actor.startScoped("guest", { expose: [visit] })
    const error = yield* guest.run(visit({ to: host.ref }))
    yield* Console.log(error ?? (yield* host.run(betray())))
    // The endpoint `door` counts its own calls, so the printed number leaves out the call that asks for the count.
    yield* Stream.runForEach(lines, () => Effect.flatMap(host.run(door()), (opened) => Console.log(opened - 1)))
  })),
  { layer: NodeActor.layer.pipe(Layer.provide(Loose)) }
)
