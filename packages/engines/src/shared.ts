/**
 * Values that several tests of a file share, each of which is made before the first test and released after the last
 * test.
 */
import { afterAll, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** Milliseconds within which a server for tests starts, even on a busy host. */
const patienceMillis = 120_000

export const shared = <A>(make: Effect.Effect<A, unknown, Scope.Scope>): Effect.Effect<A> => {
  const scope = Scope.makeUnsafe()
  let made: { readonly value: A } | undefined
  beforeAll(async () => {
    made = { value: await Effect.runPromise(Scope.provide(make, scope)) }
  }, patienceMillis)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), patienceMillis)
  return Effect.sync(() => {
    if (made === undefined) throw new Error("the tests share a value that could not be made: look at the first failure")
    return made.value
  })
}
