/** A dialog that is passed on from one connection to another, and what becomes of it when its caller is gone. */
import { assert, describe, it } from "@effect/vitest"
import { relay } from "@furrow/actor/internal/dialog/Relay"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { idOf, pair } from "./support/Wire.ts"

/** A caller, and an actor that hears what is passed on to it. */
const passedOn = Effect.gen(function*() {
  const [caller, near] = pair()
  const [far, callee] = pair()
  near.onStart = (start) => relay(near.channel, far.channel, start, "work", idOf("right"))
  yield* settle
  const dialog = caller.open()
  const none = { digest: null, meta: null, window: null, payload: new Uint8Array(0) }
  caller.channel.send({ _tag: "Start", dialog, kind: "call", endpoint: "Worker/work", ...none })
  yield* settle
  const cancel = () => {
    caller.channel.send({ _tag: "Cancel", dialog, by: idOf("left"), reason: "enough", deadline: 100 })
    return settle
  }
  return { caller, callee, cancel }
})

describe("A relayed dialog is cancelled when its caller is gone", () => {
  it.effect("G20, G59: a relayed dialog is cancelled when its caller is gone", () =>
    Effect.gen(function*() {
      const { callee, caller } = yield* passedOn
      caller.channel.destroy()
      yield* settle
      assert.deepStrictEqual(callee.heard, ["Start", "Cancel"])
    }))

  it.effect("G16, G59: the callee of a relayed dialog gets one Cancel when the caller cancels the dialog and then loses its connection", () =>
    Effect.gen(function*() {
      const { callee, caller, cancel } = yield* passedOn
      yield* cancel()
      caller.channel.destroy()
      yield* settle
      assert.deepStrictEqual(callee.heard, ["Start", "Cancel"])
      assert.isTrue(callee.channel.isOpen)
    }))
})
