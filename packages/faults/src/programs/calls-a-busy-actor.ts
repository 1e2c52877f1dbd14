/**
 * A root makes 1,500 calls with 1 MB each while the called actor computes, and prints the root's memory meanwhile.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const compute = Actor.fn("compute", { module: import.meta.url })(() =>
  Effect.sync(() => {
    const end = performance.now() + 1_500
    while (performance.now() < end) { /* busy */ }
  })
)

export const length = Actor.fn("length", {
  module: import.meta.url,
  payload: { bytes: Schema.Uint8Array },
  success: Schema.Int
})(({ bytes }) => Effect.succeed(bytes.length))

const megabytes = () => Math.round(process.resourceUsage().maxRSS / 1024)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const worker = yield* Actor.start("worker", { expose: [compute, length] })
  const bytes = new Uint8Array(1_000_000)
  const before = megabytes()
  const busy = yield* Effect.forkChild(worker.run(compute()), { startImmediately: true })
  const calls = yield* Effect.forEach(
    Array.from({ length: 1_500 }),
    () => Effect.forkChild(worker.run(length({ bytes })), { startImmediately: true })
  )
  yield* Effect.sleep("1 second")
  const grown = megabytes() - before
  yield* Effect.forEach([...calls, busy], (fiber) => Effect.sync(() => fiber.interruptUnsafe()))
  yield* Console.log(`the root grew by less than 400 MB: ${grown < 400 || `no, by ${grown} MB`}`)
})))
