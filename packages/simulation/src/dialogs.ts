/**
 * Steps with large messages, with items that do not match the reader's schema, and with slow readers, some of which
 * fail with StreamOverrun.
 */
import { Actor, PayloadReceiver } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled, pause, talk } from "./actors.ts"
import { howOf, record, wrong } from "./History.ts"
import { completed, counts, type Does, read, waits, windows } from "./stage.ts"

const module = import.meta.url

/**
 * Returns a text in which one digit is repeated `size` times. The digit depends on the key of the step and on the
 * number of the message.
 */
const cloth = (key: number, i: number, size: number): string => String((key + i) % 10).repeat(size)

/** An endpoint that sends and receives large messages at the same time, while its caller does the same. */
export const weave = Actor.dialog("weave", {
  module,
  payload: { key: Schema.Int, opening: Schema.String, sizes: Schema.Array(Schema.Int) },
  started: Schema.String,
  input: Schema.String,
  output: Schema.String,
  success: Schema.Int
})(({ key, opening, sizes }, dialog) =>
  handled(
    key,
    0,
    Effect.gen(function*() {
      const stream = yield* Effect.orDie(dialog.started(opening))
      const says = Effect.forEach(sizes, (size, i) => stream.send(cloth(key, i, size)), { discard: true })
      const hears = Effect.forEach(sizes, (size, i) =>
        Effect.flatMap(stream.receive, (word) =>
          word === cloth(key, i, size)
            ? Effect.void
            : wrong("readsInOrder", `${key}: word ${i} of ${size} letters came as ${word.length}`)), { discard: true })
      yield* Effect.orDie(Effect.all([says, hears], { concurrency: 2 }))
      return sizes.length
    })
  )
)

const sizes = [10, 70_000, 400_000, 1_200_000, 300_000, 1] as const

/**
 * Opens a dialog with large messages in both directions at once, the first of them in the word `Start`. Half of the
 * dialogs with large messages are left before their end.
 */
export const large: Does = ({ key, portal, step: { a, b, c } }) => {
  const all = Array.from({ length: 1 + c % 3 }, (_, i) => sizes[(a + i) % 6]!)
  const opening = cloth(key, 0, sizes[b]!)
  const whole = portal.open(weave({ key, opening, sizes: all }), ({ first, result, stream }) =>
    Effect.gen(function*() {
      if (first !== opening) yield* wrong("readsInOrder", `${key}: the first word came as ${first.length} letters`)
      const says = Effect.forEach(all, (size, i) => stream.send(cloth(key, i, size)), { discard: true })
      const hears = Effect.forEach(all, (size, i) =>
        Effect.flatMap(stream.receive, (word) =>
          word === cloth(key, i, size)
            ? read(key, "caller")(i)
            : wrong("readsInOrder", `${key}: word ${i} of ${size} letters came back as ${word.length}`)), {
        discard: true
      })
      yield* Effect.all([says, hears], { concurrency: 2 })
      yield* result
      yield* completed(key, "caller", all.length)
    }))
  return c > 2 ? Effect.raceFirst(whole, pause(waits[b]!)) : whole
}

/**
 * A window larger than any stream. The check of windows counts the items that a reader has recorded, and the readers of
 * these streams record none.
 */
const noWindow = 1_000_000

const even = Schema.Int.check(Schema.isMultipleOf(2))

