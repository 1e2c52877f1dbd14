/** Runs a test as the root of a tree of actors in memory. */
import { MemoryActor } from "@furrow/actor"
import type { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { drained } from "./Time.ts"

export const inMemory = <A, E, R>(
  test: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Actor.ActorRuntime>> => Effect.provide(drained(test), Layer.orDie(MemoryActor.layer))
