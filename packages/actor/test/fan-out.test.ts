/** The fan-out of one stream to several readers, as a machine without IO. */
import { assert, describe, it } from "@effect/vitest"
import * as FanOut from "@furrow/actor/internal/stream/FanOut"
import { Arbitrary, Schema } from "effect"

/** A feed of the numbers from 1 on, its readers, and what each of them was given. */
class World {
  state = FanOut.initial
  /** The items that the dialog still has, the oldest first. */
  feed: Array<unknown> = []
  readonly taken = new Map<number, Array<unknown>>()
  private lastId = 0
  private last = 0

  input(input: FanOut.Input): FanOut.Outcome {
    const [state, outcome] = FanOut.step(this.state, input)
    this.state = state
    if (outcome._tag === "GiveBack") this.feed.unshift(...outcome.items)
    return outcome
  }

  arrive(count: number): void {
    for (let i = 0; i < count; i++) this.feed.push(++this.last)
  }

  join(policy: FanOut.Policy, capacity = 4): number {
    const id = policy === "owner" ? 0 : ++this.lastId
    this.input({ _tag: "Join", id, policy, capacity })
    return id
  }

  leave(id: number): FanOut.Outcome {
    return this.input({ _tag: "Leave", id })
  }

  /** Reads what the members want, as the executor does. */
  read(): void {
    for (let room = FanOut.wanted(this.state); room > 0 && this.feed.length > 0; room = FanOut.wanted(this.state)) {
      this.input({ _tag: "Push", items: this.feed.splice(0, Math.min(room, 3)) })
    }
  }

  /** Takes one item, and reads where there is none. */
  take(id: number): unknown {
    let outcome = this.input({ _tag: "Take", id })
    if (outcome._tag === "Empty") {
      this.read()
      outcome = this.input({ _tag: "Take", id })
    }
    if (outcome._tag !== "Item") return outcome._tag
    this.taken.set(id, [...this.taken.get(id) ?? [], outcome.item])
    return outcome.item
  }
}

const times = <A>(count: number, f: () => A): ReadonlyArray<A> => Array.from({ length: count }, f)

