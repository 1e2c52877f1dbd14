/** The endpoints of the soak's actors, which use actors in every way, with payloads of any size. */
import { Actor, Registry } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { setImmediate } from "node:timers/promises"

const module = import.meta.url

/** Returns an item of the soak that consists of a number of equal bytes. */
export const item = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte)

/** True when an item of the soak arrived unchanged. */
export const isItem = (bytes: Uint8Array, size: number, byte: number): boolean =>
  bytes.length === size && bytes[0] === (byte & 255) && bytes[size - 1] === (byte & 255) &&
  bytes[size >> 1] === (byte & 255)

export const echo = Actor.fn("echo", {
  module,
  payload: { bytes: Schema.Uint8Array },
  success: Schema.Uint8Array
})(({ bytes }) => Effect.succeed(bytes))

export const weigh = Actor.fn("weigh", { module, payload: { bytes: Schema.Uint8Array }, success: Schema.Int })((
  { bytes }
) => Effect.succeed(bytes.length))

/** An endpoint that keeps its process busy, so that the actor does nothing else. */
export const spin = Actor.fn("spin", { module, payload: { millis: Schema.Int } })(({ millis }) =>
  Effect.sync(() => {
    const end = performance.now() + millis
    while (performance.now() < end) { /* computes */ }
  })
)

/** A stream of items of one size and then of another size, which are sent all at once or one after the other. */
export const pages = Actor.stream("pages", {
  module,
  payload: { count: Schema.Int, size: Schema.Int, first: Schema.Int, atOnce: Schema.Boolean },
  success: Schema.Uint8Array
})(({ atOnce, count, first, size }) => {
  const [one, others] = [item(first, 7), item(size, 7)]
  const all = Array.from({ length: count }, (_, i) => i === 0 ? one : others)
  return atOnce ? Stream.fromIterable(all) : Stream.rechunk(Stream.fromIterable(all), 1)
})

/** A dialog that sends back the items it gets, and in the end returns their number. */
export const talk = Actor.dialog("talk", {
  module,
  started: Schema.Int,
  input: Schema.Uint8Array,
  output: Schema.Uint8Array,
  success: Schema.Int
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started(1)
  let heard = 0
  yield* Stream.runForEach(stream.toStream, (bytes) => {
    heard++
    return stream.send(bytes)
  })
  return heard
}, Actor.orDie))

/** A dialog that waits for a message, and then sends `count` items. */
export const feed = Actor.dialog("feed", {
  module,
  payload: { count: Schema.Int, size: Schema.Int },
  started: Schema.Int,
  input: Schema.Int,
  output: Schema.Uint8Array,
  success: Schema.Int
})(({ count, size }, dialog) =>
  Effect.gen(function*() {
    const stream = yield* dialog.started(1)
    yield* stream.receive
    const bytes = item(size, 7)
    for (let i = 0; i < count; i++) yield* stream.send(bytes)
    yield* stream.end
    return count
  }).pipe(Effect.catchIf(Cause.isDone, () => Effect.succeed(0)), Actor.orDie)
)

export class Refused extends Schema.TaggedError<Refused>()("Refused", { bytes: Schema.Uint8Array }) {}

export const refuse = Actor.fn("refuse", { module, payload: { size: Schema.Int }, error: Refused })(({ size }) =>
  Effect.suspend(() => Effect.fail(new Refused({ bytes: item(size, 7) })))
)

export const crash = Actor.fn("crash", { module })(() => Effect.die(new RangeError("as planned")))

/** An endpoint that works until it is cancelled, and whose finalizer takes a few milliseconds. */
export const wait = Actor.fn("wait", { module, payload: { bytes: Schema.Uint8Array } })(() =>
  Effect.onInterrupt(Effect.never, () => Effect.sleep(20))
)

export const exit = Actor.fn("exit", { module, payload: { code: Schema.Int } })(({ code }) =>
  Effect.sync(() => process.exit(code))
)

