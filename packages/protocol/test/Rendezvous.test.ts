import { assert, describe, it } from "@effect/vitest"
import * as Rendezvous from "@furrow/protocol/Rendezvous"
import { Arbitrary, Schema } from "effect"

type Word = "hello" | "welcome" | "duplicate" | "refused" | "end"
type Name = "a" | "b"

/** One connection between the two, with what is on its way to either end. */
interface Wire {
  readonly id: number
  readonly dialler: Name
  readonly to: { readonly [N in Name]: Array<Word> }
  readonly gone: { [N in Name]: boolean }
}

type State = Rendezvous.State<Wire, Wire>
type Input = Rendezvous.Input<Wire, Wire, string>

const other = (name: Name): Name => name === "a" ? "b" : "a"

class Side {
  state: State
  /** A caller waits for a connection. */
  waiting = false
  dials = 0
  retries = 0
  /** The connection that our dial is greeting over. */
  greeting: Wire | undefined
  private readonly name: Name
  private readonly world: World

  constructor(name: Name, world: World) {
    this.name = name
    this.world = world
    this.state = Rendezvous.initial(name)
  }

  input(input: Input): void {
    const [state, actions] = Rendezvous.step(this.state, input)
    this.state = state
    for (const action of actions) this.execute(action)
  }

  private execute(action: Rendezvous.Action<Wire, Wire, string>): void {
    switch (action._tag) {
      case "Dial":
        return void this.dials++
      case "AwaitRetry":
        return void this.retries++
      case "StopDial":
        this.dials = 0
        if (this.greeting !== undefined) this.leave(this.greeting)
        this.greeting = undefined
        return
      case "Answer":
      case "Fail":
        assert.isTrue(this.waiting, "nobody is told twice")
        this.waiting = false
        return
      case "CloseStale":
      case "TakeLeave":
      case "Cut":
        return this.leave(action.connection)
      case "CutStranger":
        return this.leave(action.stranger)
    }
  }

  leave(wire: Wire): void {
    if (wire.gone[this.name]) return
    wire.gone[this.name] = true
    wire.to[this.name].length = 0
    wire.to[other(this.name)].push("end")
  }

  want(): void {
    const link = this.state.links.get(other(this.name))
    const usable = link?._tag === "Open" && !link.connection.gone[this.name]
    this.waiting = true
    this.input({ _tag: "Wanted", peer: other(this.name), usable })
  }

  connect(): void {
    if (this.dials === 0) return
    this.dials--
    const wire: Wire = {
      id: this.world.wires.length,
      dialler: this.name,
      to: { a: [], b: [] },
      gone: { a: false, b: false }
    }
    this.world.wires.push(wire)
    this.greeting = wire
    this.input({ _tag: "Connected", peer: other(this.name) })
    this.world.sides[other(this.name)].input({ _tag: "StrangerCame", stranger: wire })
    wire.to[other(this.name)].push("hello")
  }

  /** The next word of a connection arrives here. */
  hear(wire: Wire): void {
    const word = wire.to[this.name].shift()
    if (word === undefined || wire.gone[this.name]) return
    const peer = other(this.name)
    if (word === "hello") return this.greeted(wire)
    const dials = this.greeting === wire
    if (dials) this.greeting = undefined
    // A dial that the peer's own has overtaken has nothing to say; the executor does not pass it on.
    const speaks = dials && this.waiting
    if (word === "welcome") return this.input({ _tag: "Welcomed", peer, connection: wire })
    this.leave(wire)
    if (word === "duplicate") return speaks ? this.input({ _tag: "RefusedAsDuplicate", peer }) : undefined
    if (dials) return speaks ? this.input({ _tag: "DialFailed", peer, error: word }) : undefined
    this.input({ _tag: "StrangerEnded", stranger: wire, reason: "it hung up" })
    this.input({ _tag: "Ended", peer, connection: wire })
  }

