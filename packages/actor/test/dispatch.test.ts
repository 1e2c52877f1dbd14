import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import { codecs } from "@furrow/actor/internal/contract/Endpoint"
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import { type BoundHandlers, Dispatcher } from "@furrow/actor/internal/dialog/Dispatcher"
import * as Caller from "@furrow/actor/internal/dialog/OutgoingDialog"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as Failure from "@furrow/protocol/Failure"
import type { Message } from "@furrow/protocol/Message"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { idle } from "./fixtures/failing.ts"
import { count, hang, isPrime } from "./fixtures/prime.ts"
import { numbers } from "./fixtures/streaming.ts"
import * as Journal from "./support/Journal.ts"
import { drained, pass, settle } from "./support/Time.ts"
import { acceptor, dialler, idOf, raw } from "./support/Wire.ts"

const env = (name: string): DialogContext => ({
  self: idOf(name),
  events: makeEvents(),
  level: "Info",
  cancellation: () => undefined
})

const welcome = (): Message => {
  const config = acceptor("right")
  if (config.side !== "acceptor") throw new Error("not an acceptor")
  return config.welcome
}
const hello = (): Message => {
  const config = dialler("left")
  if (config.side !== "dialler") throw new Error("not a dialler")
  return config.hello
}

/**
 * A caller whose callee is played by the test: two calls and a stream are open, dialogs 1, 3 and 5. The reader of the
 * stream goes on when the gate opens.
 */
const caller = Effect.gen(function*() {
  const gate = Latch.makeUnsafe()
  const peer = raw(dialler("left"))
  peer.say(welcome())
  yield* settle
  const { channel } = peer.end
  const fibers = [
    yield* Effect.forkChild(Caller.run(channel, env("left"), hang())),
    yield* Effect.forkChild(Caller.run(channel, env("left"), isPrime({ n: 7 }))),
    yield* Effect.forkChild(
      Stream.runForEach(
        Caller.stream(channel, env("left"), count({ to: 9 }), { window: { items: 4, bytes: 12 } }),
        () => gate.await
      )
    )
  ]
  yield* settle
  assert.deepStrictEqual(peer.said.slice(1).map((word) => word._tag), ["Start", "Start", "Start"])
  return { ...peer, fibers, gate }
})

/** An actor whose caller is played by the test. */
const callee = Effect.gen(function*() {
  const peer = raw(acceptor("right"))
  const served: BoundHandlers = new Map(
    [hang, isPrime, numbers, idle].map(({ endpoint, handler }) => [
      endpoint.name,
      { endpoint, handler, context: Context.empty() }
    ])
  )
  const context = yield* Effect.context<never>()
  const dispatcher = new Dispatcher(
    peer.end.channel,
    env("right"),
    new Map(Array.from(served, ([name, handler]) => [name, { ...handler, context }]))
  )
  peer.end.onStart = (message) => dispatcher.start(message)
  peer.say(hello())
  yield* settle
  return { ...peer, dispatcher }
})

const start = (dialog: number, of: { readonly endpoint: any }, payload: unknown, rest: object = {}): Message => {
  const encoded = codecs(of.endpoint).payload.encode(payload)
  if (!encoded.ok) throw new Error(encoded.issue)
  return {
    _tag: "Start",
    dialog,
    kind: of.endpoint.kind,
    endpoint: of.endpoint.name,
    digest: null,
    meta: null,
    window: of.endpoint.kind === "stream" ? { items: 4, bytes: 1000 } : null,
    payload: encoded.value,
    ...rest
  }
}

const items = (n: number): Message => {
  const encoded = codecs(count.endpoint).items.encode(Array.from({ length: n }, (_, i) => i))
  if (!encoded.ok) throw new Error(encoded.issue)
  return { _tag: "Yield", dialog: 5, items: n, payload: encoded.value }
}

const nothing = new Uint8Array(0)

const rows: ReadonlyArray<readonly [title: string, rule: string, words: ReadonlyArray<Message>]> = [
  ["items for a plain call", "DialogOrder", [{ _tag: "Yield", dialog: 1, items: 1, payload: nothing }]],
  ["a first value for a plain call", "DialogOrder", [{ _tag: "Started", dialog: 1, window: null, payload: nothing }]],
  ["a stop for a plain call", "DialogOrder", [{ _tag: "Stop", dialog: 3 }]],
  ["credit for the reader of a stream", "DialogOrder", [{ _tag: "Credit", dialog: 5, items: 1, bytes: 1 }]],
  ["more items than the window", "CreditOverrun", [items(2), items(2), items(2), items(2)]],
  ["more bytes than the window", "CreditOverrun", [items(1), items(1), items(1), items(1)]]
]

