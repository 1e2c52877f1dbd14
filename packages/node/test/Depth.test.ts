import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as Eventually from "@furrow/testing/Eventually"
import * as Leaks from "@furrow/testing/Leaks"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { chain } from "./fixtures/chain.ts"
import { evidence } from "./support.ts"

const depth = 3

const guards: ReadonlyArray<GuardMode> = ["warden", "thread"]

/** The lines of a chain that ends: each finalizer comes behind the exit of the actor below it. */
const inOrder = [
  "up",
  "exit 0",
  ...Array.from({ length: depth - 1 }, (_, i) => [`finalizer ${i + 1}: gone`, `exit ${i + 1}`]).flat()
]

describe("A tree of several levels ends level by level, the lowest level first", () => {
  for (const guard of guards) {
    it.live(
      `G294: a finalizer that waits for an actor's end runs after the actor's process is gone, at each level of a tree, under guard ${guard}`,
      () => {
        let output = ""
        const stdout = (bytes: Uint8Array) => {
          output += Buffer.from(bytes).toString()
        }
        const program = Effect.gen(function*() {
          const file = yield* evidence
          const lines = () => Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").trim().split("\n") : []
          yield* Effect.scoped(Effect.gen(function*() {
            const top = yield* Actor.startScoped("top", { expose: [chain], stdout })
            const call = top.run(chain({ below: depth - 1, file } as never) as never)
            yield* Effect.forkScoped(Effect.exit(call as Effect.Effect<unknown, Actor.ActorError>))
            yield* Eventually.holds("the deepest actor is up", () => lines().includes("up"), { within: "20 seconds" })
          }))
          assert.deepStrictEqual(lines(), inOrder)
          // What exit listeners print passes through every level, each of which is there until the one below is gone.
          const printed = output.split("\n").filter((line) => line.startsWith("printed"))
          assert.deepStrictEqual(printed, Array.from({ length: depth }, (_, i) => `printed by ${i}`))
        })
        return Leaks.withoutLeaks(
          Effect.scoped(program).pipe(
            Effect.provide(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard }))))
          )
        )
      },
      60_000
    )
  }
})
