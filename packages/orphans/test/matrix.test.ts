import { assert, describe, it } from "@effect/vitest"
import {
  boundOf,
  type Cell,
  cells,
  depths,
  describe as described,
  guards,
  hows,
  states,
  unplayable,
  whos
} from "../src/matrix.ts"
import { pairwise } from "../src/pairwise.ts"
import { matrix, merged } from "../src/tables.ts"

/** Returns every pair of values that occurs in a list of cells. */
const pairs = (chosen: ReadonlyArray<Cell>): ReadonlySet<string> =>
  new Set(chosen.flatMap((cell) => {
    const values = Object.entries(cell).map(([name, value]) => `${name} ${value}`)
    return values.flatMap((left, i) => values.slice(i + 1).map((right) => `${left}, ${right}`))
  }))

describe("The matrix of orphans", () => {
  it("the matrix of orphans has every way to die in every state, at every depth, under both guards", () => {
    for (const guard of guards) {
      for (const who of whos) {
        for (const how of hows) {
          for (const state of states.filter((state) => !/^(release|spare|starter|programs)/.test(state))) {
            for (const depth of depths) {
              const found = cells.some((cell) =>
                cell.guard === guard && cell.who === who && cell.how === how && cell.state === state &&
                cell.depth === depth && cell.rights === "usual"
              )
              assert.strictEqual(
                found,
                !(who === "inner" && how === "pipe") && !(who === "starter" && how !== "SIGKILL"),
                `${guard} ${who} ${how} ${state} ${depth}`
              )
            }
          }
        }
      }
    }
  })

  it("the matrix of orphans has cells for layers that fail or hang at their release and for executables with changed rights, under each guard", () => {
    for (const guard of guards) {
      for (const state of ["release fails", "release hangs"]) {
        for (const who of ["root", "inner"]) {
          assert.isTrue(cells.some((cell) => cell.guard === guard && cell.state === state && cell.who === who))
        }
      }
      for (const how of ["SIGKILL", "SIGTERM"]) {
        const found = cells.filter((cell) => cell.guard === guard && cell.how === how && cell.state === "spinning")
        assert.isTrue(found.some(({ rights }) => rights === "changed"))
        assert.strictEqual(found.some(({ rights }) => rights === "capable"), guard === "warden")
      }
    }
  })

  it("the matrix of orphans has programs of a dying root and programs of a dying actor, under each guard", () => {
    for (const guard of guards) {
      for (const who of ["root", "inner"]) {
        for (const how of ["SIGKILL", "SIGTERM"]) {
          const found = cells.filter((cell) =>
            cell.guard === guard && cell.who === who && cell.how === how && cell.state === "programs"
          )
          assert.deepStrictEqual(found.map(({ depth }) => depth), [1, 2])
        }
      }
    }
  })

  it("the matrix of orphans gives the reason for each cell that a host cannot play, and plays the ordinary cells on every host", () => {
    for (const cell of cells) {
      const reason = unplayable(cell)
      assert.isTrue(reason === undefined || cell.rights !== "usual" && reason.length > 0)
    }
  })

  it("the matrix of orphans gives every cell a description of its own", () => {
    assert.strictEqual(new Set(cells.map(described)).size, cells.length)
  })

  it("the matrix of orphans allows a second after a kill, and the bound of the shutdown ladder after a request to end", () => {
    assert.deepStrictEqual([...new Set(cells.filter(({ how }) => how === "SIGKILL").map(boundOf))], [1_000])
    assert.deepStrictEqual([...new Set(cells.filter(({ how }) => how === "SIGTERM").map(boundOf))], [6_000])
  })

  it("the matrix of orphans ends a root in every way while a spare starts, while it waits and after it became an actor", () => {
    for (const guard of guards) {
      for (const how of hows) {
        const found = cells.filter((cell) => cell.guard === guard && cell.how === how && cell.state.startsWith("spare"))
        assert.deepStrictEqual(found.map(({ state, who }) => `${who}, ${state}`), [
          "root, spare starts",
          "root, spare waits",
          "root, spare taken"
        ])
      }
    }
  })

  it("the matrix of orphans kills a starter, and also ends a root whose starter serves, is stopped or handles a request", () => {
    for (const guard of guards) {
      const dying = cells.filter((cell) => cell.guard === guard && cell.who === "starter")
      assert.deepStrictEqual([...new Set(dying.map(({ how, state }) => `${how}, ${state}`))], [
        "SIGKILL, idle",
        "SIGKILL, spinning",
        "SIGKILL, blocked",
        "SIGKILL, stopped",
        "SIGKILL, subprocesses",
        "SIGKILL, programs"
      ])
      for (const how of hows) {
        const found = cells.filter((cell) =>
          cell.guard === guard && cell.how === how && cell.depth === 1 && cell.state.startsWith("starter")
        )
        assert.deepStrictEqual(found.map(({ state, who }) => `${who}, ${state}`), [
          "root, starter serves",
          "root, starter stopped",
          "root, starter asked"
        ])
      }
    }
  })

  it("a few cells cover the matrix of orphans pairwise: every two values that can occur together occur in one of these cells", () => {
    const chosen = pairwise(cells)
    assert.deepStrictEqual([...pairs(chosen)].toSorted(), [...pairs(cells)].toSorted())
    assert.isBelow(chosen.length, 110)
  })

  it("the cells that cover the matrix of orphans are the same in every run", () => {
    assert.deepStrictEqual(pairwise(cells), pairwise(cells))
  })
})

