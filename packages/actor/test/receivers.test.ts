/** Random readers of one stream with receivers that come and go. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type Dialog, PayloadReceiver } from "@furrow/actor"
import { ruleOf } from "@furrow/actor/internal/contract/PayloadReceiver"
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import * as Caller from "@furrow/actor/internal/dialog/OutgoingDialog"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { noRefusals } from "@furrow/actor/internal/inspect/Snapshot"
import type { Message } from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import { Arbitrary, Schema } from "effect"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { numbers, picky, utter } from "./semantics/fixtures/forged.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass, settle } from "./support/Time.ts"
import { acceptor, dialler, idOf, raw } from "./support/Wire.ts"

describe("A chunk that contains no array of items is refused", () => {
  const env: DialogContext = { self: idOf("left"), events: makeEvents(), level: "Info", cancellation: () => undefined }

  it.effect("G129: a malformed chunk is one refused payload without a value, which counts for all of its items", () =>
    Effect.gen(function*() {
      const config = acceptor("right")
      const peer = raw(dialler("left"))
      if (config.side === "acceptor") peer.say(config.welcome)
      yield* settle
      const seen: Array<PayloadReceiver.Refused> = []
      const receiver = PayloadReceiver.make((refused) =>
        Effect.sync(() => {
          seen.push(refused)
          return PayloadReceiver.drop
        })
      )
      const reading = yield* Effect.forkChild(Stream.runCollect(
        Caller.stream(peer.end.channel, env, numbers({ count: 9 }), { rule: ruleOf(receiver) })
      ))
      yield* settle
      const chunk = (items: number, payload: Uint8Array): Message => ({ _tag: "Yield", dialog: 1, items, payload })
      const encode = (items: ReadonlyArray<number>): Uint8Array => {
        const encoded = Payload.chunks(Schema.Int).encode(items)
        if (!encoded.ok) throw new Error(encoded.issue)
        return encoded.value.slice()
      }
      peer.say(chunk(1, encode([1])))
      peer.say(chunk(3, new Uint8Array([2, 255, 255])))
      peer.say(chunk(0, encode([])))
      peer.say(chunk(1, encode([2])))
      peer.say({ _tag: "Return", dialog: 1, payload: new Uint8Array(0) })
      const exit = yield* Fiber.await(reading)
      assert.deepStrictEqual(seen.map(({ count, sent }) => [count, Option.isNone(sent)]), [[3, true], [0, true]])
      assert.deepStrictEqual(peer.end.channel.snapshot().refusals, { ...noRefusals, dropped: 3 })
      assert.deepStrictEqual(exit, Exit.succeed([1, 2]))
    }))
})

const Rule = Schema.Literals(["drop", "fail", "repair", "slow", "asks", "fails"])
const Reader = Schema.Struct({
  kind: Schema.Literals(["receive", "receive", "receiveNow", "toStream", "subscribe"]),
  narrows: Schema.Literals([false, false, true]),
  rule: Schema.Array(Rule).pipe(Schema.check(Schema.isMaxLength(2))),
  at: Schema.Literals([0, 1, 2, 5, 10, 20]),
  patience: Schema.Literals([1, 3, 10, 30, 100]),
  takes: Schema.Literals([1, 3, 100])
})
type Reader = typeof Reader.Type
type Talk = Dialog.MsgStream<string, number, unknown>

const count = 40
/** Repaired, a multiple of three is this: it shows what it was. */
const repaired = (n: number) => 1000 + 3 * n + 1

const receivers: Readonly<Record<typeof Rule.Type, PayloadReceiver.PayloadReceiver<number, string>>> = {
  drop: PayloadReceiver.drop,
  fail: PayloadReceiver.fail,
  repair: PayloadReceiver.make(({ sent }) =>
    Effect.succeed(PayloadReceiver.repair(repaired(Option.getOrThrow(sent) as number)))
  ),
  slow: PayloadReceiver.make(({ sent }) =>
    Effect.as(Effect.sleep(4), PayloadReceiver.repair(repaired(Option.getOrThrow(sent) as number)))
  ),
  asks: PayloadReceiver.make(() => Effect.as(Effect.sleep(1), PayloadReceiver.answer("what?"))),
  fails: PayloadReceiver.make(() => Effect.as(Effect.yieldNow, PayloadReceiver.fail))
}

/** No multiple of five. */
const NoFive = Schema.Int.check(Schema.makeFilter((n: number) => n % 5 !== 0))

