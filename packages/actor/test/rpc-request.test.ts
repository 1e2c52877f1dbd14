import { assert, describe, it } from "@effect/vitest"
import * as RpcRequest from "@furrow/actor/internal/process/RpcRequest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

describe("A request of an RpcGroup settles once", () => {
  const fiber = Effect.runFork(Effect.never)
  const begun = { _tag: "Begun", fiber } as const
  const answered = { _tag: "Answered", exit: Exit.succeed("answer") } as const
  const ended = { _tag: "Ended", exit: Exit.succeed("answer") } as const
  const died = { _tag: "Ended", exit: Exit.die("closing") } as const
  const after = (...inputs: ReadonlyArray<RpcRequest.Input>) => inputs.reduce(RpcRequest.step, RpcRequest.waiting)

  it("a request of an RpcGroup is over when it is answered and its fiber has ended, in either order", () => {
    const settled: RpcRequest.State = { _tag: "Settled", exit: answered.exit }
    assert.deepStrictEqual(after(begun, answered, ended), settled)
    assert.deepStrictEqual(after(begun, ended, answered), settled, "a Deferred answers later")
    assert.deepStrictEqual(after(answered), settled, "it was refused before it began")
    assert.strictEqual(after(begun)._tag, "Running")
    assert.strictEqual(after(begun, answered)._tag, "Closing")
    assert.strictEqual(after(begun, ended)._tag, "Deferring")
  })

  it("a request of an RpcGroup fails if a finalizer dies after the answer, and the first exit of the request is final", () => {
    assert.deepStrictEqual(after(begun, answered, died), { _tag: "Settled", exit: died.exit })
    assert.deepStrictEqual(after(begun, answered, ended, died, answered, begun), {
      _tag: "Settled",
      exit: answered.exit
    })
    assert.strictEqual(after(ended)._tag, "Waiting")
    assert.strictEqual(after(begun, begun)._tag, "Running")
  })
})
