/**
 * Endpoints and steps that use the whole tree: shared actors, watchers of the registry, and dials that are interrupted.
 */
import { Actor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled, job, pause } from "./actors.ts"
import { howOf, record, wrong } from "./History.ts"
import { far } from "./network.ts"
import * as Services from "./services.ts"
import { type Does, ends, keyBelow, type Stage, waits, workOf } from "./stage.ts"

const module = import.meta.url

/** Finds or starts the shared actor of a name, and keeps a share of it for a while. */
const holding = (key: number, name: string, millis: number) =>
  Effect.scoped(Effect.gen(function*() {
    const portal = yield* Registry.findOrStart(Services.Till, { name })
    const { uuid } = portal.actor
    yield* record({ _tag: "Shares", key, name, uuid })
    yield* Effect.ensuring(
      Effect.andThen(portal.run(Services.ring({ key: keyBelow(key, 7), wait: 0 })), pause(millis)),
      record({ _tag: "Unshares", key, name })
    )
  }))

export const hold = Actor.fn("hold", {
  module,
  payload: { key: Schema.Int, name: Schema.String, millis: Schema.Int }
})(({ key, millis, name }) => handled(keyBelow(key, 8), 0, holding(key, name, millis)).pipe(Actor.orDie))

/**
 * Asks for one shared actor in the root and in another actor at the same time. The shared actor ends when the last of
 * its shares has been given up.
 */
export const shared: Does = ({ key, other, step: { a, b, c } }) => {
  const name = `shared${c % 2}`
  return Effect.all([
    holding(key, name, waits[a]!),
    other.run(hold({ key: key + 5000, name, millis: waits[b]! }))
  ], { concurrency: 2, discard: true })
}

/** Watches the registry until the caller of this step in a random program interrupts the watch. */
const watching = (watcher: number) =>
  Stream.runForEach(
    Registry.watch(),
    (change) =>
      Effect.forEach(change._tag === "Snapshot" ? change.entries : [change.entry], ({ actor: { name, uuid } }) =>
        record({ _tag: "Seen", watcher, what: change._tag, uuid, name }), { discard: true })
  )

export const census = Actor.fn("census", { module, payload: { key: Schema.Int } })(({ key }) =>
  handled(keyBelow(key, 8), 0, watching(key)).pipe(Actor.orDie)
)

export const censuses: Does = ({ key, other, step: { b } }) => b % 2 === 0 ? watching(key) : other.run(census({ key }))

/**
 * Makes a call over a reference, and interrupts the call while the connection of the two actors is still being
 * opened.
 */
export const hasty: Does = (stage) => {
  const { key, other, otherName, step: { a, b, c } } = stage
  return Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(far({ ...stage, step: { ...stage.step, b: 4 } })), {
      startImmediately: true
    })
    for (let turn = 0; turn < a * 18 + b * 3; turn++) yield* Effect.yieldNow
    if (c > 2) yield* pause(c)
    yield* Fiber.interrupt(fiber)
    // After a call is interrupted while its connection is opened, the connection must work for the next call.
    const exit = yield* Effect.exit(far({ ...stage, key: key + 5000, otherName, other }))
    yield* record({ _tag: "Answered", key: key + 5000, how: howOf(exit) })
  })
}

/** An endpoint that waits for some milliseconds, and is called with a deadline while wall clocks are set. */
export const hurry = Actor.fn("hurry", { module, payload: { key: Schema.Int, millis: Schema.Int } })((
  { key, millis }
) => handled(key, 0, pause(millis)))

export const deadline: Does = (stage) => {
  const { key, name, portal, step: { a, b, c }, world } = stage
  const within = [5, 40, 200, 1_000, 20, 300][a]!
  const millis = [0, 10, 100, 2_000, 5_000, 50][b]!
  return Effect.gen(function*() {
    const before = yield* world.now
    const jumps = Effect.andThen(pause(within >> 1), world.setClock(name, c % 2 === 0 ? 3_600_000 : -3_600_000))
    yield* Effect.forkChild(Effect.andThen(jumps, world.setClock("root", c % 2 === 0 ? -3_600_000 : 3_600_000)))
    const exit = yield* Effect.exit(Actor.timeout(portal.run(hurry({ key, millis })), within))
    const passed = (yield* world.now) - before
    const { words } = howOf(exit)
    if (words.includes("ok") && passed + 1 < millis) {
      yield* wrong("keepsDeadlines", `${key}: ${millis} ms took ${passed}`)
    }
    if (words.includes("Fail TimeoutError") && passed + 1 < within) {
      yield* wrong("keepsDeadlines", `${key}: out of time after ${passed} of ${within} ms`)
    }
    yield* record({ _tag: "Timed", key, actor: name, millis: passed, within })
    return yield* exit
  })
}

/** Makes many calls of one actor at the same time, while another step of the random program may drain the actor. */
export const crowd: Does = (stage: Stage) => {
  const { key, portal, step: { a, b } } = stage
  const one = (i: number) => {
    const work = { ...workOf(stage), key: keyBelow(key, i), end: ends[b % 4]! }
    return Effect.flatMap(
      Effect.exit(portal.run(job({ work }))),
      (exit) => record({ _tag: "Answered", key: keyBelow(key, i), how: howOf(exit) })
    )
  }
  return Effect.forEach(Array.from({ length: 2 + a * 4 }), (_, i) => one(i), {
    concurrency: "unbounded",
    discard: true
  })
}

export const endpoints = [hold, census, hurry] as const
