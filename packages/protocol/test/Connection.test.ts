import { assert, describe, it } from "@effect/vitest"
import * as Connection from "@furrow/protocol/Connection"
import type * as Handshake from "@furrow/protocol/Handshake"
import { type Message, version, words } from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"

type State = Connection.State<string>
type Tag = Message["_tag"]

const payload = new Uint8Array()
const by = { name: "left", uuid: "l", pid: 1 }
const common = { version, capabilities: [], maxFrame: 1000 }
const hello = { _tag: "Hello", ...common, actor: by, role: "peer", nonce: null } as const
const welcome = { _tag: "Welcome", ...common, actor: { name: "right", uuid: "r", pid: 2 }, proof: null } as const

/** One of every word, for a dialog of the number given. */
const word = (tag: Tag, dialog: number): Message => {
  switch (tag) {
    case "Hello":
      return hello
    case "Welcome":
      return welcome
    case "Refuse":
      return { _tag: tag, reason: "busy", detail: "" }
    case "Challenge":
      return { _tag: tag, uuid: "r", nonce: payload }
    case "Proof":
      return { _tag: tag, proof: payload }
    case "Spawn":
    case "Ready":
    case "Bye":
      return { _tag: tag, payload }
    case "Start":
      return { _tag: tag, dialog, kind: "call", endpoint: "e", digest: null, meta: null, window: null, payload }
    case "Started":
      return { _tag: tag, dialog, window: null, payload }
    case "Yield":
      return { _tag: tag, dialog, items: 1, payload }
    case "Part":
      return { _tag: tag, dialog, size: 1, payload }
    case "Credit":
      return { _tag: tag, dialog, items: 1, bytes: 1 }
    case "Stop":
      return { _tag: tag, dialog }
    case "Cancel":
      return { _tag: tag, dialog, by, reason: "", deadline: 0 }
    case "Return":
    case "Error":
      return { _tag: tag, dialog, payload }
    case "CancelActor":
      return { _tag: tag, by, reason: "", deadline: 0 }
    case "CancelAck":
      return { _tag: tag }
    case "Leave":
      return { _tag: tag, reason: "" }
    case "Ping":
    case "Pong":
      return { _tag: tag, n: 1 }
    case "Violation":
      return { _tag: tag, rule: "r", detail: "" }
  }
}

const tags = Object.keys(words) as ReadonlyArray<Tag>
const dialogTags: ReadonlyArray<Tag> = ["Started", "Yield", "Credit", "Stop", "Cancel", "Return", "Error"]

const handshakeOf = (role: Connection.Role): Handshake.Config =>
  role === "parent"
    ? { side: "dialler", hello: { ...hello, role: "child" } }
    : { side: "acceptor", welcome, judge: () => undefined }

const apply = (state: State, input: Connection.Input<string>): State => Connection.step(state, input)[0]

/** A connection in a phase, with a dialog of either side that was opened and is over. */
const inPhase = (role: Connection.Role, phase: Connection.PhaseName): State => {
  let [state] = Connection.start<string>({ role, handshake: handshakeOf(role), explains: phase === "Lost" })
  state = apply(state, { _tag: "Owned" })
  if (phase === "Handshaking") return state
  const hear = (message: Message) => {
    state = Connection.hear(state, message, undefined, 0)[0]
  }
  hear(role === "parent" ? welcome : hello)
  if (phase === "Spawning") return state
  const relatives = role === "parent" || role === "child"
  if (relatives && phase !== "Lost" && phase !== "Closed") {
    if (role === "parent") hear(word("Spawn", 0))
    else state = apply(state, { _tag: "Said", word: "Spawn" })
    if (phase === "Booting") return state
    if (role === "child") hear(word("Ready", 0))
    else state = apply(state, { _tag: "Said", word: "Ready" })
  }
  if (phase === "Serving") return state
  if (phase === "Leaving") hear(word("Bye", 0))
  else state = apply(state, phase === "Lost" ? { _tag: "End" } : { _tag: "Close" })
  return state
}

