/**
 * Steps in which an actor leaves a dialog early, ends one direction of a dialog, calls its parent, or does not answer
 * its owner.
 */
import { Actor } from "@furrow/actor"
import { defaults } from "@furrow/actor/Timeouts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { handled, job, Oops, pause, talk, Work } from "./actors.ts"
import { record } from "./History.ts"
import { type Does } from "./stage.ts"

const module = import.meta.url

/** An endpoint whose handler calls the parent of its actor, so that the parent does the work. */
export const up = Actor.fn("up", { module, payload: { work: Work }, success: Schema.Int, error: Oops })(({ work }) =>
  Effect.flatMap(Actor.orDie(Actor.parent([job])), (parent) => parent.run(job({ work }))).pipe(
    Effect.catchIf(
      (error): error is Exclude<typeof error, Oops> => !(error instanceof Oops),
      (error) => Effect.die(error)
    )
  )
)

/**
 * An endpoint that sends items, then ends its direction of the dialog or cancels the dialog, and reads the other
 * direction to its end.
 */
export const halve = Actor.dialog("halve", {
  module,
  payload: { key: Schema.Int, count: Schema.Int, cancels: Schema.Boolean },
  input: Schema.Int,
  output: Schema.Int,
  success: Schema.Int
})(({ cancels, count, key }, dialog) =>
  handled(
    key,
    0,
    Effect.gen(function*() {
      const stream = yield* Effect.orDie(dialog.started(undefined))
      for (let item = 0; item < count; item++) yield* Effect.orDie(stream.send(item))
      if (cancels) {
        yield* Effect.orDie(dialog.cancel(`halve ${key}`))
        return yield* Effect.never
      }
      yield* Effect.orDie(stream.end)
      let heard = 0
      const all = Effect.forever(Effect.map(stream.receive, () => void heard++))
      yield* Effect.orDie(Effect.catchIf(all, Cause.isDone, () => Effect.void))
      return heard
    })
  )
)

export const endpoints = [up, halve] as const

/** The endpoints that the root serves to its actors. */
export const ofRoot = [job] as const

const counts = [3, 10, 40, 1, 0, 70] as const

const read = (key: number) => (item: number) => record({ _tag: "Read", key, reader: "caller", item })

/**
 * Opens a dialog in which one side ends its own direction, and goes on reading the other direction. The other side of
 * the dialog is told that its peer sends no more values, and continues to send its own.
 */
export const halves: Does = ({ key, portal, step: { a, b, c } }) =>
  portal.open(halve({ key, count: counts[a]!, cancels: c === 5 }), ({ result, stream }) =>
    Effect.gen(function*() {
      const all = Effect.forever(Effect.flatMap(stream.receive, read(key)))
      yield* Effect.catchIf(all, Cause.isDone, () => Effect.void)
      yield* record({ _tag: "Completed", key, reader: "caller", count: counts[a]! })
      for (let item = 0; item < counts[b]!; item++) yield* stream.send(item)
      yield* stream.end
      return yield* result
    }), { window: { items: 1 + b } })

/** Milliseconds that the cleanup of a handler takes after its caller has left. */
export const leaveCleanups = [0, 3, 20, 60, 200, 0] as const

/**
 * Leaves a dialog whose handler hangs: the body returns, fails or cancels the dialog, or code outside of the body
 * cancels it.
 */
export const leave: Does = ({ key, portal, step: { a, b, c } }) => {
  const start = talk({ key, count: 1 + b, batch: 1, window: 64, end: "hang", cleanup: leaveCleanups[a]! })
  if (c > 3) {
    return Effect.scoped(Effect.gen(function*() {
      const dialog = yield* portal.openScoped(start)
      yield* Effect.forkChild(Effect.andThen(pause(b), Effect.exit(dialog.cancel(`leave ${key}`))))
      yield* Effect.forever(Effect.flatMap(dialog.stream.receive, read(key)))
    }))
  }
  return portal.open(start, ({ cancel, stream }) =>
    Effect.gen(function*() {
      for (let item = 0; item < b; item++) yield* Effect.flatMap(stream.receive, read(key))
      if (c === 1) yield* Effect.fail(new Oops({ key }))
      if (c === 2) yield* Effect.die(new Error("the body died"))
      if (c === 0 || c === 3) yield* cancel(`leave ${key}`)
    }))
}

/** Milliseconds for which a step stops an actor, so that the actor reads no word that asks for its end. */
const frozenMillis = 60_000

/**
 * Stops an actor, so that the actor answers nothing, and then ends the actor. The owner of a stopped actor cannot get
 * an answer, and kills the actor.
 */
export const freeze: Does = ({ key, name, portal, world }) => {
  const bound = defaults.cancelAck + defaults.terminate + defaults.finalizers
  return Effect.gen(function*() {
    yield* record({ _tag: "Hurt", actor: name, what: "freeze" })
    yield* world.stop(name, frozenMillis)
    yield* record({ _tag: "Ending", actor: name, by: "root", reason: `freeze ${key}`, bound })
    yield* Effect.exit(portal.cancel(`freeze ${key}`))
    yield* record({ _tag: "Gone", actor: name })
  })
}
