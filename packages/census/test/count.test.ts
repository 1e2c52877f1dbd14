import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { MemoryActor } from "@furrow/actor"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { count } from "../src/count.ts"
import { pipe } from "../src/Screen.ts"
import * as Sources from "../src/sources.ts"
import { countedHere, project } from "./support.ts"

describe("A census counts with actors in memory", () => {
  it.live("a census's count with actors in memory has the same rows as a count without actors", () =>
    Effect.gen(function*() {
      const folder = yield* Folder.make(project())
      const sources = yield* Sources.find(folder)
      const census = yield* count(sources, { actors: 3, crashes: 0 })
      assert.deepStrictEqual(
        new Map(Array.from(census.rows).sort(([a], [b]) => a < b ? -1 : 1)),
        yield* countedHere(folder)
      )
      assert.deepInclude(census, { actors: 3, killed: 0, replaced: 0, repeated: 0 })
    }).pipe(Effect.provide(Layer.mergeAll(MemoryActor.layer, NodeServices.layer, pipe(() => {})))))

  it.live("a census's count with actors in memory has a row for a file that was deleted before it was counted", () =>
    Effect.gen(function*() {
      const folder = yield* Folder.make(project())
      const sources = { folder, files: [{ file: "src/gone.ts", bytes: 1 }] }
      const { rows } = yield* count(sources, { actors: 1, crashes: 0 })
      assert.strictEqual(rows.get("src/gone.ts")?._tag, "CannotRead")
      assert.include((rows.get("src/gone.ts") as Error).message, "NotFound")
    }).pipe(Effect.provide(Layer.merge(MemoryActor.layer, pipe(() => {})))))
})