/** The phases that a connection with this role can be in: a parent and this process take no leave. */
const phasesOf = (role: Connection.Role) =>
  Connection.phasesOf(role).filter((phase) => phase !== "Leaving" || role === "child" || role === "peer")

/** The effect of one word: it is passed on, is a violation, or does nothing. */
const outcome = (state: State, message: Message, side?: "caller" | "callee"): string => {
  const [next, actions] = Connection.hear(state, message, side, 0)
  const report = actions.find((action) => action._tag === "Report")
  if (report !== undefined) return report.violation._tag
  if (next.phase._tag === "Closed" && next.phase.why._tag === "Accused") return "accused"
  return actions.length === 0 ? "silent" : "passed on"
}

const next = (state: State, message: Message): string => {
  if (message._tag === "Start") return outcome(state, { ...message, dialog: state.dialogs.next % 2 === 1 ? 2 : 1 })
  if (!dialogTags.includes(message._tag)) return outcome(state, message)
  return outcome(state, message, ["Started", "Return", "Error"].includes(message._tag) ? "caller" : "callee")
}

describe("The machine of a connection judges each word", () => {
  for (const role of Connection.roles) {
    for (const phase of phasesOf(role)) {
      it(`a connection allows, drops or refuses every word as the table Message.words says (a ${role} in the phase ${phase})`, () => {
        for (const tag of tags) {
          const state = inPhase(role, phase)
          assert.strictEqual(state.phase._tag, phase)
          const verdict = Connection.verdicts(role)[phase][tag]
          const got = next(state, word(tag, 1))
          if (tag === "Violation") assert.strictEqual(got, verdict === "late" ? "silent" : "accused")
          else if (verdict === "WrongSide") assert.strictEqual(got, "WrongSide", tag)
          else if (verdict === "late") assert.strictEqual(got, "silent", tag)
          // Which greeting has its place is the handshake's own table.
          else if (phase === "Handshaking" && words[tag].when === "handshake") continue
          else if (verdict === "HandshakeOrder") assert.strictEqual(got, "HandshakeOrder", tag)
          // A part is read with its frame: as a word it is one that the two have not agreed on.
          else if (tag === "Part") assert.strictEqual(got, "Unsupported")
          else assert.strictEqual(got, tag === "Pong" ? "silent" : "passed on", tag)
        }
      })
    }
  }

  it("a connection treats a word of the handshake after the handshake as a violation", () => {
    for (const role of Connection.roles) {
      for (const phase of ["Booting", "Serving", "Leaving"] as const) {
        assert.strictEqual(Connection.judge({ says: "both", when: "handshake" }, role, phase), "HandshakeOrder")
      }
      assert.strictEqual(Connection.judge({ says: "both", when: "handshake" }, role, "Handshaking"), "allowed")
    }
  })

  it("a connection marks a dialog's number as used at the first part of a large Start, and accepts the Start when all parts are there", () => {
    const state = inPhase("peer", "Serving")
    const id = (n: number) => state.dialogs.next % 2 === 1 ? 2 * n : 2 * n - 1
    assert.deepStrictEqual(Connection.begun(state, id(2), words.Start.code), [state, []])
    assert.isTrue(Connection.takesStart(state, id(3), 0))
    assert.isFalse(Connection.takesStart(state, id(1), 0))
    assert.isTrue(Connection.takesStart(state, id(2), 0))
    assert.isFalse(Connection.takesStart(state, id(2), 0))
    for (const dialog of [id(1), id(3), state.dialogs.next]) {
      const [, actions] = Connection.begun(state, dialog, words.Start.code)
      assert.strictEqual(actions.find((action) => action._tag === "Report")?.violation._tag, "DialogId")
    }
  })

  it("a connection answers the cancel of a call whose parts are still arriving, and delivers no more words of this call", () => {
    const state = inPhase("peer", "Serving")
    const dialog = state.dialogs.next % 2 === 1 ? 2 : 1
    Connection.begun(state, dialog, words.Start.code)
    const [, actions] = Connection.hear(state, word("Cancel", dialog), undefined, 0)
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["AnswerCancel"])
    assert.deepStrictEqual(Connection.hear(state, word("Cancel", dialog), undefined, 0)[1], [])
    assert.isFalse(Connection.takesStart(state, dialog, 0))
  })

  it("a connection refuses a part of a word before it is open, and drops a part of a word after a Bye", () => {
    const early = Connection.begun(inPhase("child", "Spawning"), 1, words.Yield.code)
    assert.strictEqual(early[0].phase._tag, "Closed")
    const state = inPhase("peer", "Leaving")
    assert.deepStrictEqual(Connection.begun(state, 1, words.Yield.code), [state, []])
  })

  it("a connection accepts an Error for dialog 0, the failure of an actor, only from a child", () => {
    for (const role of Connection.roles) {
      const got = outcome(inPhase(role, "Serving"), word("Error", 0))
      assert.strictEqual(got, role === "child" ? "passed on" : "WrongSide", role)
    }
  })

  it("a connection ends the dialogs of this side when the peer says Bye, and tells the connection's owner", () => {
    const [, actions] = Connection.hear(inPhase("peer", "Serving"), word("Bye", 0), undefined, 0)
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["StopCalls", "EndCallers", "Tell"])
  })

  it("a connection drops every word after a Bye, except a word that reports a violation", () => {
    for (const role of ["child", "peer"] as const) {
      for (const tag of tags.filter((tag) => words[tag].when !== "handshake")) {
        const says = Connection.verdicts(role).Serving[tag] !== "WrongSide" &&
          Connection.verdicts(role).Booting[tag] !== "WrongSide"
        if (!says) continue
        assert.strictEqual(
          next(inPhase(role, "Leaving"), word(tag, 1)),
          tag === "Violation" ? "accused" : "silent",
          tag
        )
      }
    }
  })

  it("a connection accepts a new dialog of the peer only if its number is odd or even as the peer's side requires, and larger than all numbers before", () => {
    const state = inPhase("peer", "Serving")
    const says = (dialog: number) => outcome(state, word("Start", dialog))
    assert.deepStrictEqual([5, 7, 7, 6, 0, 9].map(says), [
      "passed on",
      "passed on",
      "DialogId",
      "DialogId",
      "DialogId",
      "passed on"
    ])
    assert.isTrue(Connection.takesStart(state, 11, 0))
    assert.isFalse(Connection.takesStart(state, 11, 0))
    assert.isFalse(Connection.takesStart(state, 14, 0))
    assert.isFalse(Connection.takesStart(state, 13, Connection.maxUnreadAnswers))
    assert.strictEqual(says(11), "DialogId")
  })

  it("a connection passes a word to its open dialog without a step of the machine exactly when the machine would deliver the word", () => {
    for (const role of Connection.roles) {
      for (const phase of phasesOf(role)) {
        for (const side of ["caller", "callee"] as const) {
          for (const tag of dialogTags) {
            const [, actions] = Connection.hear(inPhase(role, phase), word(tag, 1), side, 0)
            const short = Connection.delivers(inPhase(role, phase), side, tag)
            assert.strictEqual(short, actions[0]?._tag === "Deliver", `${role} ${phase} ${side} ${tag}`)
          }
        }
      }
    }
  })

  it("a connection closes when its peer sends calls without end and reads no answers", () => {
    for (const tag of ["Start", "Ping"] as const) {
      const state = inPhase("peer", "Serving")
      const [after] = Connection.hear(state, word(tag, 1), undefined, Connection.maxUnreadAnswers)
      assert(after.phase._tag === "Closed" && after.phase.why._tag === "Violated")
      assert.strictEqual(after.phase.why.violation._tag, "AnswersUnread")
    }
  })

  it("a connection that ends after a Bye counts as left; without a Bye it counts as cut, and the machine asks its owner why", () => {
    const whyOf = (state: State) => {
      const { phase } = apply(state, { _tag: "End" })
      return phase._tag === "Closed" ? phase.why._tag : phase._tag
    }
    assert.strictEqual(whyOf(inPhase("peer", "Leaving")), "Left")
    assert.strictEqual(whyOf(inPhase("peer", "Serving")), "Cut")
    const lost = inPhase("child", "Lost")
    assert.strictEqual(lost.phase._tag, "Lost")
    const { phase } = apply(lost, { _tag: "Explained", error: "exit 1" })
    assert.deepStrictEqual(phase._tag === "Closed" && phase.why, { _tag: "Known", error: "exit 1" })
  })

  it("a connection knows which dialogs were opened after the connection was lost", () => {
    const state = inPhase("peer", "Serving")
    const before = Connection.open(state)
    const closed = apply(state, { _tag: "End" })
    const after = Connection.open(closed)
    assert.deepStrictEqual([before, after].map((id) => Connection.openedTooLate(closed, id)), [false, true])
  })
})

