import { assert, describe, it } from "@effect/vitest"
import * as Machine from "@furrow/actor/internal/supervision/SupervisorMachine"
import { problemOf } from "@furrow/actor/internal/supervision/SupervisorProblems"
import { Schema } from "effect"
import { child, Played, rowsBelow, up } from "./support/PlayedSupervisor.ts"

const a: Machine.ChildSpec = { ...child("a"), restart: "transient" }
const withStandby: Machine.ChildSpec = { ...a, standby: true }

/** Lets what is under way succeed, one thing at a time. */
const goOn = (played: Played): void => {
  for (let i = 0; i < 40; i++) {
    const { children } = played.state
    for (const { behind, incarnation, key, retired, status } of children) {
      if (status === "Stopping") played.say(`${key}${incarnation} stopped`)
      else if (status === "Starting") played.say(`${key}${incarnation} up`)
      if (behind?.status === "Stopping") played.say(`${key}${behind.incarnation} stopped`)
      if (behind?.status === "Starting") played.say(`${key}${behind.incarnation} up`)
      for (const { incarnation, status } of retired) {
        played.say(`${key}${incarnation} ${status === "Draining" ? "drained 0" : "stopped"}`)
      }
      played.say(`${key} rested`)
    }
    played.say("waited")
  }
}

const outcomes = (played: Played): ReadonlyArray<string> =>
  played.actions.flatMap((action) => action._tag === "RollEnded" ? [action.outcome._tag] : [])

// ---- the table of rolls ---------------------------------------------------------------------------------------------

const rolls: Record<string, (played: Played) => void> = {
  "nothing": (played) => played.play("roll a; a2 up"),
  "the new one does not start": (played) => played.play("roll a; a2 fails"),
  "the old one dies": (played) => played.play("roll a; a1 dies; a2 up"),
  "the old one dies, and the new one does not start": (played) => played.play("roll a; a1 dies; a2 fails"),
  "the old one dies while it is drained": (played) => played.play("roll a; a2 up; a1 dies"),
  "the new one dies while the old one is drained": (played) => played.play("roll a; a2 up; a2 dies"),
  "what it uses dies": (played) => played.play("roll a; s dies"),
  "its child is being restarted already": (played) => played.play("a dies; a stopped; roll a"),
  "its child ends for good": (played) => played.play("roll a; a1 dies Returned"),
  "another roll of its child comes": (played) => played.play("roll a; roll a; a2 up"),
  "its caller leaves before the new one is ready": (played) => played.play("roll a; leave"),
  "its caller leaves while the old one is drained": (played) => played.play("roll a; a2 up; leave"),
  "the supervisor ends": (played) => played.play("roll a; close")
}

describe("A roll of one child ends as docs/supervision.md says, whatever happens to the child meanwhile", () => {
  const [, ...rows] = rowsBelow("A rolling restart")

  it("G205: docs/supervision.md lists every case of a roll that the tests of rolls play", () => {
    assert.deepStrictEqual(rows.map(([meanwhile]) => meanwhile), Object.keys(rolls))
  })

  for (const [meanwhile = "", old, next, roll] of rows) {
    it(`G205: a roll leaves the old and the new incarnation as docs/supervision.md says (case: ${meanwhile}: old ${old}, new ${next}, roll ${roll})`, () => {
      const played = up([child("s"), { ...a, uses: ["s"] }])
      rolls[meanwhile]!(played)
      const isDrained = played.actions.some(({ _tag }) => _tag === "TakeOver") &&
        played.child("a").retired.some(({ status }) => status === "Draining")
      goOn(played)
      const { incarnation, status } = played.child("a")
      const plays = status === "Up" ? incarnation : 0
      const taken = played.actions.some((action) => action._tag === "TakeOver" && action.incarnation === plays)
      assert.strictEqual(plays === 1 ? "plays the role" : isDrained ? "drained" : "gone", old)
      assert.strictEqual(taken ? "plays the role" : plays > 1 ? "restarted" : "gone", next)
      assert.strictEqual(
        [...outcomes(played)].sort().reverse().join(", and ") || "-",
        roll!.split(", and ").sort().reverse().join(", and ")
      )
      assert.deepStrictEqual(played.state.rolls, [])
      assert.deepStrictEqual(played.state.children.flatMap(({ behind, retired }) => [behind, ...retired]), [
        undefined,
        undefined
      ])
    })
  }
})