describe("The table of the matrix of orphans shows the worst result of each cell", () => {
  const cell: Cell = {
    who: "root",
    how: "SIGKILL",
    state: "idle",
    where: "all",
    depth: 1,
    rights: "usual",
    guard: "thread"
  }
  const verdict = { cell, millis: 12.2, problems: [], skipped: undefined, detached: 0 }
  const cellsOf = (text: string) => text.split("\n")[2]!.split("|").map((part) => part.trim()).slice(2, -1)

  it("a cell of the table of orphans shows the longest time of its tests with trees of different depths", () => {
    const table = matrix([verdict, { ...verdict, cell: { ...cell, depth: 2 }, millis: 40.1 }])
    assert.deepStrictEqual(cellsOf(table), [
      "SIGKILL (killed from outside)",
      "1 s",
      "41 ms",
      ...states.slice(1).map(() => "")
    ])
  })

  it("a cell of the table of orphans shows a failure rather than a time, and \"skipped\" only if the tests of all depths were skipped", () => {
    const skipped = { ...verdict, millis: undefined, skipped: "it needs root" }
    assert.strictEqual(cellsOf(matrix([verdict, skipped]))[2], "13 ms")
    assert.strictEqual(cellsOf(matrix([skipped]))[2], "skipped")
    assert.strictEqual(
      cellsOf(matrix([verdict, { ...verdict, millis: undefined, problems: ["left: 7"] }]))[2],
      "FAILED"
    )
  })

  it("the orphans table keeps cells that a run has not played, also in rows of which the run has played no cell", () => {
    const before = matrix([verdict, { ...verdict, cell: { ...cell, how: "SIGTERM" }, millis: 7 }])
    const now = matrix([
      { ...verdict, cell: { ...cell, state: "spinning" }, millis: 5 },
      { ...verdict, cell: { ...cell, who: "starter" }, millis: 9 }
    ])
    const rows = merged(before, now).split("\n").slice(2).map((row) => row.split("|").map((part) => part.trim()))
    assert.deepStrictEqual(rows.map(([, who, how, , idle, spinning]) => [who, how?.split(" ")[0], idle, spinning]), [
      ["root", "SIGKILL", "13 ms", "5 ms"],
      ["root", "SIGTERM", "7 ms", ""],
      ["starter", "SIGKILL", "9 ms", ""]
    ])
  })

  it("the orphans table has a separate row for a root that changed its user", () => {
    const changed = { ...verdict, cell: { ...cell, rights: "changed" as const } }
    const rows = matrix([verdict, changed]).split("\n").slice(2).map((row) => row.split("|")[1]!.trim())
    assert.deepStrictEqual(rows, ["root", "root that changed its user"])
  })
})