  private greeted(wire: Wire): void {
    const peer = other(this.name)
    const hello = { actor: { name: peer, uuid: peer, pid: 1 }, role: "peer" } as const
    const refusal = Rendezvous.judge(this.state, hello, (open) => !open.gone[this.name])
    if (refusal === undefined) {
      wire.to[peer].push("welcome")
      return this.input({ _tag: "StrangerAdmitted", stranger: wire, peer, connection: wire })
    }
    const isDuplicate = refusal.reason === "duplicate"
    wire.to[peer].push(isDuplicate ? "duplicate" : "refused")
    this.input({ _tag: "StrangerRefused", stranger: wire, reason: isDuplicate ? undefined : refusal.detail })
  }

  get open(): Wire | undefined {
    const link = this.state.links.get(other(this.name))
    return link?._tag === "Open" ? link.connection : undefined
  }
}

class World {
  readonly wires: Array<Wire> = []
  readonly sides: { readonly [N in Name]: Side } = { a: new Side("a", this), b: new Side("b", this) }

  move(move: Move): void {
    const side = this.sides[move.side]
    const wire = this.wires[move.wire % Math.max(1, this.wires.length)]
    switch (move._tag) {
      case "want":
        return side.want()
      case "connect":
        return side.connect()
      case "hear":
        return wire === undefined ? undefined : side.hear(wire)
      case "retry":
        if (side.retries === 0) return
        side.retries--
        return side.input({ _tag: "RetryDue", peer: other(move.side) })
      case "late":
        return side.input({ _tag: "DialLate", peer: other(move.side) })
      case "cut":
        // Both ends hear of it, each in its own time; what was on its way is lost.
        if (wire === undefined) return
        for (const name of ["a", "b"] as const) wire.to[name].splice(0, Infinity, "end")
        return
    }
  }

  /** Without new wishes, words on their way arrive. */
  settle(): void {
    for (let round = 0; round < 200; round++) {
      for (const side of ["a", "b"] as const) {
        this.move({ _tag: "connect", side, wire: 0 })
        this.move({ _tag: "retry", side, wire: 0 })
        for (let wire = 0; wire < this.wires.length; wire++) this.move({ _tag: "hear", side, wire })
      }
    }
  }
}

const Move = Schema.Struct({
  _tag: Schema.Literals(["want", "connect", "connect", "hear", "hear", "hear", "hear", "retry", "late", "cut"]),
  side: Schema.Literals(["a", "b"]),
  wire: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
})
type Move = typeof Move.Type

const Moves = { moves: Arbitrary.array(Arbitrary.schema(Move), { maxLength: 60 }) }

