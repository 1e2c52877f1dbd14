import { assert, describe, it } from "@effect/vitest"
import { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { concealed } from "@furrow/actor/internal/spawn/SpawnSpec"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { inMemory } from "./support/InMemory.ts"

describe("The secret of a tree appears in no log or JSON of the tree's platform", () => {
  it("the secret of a tree can be read by its own field, and is hidden in every printed form", () => {
    const platform = concealed({
      tree: "shop",
      run: "1-a",
      secret: new Uint8Array([211, 212, 213]),
      transports: [],
      spawner: null,
      ambient: [],
      observe: "off",
      graves: null
    })
    assert.deepStrictEqual(Array.from(platform.secret), [211, 212, 213])
    for (const shown of [inspect(platform, { depth: Infinity }), JSON.stringify(platform), String(platform)]) {
      assert.notInclude(shown, "211")
    }
    assert.include(inspect(platform), "shop")
  })

  it.effect("the secret of a tree is missing in all that a program can print of its runtime", () =>
    Effect.gen(function*() {
      const runtime = yield* ActorRuntime
      const shown = inspect(runtime, { depth: 5 })
      assert.include(shown, "key: 'memory'")
      assert.notMatch(shown, /secret:/)
    }).pipe(inMemory))
})