const line = [child("a"), child("b", "a"), child("c", "b"), child("x")]

describe("Rolls do not count among the deaths of a supervisor's children", () => {
  const cases: ReadonlyArray<readonly [string, Played, string, ReadonlyArray<string>]> = [
    [
      "G205: go through children in the order of their uses",
      up(line),
      "roll c,a; a2 up; a1 drained 0; a1 stopped; c2 up",
      [
        "start a2",
        "a2 takes over and drains",
        "a1 is drained",
        "stop a1",
        "start c2",
        "c2 takes over and drains"
      ]
    ],
    ["G205: replace as many side by side as they may", up(line), "roll a,b,c 2; b2 up; b1 drained 1; b1 stopped", [
      "start a2",
      "start b2",
      "b2 takes over and drains",
      "b1 is drained",
      "stop b1",
      "start c2"
    ]],
    ["G205: keep the users of what they replace", up(line), "roll a; a2 up; a1 drained 0; a1 stopped", [
      "start a2",
      "a2 takes over and drains",
      "a1 is drained",
      "stop a1",
      "roll ended: Done"
    ]],
    [
      "G205: begin no other after a failure, and finish what is under way",
      up(line),
      "roll a,b,c 2; b2 up; a2 fails; b1 drained 0; b1 stopped",
      ["start a2", "start b2", "b2 takes over and drains", "b1 is drained", "stop b1", "roll ended: NotStarted"]
    ],
    ["G205: of different children go side by side", up(line), "roll a; roll x", ["start a2", "start x2"]],
    ["G205: of children that are not there are refused", up(line), "roll a,y", ["roll ended: Unknown"]],
    ["G205: of a closed supervisor are refused", up([a]), "close; a stopped; roll a", [
      "stop a1",
      "closed: Closed",
      "roll ended: Closed"
    ]],
    ["G205: are over for an actor that dies while it is stopped", up([a]), "roll a; a2 up; a1 drained 0; a1 dies", [
      "start a2",
      "a2 takes over and drains",
      "a1 is drained",
      "stop a1"
    ]],
    ["G205: stop what drains when the supervisor ends", up([a]), "roll a; a2 up; close; a2 stopped; a1 stopped", [
      "start a2",
      "a2 takes over and drains",
      "roll ended: Closed",
      "stop a2",
      "stop a1",
      "closed: Closed"
    ]],
    [
      "G205: replace the standby, too, and start with a new actor",
      up([withStandby]),
      "a2 up; roll a; a2 stopped; a3 up",
      [
        "a2 stands by",
        "stop a2",
        "start a3",
        "a3 takes over and drains",
        "start a4"
      ]
    ],
    [
      "G205: replace children that come and go",
      new Played([], { dynamic: true }),
      "a add; a up; b add; b up; roll a,b 2; a2 up; a remove",
      [
        "start a1",
        "start b1",
        "start a2",
        "start b2",
        "a2 takes over and drains",
        "stop a2",
        "stop a1"
      ]
    ]
  ]
  for (const [title, played, words, actions] of cases) {
    it(title, () => {
      assert.deepStrictEqual(played.play(words), actions)
    })
  }

  it("G205: rolls do not count as deaths, and let no portal wait", () => {
    const played = up(line)
    for (const word of ["roll a", "a2 up", "a1 drained 0", "a1 stopped"]) {
      played.say(word)
      assert.deepStrictEqual(
        line.map(({ key }) => Machine.view(played.policy, played.state, key)),
        line.map(() => "up")
      )
    }
    assert.deepStrictEqual(played.state.deaths, [])
  })
})

// ---- the table of standbys ------------------------------------------------------------------------------------------

