/**
 * Time of tests in memory: nothing here waits for the wall clock.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"

/** More turns of the event loop than any chain of deliveries in these tests needs. */
const turns = 64

/** Lets everything that is ready run, in every actor; the clock stands still. */
export const settle: Effect.Effect<void> = Effect.promise(async () => {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
})

/** Lets time pass in small steps: what wakes in one step has settled before the next. */
export const pass = (millis: number, step = 50): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* settle
    for (let left = millis; left > 0; left -= step) {
      yield* TestClock.adjust(Math.min(step, left))
      yield* settle
    }
  })

/** What importing a module may really take: a Service's actor imports its own, on whatever machine this is. */
const importing = 10_000

/** Lets time pass until the effect has ended: nothing in it may need longer than `limit`, but for importing. */
export const until = (limit: number) => passing(limit, importing)

/** The same for an effect that imports nothing: where it hangs, the test fails soon. */
export const within = (limit: number) => passing(limit, 0)

const passing = (limit: number, real: number) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* settle
    const startedAt = performance.now()
    let passed = 0
    while (fiber.pollUnsafe() === undefined && (passed < limit || performance.now() - startedAt < real)) {
      yield* pass(50)
      passed += 50
    }
    const exit = fiber.pollUnsafe()
    return exit === undefined ? yield* Effect.die(new Error(`still running after ${limit} ms`)) : yield* exit
  })

/** A test that fails half-way must not wait for ever: what it leaves running gets the time to end. */
export const drained = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExit(test, (exit) => Exit.isSuccess(exit) ? Effect.void : Effect.forkDetach(pass(60_000)))
