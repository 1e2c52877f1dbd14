import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { chat, Kicked } from "./fixtures/chat.ts"
import { Counter, Doubler, Heavy } from "./fixtures/services.ts"
import { Absent, Astray, Unserved } from "./fixtures/wrong/unserved.ts"
import { evidence, withActors } from "./support.ts"

describe("A Service in another process is one actor for all its users", () => {
  it.live("a Service in another process is one actor while its Layer lives, and keeps its state", () =>
    withActors(
      Effect.gen(function*() {
        assert.deepStrictEqual([
          yield* Counter.calls.increment({ by: 1 }),
          yield* Counter.calls.increment({ by: 2 })
        ], [1, 3])
        assert.deepStrictEqual(yield* Stream.runCollect(Counter.calls.ticks({ to: 3 })), [1, 2, 3])
        assert.notStrictEqual(yield* Counter.calls.where(), process.pid)
      }).pipe(Effect.provide(Counter.layer))
    ))

  it.live("a Service in another process uses other Services, which are the same actors for all their users", () =>
    withActors(
      Effect.gen(function*() {
        assert.strictEqual(yield* Doubler.calls.increment({ by: 1 }), 2)
        assert.strictEqual(yield* Counter.calls.increment({ by: 1 }), 2)
        assert.strictEqual(yield* Doubler.calls.increment({ by: 1 }), 6)
        assert.strictEqual(new Set([process.pid, yield* Counter.calls.where(), yield* Doubler.calls.where()]).size, 3)
      }).pipe(Effect.provide(Doubler.layer.pipe(Layer.provideMerge(Counter.layer))))
    ))

  it.live("a Service in another process may have its implementation in a module that the Service's callers never load", () =>
    withActors(
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Heavy.calls.loaded(), ["loaded"])
        assert.isFalse(Symbol.for("furrow/test/heavy") in globalThis)
      }).pipe(Effect.provide(Heavy.layer))
    ))

  it.live("the start of a Service without an implementation fails with the Service's module, the module's exports, and the line to write", () =>
    withActors(Effect.gen(function*() {
      const start = (layer: Layer.Layer<any, Actor.ActorError, Actor.ActorRuntime>) =>
        Effect.map(Effect.flip(Effect.scoped(Layer.build(layer))), (error) => {
          assert.instanceOf(error, ActorError.SpawnFailed)
          assert.strictEqual((error as ActorError.SpawnFailed).step, "import")
          return error.message
        })
      const [unserved, absent, astray] = yield* Effect.all(
        [start(Unserved.layer), start(Absent.layer), start(Astray.layer)],
        { concurrency: 3 }
      )
      assert.match(
        unserved,
        /wrong\/unserved\.ts does not serve "Unserved": its default export is not the result of `serve`\. Write `export default Unserved\.serve/
      )
      assert.match(
        absent,
        /wrong\/elsewhere\.ts does not serve "Absent": it serves "Present"\. Write `export default Absent\.serve/
      )
      assert.match(astray, /the module given to serveFrom does not serve "Astray" by default/)
    })))
})

describe("A dialog with a Service in another process runs from a first value to a result", () => {
  it.live("a dialog with a Service in another process starts with a first value, goes both ways, and ends with a result", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const file = yield* evidence
      const portal = yield* Actor.start("host", { expose: [chat] })
      const heard = yield* portal.open(
        chat({ file }),
        Effect.fnUntraced(function*(dialog) {
          assert.strictEqual(dialog.first.pid, portal.actor.pid)
          const answers: Array<string> = []
          for (const text of ["one", "two", "three"]) {
            yield* dialog.stream.send(text)
            answers.push(yield* dialog.stream.receive)
          }
          assert.deepStrictEqual(answers, ["ONE", "TWO", "THREE"])
          yield* dialog.stream.end
          return yield* dialog.result
        })
      )
      assert.strictEqual(heard, 3)
      assert.deepStrictEqual(Folder.lines(file), [])
    }))))

  it.live("the typed error of a Service interrupts a waiting body of a dialog, and a body that fails cancels the dialog in the Service", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const file = yield* evidence
      const portal = yield* Actor.start("host", { expose: [chat] })
      const error = yield* Effect.flip(portal.open(
        chat({ file }),
        (dialog) => Effect.andThen(dialog.stream.send("rude"), Effect.never)
      ))
      assert.instanceOf(error, Kicked)
      const own = yield* Effect.flip(portal.open(chat({ file }), () => Effect.fail("enough")))
      assert.strictEqual(own, "enough")
      assert.deepStrictEqual(Folder.lines(file), ["left alone"])
    }))))

  it.live("a dialog with a Service in another process fails with ActorLost when the actor is killed, whatever the dialog's body waits for", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const portal = yield* Actor.startScoped("host", { expose: [chat] })
      const error = yield* Effect.flip(portal.open(
        chat({ file }),
        ({ first }) => Effect.andThen(Effect.sync(() => process.kill(first.pid, "SIGKILL")), Effect.never)
      ))
      assert.instanceOf(error, ActorError.ActorLost)
    })))
})
