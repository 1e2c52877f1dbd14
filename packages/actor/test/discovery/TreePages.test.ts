/** The pages that a tree publishes, and a reader of them: whatever changes in whatever order, the reader ends with the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Forest from "@furrow/actor/internal/discovery/Forest"
import * as Registrar from "@furrow/actor/internal/discovery/Registrar"
import * as TreePages from "@furrow/actor/internal/discovery/TreePages"
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import * as Schema from "effect/Schema"

const entry = (n: number): Entry => ({
  actor: { name: `actor-${n % 7}`, uuid: `${n}`, pid: n },
  path: ["root", `${n}`],
  service: null,
  exposed: [{ name: "ping", module: "file:///here.ts" }],
  unique: false
})

const Ops = Schema.Array(Schema.Union([
  Schema.TaggedStruct("Up", { n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })) }),
  Schema.TaggedStruct("Down", { n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })) }),
  Schema.TaggedStruct("Many", { n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 })) }),
  Schema.TaggedStruct("Snapshot", { n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 })) }),
  // The reader sees some of what the writer has written: the head, and so many of its pages.
  Schema.TaggedStruct("Look", { n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })) }),
  Schema.TaggedStruct("Gone", { n: Schema.Int })
]))

type Op = typeof Ops.Type[number]

const changesOf = ({ _tag, n }: Op): ReadonlyArray<Registrar.Change> => {
  switch (_tag) {
    case "Up":
      return [{ _tag: "Up", entry: entry(n) }]
    case "Down":
      return [{ _tag: "Down", entry: entry(n), why: "ended" }]
    case "Many":
      return Array.from({ length: 100 }, (_, at) => ({ _tag: "Up", entry: entry(n + at) }) as const)
    case "Snapshot":
      return [{ _tag: "Snapshot", entries: Array.from({ length: 90 }, (_, at) => entry(n + at)) }]
    default:
      return []
  }
}

/**
 * The entries that a listener of found and lost knows. An entry that is published again may be found on its new page before it is
 * lost on the old one, so entries are counted as the registrar counts them.
 */
class Listener {
  private readonly counts = new Map<string, number>()
  get known(): ReadonlyArray<string> {
    return Array.from(this.counts).flatMap(([uuid, count]) => count > 0 ? [uuid] : [])
  }
  hear({ found, lost }: Forest.Outcome): void {
    for (const uuid of lost) {
      const count = this.counts.get(uuid) ?? 0
      assert.isAbove(count, 0, `${uuid} was lost and not found before`)
      this.counts.set(uuid, count - 1)
    }
    for (const { actor } of found) this.counts.set(actor.uuid, (this.counts.get(actor.uuid) ?? 0) + 1)
  }
}

const headOf = ({ pages }: TreePages.State): TreePages.Head => ({
  tree: "t",
  host: "h",
  root: { name: "root", uuid: "root", pid: 1 },
  at: [],
  pages: pages.map(({ revision }) => revision)
})

const published = ({ pages }: TreePages.State) => pages.flatMap(({ entries }) => Array.from(entries.keys())).toSorted()

const all = () => true

/** All changes of an operation, taken over. */
const take = (state: TreePages.State, op: Op) =>
  changesOf(op).reduce((before, change) => {
    if (change._tag !== "Snapshot") return TreePages.step(before, [change], all)
    const there = new Set(change.entries.map(({ actor }) => actor.uuid))
    const ups = change.entries.map((entry) => ({ _tag: "Up", entry }) as const)
    return TreePages.step(before, [...before.pages.flatMap((page) => TreePages.ended(page, there)), ...ups], all)
  }, state)