// ---- any order of anything ----------------------------------------------------------------------------------------

const Event = Schema.Union([
  Schema.TaggedStruct("Heard", {
    // Words of dialogs are the most.
    tag: Schema.Literals([...tags, "Start", "Start", "Start", "Return", "Pong"] as unknown as [Tag, ...Array<Tag>]),
    dialog: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
    side: Schema.Literals(["caller", "callee", "none"])
  }),
  Schema.TaggedStruct("Input", {
    input: Schema.Literals(["Owned", "End", "Explained", "Close", "Lose", "Violate", "SaidSpawn", "SaidReady", "Open"])
  })
])
type Event = typeof Event.Type

const inputs: Record<string, Connection.Input<string>> = {
  Owned: { _tag: "Owned" },
  End: { _tag: "End" },
  Explained: { _tag: "Explained", error: "explained" },
  Close: { _tag: "Close" },
  Lose: { _tag: "Lose", error: "lost" },
  Violate: { _tag: "Violate", violation: { _tag: "CreditOverrun", dialog: 1 } },
  SaidSpawn: { _tag: "Said", word: "Spawn" },
  SaidReady: { _tag: "Said", word: "Ready" }
}

const Anything = {
  role: Schema.Literals(["parent", "child", "peer", "in-process"]),
  explains: Schema.Boolean,
  owned: Schema.Boolean,
  greeted: Schema.Boolean,
  events: Arbitrary.array(Arbitrary.schema(Event), { maxLength: 40 })
}

