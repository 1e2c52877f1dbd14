/** Dialogs that begin while their connection takes nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Opened from "@furrow/actor/internal/dialog/CallerDialogHandle"
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import * as Outgoing from "@furrow/actor/internal/dialog/OutgoingDialog"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { drained, settle } from "./support/Time.ts"
import { acceptor, dialler, End, idOf, puppet } from "./support/Wire.ts"

const payload = { bytes: Schema.Uint8Array }
const take = Actor.endpoint("take", { payload })
const watch = Actor.streamEndpoint("watch", { payload })
const talk = Actor.dialogEndpoint("talk", { payload })

const bytes = (kib: number) => ({ bytes: new Uint8Array(kib * 1024) })

/** A caller whose peer takes one write each time it is told to. */
const slow = Effect.gen(function*() {
  const { connection, cut, drain, said, say } = puppet(() => false)
  const { channel } = new End(connection, dialler("left"))
  const config = acceptor("right")
  if (config.side === "acceptor") say(config.welcome)
  yield* settle
  const env: DialogContext = { self: idOf("left"), events: makeEvents(), level: "Info", cancellation: () => undefined }
  const opening = { channel, env, callee: idOf("right"), options: undefined }
  return {
    channel,
    call: (kib: number) => Outgoing.run(channel, env, take(bytes(kib))),
    stream: (kib: number) => Stream.runDrain(Outgoing.stream(channel, env, watch(bytes(kib)))),
    open: (kib: number) => Opened.open({ ...opening, call: talk(bytes(kib)) }, () => Effect.void),
    openScoped: (kib: number) => Effect.scoped(Opened.openScoped({ ...opening, call: talk(bytes(kib)) })),
    starts: () => said.filter(({ _tag }) => _tag === "Start").length,
    cancels: () => said.filter(({ _tag }) => _tag === "Cancel").length,
    drain,
    cut
  }
})

describe("A connection that accepts no bytes begins only few dialogs", () => {
  it.effect("G86: a connection that accepts no bytes has few open dialogs, and further dialogs begin when it accepts bytes", () =>
    drained(Effect.gen(function*() {
      const { call, channel, cut, drain, starts } = yield* slow
      for (const kib of [200, 200, 200, 1, 200]) yield* Effect.forkChild(call(kib), { startImmediately: true })
      yield* settle
      const begun = channel.snapshot().dialogs
      assert.isBelow(begun, 4)
      for (let n = 0; n < 5; n++) {
        drain()
        yield* settle
      }
      assert.strictEqual(channel.snapshot().dialogs, 5)
      assert.strictEqual(starts(), 5)
      cut()
      yield* settle
    })))

  it.effect.each(["stream", "open", "openScoped"] as const)(
    "G86: an actor begins only a few of its new dialogs while its connection accepts no bytes, and the rest afterwards (kind: $0)",
    (kind) =>
      drained(Effect.gen(function*() {
        const actor = yield* slow
        for (let n = 0; n < 5; n++) yield* Effect.forkChild(actor[kind](200), { startImmediately: true })
        yield* settle
        assert.isBelow(actor.channel.snapshot().dialogs, 4)
        for (let n = 0; n < 5; n++) {
          actor.drain()
          yield* settle
        }
        assert.strictEqual(actor.channel.snapshot().dialogs, 5)
        actor.cut()
        yield* settle
      }))
  )

  it.effect("G86: a call that is interrupted before it begins sends no word, and does not stay among the open dialogs", () =>
    drained(Effect.gen(function*() {
      const { call, cancels, channel, cut, drain, starts } = yield* slow
      const calls = []
      for (let n = 0; n < 5; n++) calls.push(yield* Effect.forkChild(call(200), { startImmediately: true }))
      yield* settle
      const { dialogs } = channel.snapshot()
      yield* Fiber.interrupt(calls[4]!)
      const exit = yield* Fiber.await(calls[4]!)
      assert(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(channel.snapshot().dialogs, dialogs)
      for (let n = 0; n < 6; n++) {
        drain()
        yield* settle
      }
      assert.deepStrictEqual([starts(), cancels(), channel.snapshot().dialogs], [4, 0, 4])
      cut()
      yield* settle
    })))

  it.effect("G86: a cancel does not wait for calls that have not begun", () =>
    drained(Effect.gen(function*() {
      const { call, cancels, cut, drain } = yield* slow
      const first = yield* Effect.forkChild(call(200), { startImmediately: true })
      for (let n = 0; n < 9; n++) yield* Effect.forkChild(call(200), { startImmediately: true })
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true })
      drain()
      yield* settle
      assert.strictEqual(cancels(), 1)
      cut()
      yield* settle
    })))

  it.effect("G86: the end of a connection is reported to every call, whether it has begun or not", () =>
    drained(Effect.gen(function*() {
      const { call, channel, cut } = yield* slow
      const calls = []
      for (let n = 0; n < 5; n++) {
        calls.push(yield* Effect.forkChild(Effect.flip(call(200)), { startImmediately: true }))
      }
      yield* settle
      cut()
      const errors = yield* Effect.forEach(calls, Fiber.join)
      for (const error of errors) assert.strictEqual((error as { readonly _tag: string })._tag, "ActorLost")
      assert.strictEqual(channel.snapshot().dialogs, 0)
    })))
})
