import { assert, describe, it } from "@effect/vitest"
import { gaveUpOf } from "@furrow/actor/internal/supervision/SupervisorEnds"
import * as Machine from "@furrow/actor/internal/supervision/SupervisorMachine"
import { problemOf } from "@furrow/actor/internal/supervision/SupervisorProblems"
import * as State from "@furrow/actor/internal/supervision/SupervisorState"
import { Schema } from "effect"
import { child, exits, Played, policyOf, rowsBelow, up } from "./support/PlayedSupervisor.ts"

/** b uses a, and c uses b; x uses none. */
const line = [child("a"), child("b", "a"), child("c", "b"), child("x")]
/** d uses b and c, which both use a. */
const diamond = [child("a"), child("b", "a"), child("c", "a"), child("d", "b", "c")]

describe("A supervisor decides what the exit of a child means", () => {
  const [[, ...types] = [], ...rows] = rowsBelow("What an end means")

  it("G149: docs/supervision.md lists what every exit means for every restart type", () => {
    assert.deepStrictEqual(rows.map(([exit]) => exit).sort(), Object.keys(exits).sort())
    assert.deepStrictEqual(types, ["permanent", "transient", "temporary"])
  })

  for (const [exit = "", ...cells] of rows) {
    for (const [i, cell] of cells.entries()) {
      it(`G149: a supervisor restarts or drops a child that ends, as its restart type says (case: ${exit} of a ${types[i]} child: ${cell})`, () => {
        const restart = types[i] as Machine.Restart
        const played = up([{ ...child("a"), restart }])
        const actions = played.play(`a dies ${exit}; a stopped; waited`)
        assert.strictEqual(actions.includes("start a2") ? "restart" : "drop", cell)
        assert.strictEqual(Machine.view(played.policy, played.state, "a"), cell === "drop" ? "gone" : "restarting")
      })
    }
  }
})

describe("A supervisor restarts its children by a strategy", () => {
  const [[, ...deaths] = [], ...rows] = rowsBelow("Who goes with it")
  const children = [child("Store"), child("Counter", "Store"), child("Web", "Counter"), child("Mail")]
  for (const [strategy = "", ...cells] of rows) {
    for (const [i, cell] of cells.entries()) {
      it(`G150: after a death, a supervisor stops the children of its strategy in reverse order and starts them in order (case: ${strategy}, ${deaths[i]}: ${cell})`, () => {
        const keys = cell.split(" ")
        const played = up(children, { strategy: strategy as Machine.Strategy })
        const [dead = ""] = deaths[i]!.split(" ")
        const actions = [...played.play(`${dead} dies`)]
        for (const key of [...keys].reverse()) actions.push(...played.play(`${key} stopped`))
        actions.push(...played.play("waited"))
        for (const key of keys) actions.push(...played.play(`${key} up`))
        const done = (verb: string) => actions.filter((action) => action.startsWith(`${verb} `))
        assert.deepStrictEqual(done("stop"), [...keys].reverse().map((key) => `stop ${key}1`))
        assert.deepStrictEqual(done("start"), keys.map((key) => `start ${key}2`))
      })
    }
  }
})

// ---- the hard cases -------------------------------------------------------------------------------------------------