interface Played {
  readonly state: State
  readonly steps: ReadonlyArray<{
    readonly before: Connection.PhaseName
    readonly owned: boolean
    readonly event: Event
    readonly actions: ReadonlyArray<Connection.Action>
    readonly after: Connection.PhaseName
  }>
}

const play = (
  { events, explains, greeted, owned, role }: {
    readonly role: Connection.Role
    readonly explains: boolean
    readonly owned: boolean
    readonly greeted: boolean
    readonly events: ReadonlyArray<Event>
  }
): Played => {
  let [state] = Connection.start<string>({ role, handshake: handshakeOf(role), explains })
  // Most of the time the handshake goes well: what comes behind it is the question.
  // The same for what is said when nobody owns it yet.
  if (owned) state = apply(state, { _tag: "Owned" })
  if (greeted) state = Connection.hear(state, role === "parent" ? welcome : hello, undefined, 0)[0]
  const steps: Array<Played["steps"][number]> = []
  for (const event of events) {
    const before = state.phase._tag
    const isOwned = state.early === undefined
    let actions: ReadonlyArray<Connection.Action> = []
    if (event._tag === "Heard") {
      const side = event.side === "none" ? undefined : event.side
      const message = word(event.tag, event.dialog)
      ;[state, actions] = Connection.hear(state, message, side, 0)
    } else if (event.input === "Open") Connection.open(state)
    else [state, actions] = Connection.step(state, inputs[event.input]!)
    steps.push({ before, owned: isOwned, event, actions, after: state.phase._tag })
  }
  return { state, steps }
}

const order = (phase: Connection.PhaseName) => Connection.phases.indexOf(phase)

