/** The names of a tree, as a table and as properties. */
import { assert, describe, it } from "@effect/vitest"
import * as Registrar from "@furrow/actor/internal/discovery/Registrar"
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const entry = (path: string, name: string, unique = false, role?: string): Entry => {
  const uuids = path.split("/")
  const uuid = uuids.at(-1)!
  const given = role === undefined ? {} : { role: { name: role, holdMillis: 1 } }
  return { actor: { name, uuid, pid: 0 }, path: uuids, service: null, exposed: [], unique, ...given }
}

/** A registrar that says what it decided in short words. */
const registrar = () => {
  let state = Registrar.initial
  const said = (input: Registrar.Input): string => {
    const [next, outcome] = Registrar.step(state, input)
    state = next
    if (outcome._tag !== "Changed") {
      return outcome._tag === "Taken" ? `taken by ${outcome.by.actor.uuid}` : outcome._tag
    }
    return outcome.changes.map((change) =>
      change._tag === "Snapshot" ? "snapshot" : `${change._tag} ${change.entry.actor.uuid}@${change.entry.actor.pid}` +
        (change._tag === "Down" ? ` ${change.why}` : "")
    ).join(", ")
  }
  const claim = (path: string, name: string, unique?: boolean, role?: string) =>
    said({ _tag: "Claim", entry: entry(path, name, unique, role) })
  const transfer = (uuid: string, from: string) => said({ _tag: "Transfer", uuid, pid: 7, from })
  const ready = (uuid: string, pid = 7) => said({ _tag: "Ready", uuid, pid })
  const gone = (uuid: string, why: "ended" | "stale" = "ended") => said({ _tag: "Gone", uuid, why })
  const listed = (name?: string) => Registrar.entries(state, name).map(({ actor }) => actor.uuid)
  claim("r", "root")
  ready("r", 0)
  return { claim, ready, transfer, gone, listed, state: () => state }
}

type Listed = Registrar.State["all"]

const linksOf = ({ chains }: Listed): number =>
  chains.reduce((sum, newest) => {
    let links = sum
    for (let block = newest; block !== undefined; block = block.older) links += block.links
    return links
  }, 0)