const cases: ReadonlyArray<readonly [string, () => Played, string, ReadonlyArray<string>]> = [
  ["G151: a first start goes through the children in order", () => new Played(line), "a up; b up; c up; x up", [
    "start b1",
    "start c1",
    "start x1",
    "ready"
  ]],
  [
    "G151: a first start that fails stops what is up in reverse",
    () => new Played(line),
    "a up; b up; c fails; b stopped; a stopped",
    [
      "start b1",
      "start c1",
      "stop b1",
      "stop a1",
      "closed: NotStarted"
    ]
  ],
  [
    "G151: a child that dies before all are up fails the first start",
    () => new Played(line),
    "a up; a dies; b stopped; a stopped",
    [
      "start b1",
      "stop b1",
      "stop a1",
      "closed: EndedEarly"
    ]
  ],
  [
    "G151: a child that leaves the list is not started by hand any more",
    () => new Played([], { dynamic: true, strategy: "one-for-one" }),
    "k add; k up; k remove; k restart; k start; k stopped",
    [
      "start k1",
      "stop k1",
      "removed k"
    ]
  ],
  [
    "G151: users are stopped before what has died is started",
    () => up(line),
    "b dies; c stopped; b stopped; waited; b up; c up",
    [
      "restarting b c",
      "stop c1",
      "stop b1",
      "wait afresh",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c"
    ]
  ],
  [
    "G151: the death of a child that is being stopped is ignored",
    () => up(line),
    "a dies; b dies; c dies; c stopped; b stopped; a stopped; waited",
    [
      "restarting a b c",
      "stop c1",
      "stop b1",
      "stop a1",
      "wait afresh",
      "start a2"
    ]
  ],
  [
    "G151: a death during the wait shares it, and counts",
    () => up(line),
    "a dies; c stopped; b stopped; a stopped; x dies; x stopped; waited; a up; b up; c up",
    [
      "restarting a b c",
      "stop c1",
      "stop b1",
      "stop a1",
      "wait afresh",
      "restarting x",
      "stop x1",
      "start a2",
      "restarted a",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c",
      "start x2"
    ]
  ],
  [
    "G151: a death while others start lets them start, and waits for itself",
    () => up(line),
    "a dies; c stopped; b stopped; a stopped; waited; x dies; x stopped; a up; waited",
    [
      "restarting a b c",
      "stop c1",
      "stop b1",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarting x",
      "stop x1",
      "wait",
      "restarted a",
      "start b2"
    ]
  ],
  [
    "G151: what is used dies while its user starts again",
    () => up(line),
    "b dies; c stopped; b stopped; waited; a dies; b stopped; a stopped; waited; a up",
    [
      "restarting b c",
      "stop c1",
      "stop b1",
      "wait afresh",
      "start b2",
      "restarting a b c",
      "stop b2",
      "stop a1",
      "wait",
      "start a2",
      "restarted a",
      "start b3"
    ]
  ],
  [
    "G151: a diamond starts each child once",
    () => up(diamond),
    "a dies; d stopped; c stopped; b stopped; a stopped; waited; a up; b up; c up; d up",
    [
      "restarting a b c d",
      "stop d1",
      "stop c1",
      "stop b1",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarted a",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c",
      "start d2",
      "restarted d"
    ]
  ],
  [
    "G151: a start again that fails is one more death",
    () => up([child("a")]),
    "a dies; a stopped; waited; a fails; waited; a fails; waited; a fails",
    [
      "restarting a",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarting a",
      "wait",
      "start a3",
      "restarting a",
      "wait",
      "start a4",
      "gave up on a",
      "closed: GaveUp"
    ]
  ],
  [
    "G151: a start that fails while it waits to be stopped counts for nothing",
    () => up(diamond),
    "b dies; d stopped; b stopped; waited; a dies; b fails; c stopped; a stopped; waited",
    [
      "restarting b d",
      "stop d1",
      "stop b1",
      "wait afresh",
      "start b2",
      "restarting a b c d",
      "stop c1",
      "stop a1",
      "wait",
      "start a2"
    ]
  ],
  [
    "G151: a start that fails because what it uses has fallen silent counts for nothing, and waits",
    () => up(line),
    "b dies; c stopped; b stopped; waited; b up; b silent; c fails; b dies; b stopped; waited",
    [
      "restarting b c",
      "stop c1",
      "stop b1",
      "wait afresh",
      "start b2",
      "restarted b",
      "start c2",
      "restarting b c",
      "stop b2",
      "wait",
      "start b3"
    ]
  ],
  [
    "G151: a close during a restart interrupts the start, and nothing is left",
    () => up(line),
    "b dies; c stopped; b stopped; waited; close; x stopped; b stopped; a stopped",
    [
      "restarting b c",
      "stop c1",
      "stop b1",
      "wait afresh",
      "start b2",
      "stop x1",
      "stop b2",
      "stop a1",
      "closed: Closed"
    ]
  ],
  ["G151: a close during the wait starts nothing", () => up([child("a")]), "a dies; a stopped; close; waited", [
    "restarting a",
    "stop a1",
    "wait afresh",
    "closed: Closed"
  ]],
  [
    "G151: one death too many stops all in reverse",
    () => up(line, { intensity: { restarts: 0, withinMillis: 10 } }),
    "b dies; x stopped; c stopped; b stopped; a stopped",
    [
      "gave up on b",
      "stop x1",
      "stop c1",
      "stop b1",
      "stop a1",
      "closed: GaveUp"
    ]
  ],
  [
    "G151: deaths that are older than the window do not count",
    () => up([child("a")], { intensity: { restarts: 1, withinMillis: 10 } }),
    "a dies; a stopped; waited; a up; 10; a dies",
    [
      "restarting a",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarted a",
      "restarting a",
      "stop a2"
    ]
  ],
  [
    "G151: delays begin anew when the window is empty",
    () => up([child("a")]),
    "a dies; a stopped; waited; a up; a dies; a stopped; waited; a up; 5000; a dies; a stopped",
    [
      "restarting a",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarted a",
      "restarting a",
      "stop a2",
      "wait",
      "start a3",
      "restarted a",
      "restarting a",
      "stop a3",
      "wait afresh"
    ]
  ],
  [
    "G151: any significant child that ends ends the supervisor",
    () =>
      up([{ ...child("a"), restart: "transient", significant: true }, child("x")], { autoShutdown: "any-significant" }),
    "a dies Returned; x stopped; a stopped",
    [
      "stop x1",
      "stop a1",
      "closed: AutoShutdown"
    ]
  ],
  [
    "G151: all significant children have to end where the policy says so",
    () =>
      up(["a", "b"].map((key) => ({ ...child(key), restart: "temporary", significant: true })), {
        autoShutdown: "all-significant"
      }),
    "a dies; a stopped; b dies Returned; b stopped",
    ["stop a1", "stop b1", "closed: AutoShutdown"]
  ],
  [
    "G151: a significant child that is started again ends nothing",
    () => up([{ ...child("a"), restart: "transient", significant: true }], { autoShutdown: "any-significant" }),
    "a dies; a stopped",
    [
      "restarting a",
      "stop a1",
      "wait afresh"
    ]
  ],
  [
    "G151: a temporary child goes with others and stays away",
    () => up([child("a"), { ...child("t", "a"), restart: "temporary" }]),
    "a dies; t stopped; a stopped; waited; a up",
    [
      "restarting a t",
      "stop t1",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarted a"
    ]
  ],
  [
    "G151: a child that returned comes back for a user that has to start",
    () => up([{ ...child("a"), restart: "transient" }, child("b", "a")]),
    "a dies Returned; a stopped; b dies; b stopped; waited; a up; b up",
    [
      "stop a1",
      "restarting b",
      "stop b1",
      "wait afresh",
      "start a2",
      "restarted a",
      "start b2",
      "restarted b"
    ]
  ],
  [
    "G187: the end of a transient child that a user waits for counts, and waits for the backoff",
    () => up([{ ...child("a"), restart: "transient" }, child("b", "a")]),
    "b dies; b stopped; waited; a silent; b fails; a dies Returned; a stopped; waited",
    [
      "restarting b",
      "stop b1",
      "wait afresh",
      "start b2",
      "restarting a b",
      "stop a1",
      "wait",
      "start a2"
    ]
  ],
  [
    "G188: a restart by hand replaces those that go for a death, and counts as none",
    () => up(line, { intensity: { restarts: 0, withinMillis: 10 } }),
    "b restart; c stopped; b stopped; b up; c up",
    [
      "stop c1",
      "stop b1",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c"
    ]
  ],
  [
    "G188: a stop by hand takes all users along, whatever the strategy, and a start brings them back",
    () => up(line, { strategy: "one-for-one" }),
    "a stop; c stopped; b stopped; a stopped; waited; a start; a up; b up; c up",
    [
      "stop c1",
      "stop b1",
      "stop a1",
      "start a2",
      "restarted a",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c"
    ]
  ],
  [
    "G188: a start by hand of a user starts what it uses first",
    () => up(line),
    "a stop; c stopped; b stopped; a stopped; c start",
    ["stop c1", "stop b1", "stop a1", "start a2"]
  ],
  [
    "G188: a child that was stopped by hand stays down while others are restarted",
    () => up(line, { strategy: "one-for-all" }),
    "x stop; x stopped; a dies; c stopped; b stopped; a stopped; waited; a up; b up; c up",
    [
      "stop x1",
      "restarting a b c",
      "stop c1",
      "stop b1",
      "stop a1",
      "wait afresh",
      "start a2",
      "restarted a",
      "start b2",
      "restarted b",
      "start c2",
      "restarted c"
    ]
  ],
  [
    "G188: the death of a child that is stopped by hand counts for nothing",
    () => up(line, { intensity: { restarts: 0, withinMillis: 10 } }),
    "a stop; a dies; b dies; c stopped; b stopped; a stopped",
    ["stop c1", "stop b1", "stop a1"]
  ],
  [
    "G151: a dynamic child comes, is restarted, and goes",
    () => new Played([], { dynamic: true, strategy: "one-for-one" }),
    "k add; k up; k dies; k stopped; waited; k up; k remove; k stopped",
    [
      "start k1",
      "restarting k",
      "stop k1",
      "wait afresh",
      "start k2",
      "restarted k",
      "stop k2",
      "removed k"
    ]
  ],
  [
    "G151: a dynamic child whose first start fails is none",
    () => new Played([], { dynamic: true, strategy: "one-for-one" }),
    "k add; k fails",
    [
      "start k1",
      "refused k"
    ]
  ],
  [
    "G151: a dynamic child that ends for good leaves the list",
    () => new Played([], { dynamic: true, strategy: "one-for-one" }),
    "k add; k up; k dies Returned; k stopped",
    [
      "start k1",
      "stop k1",
      "removed k"
    ]
  ]
]