describe("The machine of a connection settles only once and loses no word, under any random events", () => {
  it.prop("a closed connection asks for no more actions, and has settled exactly once", Anything, (given) => {
    const { state, steps } = play(given)
    const all = steps.flatMap(({ actions }) => actions)
    for (const { actions, before } of steps) if (before === "Closed") assert.deepStrictEqual(tagsOf(actions), [])
    const settled = all.filter(({ _tag }) => _tag === "Settle").length
    assert.strictEqual(settled, state.phase._tag === "Closed" ? 1 : 0)
    assert.isAtMost(all.filter(({ _tag }) => _tag === "Explain").length, 1)
    assert.isAtMost(all.filter(({ _tag }) => _tag === "Greet").length, 1)
  })

  it.prop(
    "a connection forbids new dialogs of this side exactly once, as the first action of a step, and accepts none afterwards",
    Anything,
    (given) => {
      const { state, steps } = play(given)
      const at = steps.findIndex(({ actions }) => tagsOf(actions).includes("StopCalls"))
      assert.strictEqual(at >= 0, Connection.isOver(state))
      if (at < 0) return
      const said = tagsOf(steps[at]!.actions).filter((tag) => tag !== "Send" && tag !== "Greet")
      assert.strictEqual(said[0], "StopCalls")
      assert.notInclude(steps.slice(at + 1).flatMap(({ actions }) => tagsOf(actions)), "StopCalls")
    }
  )

  it.prop(
    "a connection never returns to an earlier phase, under any order of events",
    Anything,
    (given) => {
      for (const { after, before } of play(given).steps) assert.isAtLeast(order(after), order(before))
    }
  )

  it.prop(
    "a connection delivers a word, drops it, or ends with a violation, and drops no word that the table of words allows",
    Anything,
    (given) => {
      for (const { actions, before, event, owned } of play(given).steps) {
        if (event._tag !== "Heard" || !owned || before === "Handshaking") continue
        const does = tagsOf(actions)
        const verdict = Connection.verdicts(given.role)[before][event.tag]
        if (verdict === "late") assert.deepStrictEqual(does, [])
        else if (verdict !== "allowed" && !(event.tag === "Error" && event.dialog === 0)) assert.include(does, "Report")
        else if (does.length === 0) {
          // Only a Pong, and a word for a dialog that is over.
          assert.isTrue(event.tag === "Pong" || dialogTags.includes(event.tag) && event.side === "none", event.tag)
        }
      }
    }
  )

  it.prop(
    "a connection that no code reads yet keeps all its words in order, and delivers the kept words once to its first reader",
    Anything,
    (given) => {
      const { steps } = play(given)
      let kept: Array<Tag> = []
      for (const { actions, before, event, owned } of steps) {
        const open = before !== "Handshaking" && before !== "Closed" && before !== "Lost"
        if (event._tag === "Heard" && !owned && open && event.tag !== "Violation") {
          assert.deepStrictEqual(tagsOf(actions), [])
          kept.push(event.tag)
        }
        const replay = actions.find((action) => action._tag === "Replay")
        if (replay === undefined) continue
        assert.deepStrictEqual(replay.words.map(({ _tag }) => _tag), kept)
        kept = []
      }
    }
  )

  it.prop(
    "a connection accepts dialogs of the peer only with the peer's numbers in increasing order, under any order of events",
    Anything,
    (given) => {
      const taken: Array<number> = []
      for (const { actions, event } of play(given).steps) {
        if (event._tag === "Heard" && event.tag === "Start" && tagsOf(actions)[0] === "Tell") taken.push(event.dialog)
      }
      const parity = given.role === "parent" ? 0 : 1
      for (const [at, id] of taken.entries()) {
        assert.strictEqual(id % 2, parity)
        assert.isAbove(id, at === 0 ? 0 : taken[at - 1]!)
      }
    }
  )

  it.prop(
    "a connection delivers no answer to a dialog after a Bye, and ends the dialogs of this side once",
    Anything,
    (given) => {
      const { steps } = play(given)
      const at = steps.findIndex(({ actions }) => tagsOf(actions).includes("EndCallers"))
      if (at < 0) return
      const behind = steps.slice(at + 1).flatMap(({ actions }) => tagsOf(actions))
      assert.notInclude(behind, "EndCallers")
      assert.notInclude(behind, "Deliver")
      assert.notInclude(behind, "Tell")
    }
  )

  it.prop(
    "a closed connection has a reason for its end, which is never `Cut` if the peer said Bye",
    Anything,
    (given) => {
      const { phase } = play(given).state
      if (phase._tag !== "Closed") return
      assert.isDefined(phase.why)
      if (phase.bye !== undefined) assert.notStrictEqual(phase.why._tag, "Cut")
      else assert.notStrictEqual(phase.why._tag, "Left")
    }
  )
})

