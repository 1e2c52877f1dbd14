/**
 * The endpoints of the actors in a random program. Each handler records in the history when it begins, and when its own
 * finalizer has run.
 */
import { Actor } from "@furrow/actor"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { howOf, record } from "./History.ts"

export class Oops extends Schema.TaggedError<Oops>()("Oops", { key: Schema.Int }) {}

const module = import.meta.url

/** The number of milliseconds that stands for a cleanup that never ends. */
export const never = -1

export const pause = (millis: number): Effect.Effect<void> =>
  millis === never ? Effect.never : millis > 0 ? Effect.sleep(millis) : Effect.void

/** The work of one call: how long its handler waits, how the handler ends, and how long the handler's cleanup takes. */
export const Work = Schema.Struct({
  key: Schema.Int,
  wait: Schema.Int,
  end: Schema.Literals(["return", "fail", "die", "hang"]),
  cleanup: Schema.Int
})
export type Work = typeof Work.Type

/** Runs a handler, and records when the handler begins and when its finalizer ends. */
export const handled = <A, E, R>(key: number, cleanup: number, body: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Actor.current, ({ name }) =>
    Effect.onExit(
      Effect.andThen(
        record({ _tag: "Began", key, actor: name, ...(cleanup === never ? { isEndless: true } : {}) }),
        body
      ),
      (exit) => Effect.andThen(pause(cleanup), record({ _tag: "Ended", key, how: howOf(exit) }))
    ))

const ended = ({ end, key }: Work): Effect.Effect<number, Oops> => {
  switch (end) {
    case "return":
      return Effect.succeed(key)
    case "fail":
      return Effect.fail(new Oops({ key }))
    case "die":
      return Effect.die(new Error("died"))
    case "hang":
      return Effect.never
  }
}

/** A service that a handler uses, and that the handler's actor releases when the actor runs no more handlers. */
class Used extends Context.Service<Used, { isAlive: boolean }>()("simulation/Used") {}
const used = Layer.effect(
  Used,
  Effect.acquireRelease(
    Effect.sync((): Used["Service"] => ({ isAlive: true })),
    (used) => Effect.sync(() => void (used.isAlive = false))
  )
)

export const job = Actor.fn("job", { module, payload: { work: Work }, success: Schema.Int, error: Oops, layer: used })(
  ({ work }) => {
    const { cleanup, key, wait } = work
    return Effect.flatMap(Used, (used) =>
      Effect.ensuring(
        handled(key, cleanup, Effect.andThen(pause(wait), Effect.suspend(() => ended(work)))),
        Effect.suspend(() => used.isAlive ? Effect.void : record({ _tag: "UsedReleased", key, what: "its layer" }))
      ))
  }
)

/** An endpoint that takes a payload of any size, and returns the payload's length. */
export const weigh = Actor.fn("weigh", { module, payload: { text: Schema.String }, success: Schema.Int })(({ text }) =>
  Effect.succeed(text.length)
)

export const feed = Actor.stream("feed", {
  module,
  payload: {
    key: Schema.Int,
    count: Schema.Int,
    every: Schema.Int,
    chunk: Schema.Int,
    bytes: Schema.Int,
    fails: Schema.Boolean
  },
  success: Schema.Struct({ item: Schema.Int, filling: Schema.String }),
  error: Oops
})(({ bytes, chunk, count, every, fails, key }) =>
  Stream.unwrap(Effect.gen(function*() {
    const { name } = yield* Actor.current
    const filling = "x".repeat(bytes)
    yield* Effect.acquireRelease(
      record({ _tag: "Began", key, actor: name }),
      (_, exit) => Effect.andThen(pause(5), record({ _tag: "Ended", key, how: howOf(exit) }))
    )
    const items = Stream.fromIterable(Array.from({ length: count }, (_, item) => ({ item, filling }))).pipe(
      Stream.rechunk(chunk),
      (stream) => every === 0 ? stream : Stream.mapEffect(stream, (item) => Effect.as(pause(every), item))
    )
    return fails ? Stream.concat(items, Stream.fail(new Oops({ key }))) : items
  }))
)