describe("The machine of a supervisor decides after each event which children to start, restart and stop", () => {
  for (const [title, start, words, expected] of cases) {
    it(title, () => assert.deepStrictEqual(start().play(words), expected))
  }

  it("G149: a supervisor starts a lost transient child again", () => {
    const played = up([{ ...child("a"), restart: "transient" }])
    assert.include(played.play("a dies Lost; a stopped; waited"), "start a2")
  })

  it("G150: a supervisor also restarts the users of a child's users under the strategy `dependants`", () => {
    assert.deepStrictEqual(up(line).play("a dies"), ["restarting a b c", "stop c1"])
  })

  it("a supervisor does not wait for a child that never restarts: only the portal of this child fails", () => {
    const played = new Played([{ ...child("a"), restart: "temporary" }, child("b")], { strategy: "one-for-all" })
    played.play("a up; b up; a silent")
    assert.deepStrictEqual(
      ["a", "b"].map((key) => Machine.view(played.policy, played.state, key)),
      ["restarting", "up"]
    )
  })

  it("a supervisor is ready without a child that ended for good while the other children were being started", () => {
    const played = new Played([{ ...child("a"), restart: "temporary" }, child("b")])
    assert.deepStrictEqual(played.play("a up; a dies Returned; a stopped; b up").slice(-1), ["ready"])
    assert.strictEqual(played.state.phase._tag, "Running")
  })

  it("G152: when a Service dies, the supervisor marks the Service and all its users as restarting at once, so that calls wait", () => {
    const played = up(line)
    const views = () => ["a", "b", "c", "x"].map((key) => Machine.view(played.policy, played.state, key))
    played.play("a silent")
    assert.deepStrictEqual(views(), ["restarting", "restarting", "restarting", "up"])
    played.play("a dies")
    assert.deepStrictEqual(views(), ["restarting", "restarting", "restarting", "up"])
    played.play("c stopped; b stopped; a stopped; waited; a up")
    assert.deepStrictEqual(views(), ["up", "restarting", "restarting", "up"])
  })

  it("G187: a supervisor keeps only the exits of the last 100 deaths, and the number of all deaths", () => {
    const played = up([child("a")], { intensity: { restarts: 150, withinMillis: 5000 } })
    for (let i = 0; i < 150; i++) played.play("a dies; a stopped; waited; a up")
    assert.deepStrictEqual(played.play("a dies; a stopped"), ["gave up on a", "stop a151", "closed: GaveUp"])
    const { phase } = played.state
    if (phase._tag !== "Closed" || phase.why._tag !== "GaveUp") return assert.fail(phase._tag)
    const gaveUp = gaveUpOf(phase.why, played.policy)
    assert.deepStrictEqual([gaveUp.deaths, gaveUp.exits.length], [151, 100])
    assert.include(
      gaveUp.message,
      `"a" and those with it died 151 times within 5000 ms: its supervisor gives up. the last 100: `
    )
  })

  it("G151: a supervisor orders its children by their uses, whatever order they are given in", () => {
    assert.deepStrictEqual(Machine.ordered([...line].reverse()).map(({ key }) => key), ["x", "a", "b", "c"])
  })

  it("G151: a supervisor refuses two children with one key", () => {
    assert.throws(() => Machine.ordered([child("a"), child("b"), child("a")]), `has the child "a" twice`)
  })

  it("G151: a supervisor refuses a cycle of uses, and names the children of the cycle", () => {
    const cycle = [child("x"), child("a", "c"), child("b", "a"), child("c", "b")]
    assert.throws(() => Machine.ordered(cycle), `"a" uses "c" uses "b" uses "a"`)
  })

  it("G151: a supervisor refuses children and policies that contradict each other", () => {
    const problem = (policy: Partial<Machine.Policy>, ...children: ReadonlyArray<Machine.ChildSpec>) =>
      problemOf(policyOf(policy), children)
    assert.isUndefined(problem({}, ...line))
    assert.include(problem({}, { ...child("a"), restart: "temporary" }, child("b", "a")), `"b" uses it`)
    assert.include(problem({ autoShutdown: "any-significant" }, { ...child("a"), significant: true }), "permanent")
    assert.include(problem({}, { ...child("a"), restart: "transient", significant: true }), "autoShutdown")
    assert.include(problem({ intensity: { restarts: -1, withinMillis: 1 } }, child("a")), "restarts")
  })
})