const tagsOf = (actions: ReadonlyArray<Connection.Action>) => actions.map(({ _tag }) => _tag)

describe("The phase of a connection decides whether the connection is open, is over, and accepts new dialogs", () => {
  const rows: ReadonlyArray<readonly [Connection.PhaseName, isOpen: boolean, isOver: boolean, accepts: boolean]> = [
    ["Handshaking", false, false, true],
    ["Spawning", true, false, true],
    ["Booting", true, false, true],
    ["Serving", true, false, true],
    ["Leaving", false, true, false],
    ["Lost", false, true, true],
    ["Closed", false, true, false]
  ]
  for (const [phase, isOpen, isOver, accepts] of rows) {
    it(`the functions isOpen, isOver and accepts give the right answers for a connection in each phase (here ${phase})`, () => {
      const state = inPhase("child", phase)
      assert.strictEqual(state.phase._tag, phase)
      assert.deepStrictEqual(
        [Connection.isOpen(state), Connection.isOver(state), Connection.accepts(state)],
        [isOpen, isOver, accepts]
      )
    })
  }
})

describe("A connection checks the number of each dialog that the peer opens", () => {
  const start = (dialog: number): Message => word("Start", dialog)
  const reportOf = (state: State, dialog: number) =>
    Connection.hear(state, start(dialog), undefined, 0)[1].find((action) => action._tag === "Report")?.violation

  it("the number of a dialog that the peer opens must be one of the peer's numbers, and not 0", () => {
    for (const dialog of [0, 4, 100]) {
      const state = inPhase("peer", "Serving")
      assert.isFalse(Connection.takesStart(state, dialog, 0))
      assert.deepStrictEqual(reportOf(state, dialog), {
        _tag: "DialogId",
        dialog,
        issue: "the id belongs to the other side"
      })
    }
  })

  it("the numbers of the dialogs that the peer opens must increase", () => {
    const state = inPhase("peer", "Serving")
    assert.isTrue(Connection.takesStart(state, 5, 0))
    assert.isFalse(Connection.takesStart(state, 5, 0))
    assert.isFalse(Connection.takesStart(state, 3, 0))
    assert.deepStrictEqual(reportOf(state, 3), { _tag: "DialogId", dialog: 3, issue: "ids of one side must grow" })
  })

  it("a Start of the peer is passed on without a step of the machine only if a reader is there and fewer than `maxUnreadAnswers` answers wait", () => {
    const [early] = Connection.hear(
      Connection.start<string>({ role: "peer", handshake: handshakeOf("peer"), explains: false })[0],
      hello,
      undefined,
      0
    )
    assert.strictEqual(early.phase._tag, "Serving")
    assert.isFalse(Connection.takesStart(early, 1, 0))
    assert.isFalse(Connection.delivers(early, "callee", "Cancel"))
    assert.isTrue(Connection.delivers(inPhase("peer", "Serving"), "callee", "Cancel"))
    const state = inPhase("peer", "Serving")
    assert.isFalse(Connection.takesStart(state, 1, Connection.maxUnreadAnswers))
    assert.isTrue(Connection.takesStart(state, 1, Connection.maxUnreadAnswers - 1))
  })
})

describe("A word for a dialog of this side is a violation if this side never opened the dialog", () => {
  it("a word for a dialog that this side never opened is a violation, and a word for an ended dialog of this side is dropped", () => {
    const state = inPhase("peer", "Serving")
    const last = Connection.open(state)
    const next = state.dialogs.next
    assert.strictEqual(outcome(state, word("Return", last)), "silent")
    const [, actions] = Connection.hear(state, word("Return", next), undefined, 0)
    assert.deepStrictEqual(actions.find((action) => action._tag === "Report")?.violation, {
      _tag: "UnknownDialog",
      dialog: next,
      word: "Return"
    })
  })
})
