/**
 * Steps about starts and nurseries: starts that fail, hang or are interrupted, several ways to leave a nursery, and
 * cleanups that die.
 */
import { Actor, Nursery, Registry } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled, job, never, Oops, pause, Work } from "./actors.ts"
import { howOf, record, wrong } from "./History.ts"
import { leave } from "./peers.ts"
import { cleanups, type Does, hurt, keyBelow, type Stage, waits, workOf } from "./stage.ts"

const module = import.meta.url

class Needed extends Context.Service<Needed, object>()("simulation/Needed") {}
const needed = (acquire: Effect.Effect<object, Error>) =>
  Layer.effect(Needed, Effect.acquireRelease(acquire, () => Effect.void))

const nothing = { module, payload: { key: Schema.Int } }

/** Endpoints with layers whose acquisition fails, dies, never ends, or takes long. */
export const failing = Actor.fn("failing", { ...nothing, layer: needed(Effect.fail(new Error("not acquired"))) })(
  ({ key }) => handled(key, 0, Effect.void)
)
export const dying = Actor.fn("dying", { ...nothing, layer: needed(Effect.die(new Error("died in acquire"))) })(
  ({ key }) => handled(key, 0, Effect.void)
)
export const stuck = Actor.fn("stuck", { ...nothing, layer: needed(Effect.never) })(
  ({ key }) => handled(key, 0, Effect.void)
)
export const slow = Actor.fn("slow", { ...nothing, layer: needed(Effect.as(Effect.sleep(300), {})) })(
  ({ key }) => handled(key, 0, Effect.void)
)

/** Records a fault if an actor still lives although its owner has ended. */
const leavesNothing = ({ key, world }: Stage, actor: string) =>
  Effect.flatMap(
    world.alive,
    (alive) =>
      alive.includes(actor) ? wrong("leavesNothing", `${key}: ${actor} lives on, its owner was left`) : Effect.void
  )

/**
 * Starts an actor whose layer fails or hangs. A start that fails returns its error and leaves no process; the caller
 * of a start that hangs gives the start up.
 */
export const build: Does = (stage) => {
  const { key, step: { a, b } } = stage
  const actor = `own${key}`
  const call = [failing({ key }), dying({ key }), stuck({ key }), slow({ key })][b % 4]!
  const start = Actor.runInActor(call, { name: actor })
  return Effect.onExit(
    b % 4 < 2 ? start : Effect.raceFirst(start, pause(waits[a]!)),
    (exit) => {
      const { words } = howOf(exit)
      const isTold = b % 4 > 1 || words.includes("Fail SpawnFailed") || words.includes("interrupted")
      const told = isTold
        ? Effect.void
        : wrong("leavesNothing", `${key}: its layer failed, and it heard ${words.join()}`)
      return Effect.andThen(told, leavesNothing(stage, actor))
    }
  )
}

/** Interrupts the start of an actor after a random number of turns of the event loop. */
export const birth: Does = (stage) => {
  const { key, step: { a, b, c } } = stage
  const actor = `own${key}`
  return Effect.gen(function*() {
    const starting = Effect.scoped(Effect.andThen(Actor.startScoped(actor, { expose: [job] }), pause(1)))
    const fiber = yield* Effect.forkChild(Effect.exit(starting), { startImmediately: true })
    for (let turn = 0; turn < a * 36 + b * 6 + c; turn++) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    yield* leavesNothing(stage, actor)
  })
}

/**
 * Cancels an actor as soon as the registry lists the actor, while its owner may still wait for the end of its start.
 */
export const ambush = Actor.fn("ambush", { module, payload: { name: Schema.String } })(({ name }) =>
  Effect.scoped(Effect.flatMap(
    Registry.wait([job], name, { within: "5 seconds" }),
    (portal) => portal.cancel(`ambush ${name}`)
  )).pipe(Actor.orDie)
)

export const ambushed: Does = (stage) => {
  const { key, other, step: { a } } = stage
  const actor = `own${key}`
  const body = Effect.gen(function*() {
    const lying = yield* Effect.forkChild(Effect.exit(other.run(ambush({ name: actor }))), { startImmediately: true })
    const portal = yield* Actor.startScoped(actor, { expose: [job] })
    const exit = yield* Effect.exit(
      portal.run(job({ work: { key: keyBelow(key, 0), wait: waits[a]!, end: "hang", cleanup: 0 } }))
    )
    const { words } = howOf(exit)
    if (words.includes("Fail ActorLost")) yield* record({ _tag: "Answered", key: keyBelow(key, 0), how: howOf(exit) })
    yield* portal.wait
    yield* Fiber.join(lying)
  })
  return Effect.ensuring(Effect.timeoutOption(Effect.scoped(body), "15 seconds"), leavesNothing(stage, actor))
}