const standbys: Record<string, (played: Played) => void> = {
  "the active dies": (played) => played.play("a2 up; a1 dies"),
  "the active dies while its standby starts": (played) => played.play("a1 dies; a2 up"),
  "the active dies, and the standby that starts fails": (played) => played.play("a1 dies; a2 fails"),
  "both die": (played) => played.play("a2 up; a2 dies; a1 dies"),
  "the standby dies": (played) => played.play("a2 up; a2 dies"),
  "the standby does not start": (played) => played.play("a2 fails"),
  "what it uses dies": (played) => played.play("a2 up; s dies"),
  "the active is rolled": (played) => played.play("a2 up; roll a; a2 stopped; a3 up"),
  "it ends for good": (played) => played.play("a2 up; a1 dies Returned"),
  "one death too many": (played) => played.play("a2 up; a1 dies; a3 up; a2 dies; a4 up; a3 dies; a5 up; a4 dies")
}

describe("A supervisor keeps a standby of its child", () => {
  const [, ...rows] = rowsBelow("A standby")

  it("G206: docs/supervision.md lists every case of a standby that the tests of standbys play", () => {
    assert.deepStrictEqual(rows.map(([event]) => event), Object.keys(standbys))
  })

  for (const [event = "", player, deaths, next] of rows) {
    it(`G206: after an event, the role of a child with a standby goes to the actor that docs/supervision.md names (case: ${event}: ${player}, deaths ${deaths}, next standby ${next})`, () => {
      const played = up([child("s"), { ...withStandby, uses: ["s"] }])
      standbys[event]!(played)
      goOn(played)
      const { behind, incarnation, status } = played.child("a")
      const plays = status !== "Up" ? 0 : incarnation
      const taken = played.actions.some((action) => action._tag === "TakeOver" && action.incarnation === plays)
      const isRoll = outcomes(played).length > 0
      assert.strictEqual(
        plays === 0
          ? "nobody"
          : plays === 1
          ? "the active"
          : !taken
          ? "a cold start"
          : isRoll
          ? "a new one"
          : "the standby",
        player
      )
      assert.strictEqual(String(played.state.deaths.length), deaths)
      const rested = played.actions.some(({ _tag }) => _tag === "WaitStandby")
      assert.strictEqual(behind === undefined ? "never" : rested ? "after a wait" : "at once", next)
    })
  }

  const cases: ReadonlyArray<readonly [string, Played, string, ReadonlyArray<string>]> = [
    ["G206: is started behind its actor when all are up", new Played([withStandby, child("x")]), "a up; x up; a2 up", [
      "start x1",
      "ready",
      "start a2",
      "a2 stands by"
    ]],
    ["G206: takes over in the step in which its actor dies", up([withStandby]), "a2 up; a1 dies; a1 stopped", [
      "a2 stands by",
      "restarting a",
      "a2 takes over",
      "stop a1",
      "start a3"
    ]],
    [
      "G206: spares the users of its actor",
      up([withStandby, child("b", "a")], { strategy: "one-for-all" }),
      "a2 up; a1 dies",
      [
        "a2 stands by",
        "restarting a",
        "a2 takes over",
        "stop a1",
        "start a3"
      ]
    ],
    ["G206: is up once, however often that is told", up([withStandby]), "a2 up; a2 up", ["a2 stands by"]],
    [
      "G206: that fails again and again waits ever longer",
      up([withStandby]),
      "a2 fails; a rested; a3 up; a3 dies; a3 stopped; a rested",
      [
        "a2 stands by no more",
        "a rests afresh",
        "start a3",
        "a3 stands by",
        "a3 stands by no more",
        "stop a3",
        "a rests",
        "start a4"
      ]
    ],
    [
      "G206: that has stood by for long begins the waits anew",
      up([withStandby]),
      "a2 fails; a rested; a3 up; 5000; a3 dies; a3 stopped",
      [
        "a2 stands by no more",
        "a rests afresh",
        "start a3",
        "a3 stands by",
        "a3 stands by no more",
        "stop a3",
        "a rests afresh"
      ]
    ],
    [
      "G206: whose waits have ended comes back with the next actor",
      up([withStandby]),
      "a2 fails; a rested for-ever; a1 dies; a1 stopped; waited; a3 up",
      [
        "a2 stands by no more",
        "a rests afresh",
        "restarting a",
        "stop a1",
        "wait afresh",
        "start a3",
        "restarted a",
        "start a4"
      ]
    ],
    [
      "G206: that has fallen silent takes nothing over",
      up([withStandby]),
      "a2 up; a2 silent; a1 dies; a1 stopped; a2 dies; a2 stopped; waited",
      [
        "a2 stands by",
        "restarting a",
        "stop a1",
        "a2 stands by no more",
        "stop a2",
        "wait afresh",
        "start a3"
      ]
    ],
    [
      "G188: succeeds its actor when that is restarted by hand",
      up([withStandby, child("b", "a")]),
      "a2 up; a restart; a1 stopped; a3 up",
      [
        "a2 stands by",
        "a2 takes over",
        "stop a1",
        "start a3",
        "a3 stands by"
      ]
    ],
    [
      "G188: goes with what it uses when that is restarted by hand",
      up([child("s"), { ...withStandby, uses: ["s"] }]),
      "a2 up; s restart; a1 stopped; a2 stopped; s stopped; s up; a3 up; a4 up",
      [
        "a2 stands by",
        "stop a2",
        "stop a1",
        "stop s1",
        "start s2",
        "restarted s",
        "start a3",
        "restarted a",
        "start a4",
        "a4 stands by"
      ]
    ],
    [
      "G188: is stopped by hand with its actor, and is there again after a start",
      up([withStandby]),
      "a2 up; a stop; a2 stopped; a1 stopped; a start; a3 up; a4 up",
      [
        "a2 stands by",
        "stop a2",
        "stop a1",
        "start a3",
        "restarted a",
        "start a4",
        "a4 stands by"
      ]
    ],
    [
      "G188: leaves no wait for a restart by hand of another child when it has taken over",
      up([withStandby, child("x")]),
      "a2 up; a1 dies; a1 stopped; a3 up; x restart; x stopped; x up",
      [
        "a2 stands by",
        "restarting a",
        "a2 takes over",
        "stop a1",
        "start a3",
        "a3 stands by",
        "stop x1",
        "start x2",
        "restarted x"
      ]
    ],
    [
      "G206: stops before what it uses does",
      up([child("s"), { ...withStandby, uses: ["s"] }]),
      "a2 up; close; a2 stopped; a1 stopped; s stopped",
      [
        "a2 stands by",
        "stop a1",
        "stop a2",
        "stop s1",
        "closed: Closed"
      ]
    ]
  ]
  for (const [title, played, words, actions] of cases) {
    it(title, () => {
      assert.deepStrictEqual(played.play(words), actions)
    })
  }

  it("G188: Supervisor.stop of a child with a standby also stops the draining actors of the child", () => {
    const played = up([a])
    assert.deepStrictEqual(played.play("roll a; a2 up; a2 dies; a2 stopped; a stop"), [
      "start a2",
      "a2 takes over and drains",
      "restarting a",
      "stop a2",
      "wait afresh",
      "roll ended: Done",
      "stop a1"
    ])
  })

  it("G206: a standby is refused for a temporary child, which never comes back", () => {
    const { policy } = new Played([])
    assert.include(problemOf(policy, [{ ...withStandby, restart: "temporary" }]), "standby")
  })
})