describe("The registrar lists the actors of a tree", () => {
  it("the registrar lists an actor from the moment it is ready until it is gone, with the pid that it has when it is ready", () => {
    const { claim, gone, listed, ready } = registrar()
    assert.strictEqual(claim("r/a", "alice"), "")
    assert.deepStrictEqual(listed(), ["r"])
    assert.strictEqual(ready("a", 42), "Up a@42")
    assert.strictEqual(ready("a", 43), "")
    assert.deepStrictEqual(listed(), ["a", "r"])
    assert.strictEqual(gone("a"), "Down a@42 ended")
    assert.strictEqual(gone("a"), "")
    assert.strictEqual(ready("a"), "")
    assert.deepStrictEqual(listed(), ["r"])
  })

  it("the registrar keeps no data of ended actors whose name a living actor still has", () => {
    const { claim, gone, listed, ready, state } = registrar()
    claim("r/stays", "twin")
    ready("stays")
    for (let i = 0; i < 100; i++) {
      claim(`r/${i}`, "twin")
      ready(`${i}`)
      gone(`${i}`)
    }
    assert.deepStrictEqual(listed("twin"), ["stays"])
    assert.isAtMost(linksOf(Option.getOrThrow(HashMap.get(state().names, "twin"))), 2)
  })

  it("G304: the removal of one of thousands of listed actors changes one block of the registrar's list, and keeps the order", () => {
    const many = 5_000
    let state = Registrar.initial
    const entryOf = (n: number) => ({
      actor: { name: `name-${n % 3}`, uuid: `${n}`, pid: n },
      path: ["other", `${n}`],
      service: null,
      exposed: [],
      unique: false
    })
    const blocksOf = ({ all }: Registrar.State) => {
      const blocks = []
      for (let block = all.chains[1]; block !== undefined; block = block.older) blocks.push(block)
      return blocks
    }
    const expected = Array.from({ length: many }, (_, n) => n)
    state = Registrar.step(state, { _tag: "Found", entries: expected.map(entryOf), tier: 1 })[0]
    let seed = 1
    while (expected.length > 0) {
      seed = seed * 48_271 % 2_147_483_647
      const [n] = expected.splice(seed % expected.length, 1)
      const heads = new Set(blocksOf(state).map(({ head }) => head))
      state = Registrar.step(state, { _tag: "Lost", uuids: [`${n}`], why: "ended" })[0]
      const blocks = blocksOf(state)
      const made = blocks.filter(({ head }) => !heads.has(head))
      assert.isAtMost(made.length, 1)
      for (const { alive, links } of blocks) assert.isTrue(links <= 512 && links <= 2 * alive)
      if (expected.length % 500 > 0) continue
      const listed = Registrar.entries(state).map(({ actor }) => actor.pid)
      assert.deepStrictEqual(listed, expected.toReversed())
      assert.isAtMost(blocks.length, 2 + Math.ceil(2 * expected.length / 256))
    }
    assert.isTrue(HashMap.isEmpty(state.names) && HashMap.isEmpty(state.held))
  })

  it("the registrar lists the holders of a shared name in the order in which they became ready, and not in the order of their claims", () => {
    const { claim, listed, ready } = registrar()
    claim("r/a", "twin")
    claim("r/b", "twin")
    ready("b")
    ready("a")
    assert.deepStrictEqual(listed("twin"), ["a", "b"])
    assert.deepStrictEqual(listed("nobody"), [])
  })

  it("a name that an actor claims alone has only one holder from the claim on, whichever of two claims comes first", () => {
    const { claim, gone, ready } = registrar()
    claim("r/a", "shared")
    assert.strictEqual(claim("r/b", "shared", true), "taken by a")
    claim("r/c", "alone", true)
    assert.strictEqual(claim("r/d", "alone"), "taken by c")
    assert.strictEqual(claim("r/e", "alone", true), "taken by c")
    ready("c")
    assert.strictEqual(claim("r/e", "alone", true), "taken by c")
    gone("c")
    assert.strictEqual(claim("r/e", "alone", true), "")
    assert.strictEqual(claim("r/x", "root", true), "taken by r")
  })

  it("all actors below an ended actor are removed with it, the deepest first, and no event reports actors that were not ready", () => {
    const { claim, gone, listed, ready } = registrar()
    for (const path of ["r/a", "r/a/b", "r/a/b/c", "r/a/d", "r/z"]) claim(path, path)
    for (const uuid of ["a", "b", "c", "z"]) ready(uuid)
    assert.strictEqual(gone("a", "stale"), "Down c@7 stale, Down b@7 stale, Down a@7 stale")
    assert.deepStrictEqual(listed(), ["z", "r"])
    assert.strictEqual(ready("d"), "")
    assert.strictEqual(claim("r/q", "r/a/b", true), "")
  })

  it("the registrar refuses a new actor if the actor's parent is gone or unlisted, or if the actor's path does not continue the parent's path", () => {
    const { claim, gone, ready } = registrar()
    claim("r/a", "alice")
    ready("a")
    gone("a")
    assert.strictEqual(claim("r/a/b", "bob"), "Orphan")
    assert.strictEqual(claim("r/ghost/b", "bob"), "Orphan")
    claim("r/c", "carol")
    assert.strictEqual(claim("x/c/b", "bob"), "Orphan")
    assert.strictEqual(claim("x", "another root"), "Orphan")
    assert.strictEqual(claim("r/c/b", "bob", true), "")
  })

  it("the registrar adds no actor whose path does not end with its own uuid", () => {
    const { listed, ready, state } = registrar()
    const forged: Entry = { ...entry("r/b", "bob"), actor: { name: "bob", uuid: "other", pid: 0 } }
    assert.deepStrictEqual(Registrar.step(state(), { _tag: "Claim", entry: forged })[1], { _tag: "Orphan" })
    ready("other")
    assert.deepStrictEqual(listed(), ["r"])
  })

  it("the registrar counts a repeated claim once, and lets no claim take over the uuid of another actor", () => {
    const { claim, listed, ready } = registrar()
    claim("r/a", "alice", true)
    assert.strictEqual(claim("r/a", "alice", true), "")
    ready("a")
    assert.deepStrictEqual(listed("alice"), ["a"])
    assert.strictEqual(claim("r/a", "mallory"), "Orphan")
    claim("r/m", "mallory")
    assert.strictEqual(claim("r/m/a", "alice"), "Orphan")
    assert.deepStrictEqual(listed("alice"), ["a"])
  })
})

