/** Tests the machine of spare processes, and the option by which a root has them. */
import { assert, describe, it } from "@effect/vitest"
import { sparesMode } from "@furrow/node/internal/modes"
import * as Spares from "@furrow/node/internal/spares"

type Tag = Spares.Input["_tag"]

/** Returns the actions of the last of these inputs, and the state after it. */
const after = (...inputs: ReadonlyArray<Spares.Input>) => {
  let step: Spares.Step = [Spares.initial, []]
  for (const input of inputs) step = Spares.step(step[0], input)
  return { state: step[0], actions: step[1] }
}

const take = (kind = "a") => ({ _tag: "Take", kind }) as const
const due = { _tag: "Due" } as const
const of = (tag: Exclude<Tag, "Take" | "Due" | "Close">, id = 1) => ({ _tag: tag, id }) as const
const close = { _tag: "Close" } as const
const waiting = [take(), due, of("Greeted")]

describe("The machine of spares", () => {
  it("the machine of spares requests a spare after the first start of a kind of actors, and starts the spare after a pause", () => {
    assert.deepStrictEqual(after(take()).actions, [{ _tag: "Pause" }])
    assert.deepStrictEqual(after(take(), take()).actions, [])
    assert.deepStrictEqual(after(take(), take(), due).actions, [{ _tag: "Start", id: 1, kind: "a" }])
    assert.deepStrictEqual(after(take(), due, due).actions, [])
  })

  it("the machine of spares gives a waiting spare to a start of the spare's kind, and requests the next spare", () => {
    assert.deepStrictEqual(after(...waiting, take()).actions, [{ _tag: "Give", id: 1 }, { _tag: "Pause" }])
    assert.deepStrictEqual(after(...waiting, take("b")).actions, [{ _tag: "Pause" }])
    assert.deepStrictEqual(after(take(), due, take()).actions, [{ _tag: "Pause" }])
    assert.deepStrictEqual(after(...waiting, take(), take()).actions, [])
  })

  it("the machine of spares forgets a spare that has become an actor, and starts another spare", () => {
    assert.deepStrictEqual(after(...waiting, take()).state.spares, [])
    assert.deepStrictEqual(after(...waiting, take(), due).actions, [{ _tag: "Start", id: 2, kind: "a" }])
  })

  it("G245: the machine of spares has at most one spare of a kind and two in all, and ends the oldest spare to make room", () => {
    const kinds = after(...waiting, take("b"), take(), due).state.spares.map(({ kind, phase }) => `${kind} ${phase}`)
    assert.deepStrictEqual(kinds, ["b starting", "a starting"])
    assert.deepStrictEqual(after(take("a"), take("b"), take("c"), due).state.spares.map(({ kind }) => kind), ["b", "c"])
    const full = [take("a"), take("b"), due]
    assert.deepStrictEqual(after(...full).actions.map(({ _tag }) => _tag), ["Start", "Start"])
    assert.deepStrictEqual(after(...full, take("a"), due).actions, [])
    assert.deepStrictEqual(after(...full, take("c"), due).actions, [
      { _tag: "Kill", id: 1 },
      { _tag: "Start", id: 3, kind: "c" }
    ])
  })

  it("G245: the machine of spares ends a spare that reaches the largest age, but leaves a spare alone that has become an actor", () => {
    assert.deepStrictEqual(after(...waiting, of("Old")).actions, [{ _tag: "Kill", id: 1 }])
    assert.deepStrictEqual(after(take(), due, of("Old")).actions, [{ _tag: "Kill", id: 1 }])
    assert.deepStrictEqual(after(...waiting, take(), of("Old")).actions, [])
    assert.deepStrictEqual(after(...waiting, of("Old"), of("Old")).actions, [])
  })

  it("the machine of spares does not use a spare whose process is lost", () => {
    assert.deepStrictEqual(after(...waiting, of("Lost")).actions, [{ _tag: "Kill", id: 1 }])
    assert.deepStrictEqual(after(...waiting, of("Lost"), take()).actions, [{ _tag: "Pause" }])
    assert.deepStrictEqual(after(...waiting, take(), of("Lost")).actions, [])
  })

  it("G243: the machine of spares ends all spares when its owner ends, and starts no spares afterwards", () => {
    assert.deepStrictEqual(after(...waiting, take("b"), due, close).actions, [
      { _tag: "Kill", id: 1 },
      { _tag: "Kill", id: 2 }
    ])
    assert.deepStrictEqual(after(take(), close, due).actions, [])
    assert.deepStrictEqual(after(close, take(), due).actions, [])
  })
})

describe("The option spares of a root overrides the environment variable FURROW_SPARES", () => {
  it("the option spares has precedence over its environment variable, and an unknown value is reported and ignored", () => {
    const of = (option: unknown, variable?: string) => sparesMode(option, { FURROW_SPARES: variable })
    assert.strictEqual(of(undefined).mode, sparesMode("", {}).mode)
    assert.strictEqual(of(undefined, "eager").mode, "eager")
    assert.strictEqual(of("off", "eager").mode, "off")
    assert.match(of(undefined, "on").warning!, /^FURROW_SPARES is "on": use auto, eager or off/)
    assert.match(of("none").warning!, /^the option spares is "none"/)
  })
})
