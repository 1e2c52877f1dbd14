/**
 * Decides when a key is read again: at a hint of the engine, or after a part of the lease without a hint.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Leases } from "./Leases.ts"

/**
 * The delays before a key is read again, as fractions of a lease's duration. A key that another process holds is read
 * again without a hint after the fraction `again`; an engine that failed is asked again after the fraction
 * `afterFailure`.
 */
export const part = { again: 0.25, afterFailure: 0.125 } as const

/** Makes a latch that opens when the engine reports that a key with the given prefix may have changed. */
export const hinted = (
  { driver, lease }: Pick<Leases["Service"], "driver" | "lease">,
  key: string
): Effect.Effect<Latch.Latch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const latch = Latch.makeUnsafe(false)
    const hints = Stream.runForEach(driver.changes(key), () => latch.open)
    const again = Effect.sleep(lease.ttlMillis * part.again)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.ignore(hints), again)))
    return latch
  })
