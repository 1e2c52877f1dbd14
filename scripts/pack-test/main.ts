/**
 * A program outside the repository, in plain JavaScript, with only the packages that npm installs. The program starts
 * real actors, with a call, a typed error, a stream, a dialog and a Service.
 */
import { Actor, MemoryActor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { add, Adder, count, divide, DividedByZero, echo } from "./work.js"

const load = (specifier: string): Promise<unknown> => import(specifier)

const program = Effect.gen(function*() {
  assert.equal(yield* Actor.runInActor(divide({ a: 6, b: 3 })), 2)
  const error: DividedByZero | Actor.ActorError = yield* Effect.flip(Actor.runInActor(divide({ a: 1, b: 0 })))
  assert.ok(error instanceof DividedByZero)
  yield* Actor.nursery(Effect.gen(function*() {
    const worker = yield* Actor.start("worker", { expose: [divide, count, echo] })
    const numbers: ReadonlyArray<number> = yield* Stream.runCollect(Stream.take(worker.stream(count({ to: 1000 })), 3))
    assert.deepEqual(numbers, [1, 2, 3])
    const said = yield* worker.open(echo(), (dialog) => Effect.andThen(dialog.stream.send("hi"), dialog.stream.receive))
    assert.equal(said, "HI")
  }))
  assert.equal(yield* Effect.provide(Adder.calls.add({ a: 1, b: 2 }), Adder.layer), 3)
})

NodeActor.runMain(Effect.gen(function*() {
  yield* Effect.promise(() =>
    Promise.all(
      [
        "@furrow/protocol/internal/plain",
        "@furrow/actor/internal/supervision/ChildActor",
        "@furrow/node/internal/processes",
        "@furrow/node/childMain"
      ].map((closed) => assert.rejects(load(closed), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" }, closed))
    )
  )
  yield* program
  yield* Effect.provide(program, MemoryActor.layer)
  assert.equal(yield* divide({ a: 8, b: 2 }), 4)
  assert.equal(add({ a: 1, b: 2 }).endpoint.name, "add")
  console.log(`ran on ${process.version}`)
}))