describe("The machine of a rendezvous keeps one connection to each peer", () => {
  it.prop(
    "two actors share one connection or have no connection, whatever dials and losses happen between them",
    Moves,
    ({ moves }) => {
      const world = new World()
      for (const move of moves) world.move(move)
      world.settle()
      const { a, b } = world.sides
      assert.strictEqual(a.open, b.open)
      const alive = world.wires.filter(({ gone }) => !gone.a && !gone.b)
      assert.deepStrictEqual(alive, a.open === undefined ? [] : [a.open])
    }
  )

  it.prop(
    "the end of an actor ends all its dials, and each caller that waits for a connection is told of the end once",
    Moves,
    ({ moves }) => {
      const world = new World()
      for (const move of moves) world.move(move)
      world.settle()
      for (const side of [world.sides.a, world.sides.b]) {
        assert.isFalse(side.waiting)
        for (const [, link] of side.state.links) assert.strictEqual(link._tag, "Open")
      }
    }
  )

  it.prop(
    "two actors that dial each other get a connection in any order of events if no connection is lost",
    Moves,
    ({ moves }) => {
      const world = new World()
      for (const move of moves) if (move._tag !== "cut" && move._tag !== "late") world.move(move)
      world.sides.a.want()
      world.settle()
      assert.isDefined(world.sides.a.open)
      assert.strictEqual(world.sides.a.open, world.sides.b.open)
    }
  )

  it.prop(
    "an actor that is ending and has closed its connections opens no connection any more, whatever its peers do",
    Moves,
    ({ moves }) => {
      const world = new World()
      for (const move of moves) world.move(move)
      const { a } = world.sides
      a.input({ _tag: "Ending" })
      a.input({ _tag: "Close", how: "leave" })
      assert.isFalse(a.waiting)
      for (const move of moves) world.move(move)
      world.settle()
      assert.deepStrictEqual([a.state.links.size, a.state.strangers.size, a.waiting], [0, 0, false])
      assert.isUndefined(world.sides.b.open)
    }
  )

  it("of two dials that two actors make to each other at once, the dial of the actor with the smaller uuid becomes the connection", () => {
    const world = new World()
    const { a, b } = world.sides
    for (const side of [a, b]) side.want()
    for (const side of [b, a]) side.connect()
    world.settle()
    assert.strictEqual(a.open?.dialler, "a")
    assert.strictEqual(b.open, a.open)
  })

  it("an actor whose dial was refused as a duplicate dials again after a short time, unless the peer's dial has arrived", () => {
    type Step = Rendezvous.Input<number, number, string>
    const play = (...inputs: ReadonlyArray<Step>) => {
      let state = Rendezvous.initial<number, number>("b")
      let last: ReadonlyArray<string> = []
      for (const input of inputs) {
        const [next, actions] = Rendezvous.step(state, input)
        state = next
        last = actions.map(({ _tag }) => _tag)
      }
      return last
    }
    const peer = "a"
    const refused: ReadonlyArray<Step> = [
      { _tag: "Wanted", peer, usable: false },
      { _tag: "Connected", peer },
      { _tag: "RefusedAsDuplicate", peer }
    ]
    assert.deepStrictEqual(play(...refused), ["AwaitRetry"])
    assert.deepStrictEqual(play(...refused, { _tag: "RetryDue", peer }), ["Dial"])
    const came: ReadonlyArray<Step> = [
      { _tag: "StrangerCame", stranger: 1 },
      { _tag: "StrangerAdmitted", stranger: 1, peer, connection: 1 }
    ]
    assert.deepStrictEqual(play(...refused, ...came), ["Serve", "Answer"])
    assert.deepStrictEqual(play(...refused, ...came, { _tag: "RetryDue", peer }), [])
    // Its supposed connection is dead, though the end was not seen.
    assert.deepStrictEqual(play(...came, { _tag: "Welcomed", peer, connection: 2 }), ["CloseStale", "Serve"])
  })

  it("an actor admits no child, no actor with its own uuid, and no peer while the actor is ending", () => {
    const state = Rendezvous.initial<Wire, Wire>("a")
    const judged = (uuid: string, role: "peer" | "child", given = state) =>
      Rendezvous.judge(given, { actor: { name: "", uuid, pid: 1 }, role }, () => true)?.reason
    const [ending] = Rendezvous.step<Wire, Wire, string>(state, { _tag: "Ending" })
    assert.deepStrictEqual(
      [judged("b", "peer"), judged("b", "child"), judged("a", "peer"), judged("b", "peer", ending)],
      [undefined, "role", "identity", "busy"]
    )
  })
})

const Coming = Schema.Struct({
  _tag: Schema.Literals(["comes", "comes", "comes", "comes", "is refused", "ends", "is late", "is admitted"]),
  who: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 199 }))
})

describe("An actor never has more strangers than its limit, and cuts off the oldest stranger above the limit", () => {
  it.prop(
    "the number of strangers never exceeds its limit, and each stranger is cut off or admitted, and reported at most once",
    {
      seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 90 })),
      events: Arbitrary.array(Arbitrary.schema(Coming), { maxLength: 120 })
    },
    ({ events, seed }) => {
      let state = Rendezvous.initial<number, number>("a")
      const cut = new Set<number>()
      const admitted = new Set<number>()
      let came = 0
      let reports = 0
      const input = (input: Rendezvous.Input<number, number, string>) => {
        const [next, actions] = Rendezvous.step(state, input)
        state = next
        for (const action of actions) {
          if (action._tag === "CutStranger") {
            assert.isFalse(cut.has(action.stranger) || admitted.has(action.stranger))
            cut.add(action.stranger)
          }
          if (action._tag === "ReportStranger") reports++
          if (action._tag === "Serve") admitted.add(action.connection)
        }
        assert.isAtMost(state.strangers.size, Rendezvous.maxStrangers)
      }
      const comes = () => input({ _tag: "StrangerCame", stranger: came++ })
      for (let n = 0; n < seed; n++) comes()
      for (const { _tag, who: stranger } of events) {
        if (_tag === "comes") comes()
        else if (_tag === "is refused") input({ _tag: "StrangerRefused", stranger, reason: "no proof" })
        else if (_tag === "ends") input({ _tag: "StrangerEnded", stranger, reason: "it hung up" })
        else if (_tag === "is late") input({ _tag: "StrangerLate", stranger })
        else input({ _tag: "StrangerAdmitted", stranger, peer: `p${stranger}`, connection: stranger })
      }
      input({ _tag: "Ending" })
      assert.strictEqual(cut.size + admitted.size, came)
      assert.isAtMost(reports, came)
    }
  )

  it("a stranger above the limit evicts the oldest stranger, which is reported", () => {
    let state = Rendezvous.initial<number, number>("a")
    let last: ReadonlyArray<Rendezvous.Action<number, number, string>> = []
    for (let stranger = 0; stranger <= Rendezvous.maxStrangers; stranger++) {
      ;[state, last] = Rendezvous.step<number, number, string>(state, { _tag: "StrangerCame", stranger })
    }
    assert.deepStrictEqual(last, [
      { _tag: "ReportStranger", reason: "too many strangers at once" },
      { _tag: "CutStranger", stranger: 0 }
    ])
  })
})