export const talk = Actor.dialog("talk", {
  module,
  payload: {
    key: Schema.Int,
    count: Schema.Int,
    batch: Schema.Int,
    window: Schema.Int,
    end: Work.fields.end,
    cleanup: Schema.Int
  },
  started: Schema.Int,
  input: Schema.Int,
  output: Schema.Int,
  success: Schema.Int,
  error: Oops
})(({ batch, cleanup, count, end, key, window }, dialog) =>
  handled(
    key,
    cleanup,
    Effect.gen(function*() {
      const stream = yield* Effect.orDie(dialog.started(key))
      for (let item = 0; item < count;) {
        const many = Math.min(count - item, batch)
        if (many === 1) {
          yield* Effect.orDie(stream.send(item))
          yield* record({ _tag: "Wrote", key, item, window })
        } else yield* Effect.orDie(stream.sendAll(Array.from({ length: many }, (_, i) => item + i)))
        item += many
        if (item % 3 === 0) yield* pause(3)
      }
      return yield* ended({ key, end, wait: 0, cleanup: 0 })
    })
  )
)

/** An endpoint that reads all messages of its caller, and returns their number. */
export const listen = Actor.dialog("listen", {
  module,
  payload: { key: Schema.Int, every: Schema.Int },
  input: Schema.Int,
  output: Schema.Int,
  success: Schema.Int
})(({ every, key }, dialog) =>
  handled(
    key,
    0,
    Effect.gen(function*() {
      const stream = yield* Effect.orDie(dialog.started(undefined))
      let count = 0
      const one = Effect.flatMap(
        Effect.orDie(Effect.catchIf(stream.receive, Cause.isDone, () => Effect.succeed(never))),
        (item) =>
          item === never
            ? Effect.succeed(false)
            : Effect.as(Effect.andThen(record({ _tag: "Read", key, reader: "callee", item }), pause(every)), true)
      )
      while (yield* one) count++
      return count
    })
  )
)

/**
 * An endpoint that answers each number with the number plus one. The caller sends its next number only after the
 * answer.
 */
export const reply = Actor.dialog("reply", {
  module,
  payload: { key: Schema.Int },
  input: Schema.Int,
  output: Schema.Int,
  success: Schema.Int
})(({ key }, dialog) =>
  handled(
    key,
    0,
    Effect.gen(function*() {
      const stream = yield* Effect.orDie(dialog.started(undefined))
      const answer = Effect.flatMap(stream.receive, (item) => Effect.as(stream.send(item + 1), item + 1))
      let last = 0
      const one = Effect.map(answer, (item) => void (last = item))
      yield* Effect.orDie(Effect.catchIf(Effect.forever(one), Cause.isDone, () => Effect.void))
      return last
    })
  )
)

/**
 * An endpoint that starts a chain of actors, each in the nursery of the actor above. The last actor of the chain does
 * the work of the call.
 */
export const hop = Actor.fn("hop", {
  module,
  payload: { depth: Schema.Int, work: Work },
  success: Schema.Int,
  error: Oops
})(({ depth, work }): Effect.Effect<number, Oops, ActorRuntime> =>
  Effect.flatMap(Actor.current, ({ name: parent }) => {
    const actor = `${parent}.h${work.key}`
    return handled(
      (work.key + 1) * 10_000 + 900 + depth,
      0,
      Actor.nursery(Effect.gen(function*() {
        yield* record({ _tag: "Started", actor, parent })
        const portal = yield* Actor.start(actor, { expose: [job, hop] })
        return (yield* depth > 0 ? portal.run(hop({ depth: depth - 1, work })) : portal.run(job({ work })))
      })).pipe(Effect.ensuring(record({ _tag: "Gone", actor })), Actor.orDie)
    )
  })
)

class Leaky extends Context.Service<Leaky, object>()("simulation/Leaky") {}
const leakyOf = (release: Effect.Effect<void>) =>
  Layer.effect(Leaky, Effect.acquireRelease(Effect.succeed({}), () => release))

/** An endpoint whose layer cannot be released in order, because the layer's finalizer dies. */
export const leaky = Actor.fn("leaky", {
  module,
  payload: { key: Schema.Int, wait: Schema.Int },
  layer: leakyOf(Effect.die(new Error("the release died")))
})(({ key, wait }) => handled(key, 0, pause(wait)))

/** An endpoint whose layer is never released, because the layer's finalizer never ends. */
export const clinging = Actor.fn("clinging", {
  module,
  payload: { key: Schema.Int, wait: Schema.Int },
  layer: leakyOf(Effect.never)
})(({ key, wait }) => handled(key, 0, pause(wait)))

export const exposed = [job, feed, talk, listen, reply, hop, weigh] as const
