import { assert, describe, it } from "@effect/vitest"
import { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { concealed } from "@furrow/actor/internal/transport/Transport"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { inMemory } from "./support/InMemory.ts"

describe("The secret of a tree", () => {
  it("is read by who asks for it, and shown to nobody who prints the whole", () => {
    const network = concealed({ transport: "unix", folder: "/run/furrow", secret: new Uint8Array([211, 212, 213]) })
    assert.deepStrictEqual(Array.from(network.secret), [211, 212, 213])
    for (const shown of [inspect(network, { depth: Infinity }), JSON.stringify(network), String(network)]) {
      assert.notInclude(shown, "211")
    }
    assert.include(inspect(network), "/run/furrow")
  })

  it.effect("is not in what a program can print of its runtime", () =>
    Effect.gen(function*() {
      const runtime = yield* ActorRuntime
      const shown = inspect(runtime, { depth: 5 })
      assert.include(shown, "transport: 'memory'")
      assert.notMatch(shown, /secret:/)
    }).pipe(inMemory))
})
