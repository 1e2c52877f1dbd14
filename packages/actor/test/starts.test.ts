/** Dialogs that begin while their connection takes nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import * as Outgoing from "@furrow/actor/internal/dialog/OutgoingDialog"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import type { Connection, ConnectionHandlers } from "@furrow/actor/internal/transport/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { drained, settle } from "./support/Time.ts"
import { acceptor, dialler, End, framed, idOf, reader } from "./support/Wire.ts"

const take = Actor.endpoint("take", { payload: { bytes: Schema.Uint8Array } })

/** A caller whose peer takes one write each time it is told to. */
const slow = Effect.gen(function*() {
  const said = reader()
  let handlers: ConnectionHandlers | undefined
  const connection: Connection = {
    start: (given) => {
      handlers = given
    },
    write: (chunks) => {
      for (const chunk of chunks) said.read(chunk)
      return false
    },
    end: () => {},
    destroy: () => {}
  }
  const { channel } = new End(connection, dialler("left"))
  const config = acceptor("right")
  if (config.side === "acceptor") handlers!.data(framed(config.welcome))
  yield* settle
  const env: DialogContext = { self: idOf("left"), events: makeEvents(), level: "Info", cancellation: () => undefined }
  return {
    channel,
    call: (kib: number) => Outgoing.run(channel, env, take({ bytes: new Uint8Array(kib * 1024) })),
    starts: () => said.words.filter(({ _tag }) => _tag === "Start").length,
    cancels: () => said.words.filter(({ _tag }) => _tag === "Cancel").length,
    drain: () => handlers!.drain(),
    cut: () => handlers!.end(undefined)
  }
})

describe("a connection that takes nothing", () => {
  it.effect("G86: has few dialogs begun on it; the others begin as it takes something, small ones too", () =>
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

  it.effect("G86: a call that is interrupted before it begins has said nothing, and leaves nothing", () =>
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

  it.effect("G86: a cancel does not wait for the calls that have not begun", () =>
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

  it.effect("G86: its end is told to every call, begun or not", () =>
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