describe("A callee that breaks rules of the protocol fails the calls to it", () => {
  it.effect.each(rows)(
    "if a callee's words break a rule, every call and stream to the callee fails, and the error names the side at fault (case: $0 breaks $1)",
    ([, rule, words]) =>
      Effect.gen(function*() {
        const { end, fibers, gate, said, say } = yield* caller
        for (const word of words) say(word)
        yield* settle
        assert.strictEqual(end.channel.snapshot().state, "Closed")
        gate.openUnsafe()
        yield* settle
        for (const fiber of fibers) {
          const exit: Exit.Exit<unknown, unknown> | undefined = fiber.pollUnsafe()
          assert(exit !== undefined && Exit.isFailure(exit))
          const error = yield* Effect.flip(exit)
          assert.instanceOf(error, ActorError.ProtocolViolation)
          assert.deepStrictEqual(
            [(error as ActorError.ProtocolViolation).side, (error as ActorError.ProtocolViolation).rule],
            ["peer", rule]
          )
        }
        const told = said.at(-1)
        assert.strictEqual(told?._tag === "Violation" && told.rule, rule)
        assert.strictEqual(end.channel.snapshot().dialogs, 0)
      })
  )

  it.effect("an answer of a callee that cannot be decoded fails only its own call", () =>
    Effect.gen(function*() {
      const { end, fibers, gate, say } = yield* caller
      gate.openUnsafe()
      say({ _tag: "Return", dialog: 3, payload: new Uint8Array([250, 250]) })
      say({ _tag: "Yield", dialog: 5, items: 1, payload: new Uint8Array([250, 250]) })
      yield* settle
      const answer = yield* Effect.flip(yield* Fiber.await(fibers[1]!))
      assert(answer instanceof ActorError.PayloadInvalid)
      assert.deepStrictEqual([answer.side, answer.endpoint, answer.part], ["callee", "isPrime", "success"])
      assert.isUndefined(fibers[0]!.pollUnsafe())
      // The reader leaves: the producer is asked to stop, and says so.
      say({ _tag: "Return", dialog: 5, payload: nothing })
      yield* settle
      const item = yield* Effect.flip(yield* Fiber.await(fibers[2]!))
      assert(item instanceof ActorError.PayloadInvalid)
      assert.deepStrictEqual([item.side, item.endpoint, item.part], ["callee", "count", "item"])
      assert.isTrue(end.channel.isOpen)
      yield* Effect.forkChild(Fiber.interrupt(fibers[0]!))
      say({ _tag: "Error", dialog: 1, payload: nothing })
      yield* settle
    }).pipe(drained))
})

