/** Steps that use one actor by calls, streams, dialogs and subscribers, with small and large payloads. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { feed, hop, job, listen, pause, reply, talk, weigh, type Work } from "./actors.ts"
import { record, wrong } from "./History.ts"
import {
  batches,
  cleanups,
  completed,
  counts,
  type Does,
  ends,
  hurt,
  keyBelow,
  read,
  type Stage,
  waits,
  windows
} from "./stage.ts"

export const stream = ({ key, portal, step: { a, b, c } }: Stage, bytes: number) => {
  const count = bytes > 0 ? Math.min(counts[a]!, 20) : counts[a]!
  const fails = c === 5
  const all = portal.stream(
    feed({ key, count, every: b === 1 ? 4 : 0, chunk: batches[c]!, bytes, fails }),
    bytes > 0 ? { window: { items: 64, bytes: 4096 } } : {}
  )
  const part = c % 2 === 1 ? Stream.take(all, 1 + c * 9) : all
  const slow = b === 2 || b === 3
  const whole = Stream.runForEach(
    part,
    ({ item }) => Effect.andThen(read(key, "caller")(item), pause(slow && item < 10 ? 3 : 0))
  )
  const failing = fails && count <= 1 + c * 9 ? record({ _tag: "Failing", key, count }) : Effect.void
  return Effect.andThen(
    Effect.andThen(failing, whole),
    completed(key, "caller", c % 2 === 1 ? Math.min(count, 1 + c * 9) : count)
  )
}

export const converse: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = counts[a]!
  return portal.open(
    talk({ key, count, batch: batches[b]!, window: windows[b]!, end: ends[c]!, cleanup: cleanups[a]! }),
    ({ stream }) => {
      const one = Effect.flatMap(stream.receive, read(key, "caller"))
      const some = (items: number) => Effect.forEach(Array.from({ length: items }), () => one, { discard: true })
      return Effect.andThen(
        some(b),
        Effect.catchIf(Effect.forever(one), Cause.isDone, () => completed(key, "caller", count))
      )
    },
    { window: { items: windows[b]! } }
  )
}

/**
 * Reads a stream with subscribers that come and go, both in sequence and at the same time. Before, between and after
 * the subscribers, one reader reads the stream alone.
 */
export const subscribe: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = counts[a]!
  return portal.open(
    talk({ key, count, batch: batches[b]!, window: windows[b]!, end: "return", cleanup: 0 }),
    ({ stream }) => {
      const alone = Effect.flatMap(stream.receive, read(key, "all"))
      const first = Effect.scoped(Effect.flatMap(
        stream.subscribe(),
        (subscription) => Stream.runForEach(Stream.take(subscription, 1 + c), read(key, "all"))
      ))
      const two = Effect.scoped(Effect.gen(function*() {
        const one = yield* stream.subscribe()
        const other = yield* stream.subscribe()
        yield* Effect.all([
          Stream.runForEach(one, read(key, "all")),
          Stream.runForEach(Stream.take(other, 2 + b), read(key, "beside"))
        ], { concurrency: 2 })
      }))
      const rest = Effect.andThen(b % 2 === 0 ? two : Effect.forever(alone), Effect.void)
      return Effect.catchIf(
        Effect.andThen(a > 0 ? first : Effect.void, Effect.andThen(pause(waits[c]!), rest)),
        Cause.isDone,
        () => Effect.void
      ).pipe(Effect.andThen(completed(key, "all", count)))
    },
    { window: { items: windows[b]! } }
  )
}

/** Sends items to an actor that reads them at its own pace. */
export const say: Does = ({ key, portal, step: { a, b } }) =>
  portal.open(listen({ key, every: b > 2 ? 1 : 0 }), (dialog) =>
    Effect.gen(function*() {
      const count = Math.min(counts[a]!, 100)
      for (let item = 0; item < count; item++) yield* dialog.stream.send(item)
      yield* dialog.stream.end
      const heard = yield* dialog.result
      if (heard !== count) yield* wrong("comesToRest", `${key}: the callee heard ${heard} of ${count} items`)
    }))

/**
 * Opens a dialog in which the caller sends a number and waits for its answer, before it sends the next number. A lost
 * number therefore stops the dialog.
 */
export const ask: Does = ({ key, portal, step: { a, b } }) =>
  portal.open(reply({ key }), ({ result, stream }) =>
    Effect.gen(function*() {
      const rounds = Math.min(counts[a]!, 10)
      for (let item = 0; item < rounds; item++) {
        yield* stream.send(item * 2)
        yield* pause(b === 1 ? 1 : 0)
        const heard = yield* stream.receive
        if (heard !== item * 2 + 1) {
          yield* wrong("comesToRest", `${key}: ${item * 2} was answered with ${heard}`)
        }
      }
      yield* stream.end
      yield* result
    }), { window: { items: windows[b]! } })

/**
 * The largest number of calls that a step of a random program makes in one loop, so that an actor can be killed
 * meanwhile.
 */
export const maxLoops = 40

export const loop: Does = ({ key, portal }) =>
  Effect.gen(function*() {
    for (let i = 0; i < maxLoops; i++) {
      yield* portal.run(job({ work: { key: keyBelow(key, i), wait: 0, end: "return", cleanup: 0 } }))
    }
  })

/**
 * Starts a chain of actors below an actor, and kills an actor in the middle of the chain while the last actor still
 * works.
 */
export const orphan: Does = (stage) => {
  const { key, name, portal, step: { a, c }, world } = stage
  const work: Work = { key, wait: 0, end: "hang", cleanup: cleanups[c]! }
  const kill = hurt(name, "kill", world.kill(name))
  return Effect.raceFirst(portal.run(hop({ depth: a % 2, work })), Effect.andThen(pause(30 + waits[a]!), kill))
}

/**
 * Makes calls whose payloads are sent in parts, followed by a small call. The step cancels half of the calls with
 * payloads in parts, before or after these calls began.
 */
export const lift = ({ key, portal, step: { a, b } }: Stage) => {
  const one = weighed(key, portal, (b + 3) * 400_000)
  const call = Effect.all([one, one, weighed(key, portal, 10)], { concurrency: 3, discard: true })
  return a % 2 === 0 ? call : Effect.raceFirst(call, pause(waits[a]!))
}

export const weighed = (key: number, portal: Stage["portal"], size: number) =>
  Effect.flatMap(
    portal.run(weigh({ text: "x".repeat(size) })),
    (heard) => heard === size ? Effect.void : wrong("comesToRest", `${key}: ${heard} letters of ${size} were heard`)
  )
