import { assert, describe, it } from "@effect/vitest"
import { boundOf, type Cell, cells, depths, describe as described, guards, hows, states, whos } from "../src/matrix.ts"
import { pairwise } from "../src/pairwise.ts"
import { matrix } from "../src/tables.ts"

/** Every pair of values of a list of cells. */
const pairs = (chosen: ReadonlyArray<Cell>): ReadonlySet<string> =>
  new Set(chosen.flatMap((cell) => {
    const values = Object.entries(cell).map(([name, value]) => `${name} ${value}`)
    return values.flatMap((left, i) => values.slice(i + 1).map((right) => `${left}, ${right}`))
  }))

describe("The matrix", () => {
  it("has every way to die in every state, at every depth, under both guards", () => {
    for (const guard of guards) {
      for (const who of whos) {
        for (const how of hows) {
          for (const state of states) {
            for (const depth of depths) {
              const found = cells.some((cell) =>
                cell.guard === guard && cell.who === who && cell.how === how && cell.state === state &&
                cell.depth === depth
              )
              assert.strictEqual(
                found,
                !(who === "inner" && how === "pipe"),
                `${guard} ${who} ${how} ${state} ${depth}`
              )
            }
          }
        }
      }
    }
  })

  it("describes every cell differently", () => {
    assert.strictEqual(new Set(cells.map(described)).size, cells.length)
  })

  it("gives a second to what is killed, and the ladder's bound to what is asked", () => {
    assert.deepStrictEqual([...new Set(cells.filter(({ how }) => how === "SIGKILL").map(boundOf))], [1_000])
    assert.deepStrictEqual([...new Set(cells.filter(({ how }) => how === "SIGTERM").map(boundOf))], [6_000])
  })

  it("is covered pairwise by few cells: every two values that can meet do", () => {
    const chosen = pairwise(cells)
    assert.deepStrictEqual([...pairs(chosen)].toSorted(), [...pairs(cells)].toSorted())
    assert.isBelow(chosen.length, 60)
  })

  it("is covered by the same cells every time", () => {
    assert.deepStrictEqual(pairwise(cells), pairwise(cells))
  })
})

describe("The table", () => {
  const cell: Cell = { who: "root", how: "SIGKILL", state: "idle", where: "all", depth: 1, guard: "thread" }
  const verdict = { cell, millis: 12.2, problems: [], unpromised: undefined, detached: 0 }
  const cellsOf = (text: string) => text.split("\n")[2]!.split("|").map((part) => part.trim()).slice(2, -1)

  it("shows the longest of all depths", () => {
    const table = matrix([verdict, { ...verdict, cell: { ...cell, depth: 2 }, millis: 40.1 }])
    assert.deepStrictEqual(cellsOf(table), ["SIGKILL (killed from outside)", "1 s", "41 ms", "", "", "", ""])
  })

  it("shows a failure over everything else, and what was never promised beside the rest", () => {
    const left = { ...verdict, millis: undefined, problems: ["left: 7"], unpromised: "the thread is stopped too" }
    assert.strictEqual(cellsOf(matrix([verdict, left]))[2], "13 ms; not promised, left")
    assert.strictEqual(cellsOf(matrix([verdict, left, { ...left, unpromised: undefined }]))[2], "FAILED")
  })
})
