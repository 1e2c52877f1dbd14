/**
 * Plants bugs in the pure machines: the decisions of `Dialog` and `ShutdownLadder` are changed on their way to the
 * runtime, only in this test file. The random programs must find each bug.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Ladder from "@furrow/actor/internal/supervision/ShutdownLadder"
import type * as Dialog from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import type { Kind } from "../src/Program.ts"
import { search } from "../src/wire/search.ts"

type Callee = (
  state: Dialog.CalleeState,
  input: Dialog.CalleeInput
) => readonly [Dialog.CalleeState, ReadonlyArray<Dialog.CalleeAction>]
type Caller = (
  state: Dialog.CallerState,
  input: Dialog.CallerInput
) => readonly [Dialog.CallerState, ReadonlyArray<Dialog.CallerAction>]
type Step = (typeof Ladder)["step"]

interface Bug {
  /** The kinds of steps that find the bug soonest. The default is every kind of step that talks with an actor. */
  readonly kinds?: ReadonlyArray<Kind>
  readonly callee?: (real: Callee) => Callee
  readonly caller?: (real: Caller) => Caller
  readonly ladder?: (real: Step) => Step
}

const planted = vi.hoisted(() => ({ bug: {} as Bug }))

vi.mock("@furrow/protocol/Dialog", async (original) => {
  const real = await original<typeof Dialog>()
  const calleeStep: Callee = (state, input) => (planted.bug.callee?.(real.calleeStep) ?? real.calleeStep)(state, input)
  const callerStep: Caller = (state, input) => (planted.bug.caller?.(real.callerStep) ?? real.callerStep)(state, input)
  return { ...real, calleeStep, callerStep }
})

vi.mock("@furrow/actor/internal/supervision/ShutdownLadder", async (original) => {
  const real = await original<typeof Ladder>()
  const step: Step = (rung, input) => (planted.bug.ladder?.(real.step) ?? real.step)(rung, input)
  return { ...real, step }
})

/** Makes a machine do one kind of action twice. */
const twice =
  <S, I, A extends { readonly _tag: string }>(tag: A["_tag"]) =>
  (real: (state: S, input: I) => readonly [S, ReadonlyArray<A>]) =>
  (state: S, input: I): readonly [S, ReadonlyArray<A>] => {
    const [next, actions] = real(state, input)
    return [next, actions.flatMap((action): ReadonlyArray<A> => action._tag === tag ? [action, action] : [action])]
  }

/** Makes a machine leave out one kind of action. */
const without =
  <S, I, A extends { readonly _tag: string }>(tag: A["_tag"], when: (input: I) => boolean = () => true) =>
  (real: (state: S, input: I) => readonly [S, ReadonlyArray<A>]) =>
  (state: S, input: I): readonly [S, ReadonlyArray<A>] => {
    const [next, actions] = real(state, input)
    return [next, when(input) ? actions.filter((action) => action._tag !== tag) : actions]
  }

let delivered = 0

const bugs: { readonly [name: string]: Bug } = {
  "the callee says its last word twice": { callee: twice("SendLast") },
  "the callee does not interrupt its handler": {
    callee: without("Interrupt", ({ _tag }: Dialog.CalleeInput) => _tag === "Heard")
  },
  "the callee does not mind that its caller is lost": {
    kinds: ["up", "kill"],
    callee: without("Interrupt", ({ _tag }: Dialog.CalleeInput) => _tag === "Lost")
  },
  "the callee says nothing after a cancel": {
    callee: (real) => (state, input) => {
      const [next, actions] = real(state, input)
      return [next, state._tag === "Cancelling" ? actions.filter(({ _tag }) => _tag !== "SendLast") : actions]
    }
  },
  "the callee never forgets a dialog": { callee: without("Forget") },
  "the callee does not end its half": { callee: without("SendStop") },
  "the caller says Cancel twice": { caller: twice("SendCancel") },
  "the caller does not wait for the answer to its cancel": {
    caller: (real) => (state, input) => {
      const [next, actions] = real(state, input)
      if (actions[0]?._tag !== "SendCancel") return [next, actions]
      const outcome = { _tag: "Return", payload: Uint8Array.of(0) } as const
      return [{ _tag: "Done", outcome, cancel: undefined }, [...actions, { _tag: "Settle", outcome }]]
    }
  },
  "the caller never cancels": { caller: without("SendCancel") },
  "the caller is not told that its callee is lost": {
    caller: without("Settle", ({ _tag }: Dialog.CallerInput) => _tag === "Lost")
  },
  "the caller forgets to read some words": {
    caller: (real) => (state, input) => {
      const [next, actions] = real(state, input)
      return [next, actions.filter((action) => action._tag !== "Deliver" || ++delivered % 5 !== 0)]
    }
  },
  "the ladder does not wait for finalizers": {
    ladder: (real) => (rung, input) => real(rung, rung === "Asked" && input === "ack" ? "elapsed" : input)
  },
  "the ladder never kills": {
    ladder: (real) => (rung, input) => {
      const [next, actions] = real(rung, input)
      return [next, actions.filter(({ _tag }) => _tag !== "Signal")]
    }
  }
}

/** The number of random programs, after which a bug counts as not found. */
const enough = 100

describe("Random programs find each bug that is planted in a machine of the protocol", () => {
  for (const [name, bug] of Object.entries(bugs)) {
    it.live(name, () =>
      Effect.gen(function*() {
        planted.bug = bug
        const found = yield* Effect.ensuring(
          search(enough, { kinds: bug.kinds }),
          Effect.sync(() => {
            planted.bug = {}
          })
        )
        assert.isDefined(found, `${enough} programs did not find it`)
      }), 180_000)
  }

  it.live(
    "random programs find no fault if no bug is planted in the machines of the protocol",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* search(20), undefined)
      }),
    180_000
  )
})
