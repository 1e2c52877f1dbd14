/** Supervisors of actors in memory, whose processes a test kills. */
import { assert } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import { broken, slow, slowEnd } from "../fixtures/supervised.ts"
import type * as Journal from "./Journal.ts"
import { drained, pass, settle, until } from "./Time.ts"

/** The processes of each name, the latest last. */
const lives = new Map<string, Array<ProcessHandle>>()

/** The latest process of a name. */
export const processOf = (name: string): ProcessHandle => lives.get(name)!.at(-1)!

export const killNow = (name: string) => Effect.sync(() => processOf(name).signal("SIGKILL"))
/** Kills it, and lets everybody hear of it. */
export const kill = (name: string) => Effect.andThen(killNow(name), settle)
/** Kills the process of a name that was started as `which`, counted from 0 or, below it, from the latest. */
export const killOne = (name: string, which: number) =>
  Effect.andThen(Effect.sync(() => lives.get(name)!.at(which)!.signal("SIGKILL")), settle)

const memory = MemoryActor.layer({
  between: (process) => {
    const { name } = process.actor
    lives.set(name, [...lives.get(name) ?? [], process])
    return process
  }
})

/** Lets time pass until what is looked at is as expected: importing takes its time. */
export const becomes = <A, E, R>(look: Effect.Effect<A, E, R>, expected: A) =>
  Effect.gen(function*() {
    const startedAt = performance.now()
    let seen = yield* look
    while (!isDeepStrictEqual(seen, expected) && performance.now() - startedAt < 10_000) {
      yield* pass(50)
      seen = yield* look
    }
    assert.deepStrictEqual(seen, expected)
  })

/** The children of the one supervisor here, as `name state incarnation`. */
export const children = Effect.map(
  Actor.statistics,
  ({ supervisors }) =>
    (supervisors[0]?.children ?? []).map(({ child, incarnation, state }) => `${child} ${state} ${incarnation}`)
)

/** Before each test. */
export const reset = () => {
  lives.clear()
  broken.clear()
  slow.clear()
  slowEnd.millis = 0
  slowEnd.fails = false
}

export const inMemory = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime>) =>
  Effect.provide(drained(test), Layer.orDie(memory))

/** Runs a test with what a supervisor gives, in the time of the test. */
export const supervised = <A, E, S, E2>(
  layer: Layer.Layer<S, E2, Actor.ActorRuntime>,
  test: Effect.Effect<A, E, S | Actor.ActorRuntime | Scope.Scope>
) => inMemory(until(60_000)(Effect.scoped(Effect.provide(test, layer))))

/** Waits until something is so: a start takes real time, however much time has passed here. `supervised` bounds it. */
export const eventually = (isSo: Effect.Effect<boolean, never, Actor.ActorRuntime>) =>
  Effect.repeat(isSo, { until: (is) => is, schedule: Schedule.spaced("50 millis") })

export const drain = "10 seconds"
export const backoff = Schedule.spaced("100 millis")

/** The lines of the journal without their times. */
export const told = (lines: Effect.Success<typeof Journal.fresh>) =>
  lines.map((line) => line.split(" ").slice(1).join(" "))