describe("The registrar passes a name on between actors that play one role", () => {
  it("G208: the registrar lets only players of one role hold a unique name together", () => {
    const { claim, listed, ready } = registrar()
    claim("r/a", "counter", true, "role")
    ready("a")
    assert.strictEqual(claim("r/b", "counter", true, "role"), "")
    assert.deepStrictEqual(listed("counter"), ["a"])
    assert.strictEqual(claim("r/c", "counter", true), "taken by a")
    assert.strictEqual(claim("r/c", "counter", true, "another role"), "taken by a")
    assert.strictEqual(claim("r/a/c", "counter", true, "role"), "taken by a")
  })

  it("G208: the registrar transfers a name to a successor in one step, and the name is free at no time", () => {
    const { claim, gone, listed, ready, transfer } = registrar()
    claim("r/a", "counter", true, "role")
    ready("a")
    claim("r/b", "counter", true, "role")
    assert.strictEqual(transfer("b", "a"), "Down a@7 replaced, Up b@7")
    assert.deepStrictEqual(listed("counter"), ["b"])
    assert.strictEqual(claim("r/c", "counter", true), "taken by a")
    assert.strictEqual(gone("a"), "")
    assert.strictEqual(claim("r/c", "counter", true), "taken by b")
    assert.strictEqual(gone("b"), "Down b@7 ended")
    assert.strictEqual(claim("r/c", "counter", true), "")
  })

  it("G208: the registrar keeps a name for the standby of an actor that is gone", () => {
    const { claim, gone, listed, ready, transfer } = registrar()
    claim("r/a", "counter", true, "role")
    ready("a")
    claim("r/b", "counter", true, "role")
    gone("a")
    assert.strictEqual(claim("r/c", "counter"), "taken by b")
    assert.strictEqual(transfer("b", "a"), "Up b@7")
    assert.deepStrictEqual(listed("counter"), ["b"])
  })

  it("G208: the registrar lists new children of a replaced actor until the replaced actor is gone", () => {
    const { claim, gone, listed, ready, transfer } = registrar()
    claim("r/a", "counter", true, "role")
    ready("a")
    claim("r/b", "counter", true, "role")
    transfer("b", "a")
    assert.strictEqual(claim("r/a/c", "helper"), "")
    assert.strictEqual(ready("c"), "Up c@7")
    assert.strictEqual(gone("a"), "Down c@7 ended")
    assert.deepStrictEqual(listed(), ["b", "r"])
  })

  it("G208: when an actor takes over a role, the registrar unlists only the actor that had the role, and never lists this actor again", () => {
    const { claim, listed, ready, transfer } = registrar()
    for (const [path, role] of [["r/a", "one"], ["r/b", "two"], ["r/c", "one"]] as const) {
      claim(path, "shared", false, role)
    }
    ready("a")
    assert.strictEqual(transfer("b", "a"), "Up b@7")
    assert.strictEqual(transfer("c", "a"), "Down a@7 replaced, Up c@7")
    assert.strictEqual(ready("a"), "")
    assert.strictEqual(transfer("a", "c"), "")
    assert.deepStrictEqual(listed("shared"), ["c", "b"])
  })
})

/** The path of each actor: every uuid is the child of another one, three deep. */
const places = ["r/a", "r/b", "r/a/c", "r/a/d", "r/b/e", "r/a/c/f", "r/b/e/g", "r/h"]
const Ops = Schema.Array(Schema.Struct({
  what: Schema.Literals(["Claim", "Claim", "Ready", "Ready", "Transfer", "Gone"]),
  role: Schema.Literals(["", "", "p", "q"]),
  from: Schema.Literals(["0", "1", "2", "3", "4", "5", "6", "7"]),
  who: Schema.Literals(["0", "1", "2", "3", "4", "5", "6", "7"]),
  name: Schema.Literals(["x", "y", "z"]),
  unique: Schema.Boolean,
  why: Schema.Literals(["ended", "stale"])
})).pipe(Schema.check(Schema.isMaxLength(60)))
type Op = typeof Ops.Type[number]

const uuidOf = (who: Op["who"]): string => places[Number(who)]!.split("/").at(-1)!

const inputOf = ({ from, name, role, unique, what, who, why }: Op): Registrar.Input => {
  const place = places[Number(who)]!
  const uuid = place.split("/").at(-1)!
  switch (what) {
    case "Claim":
      return { _tag: "Claim", entry: entry(place, name, unique, role === "" ? undefined : role) }
    case "Ready":
      return { _tag: "Ready", uuid, pid: 1 }
    case "Transfer":
      return { _tag: "Transfer", uuid, pid: 1, from: uuidOf(from) }
    case "Gone":
      return { _tag: "Gone", uuid, why }
  }
}

const held = (state: Registrar.State) => Array.from(HashMap.values(state.held))

/** Runs the inputs behind a root, and hands out each step. */
const walk = (
  ops: ReadonlyArray<Op>,
  look: (step: {
    readonly before: Registrar.State
    readonly after: Registrar.State
    readonly input: Registrar.Input
    readonly outcome: Registrar.Outcome
  }) => void
): Registrar.State => {
  const root = entry("r", "root")
  let [before] = Registrar.step(Registrar.initial, { _tag: "Claim", entry: root })
  ;[before] = Registrar.step(before, { _tag: "Ready", uuid: "r", pid: 0 })
  for (const op of ops) {
    const input = inputOf(op)
    const [after, outcome] = Registrar.step(before, input)
    look({ before, after, input, outcome })
    before = after
  }
  return before
}