// ---- nurseries ------------------------------------------------------------------------------------------------------

/**
 * Leaves a nursery in one of six ways: by its body's end or failure, after a lost actor, after a failed job, after an
 * exit was read, or by waiting for an actor.
 */
export const nursery: Does = (stage) => {
  const { key, step: { a, b }, world } = stage
  const names = [`own${key}`, `own${key}x`] as const
  const body = Effect.gen(function*() {
    const one = yield* Actor.start(names[0], { expose: [job, leave] })
    const work = (i: number, end: Work["end"]): Work => ({ key: keyBelow(key, i), wait: waits[a]!, end, cleanup: 3 })
    yield* Effect.forkChild(Effect.exit(one.run(job({ work: work(0, "hang") }))))
    const hang = Effect.andThen(pause(5_000), wrong("failsFirst", `${key}: its body was not woken`))
    switch (b) {
      case 1:
        return yield* Effect.fail(new Oops({ key }))
      case 2:
        yield* hurt(names[0], "kill", world.kill(names[0]))
        return yield* hang
      case 3:
        yield* Actor.forkInActor(job({ work: { ...work(1, "fail"), key } }), { name: names[1] })
        return yield* hang
      case 4: {
        const heard = yield* Effect.forkChild(Stream.runHead(Nursery.exits), { startImmediately: true })
        yield* pause(5)
        yield* Effect.exit(one.run(leave({ key: keyBelow(key, 2), cleanup: 0 })))
        return yield* Fiber.join(heard)
      }
      case 5:
        yield* Actor.start(names[1], { expose: [leave], await: true })
        yield* Effect.forkDetach(Effect.andThen(pause(waits[a]!), world.terminate(names[1])))
        return undefined
    }
    return undefined
  })
  const wanted = ["ok", "Fail Oops", "Fail ActorLost", "Fail Oops", "ok", "ok"][b]!
  return Effect.onExit(Actor.nursery(body) as Effect.Effect<unknown, unknown, any>, (exit) => {
    const { words } = howOf(exit)
    const isRight = words.includes(wanted) || words.includes("interrupted")
    const told = isRight ? Effect.void : wrong("failsFirst", `${key}: a nursery of kind ${b} ended as ${words.join()}`)
    return Effect.andThen(told, Effect.andThen(leavesNothing(stage, names[0]), leavesNothing(stage, names[1])))
  })
}

// ---- dying cleanups -------------------------------------------------------------------------------------------------

/** An endpoint whose handler has a cleanup that dies, however the handler ends. */
export const spoil = Actor.fn("spoil", { module, payload: { work: Work }, success: Schema.Int, error: Oops })(
  ({ work: { cleanup, end, key, wait } }) =>
    Effect.ensuring(
      handled(
        key,
        cleanup,
        Effect.andThen(
          pause(wait),
          end === "return" ? Effect.succeed(key) : end === "fail" ? Effect.fail(new Oops({ key })) : Effect.never
        )
      ),
      Effect.die(new Error("the cleanup died"))
    )
)

/**
 * Calls an endpoint whose handler has a cleanup that dies. The caller of a handler whose cleanup dies is told of the
 * death, as if the cleanup were the caller's own. An interrupted caller is told of a cleanup that died if its cancel
 * was acknowledged.
 */
export const spoils: Does = (stage) => {
  const { key, name, portal, step: { b, c } } = stage
  const work = { ...workOf(stage), end: b === 1 ? "fail" as const : b < 3 ? "return" as const : "hang" as const }
  const bounded = { ...work, cleanup: work.cleanup === never ? 0 : cleanups[c % 5]! }
  return Effect.onExit(portal.run(spoil({ work: bounded })), (exit) => {
    const heard = Exit.isFailure(exit) && exit.cause.reasons.some((reason) => !Cause.isInterruptReason(reason))
    return heard ? Effect.void : record({ _tag: "Unsaid", key, actor: name })
  })
}

export const endpoints = [ambush, spoil] as const