/** Reads a stream with a schema for even numbers, where a receiver decides what becomes of the odd items. */
export const refuse: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = Math.min(counts[a]!, 70)
  const receivers = [
    PayloadReceiver.drop,
    PayloadReceiver.repair(-2),
    c % 2 === 0
      ? PayloadReceiver.cancel(`refuse ${key}`)
      : PayloadReceiver.make(() => Effect.as(pause(waits[c]!), PayloadReceiver.cancel(`refuse ${key}`))),
    PayloadReceiver.make(() => Effect.as(pause(waits[c]!), PayloadReceiver.drop)),
    PayloadReceiver.make(() => Effect.die(new Error("the receiver died"))),
    PayloadReceiver.answer(7)
  ] as const
  const call = talk({ key, count, batch: 1 + c, window: noWindow, end: "return", cleanup: 0 })
  return portal.open(call, ({ stream }) =>
    Effect.scoped(Effect.gen(function*() {
      const some = yield* stream.narrow(even)
      yield* some.receiving(receivers[b]! as never)
      const heard: Array<number> = []
      const exit = yield* Effect.exit(
        Effect.catchIf(
          Effect.forever(Effect.map(some.receive, (item) => void heard.push(item))),
          Cause.isDone,
          () => Effect.void
        )
      )
      const items = Array.from({ length: count }, (_, item) => item)
      const wanted = b === 1
        ? items.map((item) => item % 2 === 0 ? item : -2)
        : items.filter((item) => item % 2 === 0)
      const isPrefix = heard.every((item, i) => item === wanted[i])
      if (!isPrefix || Exit.isSuccess(exit) && heard.length < wanted.length && b !== 2 && b !== 4) {
        yield* wrong("decidesItems", `${key}: decision ${b} gave ${heard.slice(0, 20).join()} of ${count} items`)
      }
    })), { window: { items: windows[c]! } })
}

/**
 * Reads one stream with three slow readers at once, each with a policy of its own, and checks that each reader keeps
 * its policy.
 */
export const lag: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = Math.min(counts[a]!, 150)
  const call = talk({ key, count, batch: 1 + b, window: windows[b]! + 1 + c, end: "return", cleanup: 0 })
  const policies = ["wait", "lag", "drop"] as const
  return portal.open(call, ({ stream }) =>
    Effect.scoped(Effect.gen(function*() {
      const subscribed = (i: number) => stream.subscribe({ policy: policies[i]!, capacity: 1 + c })
      const [patient, told, loose] = [yield* subscribed(0), yield* subscribed(1), yield* subscribed(2)]
      const rising = (reader: string, millis: number) => {
        let last = -1
        return (item: number) =>
          Effect.andThen(
            item > last
              ? Effect.sync(() => void (last = item))
              : wrong("leavesReaders", `${key}: ${item} after ${last}`),
            pause(reader === "slow" && item < 20 ? millis : 0)
          )
      }
      // The reader `lagging` is so slow that it fails with StreamOverrun. The step then starts a new reader, which gets
      // the items that the stream has kept.
      const lagging = rising("slow", 2)
      const again = (left: number): Effect.Effect<void, unknown> =>
        Effect.catchIf(
          Stream.runForEach(told, lagging),
          (error) => left > 0 && (error as { _tag?: string })._tag === "StreamOverrun",
          () => again(left - 1)
        )
      yield* Effect.all([
        Effect.andThen(Stream.runForEach(patient, read(key, "all")), completed(key, "all", count)),
        again(count),
        Stream.runForEach(loose, rising("slow", 3))
      ], { concurrency: 3, discard: true })
    })), { window: { items: windows[b]! } })
}

/**
 * Reads a stream too slowly under one of four policies: items wait, the reader fails, or the oldest or newest items are
 * dropped.
 */
export const overflow: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = Math.min(counts[a]!, 150)
  const how = (["wait", "error", "drop-oldest", "drop-newest"] as const)[b % 4]!
  const call = talk({ key, count, batch: 1 + c, window: noWindow, end: "return", cleanup: 0 })
  return portal.open(call, ({ stream }) =>
    Effect.gen(function*() {
      const heard: Array<number> = []
      const one = Effect.flatMap(stream.receive, (item) => Effect.as(pause(item < 20 ? 2 : 0), void heard.push(item)))
      const exit = yield* Effect.exit(Effect.catchIf(Effect.forever(one), Cause.isDone, () => Effect.void))
      const isRising = heard.every((item, i) => i === 0 || item > heard[i - 1]!)
      const isWhole = heard.length === count
      const { words } = howOf(exit)
      if (!isRising || how === "wait" && Exit.isSuccess(exit) && !isWhole) {
        yield* wrong("leavesReaders", `${key}: ${how} gave ${heard.length} of ${count} items, ${words.join()}`)
      }
      if (how !== "error" && words.includes("Fail StreamOverrun")) {
        yield* wrong("leavesReaders", `${key}: ${how} failed its reader with StreamOverrun`)
      }
      yield* record({ _tag: "Ended", key: -2, how: howOf(exit) })
    }), { window: { items: windows[c]! }, overflow: how })
}

export const endpoints = [weave] as const