// ---- laws -----------------------------------------------------------------------------------------------------------

const children = [child("a"), { ...child("b", "a"), standby: true }, {
  ...child("c", "b"),
  restart: "transient" as const
}]
const Word = Schema.Struct({
  child: Schema.Literals(["a", "b", "c"]),
  /** Which of its incarnations, the newest first. */
  which: Schema.Literals([0, 0, 1, 2]),
  what: Schema.Literals([
    "up",
    "up",
    "up",
    "stopped",
    "stopped",
    "drained",
    "rested",
    "waited",
    "dies",
    "dies Returned",
    "silent",
    "fails",
    "roll",
    "roll",
    "leave",
    "restart",
    "stop",
    "start",
    "2000"
  ])
})
const given = Schema.Array(Word).check(Schema.isMaxLength(80))

/** The incarnations of a child that exist, with their states. */
const alive = ({ behind, incarnation, retired, status }: Machine.Child): ReadonlyMap<number, string> =>
  new Map<number, string>([
    ...(status === "Down" ? [] : [[incarnation, status] as const]),
    ...(behind === undefined ? [] : [[behind.incarnation, behind.status] as const]),
    ...retired.map(({ incarnation, status }) => [incarnation, status] as const)
  ])

/** Plays words of which an executor says only what can happen. */
const replay = (words: ReadonlyArray<typeof Word.Type>, check: (played: Played, from: number) => void): Played => {
  const played = up(children, { intensity: { restarts: 12, withinMillis: 5000 } })
  for (const { child, what, which } of words) {
    const from = played.actions.length
    const one = Array.from(alive(played.child(child))).sort(([a], [b]) => b - a)[which]
    const status = one?.[1] ?? "Down"
    const can = what === "up" || what === "fails"
      ? status === "Starting"
      : what === "stopped"
      ? status === "Stopping"
      : what === "drained"
      ? status === "Draining"
      : what === "dies" || what === "dies Returned" || what === "silent"
      ? ["Up", "Ready", "Draining"].includes(status)
      : true
    if (!can) continue
    if (what === "roll") played.say(which === 0 ? "roll a,b,c 2" : `roll ${child}`)
    else if (what === "waited" || what === "2000" || what === "leave") played.say(what)
    else played.say(`${child}${one?.[0] ?? 0} ${what}`)
    check(played, from)
  }
  return played
}