const Peer = Actor.ref([echo, pages, talk, wait])

/**
 * An endpoint whose handler uses another actor in the same ways as the root of the soak does, and returns what went
 * wrong.
 */
export const ask = Actor.fn("ask", {
  module,
  payload: { whom: Peer, what: Schema.Literals(["call", "stream", "part", "dialog", "wait"]), size: Schema.Int },
  success: Schema.String
})(({ size, what, whom }) =>
  Effect.scoped(Effect.gen(function*() {
    const peer = yield* Actor.portal(whom)
    switch (what) {
      case "call":
        return isItem(yield* peer.run(echo({ bytes: item(size, 9) })), size, 9) ? "" : "another item came back"
      case "stream": {
        const count = yield* Stream.runCount(peer.stream(pages({ count: 8, size, first: size, atOnce: false })))
        return count === 8 ? "" : `${count} items instead of 8`
      }
      case "part": {
        const some = Stream.take(peer.stream(pages({ count: 64, size, first: size, atOnce: true })), 3)
        const count = yield* Stream.runCount(some)
        return count === 3 ? "" : `${count} items instead of 3`
      }
      case "dialog":
        return yield* peer.open(talk(), (dialog) =>
          Effect.gen(function*() {
            yield* dialog.stream.send(item(size, 9))
            const bytes = yield* dialog.stream.receive
            yield* dialog.stream.end
            return isItem(bytes, size, 9) ? "" : "another item came back"
          }).pipe(Effect.catchIf(Cause.isDone, () => Effect.succeed("the stream ended"))))
      case "wait": {
        yield* peer.run(wait({ bytes: item(size, 9) }))
        return ""
      }
    }
  })).pipe(Effect.catchIf(Actor.isActorError, (error) => Effect.succeed(error._tag)))
)

/** An endpoint whose handler puts questions to the registry, and returns what went wrong. */
export const look = Actor.fn("look", { module, payload: { name: Schema.String }, success: Schema.String })(({ name }) =>
  Effect.scoped(Effect.gen(function*() {
    const found = yield* Registry.find([echo], name)
    if (Option.isNone(found)) return `there is no ${name}`
    const bytes = yield* found.value.run(echo({ bytes: item(10, 3) }))
    const entries = yield* Registry.list()
    return isItem(bytes, 10, 3) && entries.length > 0 ? "" : "another item came back"
  })).pipe(Effect.catchIf(Actor.isActorError, (error) => Effect.succeed(error.message)))
)

const collect = globalThis.gc

/** Returns the megabytes of heap objects that the soak's process can still reach. */
export const heap = async (): Promise<number> => {
  if (collect === undefined) throw new Error("start Node with --expose-gc: the heap is measured after a collection")
  // Finalizers of collected objects free memory outside of the heap in a later turn of the event loop, so the soak
  // collects garbage twice.
  for (let round = 0; round < 2; round++) {
    collect()
    await setImmediate()
  }
  const { external, heapUsed } = process.memoryUsage()
  return (heapUsed + external) / 1024 / 1024
}

/** An endpoint that measures the memory of its actor from inside. */
export const gauge = Actor.fn("gauge", {
  module,
  success: Schema.Struct({ heap: Schema.Number, peers: Schema.Int, dialogs: Schema.Int, stuck: Schema.Int })
})(() =>
  Effect.gen(function*() {
    const { peers } = yield* Actor.statistics
    const sum = (of: (peer: typeof peers[number]) => number) => peers.reduce((sum, peer) => sum + of(peer), 0)
    return {
      heap: yield* Effect.promise(heap),
      peers: peers.length,
      dialogs: sum(({ channel }) => channel.dialogs),
      stuck: sum(({ channel }) => channel.stuck)
    }
  })
)

export const expose = [
  echo,
  weigh,
  spin,
  pages,
  talk,
  feed,
  refuse,
  crash,
  wait,
  exit,
  ask,
  look,
  gauge
] as const

export type Worker = Actor.Portal<typeof expose[number]>
