/** Deadlocks in graphs of work, drawn at random, against a search for each work by itself. */
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
    // Most works wait: else hardly any of them would be stuck.
    (leaves) => leaves.map((waits, i) => waits === null && i > 0 || waits?.length === 0 ? [0] : waits)
  ),
  { maxLength: 9 }
)

const graphOf = (all: ReadonlyArray<ReadonlyArray<ReadonlyArray<number> | null>>): Graph =>
  new Map(all.map((leaves, i) => [String(i), work(String(i), leaves.map((waits) => waits ?? undefined))]))

/** Whether a work can come to one that goes on by itself, found by walking from it. */
const mayGoOn = (graph: Graph, node: string, seen = new Set<string>()): boolean => {
  const found = graph.get(node)
  if (found === undefined) return true
  if (seen.has(node)) return false
  seen.add(node)
  return found.leaves.some(({ waits }) => waits === undefined || waits.some(({ to }) => mayGoOn(graph, to, seen)))
}

describe("A graph of work", () => {
  it.prop(
    "G249: a graph of work names as stuck the work from which no way leads to a work that may go on, and no other",
    { all: works },
    ({ all }) => {
      const graph = graphOf(all)
      const expected = Array.from(graph.keys()).filter((node) => !mayGoOn(graph, node))
      assert.deepStrictEqual(Array.from(stuck(graph)), expected)
    },
    { arbitrary: { runs: 2000 } }
  )
})

/** What fibers of random works wait for. */
const kinds = ["Call", "Timer", "Unknown", "Semaphore"] as const

/** Calls between a few actors, each call served, and each handler waiting for something. */
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

/** The same as trees: the handler of call `i` has the fiber `i`. */
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

describe("Findings about trees drawn at random", () => {
  it.prop(
    "G250: no deadlock is found where every handler sleeps, or calls one that does",
    { calls },
    ({ calls }) => {
      // Calls alone are a forest: each has one caller, and ends at a handler that may go on.
      const sleepy = calls.map((call) => ({
        ...call,
        waits: call.waits === "Semaphore" ? "Timer" as const : call.waits
      }))
      assert.deepStrictEqual(Findings.findings(treeOf(sleepy)).filter(({ kind }) => kind === "DEADLOCK"), [])
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "G249: a deadlock is a circle: each hop waits for the next one, and the last one for the first",
    { calls },
    ({ calls }) => {
      for (const { cycle } of Findings.findings(treeOf(calls)).filter(({ kind }) => kind === "DEADLOCK")) {
        cycle.forEach((hop, i) => {
          const next = cycle[(i + 1) % cycle.length]!
          assert.include(["Call", "Semaphore"], hop.waits)
          // A call leads to the actor that serves it, and a lock stays in its actor.
          if (hop.waits === "Call") assert.strictEqual(next.endpoint, hop.for)
          else assert.strictEqual(next.at.pid, hop.at.pid)
        })
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})