const many = { arbitrary: { runs: 500 } }

describe("A supervisor with rolls and standbys has one actor in each role at most, and ends every roll, under random events", () => {
  it.prop(
    "G207: a supervisor has at most one incarnation in a role, and at most one standby behind that incarnation",
    { given },
    ({ given }) => {
      replay(given, (played, from) => {
        for (const one of played.state.children) {
          const numbers = [one.incarnation, ...one.retired.map(({ incarnation }) => incarnation)]
          assert.strictEqual(new Set(numbers).size, numbers.length)
          if (one.behind !== undefined) {
            assert.isFalse(numbers.includes(one.behind.incarnation))
            assert.isAtMost(one.behind.incarnation, one.started)
          }
        }
        for (const action of played.actions.slice(from)) {
          if (action._tag !== "TakeOver") continue
          assert.isAbove(action.incarnation, action.from)
          assert.strictEqual(played.child(action.child).incarnation, action.incarnation)
        }
      })
    },
    many
  )

  it.prop(
    "G207: a supervisor stops each incarnation at most once, and only an incarnation that was started",
    { given },
    ({ given }) => {
      const played = replay(given, () => {})
      played.say("close")
      for (let i = 0; i < 12; i++) {
        for (const one of played.state.children) {
          for (const [number, status] of alive(one)) {
            if (status === "Stopping") {
              played.say(`${one.key}${number} stopped`)
            }
          }
        }
      }
      assert.strictEqual(played.state.phase._tag, "Closed")
      assert.deepStrictEqual(played.state.children.flatMap((one) => Array.from(alive(one))), [])
      const names = (tag: "Start" | "Stop") =>
        played.actions.flatMap((action) => action._tag === tag ? [`${action.child}${action.incarnation}`] : [])
      assert.strictEqual(new Set(names("Stop")).size, names("Stop").length)
      for (const name of names("Stop")) assert.include(names("Start"), name)
      const ended = played.actions.flatMap((action) => action._tag === "RollEnded" ? [action.id] : [])
      assert.strictEqual(new Set(ended).size, ended.length)
    },
    many
  )

  it.prop(
    "G207: when all children can start, a supervisor ends every roll, and starts the standby of each child that has one",
    { given },
    ({ given }) => {
      const played = replay(given, () => {})
      for (const { behind, goal, incarnation, key, silent, stale } of played.state.children) {
        if (silent && !stale && goal === "Up") played.say(`${key}${incarnation} dies`)
        if (behind?.silent && !behind.stale) played.say(`${key}${behind.incarnation} dies`)
      }
      goOn(played)
      if (Machine.isOver(played.state)) return
      assert.deepStrictEqual(played.state.rolls, [])
      for (const { behind, goal, retired, stale, standby, status } of played.state.children) {
        assert.deepStrictEqual(retired, [])
        assert.isTrue(goal === "Up" ? status === "Up" && !stale : status === "Down")
        assert.strictEqual(behind?.status, standby && goal === "Up" ? "Ready" : undefined)
      }
    },
    many
  )
})
