/** Tests deadlocks in random graphs of work, against a simple search that starts at each work. */
import { assert, describe, it } from "@effect/vitest"
import * as Findings from "@furrow/node/internal/diagnosis/Findings"
import type { Edge, Graph, Work } from "@furrow/node/internal/diagnosis/Graph"
import { stuck } from "@furrow/node/internal/diagnosis/Graph"
import { Arbitrary, Schema } from "effect"
import { actor, channel, dialog, fiber, idOf, old } from "./trees.ts"

const edge = (to: string): Edge => ({
  to,
  on: "Call",
  endpoint: "e",
  ageMillis: old,
  frame: undefined,
  exact: true
})

const work = (node: string, leaves: ReadonlyArray<ReadonlyArray<number> | undefined>): Work => ({
  node,
  actor: idOf(node),
  endpoint: "e",
  ageMillis: old,
  leaves: leaves.map((waits) => ({ waits: waits?.map((to) => edge(String(to))) }))
})

const leaf = Schema.NullOr(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))))

const works = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(leaf), { maxLength: 3 }),
    // Most works wait, because otherwise hardly any would be stuck.
    (leaves) => leaves.map((waits, i) => waits === null && i > 0 || waits?.length === 0 ? [0] : waits)
  ),
  { maxLength: 9 }
)

const graphOf = (all: ReadonlyArray<ReadonlyArray<ReadonlyArray<number> | null>>): Graph =>
  new Map(all.map((leaves, i) => [String(i), work(String(i), leaves.map((waits) => waits ?? undefined))]))

/** True when a path of waits leads from a work to one that may go on, found by walking the graph. */
const mayGoOn = (graph: Graph, node: string, seen = new Set<string>()): boolean => {
  const found = graph.get(node)
  if (found === undefined) return true
  if (seen.has(node)) return false
  seen.add(node)
  return found.leaves.some(({ waits }) => waits === undefined || waits.some(({ to }) => mayGoOn(graph, to, seen)))
}

describe("A graph of the waits in a tree shows the stuck actors and calls", () => {
  it.prop(
    "G249: a graph of the waits in a tree reports as stuck exactly the calls and actors that wait only for stuck ones",
    { all: works },
    ({ all }) => {
      const graph = graphOf(all)
      const expected = Array.from(graph.keys()).filter((node) => !mayGoOn(graph, node))
      assert.deepStrictEqual(Array.from(stuck(graph)), expected)
    },
    { arbitrary: { runs: 2000 } }
  )
})

/** The things for which fibers of random works wait. */
const kinds = ["Call", "Timer", "Unknown", "Semaphore"] as const

/** Random calls between a few actors, in which each handler waits for something. */
const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Call = Schema.Struct({
  by: small(3),
  to: small(3),
  within: Schema.NullOr(small(9)),
  waits: Schema.Literals(kinds)
})

const calls = Arbitrary.array(Arbitrary.schema(Call), { maxLength: 10 })

type Calls = ReadonlyArray<typeof Call.Type>

const nameOf = (i: number) => `a${i}`

/** The same calls as trees, where fiber `i` belongs to the handler of call `i`. */
const treeOf = (calls: Calls) =>
  [0, 1, 2, 3].map((self) => {
    const dialogs = calls.flatMap((call, i) => {
      if (call.by === call.to) return []
      const outer = call.within === null ? undefined : calls[call.within]
      const within = outer !== undefined && outer.to === call.by && outer.by !== outer.to
        ? { peer: nameOf(outer.by), id: call.within! }
        : null
      return [
        ...call.by === self ? [{ peer: nameOf(call.to), dialog: dialog("caller", i, `e${i}`, { within }) }] : [],
        ...call.to === self ? [{ peer: nameOf(call.by), dialog: dialog("callee", i, `e${i}`, { fiber: i }) }] : []
      ]
    })
    const fibers = calls.flatMap((call, i) => {
      if (call.to !== self || call.by === call.to) return []
      const asked = calls.findIndex((inner, j) =>
        inner.within === i && inner.by === self && inner.to !== self && j !== i
      )
      const on = call.waits === "Call" && asked < 0 ? "Unknown" : call.waits
      return [fiber(i, {
        within: { peer: nameOf(call.by), id: i },
        waits: {
          on,
          dialog: on === "Call" ? { side: "caller", peer: nameOf(calls[asked]!.to), id: asked } : null
        }
      })]
    })
    const channels = Array.from(
      Map.groupBy(dialogs, ({ peer }) => peer),
      ([peer, found]) => channel(peer, found.map(({ dialog }) => dialog))
    )
    return actor(nameOf(self), { channels }, fibers)
  })

describe("Findings about random trees", () => {
  it.prop(
    "G250: no deadlock is found in a random tree where every handler sleeps, or calls a handler that sleeps",
    { calls },
    ({ calls }) => {
      // Graphs of calls without locks contain no cycle: each call has one caller, and its handler may go on.
      const sleepy = calls.map((call) => ({
        ...call,
        waits: call.waits === "Semaphore" ? "Timer" as const : call.waits
      }))
      assert.deepStrictEqual(Findings.findings(treeOf(sleepy)).filter(({ kind }) => kind === "DEADLOCK"), [])
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "G249: every deadlock in a random tree is a cycle of waits, in which the last handler waits for the first",
    { calls },
    ({ calls }) => {
      for (const { cycle } of Findings.findings(treeOf(calls)).filter(({ kind }) => kind === "DEADLOCK")) {
        cycle.forEach((hop, i) => {
          const next = cycle[(i + 1) % cycle.length]!
          assert.include(["Call", "Semaphore"], hop.waits)
          // A call leads to the actor that serves it, while a lock belongs to its own actor.
          if (hop.waits === "Call") assert.strictEqual(next.endpoint, hop.for)
          else assert.strictEqual(next.at.pid, hop.at.pid)
        })
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})
