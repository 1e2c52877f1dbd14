/** Tests the machine of the starter, and its option. */
import { assert, describe, it } from "@effect/vitest"
import { starterMode } from "@furrow/node/internal/modes"
import * as Starter from "@furrow/node/internal/starter"
import { Arbitrary, Schema } from "effect"

const Input = Schema.Literals(["Wanted", "Ready", "Began", "Ended", "Silent", "Lost", "Close"])

/** Returns the state after these inputs, and the actions of the last one. */
const after = (...given: ReadonlyArray<Starter.Input>) =>
  given.reduce<Starter.Step>(([state], input) => Starter.step(state, input), [Starter.initial, []])

const phaseAfter = (...given: ReadonlyArray<Starter.Input>) => after(...given)[0].phase
const actionsAfter = (...given: ReadonlyArray<Starter.Input>) => after(...given)[1]

const serving = ["Wanted", "Ready"] as const

describe("The machine of the starter begins a starter, gives it requests, and ends it", () => {
  it("G278: the machine of the starter begins a starter, and sends it the waiting starts when the starter is ready", () => {
    assert.deepStrictEqual(actionsAfter("Wanted"), ["Begin"])
    assert.deepStrictEqual(actionsAfter("Wanted", "Wanted"), [])
    assert.deepStrictEqual(actionsAfter(...serving), ["Send"])
    assert.strictEqual(phaseAfter(...serving), "Serving")
  })

  it("G279: the machine of the starter ends all processes of a dead starter, and lets the root carry out the open requests", () => {
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Lost"), ["Decline", "Lose"])
    assert.deepStrictEqual(actionsAfter("Wanted", "Lost"), ["Decline", "Lose"])
    assert.deepStrictEqual(actionsAfter(...serving, "Lost", "Wanted"), ["Begin"])
  })

  it("the machine of the starter begins no other starter after a starter that died before it was ready", () => {
    assert.deepStrictEqual(actionsAfter("Wanted", "Lost", "Wanted"), [])
  })

  it("G280: the machine of the starter ends a starter without processes when the root ends, and any other starter after its last process", () => {
    assert.deepStrictEqual(actionsAfter(...serving, "Close"), ["Decline", "End"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Close"), ["Decline"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Close", "Ended"), ["End"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Began", "Close", "Ended"), [])
    assert.deepStrictEqual(actionsAfter(...serving, "Close", "Lost", "Wanted"), [])
    assert.deepStrictEqual(actionsAfter("Close", "Wanted"), [])
  })

  it("G281: the machine of the starter sends no requests to a silent starter, and ends the silent starter after its last process", () => {
    assert.deepStrictEqual(actionsAfter(...serving, "Silent"), ["Decline", "End"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Silent"), ["Decline"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Silent", "Ended"), ["End"])
    assert.deepStrictEqual(actionsAfter(...serving, "Began", "Silent", "Wanted"), [])
  })

  it.prop(
    "G280: the machine of the starter ends every starter that it begins, in random orders of events",
    { given: Arbitrary.array(Arbitrary.schema(Input), { maxLength: 40 }) },
    ({ given }) => {
      let state = Starter.initial
      let begun = 0
      let ending = 0
      for (const input of given) {
        // A starter that does not exist sends nothing and cannot be lost.
        if (begun === 0 && input !== "Wanted" && input !== "Close") continue
        const [next, actions] = Starter.step(state, input)
        if (input === "Lost") begun--
        begun += actions.filter((action) => action === "Begin").length
        ending = begun === 0 ? 0 : ending + actions.filter((action) => action === "End").length
        state = next
        assert.isAtMost(begun, 1)
        assert.strictEqual(state.phase === "Absent", begun === 0)
        if (state.phase === "Leaving" && state.processes === 0) assert.isAtLeast(ending, 1)
      }
      const [closed, actions] = Starter.step(state, "Close")
      const isOver = closed.phase === "Absent" || closed.processes > 0 || ending > 0 || actions.includes("End")
      assert.isTrue(isOver, JSON.stringify({ given, closed }))
    }
  )
})

describe("The option `starter` of a root has precedence over the environment variable FURROW_STARTER", () => {
  it("the option starter has precedence over its environment variable, and an unknown value is reported and ignored", () => {
    const of = (option: unknown, variable?: string) => starterMode(option, { FURROW_STARTER: variable })
    assert.strictEqual(of(undefined).mode, "auto")
    assert.strictEqual(of(undefined, "off").mode, "off")
    assert.strictEqual(of("eager", "off").mode, "eager")
    assert.match(of(undefined, "on").warning!, /^FURROW_STARTER is "on": use auto, eager or off/)
    assert.match(of("none").warning!, /^the option starter is "none"/)
  })
})
