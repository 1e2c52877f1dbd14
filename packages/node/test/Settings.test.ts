/** Tests settings of Services that run as processes. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Counter, increment, Listener, lowestVariable, Tree } from "./fixtures/settings.ts"
import { withActors } from "./support.ts"

const by = { by: 1 }

describe("The settings of a Service in another process come from the Service's start", () => {
  it.live("G111: each actor of a Service gets the settings that its own start gives, even where another actor starts it", () =>
    withActors(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([
        Actor.startScoped(Counter, { name: "a", config: { start: 7 } }),
        Actor.startScoped(Counter, { name: "b", config: { start: 70, step: 10 } })
      ], { concurrency: 2 })
      assert.deepStrictEqual([yield* a.run(increment(by)), yield* b.run(increment(by))], [8, 80])
      const graph = Tree.layer({ config: { below: 1000 } }).pipe(Layer.provide(Counter.layer({ config: { start: 7 } })))
      assert.strictEqual(yield* Effect.provide(Tree.calls.increment(by), graph), 8 + 1001)
    })))

  it.live("G113: settings that the Service's module refuses fail the start at the step layer, with the names of Service and field", () =>
    withActors(Effect.gen(function*() {
      const layer = Listener.layer({ config: { net: { port: 80 } } })
      assert.strictEqual(yield* Effect.provide(Listener.calls.increment(by), layer), 81)
      const strict = Listener.layer({ env: { set: { [lowestVariable]: "1024" } }, config: { net: { port: 80 } } })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(strict)))
      assert.instanceOf(error, ActorError.SpawnFailed)
      const { reason, step } = error as ActorError.SpawnFailed
      assert.strictEqual(step, "layer")
      assert.match(
        reason,
        /^the config of "Listener" does not match its schema in the actor: .*\n  at \["net"\]\["port"\]$/
      )
    })))

  it.live("G114: the settings of a Service appear neither on the command line nor in the environment of its process", () =>
    withActors(
      Effect.gen(function*() {
        assert.strictEqual(yield* Counter.calls.token(), "open sesame")
        const shown = yield* Counter.calls.shown()
        assert.include(shown, "PATH=")
        assert.notInclude(shown, "open sesame")
      }).pipe(Effect.provide(Counter.layer({ config: { start: 7, token: Redacted.make("open sesame") } })))
    ))
})
