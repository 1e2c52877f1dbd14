/** An actor computes without a pause, in a tree whose root changes its user or is killed. */
import { Actor } from "@furrow/actor"
import { NodeActor, NodeSpawner } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"

export const spin = Actor.fn("spin", { module: import.meta.url })(() =>
  Effect.sync(() => {
    Fs.writeFileSync(process.env["SPINS"]!, "")
    for (;;) { /* for ever */ }
  })
)

const spinning: Effect.Effect<void> = Effect.suspend(() =>
  Fs.existsSync(process.env["SPINS"]!) ? Effect.void : Effect.andThen(Effect.sleep("20 millis"), spinning)
)

const [user, guard] = process.argv.slice(2) as ["changes-user" | "is-killed", NodeSpawner.GuardMode | undefined]

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const spinner = yield* Actor.startScoped("spinner", { expose: [spin] })
    yield* Effect.forkChild(spinner.run(spin()))
    yield* spinning
    if (user === "changes-user") process.setuid!(65_534)
    yield* Console.log("it spins")
    if (user === "is-killed") return yield* Effect.never
  })).pipe(Effect.andThen(Console.log("it has ended"))),
  { layer: NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard }))) }
)
