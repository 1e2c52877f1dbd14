/**
 * Chooses a small set of test cases in which every pair of values occurs that can occur together. Most faults that a
 * test case can find need at most two conditions. The choice of test cases is greedy, and the same in every run.
 */

const valuesOf = (row: object): ReadonlyArray<string> =>
  Object.entries(row).map(([name, value]) => `${name}=${String(value)}`)

const pairsOf = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((left, i) => values.slice(i + 1).map((right) => `${left} ${right}`))

export const pairwise = <Row extends object>(
  rows: ReadonlyArray<Row>,
  /** Returns the values of a test case, from which the function `pairwise` makes its pairs of values. */
  values: (row: Row) => object = (row) => row
): ReadonlyArray<Row> => {
  const candidates = rows.map((row) => {
    const own = valuesOf(values(row))
    return { row, values: own, pairs: pairsOf(own) }
  })
  const missing = new Set(candidates.flatMap(({ pairs }) => pairs))
  const used = new Map<string, number>()
  const chosen: Array<Row> = []
  while (missing.size > 0) {
    const gains = candidates.map(({ pairs }) => pairs.filter((pair) => missing.has(pair)).length)
    const most = Math.max(...gains)
    // Among equally good test cases, the case whose values were used least is chosen, so that each value occurs in
    // several cases.
    const wear = candidates.map(({ values }, i) =>
      gains[i] === most ? values.reduce((sum, value) => sum + (used.get(value) ?? 0), 0) : Infinity
    )
    const best = candidates[wear.indexOf(Math.min(...wear))]!
    chosen.push(best.row)
    for (const pair of best.pairs) missing.delete(pair)
    for (const value of best.values) used.set(value, (used.get(value) ?? 0) + 1)
  }
  return chosen
}