// ---- laws -----------------------------------------------------------------------------------------------------------

const Word = Schema.Struct({
  child: Schema.Literals(["a", "b", "c", "x", "t"]),
  what: Schema.Literals([
    "up",
    "up",
    "up",
    "stopped",
    "stopped",
    "stopped",
    "waited",
    "waited",
    "dies",
    "dies",
    "dies Returned",
    "silent",
    "fails",
    "restart",
    "stop",
    "start",
    "2000"
  ])
})
const given = Schema.Array(Word).check(Schema.isMaxLength(60))
const strategy = Schema.Literals(["dependants", "one-for-one", "rest-for-one", "one-for-all"])
const anything = [...line, { ...child("t", "a"), restart: "transient" as const }]

/** Plays words, of which an executor says only what can happen, and calls back after each. */
const replay = (
  words: ReadonlyArray<typeof Word.Type>,
  strategy: Machine.Strategy,
  check: (before: Machine.State, played: Played, actions: ReadonlyArray<Machine.Action>) => void
): Played => {
  const played = new Played(anything, { strategy })
  for (const { child, what } of words) {
    const before = played.state
    const from = played.actions.length
    const { status } = played.child(child)
    const can = what === "up" || what === "fails"
      ? status === "Starting"
      : what === "stopped"
      ? status === "Stopping"
      : true
    if (can) played.say(what === "waited" || what === "2000" ? what : `${child} ${what}`)
    check(before, played, played.actions.slice(from))
  }
  return played
}

