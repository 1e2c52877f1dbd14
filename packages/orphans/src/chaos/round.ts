/**
 * Plays one round of chaos, and checks that the round's first call ended with a value, a typed error or an
 * interruption. A defect counts as a fault of a round of chaos, and so does a round that takes longer than its bounds.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Timeouts from "@furrow/actor/Timeouts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, type Found, marked, signal, until, variable } from "../processes.ts"
import { live } from "./actors.ts"
import type { Fault, Plan } from "./plan.ts"

export type Outcome = "value" | "error" | "interrupt"

/** The error that holds the faults of a round of chaos. */
export class Wrong extends Error {}

/** The bounds of a round of chaos are short, so that many rounds reach them. */
export const bounds: Timeouts.Timeouts = { ...Timeouts.defaults, cancel: 1_000, finalizers: 1_000 }

/**
 * The longest time in which an owner ends all of its actors: a slow start, the shutdown ladder, and delays of a busy
 * host.
 */
const patience = "40 seconds"

/**
 * Returns the processes of a round of chaos except the warden, found by the value of `FURROW_ORPHANS_MARK` in their
 * environment.
 */
const targets = (mark: string): ReadonlyArray<Found> =>
  marked(mark).filter(({ command }) => !/furrow-(warden|watch)/.test(command)).toSorted((a, b) => a.pid - b.pid)

const strike = (mark: string, { kind, target }: Fault): Effect.Effect<void> =>
  Effect.suspend(() => {
    const there = targets(mark)
    if (there.length === 0) return Effect.void
    const { pid } = there[target % there.length]!
    if (kind !== "stop" && kind !== "stop and continue") return Effect.sync(() => signal(pid, kind))
    signal(pid, "SIGSTOP")
    if (kind === "stop") return Effect.void
    return Effect.andThen(Effect.sleep("200 millis"), Effect.sync(() => signal(pid, "SIGCONT")))
  })

const faults = (mark: string, plan: Plan): Effect.Effect<void> =>
  Effect.forEach(plan.faults, (fault) => Effect.andThen(Effect.sleep(fault.after), strike(mark, fault)), {
    discard: true
  })

type Run = Effect.Effect<unknown, unknown, Actor.ActorRuntime>

/** Runs the tree of a round of chaos under its owner, which ends the tree if the plan of the round says so. */
const owned = (env: Actor.SpawnOptions["env"], plan: Plan): Run => {
  const call = live({ shape: plan.tree })
  const cancels = plan.enough === "cancel"
  switch (plan.owner) {
    case "call":
      return Actor.runInActor(call, { env })
    case "portal":
      return Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("live", { expose: [live], env })
        if (cancels) yield* Effect.forkChild(Effect.andThen(Effect.sleep(plan.after), portal.cancel("enough")))
        return yield* portal.run(call)
      }))
    case "nursery":
      return Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(call, { env })
        if (cancels) yield* Effect.andThen(Effect.sleep(plan.after), job.cancel("enough"))
        return yield* job.result
      }))
  }
}

const untilEnough = (run: Run, plan: Plan): Run => {
  if (plan.enough === "interrupt") {
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(run)
      yield* Effect.raceFirst(Effect.sleep(plan.after), Effect.exit(Fiber.join(fiber)))
      yield* Fiber.interrupt(fiber)
      return yield* Effect.flatten(Fiber.await(fiber))
    })
  }
  // A cancel that comes before any call has begun has no effect, so a tree of chaos then ends by its timeout.
  return Effect.timeout(run, plan.enough === "timeout" ? plan.after : plan.after + 3_000)
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<Outcome, Wrong> => {
  if (Exit.isSuccess(exit)) return Effect.succeed("value")
  if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed("interrupt")
  const defect = exit.cause.reasons.find(Cause.isDieReason)
  return defect === undefined
    ? Effect.succeed("error")
    : Effect.fail(new Wrong(`a defect: ${Cause.pretty(exit.cause)}`))
}

/**
 * Checks that no actor is left when the owner of a chaos tree continues after the tree's end. The kernel may take a
 * moment to remove the processes of a killed actor.
 */
const nothingLeft = (mark: string): Effect.Effect<void, Wrong> =>
  Effect.flatMap(
    Effect.promise(() => until(() => targets(mark).length === 0, 1_000)),
    (gone) => gone ? Effect.void : Effect.fail(new Wrong(`left: ${targets(mark).map(describe).join("; ")}`))
  )

export const play = (plan: Plan, mark: string): Effect.Effect<Outcome, Wrong, Actor.ActorRuntime> =>
  Effect.gen(function*() {
    const striking = yield* Effect.forkChild(faults(mark, plan))
    const run = untilEnough(owned({ set: { [variable]: mark } }, plan), plan)
    // The work of a round of chaos runs in a detached fiber, so that a hang can be reported instead of waited for.
    const fiber = yield* Effect.forkDetach(Effect.provideService(run, Timeouts.Timeouts, bounds))
    const exit = yield* Effect.timeoutOption(Fiber.await(fiber), patience)
    yield* Fiber.interrupt(striking)
    if (exit._tag === "None") return yield* Effect.fail(new Wrong(`it did not end within ${patience}`))
    yield* nothingLeft(mark)
    return yield* outcomeOf(exit.value)
  })