describe("A tree publishes its list of actors at an engine in several values of bounded size, called pages", () => {
  it.prop("a published page of a tree holds no more entries than its bound, and each entry is on one page", {
    ops: Ops
  }, ({ ops }) => {
    let state = TreePages.initial
    const there = new Set<string>()
    for (const op of ops) {
      const before = state
      state = take(state, op)
      for (const change of changesOf(op)) {
        if (change._tag === "Up") there.add(change.entry.actor.uuid)
        else if (change._tag === "Down") there.delete(change.entry.actor.uuid)
        else {
          there.clear()
          for (const { actor } of change.entries) there.add(actor.uuid)
        }
      }
      assert.deepStrictEqual(published(state), [...there].toSorted())
      for (const [n, page] of state.pages.entries()) {
        assert.isAtMost(page.entries.size, TreePages.pageEntries)
        const old = before.pages[n]
        if (old !== undefined && old !== page) assert.isAtLeast(page.revision, old.revision + 1)
      }
    }
  })

  it.prop(
    "G263: a reader that gets the published pages of a tree in any order ends with exactly the published entries",
    { ops: Ops },
    ({ ops }) => {
      let written = TreePages.initial
      let forest = Forest.initial
      const listener = new Listener()
      const input = (one: Forest.Input) => {
        const [next, outcome] = Forest.step(forest, one)
        forest = next
        listener.hear(outcome)
      }
      const look = (most: number, token: number) => {
        input({ _tag: "Listed", seen: [{ root: "root", token, head: headOf(written) }] })
        for (const number of Forest.wanted(forest, "root").slice(0, most)) {
          input({ _tag: "Read", root: "root", number, page: written.pages[number] })
        }
      }
      for (const [token, op] of ops.entries()) {
        if (op._tag === "Look") look(op.n, token)
        else if (op._tag === "Gone") input({ _tag: "Listed", seen: [] })
        else written = take(written, op)
      }
      look(Infinity, ops.length)
      assert.deepStrictEqual(listener.known.toSorted(), published(written))
      assert.deepStrictEqual(Forest.wanted(forest, "root"), [])
      input({ _tag: "Listed", seen: [] })
      assert.strictEqual(listener.known.length, 0)
    }
  )

  it("a change of one actor rewrites one published page of its tree, however many actors the tree has", () => {
    const many = Array.from({ length: 1_000 }, (_, n) => ({ _tag: "Up", entry: entry(n) }) as const)
    const before = TreePages.step(TreePages.initial, many, all)
    const after = TreePages.step(before, [{ _tag: "Down", entry: entry(500), why: "ended" }], all)
    assert.strictEqual(after.pages.filter((page, n) => page !== before.pages[n]).length, 1)
  })

  it("a published page of a tree leaves out the modules of endpoints, and a reader ignores entries of another tree", () => {
    const page = TreePages.step(TreePages.initial, [{ _tag: "Up", entry: entry(1) }], all).pages[0]!
    const read = TreePages.decodePage(TreePages.encodePage(page), "root")
    assert.deepStrictEqual(read?.entries.get("1")?.exposed, [{ name: "ping", module: null }])
    assert.strictEqual(TreePages.decodePage(TreePages.encodePage(page), "other")?.entries.size, 0)
    assert.isUndefined(TreePages.decodePage("nonsense", "root"))
    assert.isUndefined(TreePages.decodeHead("{}"))
  })
})

const place = (n: number): Entry => ({ ...entry(n), path: ["far", `${n}`] })

describe("A registrar also lists the actors of other trees", () => {
  const Sources = Schema.Array(Schema.Struct({
    what: Schema.Literals(["Found", "Lost", "Stale", "Gone"]),
    n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })),
    tier: Schema.Literals([1, 2])
  }))

  it.prop(
    "an actor of another tree is listed as long as one engine lists it, and no parent in the registrar's own tree can report on it",
    {
      ops: Sources
    },
    ({ ops }) => {
      const root: Entry = { ...entry(99), path: ["99"] }
      let [state] = Registrar.step(Registrar.initial, { _tag: "Claim", entry: root })
      ;[state] = Registrar.step(state, { _tag: "Ready", uuid: "99", pid: 1 })
      const sources = new Map<string, number>()
      for (const { n, tier, what } of ops) {
        const uuid = `${n}`
        const known = sources.get(uuid) ?? 0
        if (what === "Found") sources.set(uuid, known + 1)
        else if (what === "Lost") sources.set(uuid, Math.max(0, known - 1))
        else if (what === "Stale") sources.set(uuid, 0)
        const [next] = Registrar.step(
          state,
          what === "Found"
            ? { _tag: "Found", entries: [place(n)], tier }
            : what === "Lost"
            ? { _tag: "Lost", uuids: [uuid], why: "ended" }
            : { _tag: "Gone", uuid, why: what === "Stale" ? "stale" : "ended" }
        )
        state = next
        const listed = Array.from(sources).filter(([, count]) => count > 0).map(([uuid]) => uuid)
        const entries = Registrar.entries(state)
        assert.deepStrictEqual(entries.map(({ actor }) => actor.uuid).toSorted(), [...listed, "99"].toSorted())
        assert.strictEqual(entries[0]?.actor.uuid, "99")
        assert.deepStrictEqual(Registrar.entries(state, undefined, undefined, true).map(({ actor }) => actor.uuid), [
          "99"
        ])
        assert.isUndefined(Registrar.pathOf(state, uuid))
        // A claim here does not ask for names of others.
        const [, outcome] = Registrar.step(state, {
          _tag: "Claim",
          entry: {
            ...entry(n),
            actor: { name: `actor-${n % 7}`, uuid: "new", pid: 0 },
            path: ["99", "new"],
            unique: true
          }
        })
        assert.strictEqual(outcome._tag, n % 7 === 99 % 7 ? "Taken" : "Changed")
      }
    }
  )
})
