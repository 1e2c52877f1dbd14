import { assert, describe, it } from "@effect/vitest"
import { isInLine, leave, Line, type Linked } from "@furrow/actor/internal/pool/Line"
import { Arbitrary, Schema } from "effect"
import * as Effect from "effect/Effect"

interface Member extends Linked {
  readonly name: number
}

const member = (name: number): Member => ({ name, before: undefined, behind: undefined })

const namesOf = (line: Line<Member>): ReadonlyArray<number> => Array.from(line, ({ name }) => name)

/** The same members by the links in the other direction. */
const backwards = (line: Line<Member>, members: ReadonlyArray<Member>): ReadonlyArray<number> => {
  const names: Array<number> = []
  let at: Linked | undefined = members.find(({ name }) => name === namesOf(line).at(-1))
  for (; at !== undefined && "name" in at; at = at.before) names.push((at as Member).name)
  return names
}

describe("The Line, a pool's queue of waiting tasks, keeps its tasks in order as they join and leave", () => {
  it.effect.prop(
    "a pool's queue of waiting tasks has the same order as an array after the same random operations, read forwards and backwards",
    {
      steps: Arbitrary.array(
        Arbitrary.schema(Schema.Literals(["join", "joinFirst", "call", "leave", "other", "precede"]))
      )
    },
    ({ steps }) =>
      Effect.sync(() => {
        const line = new Line<Member>()
        const other = new Line<Member>()
        const members: Array<Member> = []
        let here: Array<number> = []
        let there: Array<number> = []
        const add = () => {
          const made = member(members.length)
          members.push(made)
          return made
        }
        for (const [i, step] of steps.entries()) {
          switch (step) {
            case "join":
              line.join(add())
              here.push(members.length - 1)
              break
            case "joinFirst":
              line.joinFirst(add())
              here.unshift(members.length - 1)
              break
            case "other":
              other.join(add())
              there.push(members.length - 1)
              break
            case "call":
              assert.strictEqual(line.call()?.name, here.shift())
              break
            case "leave": {
              const one = members[(i * 7) % Math.max(1, members.length)]
              if (one === undefined) break
              leave(one)
              here = here.filter((name) => name !== one.name)
              there = there.filter((name) => name !== one.name)
              break
            }
            case "precede":
              line.precede(other)
              here = [...there, ...here]
              there = []
              break
          }
          assert.deepStrictEqual([namesOf(line), namesOf(other)], [here, there])
          assert.deepStrictEqual(backwards(line, members), here.toReversed())
          assert.deepStrictEqual([line.isEmpty, line.first?.name], [here.length === 0, here[0]])
          for (const one of members) {
            assert.strictEqual(isInLine(one), here.includes(one.name) || there.includes(one.name))
          }
        }
      })
  )

  it("a task that has left a pool's queue keeps no reference to the tasks before and behind it", () => {
    const line = new Line<Member>()
    const [a, b] = [member(1), member(2)]
    line.join(a)
    line.join(b)
    leave(a)
    assert.deepStrictEqual(a, member(1))
    leave(a)
    assert.deepStrictEqual(namesOf(line), [2])
  })
})