describe("The machine of a fan-out shares one stream between its readers", () => {
  it("a fan-out reads nothing before it has a member, and before a member takes an item", () => {
    const world = new World()
    world.arrive(5)
    assert.strictEqual(FanOut.wanted(world.state), 0)
    const id = world.join("wait")
    assert.strictEqual(FanOut.wanted(world.state), 0)
    assert.strictEqual(world.take(id), 1)
    assert.deepStrictEqual(world.feed, [4, 5])
  })

  it("FanOut.isShared is true while the fan-out has a member, and false before and afterwards", () => {
    const world = new World()
    assert.isFalse(FanOut.isShared(world.state))
    const id = world.join("wait")
    assert.isTrue(FanOut.isShared(world.state))
    world.leave(id)
    assert.isFalse(FanOut.isShared(world.state))
  })

  it("a fan-out's member with the policy `wait` and a full buffer holds back the other members, until the member reads on or leaves", () => {
    const world = new World()
    const slow = world.join("wait", 2)
    const quick = world.join("wait")
    world.arrive(10)
    assert.deepStrictEqual(times(4, () => world.take(quick)), [1, 2, "Empty", "Empty"])
    assert.strictEqual(world.take(slow), 1)
    assert.strictEqual(world.take(quick), 3)
    assert.strictEqual(world.take(quick), "Empty")
    world.leave(slow)
    assert.deepStrictEqual(times(7, () => world.take(quick)), [4, 5, 6, 7, 8, 9, 10])
  })

  it("a fan-out's member with the policy `lag` or `drop` holds back no member and loses its oldest items, and is told once with `lag`", () => {
    const world = new World()
    const lagging = world.join("lag", 2)
    const dropping = world.join("drop", 3)
    world.arrive(10)
    world.read()
    assert.deepStrictEqual(world.feed, [])
    assert.deepStrictEqual(times(4, () => world.take(lagging)), ["Lagged", 9, 10, "Empty"])
    assert.deepStrictEqual(times(4, () => world.take(dropping)), [8, 9, 10, "Empty"])
  })

  it("unread items of a fan-out go back to the reader of the stream when the last member leaves", () => {
    const world = new World()
    const one = world.join("wait")
    const other = world.join("wait")
    world.arrive(6)
    assert.deepStrictEqual(times(2, () => world.take(one)), [1, 2])
    assert.strictEqual(world.take(other), 1)
    assert.strictEqual(world.leave(one)._tag, "Nothing")
    assert.deepStrictEqual(world.leave(other), { _tag: "GiveBack", items: [3], lagged: false })
    assert.deepStrictEqual(world.feed, [3, 4, 5, 6])
    assert.isFalse(FanOut.isShared(world.state))
    assert.strictEqual(world.leave(other)._tag, "Gone")
    assert.strictEqual(world.take(other), "Gone")
  })

  it("a member of a fan-out begins with the oldest unread item", () => {
    const world = new World()
    const first = world.join("wait")
    world.arrive(6)
    assert.deepStrictEqual(times(2, () => world.take(first)), [1, 2])
    const second = world.join("wait")
    assert.deepStrictEqual(times(3, () => world.take(second)), [3, 4, 5])
    assert.deepStrictEqual(times(3, () => world.take(first)), [3, 4, 5])
  })

  it("a fan-out's reader with the policy `owner` holds back no member, hears that it lost items, and gets its unread items when the last member leaves", () => {
    const world = new World()
    const member = world.join("wait", 8)
    const owner = world.join("owner", 2)
    world.arrive(9)
    assert.deepStrictEqual(times(3, () => world.take(member)), [1, 2, 3])
    assert.deepStrictEqual(times(3, () => world.take(owner)), ["Lagged", 2, 3])
    assert.deepStrictEqual(times(3, () => world.take(member)), [4, 5, 6])
    assert.deepStrictEqual(world.leave(member), { _tag: "GiveBack", items: [5, 6], lagged: true })
    assert.isFalse(FanOut.isShared(world.state))
  })

  it("unread items of a fan-out go to the reader with the policy `owner` when all other members leave, even if this reader is far behind", () => {
    const world = new World()
    const slow = world.join("wait", 8)
    const owner = world.join("owner", 2)
    world.arrive(1)
    assert.deepStrictEqual([world.take(slow), world.take(owner)], [1, 1])
    world.arrive(8)
    assert.strictEqual(world.take(slow), 2)
    const outcome = world.leave(slow)
    assert(outcome._tag === "GiveBack" && outcome.lagged)
    assert.deepStrictEqual(world.feed, [3, 4, 5, 6, 7, 8, 9])
  })

  it("a running reader of `toStream` becomes a member of the fan-out, with the policy `wait`, when another reader subscribes", () => {
    const world = new World()
    world.input({ _tag: "Attach", id: 8, capacity: 2 })
    world.input({ _tag: "Attach", id: 9, capacity: 2 })
    world.arrive(5)
    assert.isFalse(FanOut.isShared(world.state))
    assert.strictEqual(FanOut.wanted(world.state), 0)
    world.leave(9)
    const member = world.join("wait")
    assert.deepStrictEqual(times(3, () => world.take(member)), [1, 2, "Empty"])
    assert.strictEqual(world.take(9), "Gone")
    assert.deepStrictEqual(times(2, () => world.take(8)), [1, 2])
    world.leave(member)
    assert.deepStrictEqual(times(4, () => world.take(8)), [3, 4, 5, "Empty"])
    assert.strictEqual(world.leave(8)._tag, "GiveBack")
  })

  const anyMove = Schema.Union([
    Schema.Struct({ move: Schema.Literal("arrive"), count: Schema.Literals([1, 2, 5]) }),
    Schema.Struct({
      move: Schema.Literal("join"),
      policy: Schema.Literals(["wait", "wait", "lag", "drop", "owner"]),
      capacity: Schema.Literals([1, 2, 4])
    }),
    Schema.Struct({
      move: Schema.Literals(["leave", "take", "take twice", "read"]),
      who: Schema.Literals([0, 1, 2, 3])
    })
  ])

  it.prop(
    "a member of a fan-out gets each item once and in bounded memory; only a member whose policy allows a loss may lose items",
    { moves: Arbitrary.array(Arbitrary.schema(anyMove), { maxLength: 40 }) },
    ({ moves }) => {
      const world = new World()
      const policies = new Map<number, readonly [policy: FanOut.Policy, capacity: number]>()
      /** Items that somebody was given, or that a lossy member may have thrown away. */
      let lossy = false
      for (const move of moves) {
        switch (move.move) {
          case "arrive":
            world.arrive(move.count)
            break
          case "join": {
            if (move.policy === "owner" && (world.state.members.has(0) || !FanOut.isShared(world.state))) break
            const id = world.join(move.policy, move.capacity)
            policies.set(id, [move.policy, move.capacity])
            if (move.policy !== "wait") lossy = true
            break
          }
          case "leave":
            world.leave(move.who)
            break
          case "read":
            world.read()
            break
          default:
            world.take(move.who)
            if (move.move === "take twice") world.take(move.who)
        }
        const { items, members } = world.state
        if (members.size === 0) assert.lengthOf(items, 0)
        const most = Math.max(0, ...Array.from(members.values(), ({ capacity }) => capacity))
        // Twice: what every member has taken is forgotten once it is worth a copy.
        assert.isAtMost(items.length, 2 * most)
      }
      for (const [id, taken] of world.taken) {
        for (let i = 1; i < taken.length; i++) {
          assert.isAbove(taken[i] as number, taken[i - 1] as number, `${id} reads in order, and nothing twice`)
          if (policies.get(id)?.[0] === "wait") assert.strictEqual(taken[i], (taken[i - 1] as number) + 1, "no gap")
        }
      }
      if (lossy) return
      // All readers leave: the next reader gets the items that none was given.
      for (const id of Array.from(world.state.members.keys())) world.leave(id)
      const given = Math.max(0, ...Array.from(world.taken.values(), (taken) => taken.at(-1) as number ?? 0))
      if (world.feed.length > 0) assert.strictEqual(world.feed[0], given + 1)
      for (let i = 1; i < world.feed.length; i++) assert.strictEqual(world.feed[i], (world.feed[i - 1] as number) + 1)
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("A fan-out without members", () => {
  it("a fan-out without members reads nothing, even if its last member was waiting for an item", () => {
    assert.strictEqual(FanOut.wanted({ ...FanOut.initial, hungry: true }), 0)
    assert.strictEqual(FanOut.unreadBy({ ...FanOut.initial, items: [1] }, 1), 0)
  })
})