describe("The lists of the registrar agree with each other after random reports of starts and ends in any order", () => {
  it.prop("G208: a unique name has one holder, or several holders that play one role", { ops: Ops }, ({ ops }) => {
    walk(ops, ({ after }) => {
      const all = held(after)
      for (const { entry } of all.filter(({ entry }) => entry.unique)) {
        const namesakes = all.filter((other) => other.entry.actor.name === entry.actor.name)
        const roles = new Set(namesakes.map(({ entry }) => `${entry.path.at(-2)} ${entry.role?.name}`))
        assert.strictEqual(entry.role === undefined ? namesakes.length : roles.size, 1)
      }
    })
  })

  it.prop(
    "the registrar lists no actor that is not ready, or whose parent is not registered",
    { ops: Ops },
    ({ ops }) => {
      const ready = new Set(["r"])
      walk(ops, ({ after, before, input, outcome }) => {
        const uuids = new Set(held(after).map(({ entry }) => entry.actor.uuid))
        if ((input._tag === "Ready" || input._tag === "Transfer") && HashMap.has(before.held, input.uuid)) {
          ready.add(input.uuid)
        }
        if (input._tag === "Claim" && !HashMap.has(before.held, input.entry.actor.uuid)) {
          ready.delete(input.entry.actor.uuid)
        }
        assert.isDefined(outcome)
        for (const { actor, path } of Registrar.entries(after)) {
          assert.isTrue(ready.has(actor.uuid), `${actor.uuid} is not ready`)
          for (const above of path) assert.isTrue(uuids.has(above), `${actor.uuid} is listed without ${above}`)
        }
      })
    }
  )

  it.prop(
    "a listed actor is removed exactly once, and watchers get exactly the listed actors",
    { ops: Ops },
    ({ ops }) => {
      const up = new Set(["r"])
      const last = walk(ops, ({ after, outcome }) => {
        if (outcome._tag !== "Changed") return
        for (const change of outcome.changes) {
          assert(change._tag !== "Snapshot")
          const { uuid } = change.entry.actor
          if (change._tag === "Up") assert.isFalse(up.has(uuid), `${uuid} came up twice`)
          else assert.isTrue(up.has(uuid), `${uuid} went down and was not up`)
          if (change._tag === "Up") up.add(uuid)
          else up.delete(uuid)
        }
        assert.deepStrictEqual(Registrar.entries(after).map(({ actor }) => actor.uuid).toSorted(), [...up].toSorted())
      })
      const [, end] = Registrar.step(last, { _tag: "Gone", uuid: "r", why: "ended" })
      assert(end._tag === "Changed")
      assert.deepStrictEqual(
        end.changes.map((change) => change._tag === "Down" ? change.entry.actor.uuid : "").toSorted(),
        [...up].toSorted()
      )
    }
  )

  it.prop(
    "the registrar's index of names agrees with its entries, and keeps nothing of ended actors",
    { ops: Ops },
    ({ ops }) => {
      walk(ops, ({ after }) => {
        const all = held(after).map(({ entry }) => `${entry.actor.name} ${entry.actor.uuid}`).toSorted()
        const indexed = Array.from(
          HashMap.entries(after.names),
          ([name, { uuids }]) => Array.from(uuids, (uuid) => `${name} ${uuid}`)
        )
        assert.deepStrictEqual(indexed.flat().toSorted(), all)
        assert.isTrue(indexed.every((uuids) => uuids.length > 0))
        const below = Array.from(
          HashMap.entries(after.children),
          ([parent, uuids]) => Array.from(uuids, (uuid) => `${parent}/${uuid}`)
        )
        assert.isTrue(below.every((uuids) => uuids.length > 0))
        const edges = held(after).filter(({ entry }) => entry.path.length > 1).map(({ entry }) =>
          entry.path.slice(-2).join("/")
        )
        assert.deepStrictEqual(below.flat().toSorted(), edges.toSorted())
      })
    }
  )

  it.prop(
    "the registrar lists the actors of one name in the order of all actors, with at most two links of its index for each actor",
    { ops: Ops },
    ({ ops }) => {
      walk(ops, ({ after }) => {
        for (const [name, named] of HashMap.entries(after.names)) {
          const all = Registrar.entries(after).filter(({ actor }) => actor.name === name)
          assert.deepStrictEqual(Registrar.entries(after, name), all)
          assert.deepStrictEqual(Registrar.entries(after, name, 1), all.slice(0, 1))
          assert.isAtMost(linksOf(named), 2 * HashSet.size(named.uuids))
        }
      })
    }
  )

  it.prop(
    "a report about an unknown actor, or a refused claim, changes nothing in the registrar",
    { ops: Ops },
    ({ ops }) => {
      walk(ops, ({ after, before, input, outcome }) => {
        const stale = "uuid" in input && !HashMap.has(before.held, input.uuid)
        if (!stale && outcome._tag === "Changed") return
        assert.strictEqual(after, before)
        if (stale) assert.deepStrictEqual(outcome, { _tag: "Changed", changes: [] })
      })
    }
  )
})
