/** Tests the spawner of processes under each of its guards, and a program's own spawner around it. */
import { describe, it } from "@effect/vitest"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as Leaks from "@furrow/testing/Leaks"
import * as SpawnerSuite from "@furrow/testing/SpawnerSuite"
import * as Layer from "effect/Layer"
import { Counted } from "./fixtures/platform.ts"
import "./support.ts"

const guards = process.platform === "linux" ? ["warden", "thread", "none"] as const : ["thread", "none"] as const

for (const guard of guards) {
  describe(`Processes of actors under the guard ${guard} pass every test of spawners`, () => {
    const make = SpawnerSuite.fromLayer(NodeSpawner.layer({ guard }))
    for (const { run, title } of SpawnerSuite.contract(make)) it.live(title, () => Leaks.withoutLeaks(run))
  })
}

describe("A spawner of the program that wraps the spawner of Node processes passes every test of spawners", () => {
  const make = SpawnerSuite.fromLayer(Counted.pipe(Layer.provide(NodeSpawner.layer)))
  for (const { run, title } of SpawnerSuite.contract(make)) it.live(title, () => Leaks.withoutLeaks(run))
})
