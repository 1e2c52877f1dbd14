/** Tests the output of the verbs that record: metrics as text, profiles as one file, events as lines. */
import { assert, describe, it } from "@effect/vitest"
import type { MetricInspection } from "@furrow/actor/Inspect"
import { Arbitrary, Schema } from "effect"
import * as EventsView from "../src/cli/eventsView.ts"
import * as StackView from "../src/cli/stackView.ts"
import * as Prometheus from "../src/metrics/Prometheus.ts"
import * as Speedscope from "../src/profile/Speedscope.ts"
import { silent } from "./trees.ts"

const metric = (more: Partial<MetricInspection>): MetricInspection => ({
  id: "furrow.calls",
  type: "Counter",
  description: "Calls",
  attributes: {},
  state: { count: 3, incremental: true },
  ...more
})

/** Matches a line in the text format of Prometheus. */
const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="(\\.|[^"\\])*",?)*\})? (NaN|[+-]?Inf|[-+.e\d]+)$/

describe("Metrics of several actors", () => {
  it("G289: metrics of every type become text for Prometheus, with the actor and the process as labels", () => {
    const text = Prometheus.text([
      {
        name: "a",
        pid: 1,
        metrics: [
          metric({ attributes: { endpoint: "e", outcome: "ok" } }),
          metric({ id: "g", type: "Gauge", state: { value: 1.5 } }),
          metric({
            id: "h",
            type: "Histogram",
            state: { buckets: [[1, 2], [5, 3]], count: 4, sum: 20, min: 0.5, max: 12 }
          }),
          metric({ id: "f", type: "Frequency", state: { occurrences: [["x", 2]] } }),
          metric({ id: "s", type: "Summary", state: { quantiles: [[0.5, 7]], count: 1, min: 7, max: 7, sum: 7 } })
        ]
      },
      { name: "b", pid: 2, metrics: [metric({})] }
    ])
    const samples = text.trimEnd().split("\n").filter((line) => !line.startsWith("#"))
    for (const line of samples) assert.match(line, sample)
    for (
      const line of [
        `furrow_calls{endpoint="e",outcome="ok",actor="a",pid="1"} 3`,
        `furrow_calls{actor="b",pid="2"} 3`,
        `g{actor="a",pid="1"} 1.5`,
        `h_bucket{actor="a",pid="1",le="5"} 3`,
        `h_bucket{actor="a",pid="1",le="+Inf"} 4`,
        `f{actor="a",pid="1",key="x"} 2`,
        `s{actor="a",pid="1",quantile="0.5"} 7`
      ]
    ) assert.include(samples, line)
    assert.lengthOf(text.match(/^# TYPE furrow_calls counter$/gm) ?? [], 1)
  })
})

const escape = "\u001b[2J\u001b]0;title\u0007\u202e"

describe("Names of actors may contain control characters", () => {
  it("G288: the output of events, stacks and metrics shows control characters in names as escapes", () => {
    const event = { at: 0, event: escape, fields: { [escape]: escape } }
    const texts = [
      ...EventsView.lines(escape, { events: [event], dropped: 1 }),
      ...StackView.frameLines([{ name: escape, file: `/${escape}`, line: 1, column: 1 }]),
      ...StackView.lines(silent(escape, ["R"]), escape),
      ...Prometheus.text([{ name: escape, pid: 1, metrics: [metric({ description: escape })] }]).split("\n")
    ]
    for (const text of texts) assert.notMatch(text, /[\p{Cc}\u202e]/u)
    assert.include(texts[0], "\\u{1b}")
  })
})

const Profile = Schema.Struct({
  parents: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
  samples: Schema.Array(Schema.Struct({
    node: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
    delta: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 }))
  }))
})

/** A tree of nodes in V8's format, in which each node comes after its parent. */
const profileOf = ({ parents, samples }: typeof Profile.Type): Speedscope.CpuProfile => {
  const above = parents.map((parent, i) => parent % (i + 1))
  const nodes = Array.from({ length: parents.length + 1 }, (_, id) => ({
    id,
    callFrame: { functionName: `f${id % 4}`, url: "file:///a%20b.ts", lineNumber: id % 4, columnNumber: 0 },
    children: above.flatMap((parent, i) => parent === id ? [i + 1] : [])
  }))
  const deltas = samples.map(({ delta }) => delta)
  const total = deltas.reduce((sum, delta) => sum + delta, 0)
  return {
    nodes,
    startTime: 1000,
    endTime: 1000 + total,
    samples: samples.map(({ node }) => node % nodes.length),
    timeDeltas: deltas
  }
}

describe("Profiles of several actors are written to one file", () => {
  it.prop(
    "G289: a profile in speedscope's format keeps the depth of each sample, and the whole time between the first and the last sample",
    { one: Arbitrary.schema(Profile), other: Arbitrary.schema(Profile) },
    ({ one, other }) => {
      const given = [profileOf(one), profileOf(other)]
      const file = Speedscope.make("both", [["a", given[0]!], ["b", given[1]!]])
      assert.deepStrictEqual(file.profiles.map(({ name }) => name), ["a", "b"])
      const parentsOf = ({ nodes }: Speedscope.CpuProfile) =>
        new Map(nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id] as const)))
      file.profiles.forEach(({ samples, weights }, i) => {
        const { samples: ids = [], timeDeltas = [] } = given[i]!
        const parents = parentsOf(given[i]!)
        const depth = (id: number): number => parents.has(id) ? 1 + depth(parents.get(id)!) : 0
        assert.deepStrictEqual(samples.map((stack) => stack.length), ids.map(depth))
        const sum = (all: ReadonlyArray<number>) => all.reduce((a, b) => a + b, 0)
        assert.strictEqual(sum(weights), sum(timeDeltas.slice(1)))
        for (const stack of samples) for (const frame of stack) assert.isDefined(file.shared.frames[frame])
      })
      const keys = file.shared.frames.map((frame) => JSON.stringify(frame))
      assert.strictEqual(new Set(keys).size, keys.length)
      for (const { file: path } of file.shared.frames) assert.strictEqual(path, "/a b.ts")
    },
    { arbitrary: { runs: 300 } }
  )
})