const deaths = Schema.Array(Schema.Struct({
  child: Schema.Literals(["a", "b", "c", "x", "t"]),
  after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4000 }))
})).check(Schema.isMaxLength(20))

/** Lets everything succeed that is under way. A child that fell silent has died: how comes last of all. */
const restore = (played: Played): void => {
  for (let i = 0; i < 30; i++) {
    for (const { key, silent, stale, status } of played.state.children) {
      if (status === "Stopping") played.say(`${key} stopped`)
      if (status === "Starting") played.say(`${key} up`)
      if (status === "Up" && silent && !stale) played.say(`${key} dies`)
    }
    played.say("waited")
  }
}

describe("The machine of a supervisor starts and stops its children in the order of their uses under random events", () => {
  it.prop(
    "G151: a supervisor starts a child only when the child is down and all children that it uses are up",
    { given, strategy },
    ({ given, strategy }) => {
      replay(given, strategy, (before, played, actions) => {
        for (const action of actions) {
          if (action._tag !== "Start") continue
          const { uses } = played.child(action.child)
          const old = before.children.find(({ key }) => key === action.child)!
          assert.strictEqual(action.incarnation, old.incarnation + 1)
          for (const used of uses) {
            const { stale, status } = played.child(used)
            assert.deepStrictEqual([status, stale], ["Up", false])
          }
        }
        assert.isAtMost(played.state.children.filter(({ status }) => status === "Starting").length, 1)
      })
    }
  )

  it.prop(
    "G151: a supervisor stops a child only when all later children that must end with this child are down",
    { given, strategy },
    ({ given, strategy }) => {
      replay(given, strategy, (_, played, actions) => {
        for (const action of actions) {
          if (action._tag !== "Stop") continue
          const { children } = played.state
          const at = children.findIndex(({ key }) => key === action.child)
          const later = children.slice(at + 1).filter(({ stale, status }) => stale && status !== "Down")
          assert.deepStrictEqual(later.map(({ key }) => key), [])
        }
      })
    }
  )

  it.prop("G153: a supervisor gives up at the death that exceeds its intensity, and at no other death", {
    deaths,
    strategy
  }, ({
    deaths,
    strategy
  }) => {
    const played = up(anything, { strategy })
    const counted: Array<number> = []
    for (const { after, child } of deaths) {
      played.now += after
      counted.push(played.now)
      const [told] = played.play(`${child} dies`)
      const isOneTooMany = counted.filter((at) => played.now - at < 5000).length > 3
      assert.strictEqual(told?.split(" ")[0], isOneTooMany ? "gave" : "restarting")
      if (isOneTooMany) return
      restore(played)
    }
  })

  it.prop("G151: a supervisor that is closed ends once, with all children down", {
    given,
    strategy
  }, ({ given, strategy }) => {
    const played = replay(given, strategy, () => {})
    played.say("close")
    for (let i = 0; i < 10; i++) {
      for (const { key, status } of played.state.children) if (status === "Stopping") played.say(`${key} stopped`)
    }
    assert.strictEqual(played.state.phase._tag, "Closed")
    assert.deepStrictEqual([...new Set(played.state.children.map(({ status }) => status))], ["Down"])
    assert.strictEqual(played.actions.filter(({ _tag }) => _tag === "Closed").length, 1)
    const after = played.actions.length
    for (const word of ["a up", "a dies", "waited", "b fails", "close"]) played.say(word)
    assert.strictEqual(played.actions.length, after)
  })

  it.prop("G151: a supervisor whose children can start has all of them up again unless it gives up", {
    given,
    strategy
  }, ({
    given,
    strategy
  }) => {
    const played = replay(given, strategy, () => {})
    restore(played)
    if (Machine.isOver(played.state)) return
    for (const { goal, stale, status } of played.state.children) {
      assert.isTrue(goal === "Up" ? status === "Up" && !stale : status === "Down")
    }
  })
})

