/** Work that is interrupted at whatever step it has come to: its fiber yields after every few operations. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import { ticks } from "./fixtures/cancelling.ts"
import { isPrime } from "./fixtures/prime.ts"
import { echo } from "./semantics/fixtures/talks.ts"
import { inMemory } from "./support/InMemory.ts"
import { until } from "./support/Time.ts"

const expose = [ticks, isPrime, echo] as const
type Portal = Actor.Portal<typeof expose[number]>

const turns = (count: number) =>
  Effect.promise(async () => {
    for (let n = 0; n < count; n++) await new Promise<void>((resolve) => setImmediate(resolve))
  })

const works: ReadonlyArray<readonly [what: string, work: (bob: Portal) => Effect.Effect<unknown, unknown>]> = [
  ["a call", (bob) => bob.run(isPrime({ n: 7 }))],
  ["a stream", (bob) => Stream.runCollect(Stream.take(bob.stream(ticks({ every: 0, cleanup: 0 })), 3))],
  ["a dialog", (bob) => bob.open(echo(), ({ stream }) => Effect.andThen(stream.send(1), stream.receive))],
  [
    "a held dialog",
    (bob) =>
      Effect.scoped(
        Effect.flatMap(bob.openScoped(echo()), (it) => Effect.andThen(it.stream.send(1), it.stream.receive))
      )
  ]
]

describe("A call that is interrupted at any of its steps leaves the connection open and nothing running", () => {
  for (const [what, work] of works) {
    it.effect(
      `G9, G11: an interruption of ${what}, at any step, leaves the connection open and no work on the connection`,
      () =>
        inMemory(Actor.nursery(Effect.gen(function*() {
          const bob = yield* Actor.start("bob", { expose })
          for (const operations of [3, 4, 5]) {
            for (let step = 0; step < 30; step++) {
              const fiber = yield* Effect.forkChild(
                Effect.provideService(work(bob), Scheduler.MaxOpsBeforeYield, operations)
              )
              yield* turns(step)
              yield* Fiber.interrupt(fiber)
              const { dialogs, state } = (yield* bob.statistics).channel
              assert.deepStrictEqual([state, dialogs], ["Open", 0], `${operations} operations, step ${step}`)
            }
          }
        }))).pipe(until(60_000)),
      60_000
    )
  }
})