describe("A dial that fails", () => {
  type S = Rendezvous.State<number, number>
  const after = (...inputs: ReadonlyArray<Rendezvous.Input<number, number, string>>) => {
    let state: S = Rendezvous.initial<number, number>("a")
    let actions: ReadonlyArray<Rendezvous.Action<number, number, string>> = []
    for (const input of inputs) [state, actions] = Rendezvous.step<number, number, string>(state, input)
    return { link: state.links.get("b")?._tag, actions }
  }
  const wanted = { _tag: "Wanted", peer: "b", usable: true } as const
  const connected = { _tag: "Connected", peer: "b" } as const
  const failed = { _tag: "DialFailed", peer: "b", error: "refused" } as const
  const told: ReturnType<typeof after> = {
    link: undefined,
    actions: [{ _tag: "Fail", peer: "b", why: { error: "refused" } }]
  }

  it("the failure of a dial before or during its greeting is reported to all callers that wait for the dial", () => {
    assert.deepStrictEqual(after(wanted, failed), told)
    assert.deepStrictEqual(after(wanted, connected, failed), told)
  })

  it("the failure of a dial changes nothing if the peer has refused the dial as a duplicate, or if the connection is already open", () => {
    const duplicate = after(wanted, connected, { _tag: "RefusedAsDuplicate", peer: "b" }, failed)
    assert.deepStrictEqual(duplicate, { link: "Duplicate", actions: [] })
    const open = after(wanted, connected, { _tag: "Welcomed", peer: "b", connection: 1 }, failed)
    assert.deepStrictEqual(open, { link: "Open", actions: [] })
    assert.deepStrictEqual(after(failed), { link: undefined, actions: [] })
  })

  it("a stranger that is refused is reported once, and keeps its connection until it has read the reason of the refusal", () => {
    const came = { _tag: "StrangerCame", stranger: 1 } as const
    const refused = { _tag: "StrangerRefused", stranger: 1, reason: "no proof" } as const
    const report = { _tag: "ReportStranger", reason: "no proof" } as const
    assert.deepStrictEqual(after(came, refused).actions, [report])
    assert.deepStrictEqual(after(came, refused, refused).actions, [])
    assert.deepStrictEqual(after(came, { ...refused, reason: undefined }).actions, [])
    assert.deepStrictEqual(after(came, refused, { _tag: "StrangerLate", stranger: 1 }).actions, [
      { _tag: "CutStranger", stranger: 1 }
    ])
  })
})

describe("An actor ends all its connections", () => {
  it("a rendezvous that closes its connections says Bye when it is told to leave, and sends no Bye when it is told to cut them", () => {
    const state: Rendezvous.State<string, string> = {
      ...Rendezvous.initial("a"),
      links: new Map([["b", { _tag: "Open", connection: "c" }]])
    }
    const tags = (["leave", "cut"] as const).map((how) =>
      Rendezvous.step(state, { _tag: "Close", how })[1].map(({ _tag }) => _tag)
    )
    assert.deepStrictEqual(tags, [["TakeLeave"], ["Cut"]])
  })
})