describe("A supervisor in which a child is stopping reports only the stopping incarnations as stopping", () => {
  it("State.isStopping is true exactly for the incarnations of a child that are being stopped, and false for other children", () => {
    const played = up([child("a"), child("b")])
    const [a, b] = played.state.children
    const stopping = { ...a!, incarnation: 3, status: "Stopping" } as const
    const behind = { incarnation: 4, status: "Stopping", stale: false, silent: false, readyAt: 0 } as const
    const stateOf = (child: typeof a) => ({ ...played.state, children: [child!, b!] })
    const stops = (child: typeof a, key = "a") =>
      [1, 2, 3, 4].filter((incarnation) => State.isStopping(stateOf(child), key, incarnation))
    assert.deepStrictEqual(stops(stopping), [3])
    assert.deepStrictEqual(stops({ ...stopping, status: "Up" }), [])
    assert.deepStrictEqual(stops({ ...stopping, behind }), [3, 4])
    assert.deepStrictEqual(stops({ ...stopping, status: "Up", behind: { ...behind, status: "Ready" } }), [])
    const retired = [{ incarnation: 1, status: "Draining" }, { incarnation: 2, status: "Stopping" }] as const
    assert.deepStrictEqual(stops({ ...stopping, status: "Up", retired }), [2])
    // Neither another child, nor one that is none.
    assert.deepStrictEqual([stops(stopping, "b"), stops(stopping, "c")], [[], []])
  })
})