/** Reads as one of several; what fails it does not stop it. */
const read = (stream: Talk, reader: Reader, seen: Array<number>): Effect.Effect<void, unknown> => {
  const take = (n: number) => Effect.sync(() => void seen.push(n))
  const again = (one: Effect.Effect<unknown, unknown>) =>
    Effect.forEach(
      Array.from({ length: reader.takes }),
      () => Effect.catchIf(one, (error) => !Cause.isDone(error), () => Effect.void),
      { discard: true }
    )
  const pulled = (of: Stream.Stream<number, unknown>) =>
    Effect.flatMap(
      Stream.toPull(of),
      (pull) => again(Effect.tap(pull, (items) => Effect.forEach(items, take, { discard: true })))
    )
  const reading = {
    receive: again(Effect.tap(stream.receive, take)),
    receiveNow: again(
      Effect.flatMap(stream.receiveNow, (one) => Option.isSome(one) ? take(one.value) : Effect.sleep(1))
    ),
    toStream: Effect.scoped(pulled(stream.toStream)),
    subscribe: Effect.scoped(Effect.flatMap(stream.subscribe({ capacity: 8 }), pulled))
  }[reader.kind]
  return Effect.scoped(Effect.gen(function*() {
    if (reader.narrows) yield* stream.narrow(NoFive)
    for (const rule of reader.rule) yield* stream.receiving(receivers[rule])
    yield* reading
  }))
}

/** Time passes millisecond by millisecond: what happens in one has settled before the next. */
const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let millis = 0; millis < 5000 && fiber.pollUnsafe() === undefined; millis++) yield* pass(1, 1)
    return fiber.pollUnsafe() === undefined ? yield* Effect.die(new Error("a reader hangs")) : yield* Fiber.join(fiber)
  })

const ended = Effect.catchIf((error: unknown) => Cause.isDone(error), () => Effect.void)

describe("Readers of a stream with receivers each get one decision for a refused item, in random orders of reading", () => {
  it.effect.prop(
    "G129, G131: readers with receivers come and go: good items arrive in order, each refused payload gets one decision, and every reader ends",
    {
      readers: Arbitrary.array(Arbitrary.schema(Reader), { minLength: 1, maxLength: 5 }),
      size: Arbitrary.schema(Schema.Literals([1, 3, 40]))
    },
    ({ readers, size }) =>
      inMemory(
        Actor.nursery(Effect.gen(function*() {
          const bob = yield* Actor.start("bob", { expose: [utter] })
          const all = readers.map(() => [] as Array<number>)
          const rest: Array<number> = []
          const refusals = yield* bob.open(picky({ count, size }), ({ stream }) =>
            Effect.scoped(Effect.gen(function*() {
              const fibers = yield* Effect.forEach(readers, (reader, i) =>
                Effect.forkChild(
                  Effect.delay(Effect.timeoutOption(ended(read(stream, reader, all[i]!)), reader.patience), reader.at)
                ))
              yield* Fiber.awaitAll(fibers)
              yield* stream.receiving(PayloadReceiver.drop)
              // A payload that was failed for a reader which has left fails the next one.
              const one = Effect.tap(stream.receive, (n) => Effect.sync(() => rest.push(n)))
              yield* ended(Effect.forever(Effect.catchIf(one, (error) => !Cause.isDone(error), () => Effect.void)))
              return yield* stream.refusals
            })))
          const given = new Set([...all.flat(), ...rest])
          const original = (n: number) => n > 1000 ? (n - 1001) / 3 : n
          for (const [i, seen] of [...all, rest].entries()) {
            for (let at = 1; at < seen.length; at++) {
              assert.isAbove(original(seen[at]!), original(seen[at - 1]!), `${i}: ${seen.join(" ")}`)
            }
          }
          const what = JSON.stringify({ all, rest, refusals })
          const isNarrowed = readers.some(({ narrows }) => narrows)
          const isGood = (n: number) => n % 3 !== 0 && !(isNarrowed && n % 5 === 0)
          const good = Array.from({ length: count }, (_, i) => i + 1).filter(isGood)
          assert.isTrue(good.every((n) => given.has(n)), what)
          const patched = Array.from(given).filter((n) => n > 1000)
          const { answered, cancelled, dropped, failed, repaired } = refusals
          // A repair that a narrower schema refuses is refused once more.
          if (!isNarrowed) assert.strictEqual(patched.length, repaired, what)
          assert.isAtLeast(answered + dropped + failed + repaired, 13, what)
          const shared = readers.some(({ kind }) => kind === "subscribe")
          if (!shared && !isNarrowed) assert.strictEqual(answered + dropped + failed + repaired, 13, what)
          assert.strictEqual(cancelled, 0)
        })).pipe(ticking)
      ),
    { arbitrary: { runs: 25 }, timeout: 60_000 }
  )
})
