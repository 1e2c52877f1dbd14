/** A pool of a test in memory: whatever is left of it when the test ends gets the time to end. */
import { type Actor, Pool } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { bug, half, hold, noted, redo, ticks, twice, work } from "../fixtures/pooled.ts"
import { within } from "../support/Time.ts"

export const crew = [bug, half, hold, noted, redo, ticks, twice, work] as const

export type Crew = Pool.Pool<(typeof crew)[number]>

export type Options = Omit<Pool.Options<typeof crew>, "expose" | "size"> & { readonly size?: number | Pool.Size }

/** Makes a pool called crew, of 2 workers by default, for a program. */
export const withCrew = <A, E, R>(
  options: Options,
  program: (pool: Crew) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Actor.ActorError, Exclude<R, Scope.Scope> | Actor.ActorRuntime> =>
  Effect.gen(function*() {
    // The first sleep under an untouched test clock can be interrupted even in a finalizer.
    yield* TestClock.adjust(0)
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(Pool.make({ size: 2, ...options, name: "crew", expose: crew }), scope)
    const exit = yield* Effect.exit(Scope.provide(program(pool), scope))
    yield* within(60_000)(Scope.close(scope, Exit.void))
    return yield* exit
  }) as Effect.Effect<A, E | Actor.ActorError, Exclude<R, Scope.Scope> | Actor.ActorRuntime>

/** Starts an effect beside the test. */
export const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Starts so many of an effect beside the test. */
export const beginAll = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => begin(effect))

/** The result of an effect that is over. */
export const now = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const exit = fiber.pollUnsafe()
    return exit ?? Effect.die(new Error("it is not over"))
  })

/** The states of the workers, in the order of their starts. */
export const states = (pool: Pick<Crew, "statistics">) =>
  Effect.map(pool.statistics, ({ workers }) => workers.map(({ state }) => state))

/** The names of the workers that are ready. */
export const ready = (pool: Pick<Crew, "statistics">) =>
  Effect.map(
    pool.statistics,
    ({ workers }) => workers.filter(({ state }) => state === "idle" || state === "busy").map(({ actor }) => actor!.name)
  )