describe("A callee interrupts the handlers of a caller that breaks a rule of the protocol, and ends the connection", () => {
  const breaches: ReadonlyArray<readonly [title: string, rule: string, words: ReadonlyArray<Message>]> = [
    ["a second cancel", "DialogOrder", [
      { _tag: "Cancel", dialog: 1, by: idOf("left"), reason: "once", deadline: 0 },
      { _tag: "Cancel", dialog: 1, by: idOf("left"), reason: "twice", deadline: 0 }
    ]],
    ["items for a plain call", "DialogOrder", [{ _tag: "Yield", dialog: 1, items: 1, payload: nothing }]],
    ["credit for a plain call", "DialogOrder", [{ _tag: "Credit", dialog: 1, items: 1, bytes: 1 }]],
    ["credit beyond the window", "CreditExcess", [{ _tag: "Credit", dialog: 3, items: 5, bytes: 0 }]],
    ["credit of more bytes than the window", "CreditExcess", [{ _tag: "Credit", dialog: 3, items: 0, bytes: 1001 }]]
  ]
  it.effect.each(breaches)(
    "if a caller's words break a rule, the callee interrupts the caller's handlers and ends the connection (case: $0 breaks $1)",
    ([, rule, words]) =>
      Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const { dispatcher, end, ended, said, say } = yield* callee
        say(start(1, idle, { name: "one", cleanup: 100 }))
        say(start(3, numbers, { name: "breach", cleanup: 0 }))
        say(start(5, idle, { name: "three", cleanup: 0 }))
        yield* settle
        assert.strictEqual(dispatcher.size, 3)
        for (const word of words) say(word)
        yield* settle
        assert.isTrue(ended())
        yield* pass(100)
        assert.strictEqual(dispatcher.size, 0)
        assert.instanceOf(end.closed, ActorError.ProtocolViolation)
        assert.deepStrictEqual(
          [(end.closed as ActorError.ProtocolViolation).side, (end.closed as ActorError.ProtocolViolation).rule],
          ["peer", rule]
        )
        const told = said.at(-1)
        assert.strictEqual(told?._tag === "Violation" && told.rule, rule)
        assert.deepStrictEqual(journal.slice(2).filter((line) => line.includes("three")), [
          "0 three cancelled by right: caller-lost"
        ])
      })
  )

  it.effect("G9: a payload that cannot be decoded fails its own call, and other calls continue", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const { dispatcher, end, said, say } = yield* callee
      say(start(1, idle, { name: "one", cleanup: 0 }))
      say(start(3, isPrime, { n: 7 }, { payload: new Uint8Array([250, 250]) }))
      say(start(5, numbers, { name: "no window", cleanup: 0 }, { window: null }))
      say(start(9, isPrime, { n: 7 }, { endpoint: "nobody" }))
      say(start(11, isPrime, { n: 7 }, { kind: "stream", window: { items: 4, bytes: 1000 } }))
      yield* settle
      assert.strictEqual(dispatcher.size, 1)
      assert.isTrue(end.channel.isOpen)
      assert.deepStrictEqual(
        said.slice(1).map((word) => "dialog" in word ? `${word._tag} ${word.dialog}` : word._tag),
        ["Error 3", "Error 5", "Error 9", "Error 11"]
      )
      say({ _tag: "Cancel", dialog: 1, by: idOf("left"), reason: "done", deadline: 0 })
      yield* settle
      assert.strictEqual(dispatcher.size, 0)
    }).pipe(drained))

  it.effect("a peer may have ten thousand open dialogs: further dialogs are refused, and no open dialog is affected", () =>
    Effect.gen(function*() {
      const { dispatcher, end, said, say } = yield* callee
      for (let i = 0; i < 10_000; i++) say(start(1 + 2 * i, hang, undefined))
      yield* settle
      say(start(30_001, isPrime, { n: 7 }))
      say(start(30_003, hang, undefined))
      say(start(30_005, isPrime, { n: 7 }, { endpoint: "nobody" }))
      yield* settle
      assert.strictEqual(dispatcher.size, 10_000)
      assert.isTrue(end.channel.isOpen)
      const refused = said.filter((word) => word._tag === "Error")
      assert.deepStrictEqual(refused.map(({ dialog }) => dialog), [30_001, 30_003, 30_005])
      for (const { payload } of refused) {
        assert.deepStrictEqual(Failure.decode(payload), { ok: true, value: { _tag: "Busy", limit: 10_000 } })
      }
      say({ _tag: "Cancel", dialog: 1, by: idOf("left"), reason: "done", deadline: 0 })
      yield* settle
      say(start(30_007, isPrime, { n: 7 }))
      yield* settle
      assert.strictEqual(said.at(-1)?._tag, "Return")
      end.channel.close()
      yield* settle
      assert.strictEqual(dispatcher.size, 0)
    }).pipe(drained))

  it.effect("a call above the limit of open dialogs fails with ActorBusy, whose message names a remedy", () =>
    Effect.gen(function*() {
      const { cut, fibers, said, say } = yield* caller
      say({ _tag: "Error", dialog: 3, payload: Failure.encode({ _tag: "Busy", limit: 10_000 }) })
      const error = yield* Effect.flip(yield* Fiber.await(fibers[1]!))
      assert.instanceOf(error, ActorError.ActorBusy)
      assert.match(
        (error as ActorError.ActorBusy).message,
        /^right@1 did not run isPrime: 10000 dialogs of this actor are open there already\. Bound/
      )
      assert.isTrue(Actor.isActorError(error))
      assert.strictEqual(said.length, 4)
      cut()
      for (const fiber of fibers) yield* Fiber.await(fiber)
    }).pipe(drained))

  it.effect("a refusal of an unknown endpoint repeats only the beginning of the endpoint's name", () =>
    Effect.gen(function*() {
      const { said, say } = yield* callee
      say(start(1, isPrime, { n: 7 }, { endpoint: "x".repeat(1_000_000) }))
      yield* settle
      const told = said.at(-1)
      assert.isBelow(told?._tag === "Error" ? told.payload.length : Infinity, 1_000)
    }))

  it.effect("a cancel that arrives together with its call interrupts the handler before it has begun", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const { said, say } = yield* callee
      say(start(1, idle, { name: "one", cleanup: 0 }))
      say({ _tag: "Cancel", dialog: 1, by: idOf("left"), reason: "changed my mind", deadline: 0 })
      yield* settle
      assert.strictEqual(said.at(-1)?._tag, "Error")
      assert.deepStrictEqual(journal.filter((line) => line.includes("cancelled")), [
        "0 one cancelled by left: changed my mind"
      ])
    }).pipe(drained))
})
