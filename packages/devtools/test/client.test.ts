/** Tests which processes a look at trees asks. */
import { assert, describe, it } from "@effect/vitest"
import { meant } from "@furrow/node/internal/diagnosis/Trees"

const candidate = (pid: number, parent: number, name?: string) => ({ pid, parent, name, state: "S" })

/** Two trees: process 1 with the children 2 and 3, and process 7 with the child 8. */
const all = [candidate(1, 0), candidate(2, 1, "a"), candidate(3, 2, "b"), candidate(7, 0), candidate(8, 7, "c")]

const pidsOf = (target: string | undefined) => meant(all, target).map(({ pid }) => pid)

describe("The command `furrow` knocks at the processes of one tree if its user names the tree, and otherwise of all trees", () => {
  it("G252: a tool that looks at one named tree knocks only at the processes of that tree", () => {
    for (const target of ["1", "3", "a", "b"]) assert.deepStrictEqual(pidsOf(target), [1, 2, 3])
    assert.deepStrictEqual(pidsOf("c"), [7, 8])
    assert.deepStrictEqual(pidsOf("99"), [])
  })

  it("G252: a tool knocks at the processes of all trees where no target is given, or where the target may be a root's name", () => {
    assert.deepStrictEqual(pidsOf(undefined), [1, 2, 3, 7, 8])
    assert.deepStrictEqual(pidsOf("shop"), [1, 2, 3, 7, 8])
  })
})
