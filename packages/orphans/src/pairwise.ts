/**
 * A small set of cells in which every two values that can occur together do: most faults need no more than two
 * conditions to meet. Greedy, and the same every time.
 */

const valuesOf = (row: object): ReadonlyArray<string> =>
  Object.entries(row).map(([name, value]) => `${name}=${String(value)}`)

const pairsOf = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((left, i) => values.slice(i + 1).map((right) => `${left} ${right}`))

export const pairwise = <Row extends object>(
  rows: ReadonlyArray<Row>,
  /** The values of a row that are to meet; two that must meet all others together are made one here. */
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
    // Of several that are as good, the one whose values were used least: no value is met by its pairs alone.
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
