/**
 * Steps that start actors: an actor for one call, in a Scope or in a nursery. Layers of these actors may fail or hang
 * when they are built or released.
 */
import { Actor } from "@furrow/actor"
import * as Simulation from "@furrow/testing/Simulation"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { clinging, job, leaky, pause } from "./actors.ts"
import { record, wrong } from "./History.ts"
import { type Does, waits, workOf } from "./stage.ts"

/** Starts an actor for one call, whose handler may hang in its cleanup. */
export const own: Does = (stage) => {
  const actor = `own${stage.key}`
  return Effect.andThen(
    record({ _tag: "Started", actor, parent: "root" }),
    Effect.ensuring(Actor.runInActor(job({ work: workOf(stage) }), { name: actor }), record({ _tag: "Gone", actor }))
  )
}

/**
 * Starts an actor whose layer cannot be released. A release of a layer that dies fails the owner of the actor; a
 * release that is interrupted at its bound fails no owner.
 */
export const release: Does = ({ key, step: { a, b } }) => {
  const actor = `own${key}`
  const dies = b % 2 === 0
  const call = dies ? leaky({ key, wait: waits[a]! }) : clinging({ key, wait: waits[a]! })
  return Effect.andThen(
    record({ _tag: "Started", actor, parent: "root" }),
    Effect.onExit(Actor.runInActor(call, { name: actor }), (exit) => {
      const isWrong = Exit.isSuccess(exit) ? dies : !dies && !Cause.hasInterrupts(exit.cause)
      return isWrong
        ? wrong(
          "tellsCleanups",
          `${key}: a release that ${dies ? "dies" : "hangs"}, and its owner heard ${Simulation.how(exit)}`
        )
        : Effect.void
    })
  )
}

export const unique: Does = ({ key, step: { a, b } }) => {
  const name = `only${a % 2}`
  return Effect.scoped(Effect.gen(function*() {
    yield* Actor.startScoped(name, { expose: [job], unique: true })
    yield* record({ _tag: "Holds", key, name })
    yield* Effect.ensuring(pause(waits[b]!), record({ _tag: "LetGo", key, name }))
  }))
}
