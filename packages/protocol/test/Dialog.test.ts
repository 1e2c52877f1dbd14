import { assert, describe, it } from "@effect/vitest"
import * as Credit from "@furrow/protocol/Credit"
import * as Dialog from "@furrow/protocol/Dialog"
import type * as Message from "@furrow/protocol/Message"
import { describe as sentence } from "@furrow/protocol/Violation"
import { Arbitrary, Schema } from "effect"

const dialog = 1
const payload = new Uint8Array()
const by: Message.ActorId = { name: "root", uuid: "r", pid: 1 }
const first: Dialog.Cancellation = { by, reason: "first", deadline: 100 }
const second: Dialog.Cancellation = { by, reason: "second", deadline: 50 }

/** Every word a dialog knows besides Start, by name. */
const words = {
  Started: { _tag: "Started", dialog, window: null, payload },
  Yield: { _tag: "Yield", dialog, items: 1, payload },
  Credit: { _tag: "Credit", dialog, items: 1, bytes: 0 },
  Stop: { _tag: "Stop", dialog },
  Cancel: { _tag: "Cancel", dialog, ...first },
  Return: { _tag: "Return", dialog, payload },
  Error: { _tag: "Error", dialog, payload }
} as const

// ---- the caller ---------------------------------------------------------------------------------------------------

/** Inputs as rows spell them: `<Word` is heard, the others come from the caller itself. */
const callerInputs = {
  "<Started": { _tag: "Heard", word: words.Started },
  "<Yield": { _tag: "Heard", word: words.Yield },
  "<Credit": { _tag: "Heard", word: words.Credit },
  "<Stop": { _tag: "Heard", word: words.Stop },
  "<Return": { _tag: "Heard", word: words.Return },
  "<Error": { _tag: "Heard", word: words.Error },
  "cancel": { _tag: "Cancel", cancellation: first, byUs: true },
  "cancel again": { _tag: "Cancel", cancellation: second, byUs: true },
  "elapsed": { _tag: "Elapsed" },
  "stop": { _tag: "Stop" },
  "lost": { _tag: "Lost", error: "gone" }
} as const satisfies Record<string, Dialog.CallerInput>
type CallerInput = keyof typeof callerInputs

const showCaller = (action: Dialog.CallerAction): string => {
  switch (action._tag) {
    case "Deliver":
      return `Deliver ${action.word._tag}`
    case "SendCancel":
      return `Send Cancel (${action.cancellation.reason})`
    case "SendStop":
      return "Send Stop"
    case "SettleLate":
      return `Late ${action.outcome._tag}`
    case "Settle":
      return `Settle ${action.outcome._tag}` +
        (action.outcome._tag === "Violation" ? `: ${sentence(action.outcome.violation)}` : "")
  }
}

const playCaller = (kind: Message.Kind, inputs: ReadonlyArray<CallerInput>) => {
  let state: Dialog.CallerState = Dialog.opening(kind)
  const actions: Array<string> = []
  for (const input of inputs) {
    const [next, out] = Dialog.callerStep(state, callerInputs[input])
    state = next
    actions.push(...out.map(showCaller))
  }
  return { state: state._tag, actions }
}

type CallerRow = readonly [
  title: string,
  kind: Message.Kind,
  inputs: ReadonlyArray<CallerInput>,
  actions: ReadonlyArray<string>,
  state: Dialog.CallerState["_tag"]
]

const callerRows: ReadonlyArray<CallerRow> = [
  ["a call that returns", "call", ["<Return"], ["Settle Return"], "Done"],
  ["a call that fails", "call", ["<Error"], ["Settle Error"], "Done"],
  ["a stream of two chunks", "stream", ["<Yield", "<Yield", "<Return"], [
    "Deliver Yield",
    "Deliver Yield",
    "Settle Return"
  ], "Done"],
  ["an empty stream", "stream", ["<Return"], ["Settle Return"], "Done"],
  ["a stream that fails half-way", "stream", ["<Yield", "<Error"], ["Deliver Yield", "Settle Error"], "Done"],
  ["a dialog, both ways", "dialog", ["<Started", "<Yield", "<Credit", "stop", "<Yield", "<Stop", "<Return"], [
    "Deliver Started",
    "Deliver Yield",
    "Deliver Credit",
    "Send Stop",
    "Deliver Yield",
    "Deliver Stop",
    "Settle Return"
  ], "Done"],
  ["a dialog that fails before it started", "dialog", ["<Error"], ["Settle Error"], "Done"],
  ["credit may come after either side stopped", "dialog", ["<Started", "<Stop", "<Credit", "stop", "<Credit"], [
    "Deliver Started",
    "Deliver Stop",
    "Deliver Credit",
    "Send Stop",
    "Deliver Credit"
  ], "Open"],
  ["Stop is said once", "dialog", ["<Started", "stop", "stop"], ["Deliver Started", "Send Stop"], "Open"],
  ["Stop has no place before Started", "dialog", ["stop"], [], "Opening"],
  ["Stop has no place in a stream", "stream", ["<Yield", "stop"], ["Deliver Yield"], "Open"],
  ["Stop has no place in a call", "call", ["stop"], [], "Opening"],

  ["a cancel while opening waits for the last word", "call", ["cancel"], ["Send Cancel (first)"], "Cancelling"],
  ["a cancel is acknowledged by Error", "call", ["cancel", "<Error"], ["Send Cancel (first)", "Settle Error"], "Done"],
  ["a Return that crossed the cancel still settles", "call", ["cancel", "<Return"], [
    "Send Cancel (first)",
    "Settle Return"
  ], "Done"],
  ["only the first cancel travels", "stream", ["<Yield", "cancel", "cancel again", "<Error"], [
    "Deliver Yield",
    "Send Cancel (first)",
    "Settle Error"
  ], "Done"],
  [
    "what crossed the cancel is dropped",
    "dialog",
    [
      "<Started",
      "cancel",
      "<Yield",
      "<Credit",
      "<Stop",
      "stop",
      "<Error"
    ],
    ["Deliver Started", "Send Cancel (first)", "Settle Error"],
    "Done"
  ],
  ["a Started that crossed the cancel is dropped", "dialog", ["cancel", "<Started", "<Error"], [
    "Send Cancel (first)",
    "Settle Error"
  ], "Done"],
  ["a dialog cancelled while opening may still return", "dialog", ["cancel", "<Return"], [
    "Send Cancel (first)",
    "Settle Return"
  ], "Done"],
  ["a cancel after the end says nothing", "call", ["<Return", "cancel"], ["Settle Return"], "Done"],

  ["a cancel whose bound passes settles, and its last word is heard late", "call", ["cancel", "elapsed", "<Error"], [
    "Send Cancel (first)",
    "Settle Unanswered",
    "Late Error"
  ], "Done"],
  [
    "nothing is said and delivered after the bound of a cancel",
    "dialog",
    [
      "<Started",
      "cancel",
      "elapsed",
      "<Yield",
      "stop",
      "cancel again",
      "elapsed"
    ],
    ["Deliver Started", "Send Cancel (first)", "Settle Unanswered"],
    "Overdue"
  ],
  ["losing the peer after the bound of a cancel ends it late", "stream", ["cancel", "elapsed", "lost"], [
    "Send Cancel (first)",
    "Settle Unanswered",
    "Late Lost"
  ], "Done"],
  ["a bound has no place without a cancel", "call", ["elapsed", "<Return"], ["Settle Return"], "Done"],

  ["losing the peer settles while opening", "call", ["lost", "<Return"], ["Settle Lost"], "Done"],
  ["losing the peer settles while open", "dialog", ["<Started", "lost", "<Yield"], [
    "Deliver Started",
    "Settle Lost"
  ], "Done"],
  ["losing the peer settles while cancelling", "stream", ["cancel", "lost", "<Error", "lost"], [
    "Send Cancel (first)",
    "Settle Lost"
  ], "Done"],
  ["an Error may overtake the words before it", "dialog", ["<Error", "<Started", "<Yield", "<Stop"], [
    "Settle Error"
  ], "Done"],

  [
    "a Yield has no place in a call",
    "call",
    ["<Yield"],
    ["Settle Violation: Yield while the dialog is Opening"],
    "Done"
  ],
  ["Started has no place in a call", "call", ["<Started"], [
    "Settle Violation: Started while the dialog is Opening"
  ], "Done"],
  ["Started has no place in a stream", "stream", ["<Started"], [
    "Settle Violation: Started while the dialog is Opening"
  ], "Done"],
  ["Credit has no place in a stream", "stream", ["<Yield", "<Credit"], [
    "Deliver Yield",
    "Settle Violation: Credit while the dialog is Open"
  ], "Done"],
  ["Stop has no place in a stream's answer", "stream", ["<Yield", "<Stop"], [
    "Deliver Yield",
    "Settle Violation: Stop while the dialog is Open"
  ], "Done"],
  ["a Yield before Started", "dialog", ["<Yield"], ["Settle Violation: Yield while the dialog is Opening"], "Done"],
  ["Credit before Started", "dialog", ["<Credit"], ["Settle Violation: Credit while the dialog is Opening"], "Done"],
  ["Stop before Started", "dialog", ["<Stop"], ["Settle Violation: Stop while the dialog is Opening"], "Done"],
  ["a Return before Started", "dialog", ["<Return"], ["Settle Violation: Return while the dialog is Opening"], "Done"],
  ["Started twice", "dialog", ["<Started", "<Started"], [
    "Deliver Started",
    "Settle Violation: Started while the dialog is Open"
  ], "Done"],
  ["a Yield after Stop", "dialog", ["<Started", "<Stop", "<Yield"], [
    "Deliver Started",
    "Deliver Stop",
    "Settle Violation: Yield while the dialog is Open"
  ], "Done"],
  ["Stop twice", "dialog", ["<Started", "<Stop", "<Stop"], [
    "Deliver Started",
    "Deliver Stop",
    "Settle Violation: Stop while the dialog is Open"
  ], "Done"]
]

// ---- the callee ---------------------------------------------------------------------------------------------------

/** Inputs as rows spell them: `<Word` is heard, the others come from the handler and its runtime. */
const calleeInputs = {
  "<Yield": { _tag: "Heard", word: words.Yield },
  "<Credit": { _tag: "Heard", word: words.Credit },
  "<Stop": { _tag: "Heard", word: words.Stop },
  "<Cancel": { _tag: "Heard", word: words.Cancel },
  "started": { _tag: "Started" },
  "stop": { _tag: "Stop" },
  "fail": { _tag: "Fail", failure: "overrun", cancellation: second },
  "exited": { _tag: "Exited" },
  "lost": { _tag: "Lost" }
} as const satisfies Record<string, Dialog.CalleeInput>
type CalleeInput = keyof typeof calleeInputs

const showCallee = (action: Dialog.CalleeAction): string => {
  switch (action._tag) {
    case "Deliver":
      return `Deliver ${action.word._tag}`
    case "SendStarted":
      return "Send Started"
    case "SendStop":
      return "Send Stop"
    case "Interrupt":
      return `Interrupt (${action.cancellation === "caller-lost" ? "caller-lost" : action.cancellation.reason})`
    case "SendLast":
      return action.failure === undefined ? "Send last word" : `Send last word: ${String(action.failure)}`
    case "Unheard":
      return "Unheard"
    case "Forget":
      return "Forget"
    case "Violate":
      return `Violate: ${sentence(action.violation)}`
  }
}

const playCallee = (kind: Message.Kind, inputs: ReadonlyArray<CalleeInput>) => {
  let state: Dialog.CalleeState = Dialog.accept(kind)
  const actions: Array<string> = []
  for (const input of inputs) {
    const [next, out] = Dialog.calleeStep(state, calleeInputs[input])
    state = next
    actions.push(...out.map(showCallee))
  }
  return { state: state._tag, actions }
}

type CalleeRow = readonly [
  title: string,
  kind: Message.Kind,
  inputs: ReadonlyArray<CalleeInput>,
  actions: ReadonlyArray<string>,
  state: Dialog.CalleeState["_tag"]
]

const last = ["Send last word", "Forget"]
const unheard = ["Unheard", "Forget"]

const calleeRows: ReadonlyArray<CalleeRow> = [
  ["a call", "call", ["exited"], last, "Done"],
  ["a stream is granted credit", "stream", ["<Credit", "<Credit", "exited"], [
    "Deliver Credit",
    "Deliver Credit",
    ...last
  ], "Done"],
  ["a dialog, both ways", "dialog", ["started", "<Yield", "<Credit", "stop", "<Stop", "<Credit", "exited"], [
    "Send Started",
    "Deliver Yield",
    "Deliver Credit",
    "Send Stop",
    "Deliver Stop",
    "Deliver Credit",
    ...last
  ], "Done"],
  ["a dialog that fails before it started", "dialog", ["exited"], last, "Done"],
  ["Started is said once", "dialog", ["started", "started"], ["Send Started"], "Open"],
  ["Started has no place in a call or a stream", "stream", ["started"], [], "Open"],
  ["Stop is said once", "dialog", ["started", "stop", "stop"], ["Send Started", "Send Stop"], "Open"],
  ["Stop has no place before Started", "dialog", ["stop"], [], "Fresh"],
  ["Stop has no place in a stream", "stream", ["stop"], [], "Open"],

  ["Cancel interrupts a call, its last word acknowledges", "call", ["<Cancel", "exited"], [
    "Interrupt (first)",
    ...last
  ], "Done"],
  ["Cancel interrupts a dialog that has not started", "dialog", ["<Cancel", "started", "exited"], [
    "Interrupt (first)",
    ...last
  ], "Done"],
  [
    "Cancel interrupts an open dialog, which says nothing but its last word",
    "dialog",
    [
      "started",
      "<Cancel",
      "stop",
      "exited"
    ],
    ["Send Started", "Interrupt (first)", ...last],
    "Done"
  ],
  ["words that Cancel overtook are dropped", "dialog", ["started", "<Cancel", "<Yield", "<Stop", "exited"], [
    "Send Started",
    "Interrupt (first)",
    ...last
  ], "Done"],
  [
    "words that cross the last word are dropped",
    "dialog",
    [
      "started",
      "exited",
      "<Yield",
      "<Credit",
      "<Stop",
      "<Cancel"
    ],
    ["Send Started", ...last],
    "Done"
  ],
  ["a handler's end is heard once", "call", ["exited", "exited"], last, "Done"],

  ["a lost caller interrupts, and nobody is told the end", "call", ["lost", "exited"], [
    "Interrupt (caller-lost)",
    ...unheard
  ], "Done"],
  ["a lost caller interrupts what has not started", "dialog", ["lost", "started", "exited"], [
    "Interrupt (caller-lost)",
    ...unheard
  ], "Done"],
  ["a lost caller interrupts once", "stream", ["lost", "lost", "<Credit", "<Cancel"], [
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["a caller lost after its Cancel does not interrupt again", "stream", ["<Cancel", "lost", "exited"], [
    "Interrupt (first)",
    ...unheard
  ], "Done"],
  ["a caller lost after the end changes nothing", "call", ["exited", "lost"], last, "Done"],

  [
    "a failure of the runtime interrupts the handler, and outranks what it makes of it",
    "dialog",
    [
      "started",
      "fail",
      "exited"
    ],
    ["Send Started", "Interrupt (second)", "Send last word: overrun", "Forget"],
    "Done"
  ],
  ["the first failure of the runtime counts, also after a cancel", "dialog", ["<Cancel", "fail", "fail", "exited"], [
    "Interrupt (first)",
    "Send last word: overrun",
    "Forget"
  ], "Done"],
  [
    "words that cross a failure of the runtime are dropped",
    "dialog",
    [
      "started",
      "fail",
      "<Yield",
      "<Credit",
      "<Stop",
      "<Cancel",
      "stop",
      "exited"
    ],
    ["Send Started", "Interrupt (second)", "Send last word: overrun", "Forget"],
    "Done"
  ],
  ["Cancel twice is a breach also while failing", "call", ["fail", "<Cancel", "<Cancel"], [
    "Interrupt (second)",
    "Violate: Cancel while the dialog is Failing"
  ], "Orphaned"],
  ["a caller lost while failing is not told", "call", ["fail", "lost", "exited"], [
    "Interrupt (second)",
    ...unheard
  ], "Done"],

  ["a Yield has no place in a call", "call", ["<Yield", "exited"], [
    "Violate: Yield while the dialog is Open",
    "Interrupt (caller-lost)",
    ...unheard
  ], "Done"],
  ["Credit has no place in a call", "call", ["<Credit"], [
    "Violate: Credit while the dialog is Open",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["a Yield has no place in a stream's request", "stream", ["<Yield"], [
    "Violate: Yield while the dialog is Open",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["Stop has no place in a stream's request", "stream", ["<Stop"], [
    "Violate: Stop while the dialog is Open",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["a Yield before Started", "dialog", ["<Yield"], [
    "Violate: Yield while the dialog is Fresh",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["a Yield after Stop", "dialog", ["started", "<Stop", "<Yield"], [
    "Send Started",
    "Deliver Stop",
    "Violate: Yield while the dialog is Open",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["Stop twice", "dialog", ["started", "<Stop", "<Stop"], [
    "Send Started",
    "Deliver Stop",
    "Violate: Stop while the dialog is Open",
    "Interrupt (caller-lost)"
  ], "Orphaned"],
  ["Cancel twice does not interrupt twice", "call", ["<Cancel", "<Cancel", "exited"], [
    "Interrupt (first)",
    "Violate: Cancel while the dialog is Cancelling",
    ...unheard
  ], "Done"]
]

// ---- any order ----------------------------------------------------------------------------------------------------

const kinds: ReadonlyArray<Message.Kind> = ["call", "stream", "dialog"]
const AnyKind = Schema.Literals(["call", "stream", "dialog"])
const anyOrder = <K extends string>(inputs: Readonly<Record<K, unknown>>) =>
  Arbitrary.array(Arbitrary.schema(Schema.Literals(Object.keys(inputs) as Array<K>)), { maxLength: 12 })
const many = { arbitrary: { runs: 1000 } }

const count = (actions: ReadonlyArray<string>, what: string) => actions.filter((a) => a.startsWith(what)).length

describe("The caller's side of a dialog settles at most once, in whatever order its events come", () => {
  for (const [title, kind, inputs, actions, state] of callerRows) {
    it(`${title} (${kind})`, () => assert.deepStrictEqual(playCaller(kind, inputs), { state, actions }))
  }

  it.prop(
    "the caller's side of a dialog settles at most once and sends at most one Cancel, after which it delivers no items, under any events",
    { kind: AnyKind, inputs: anyOrder(callerInputs) },
    ({ inputs, kind }) => {
      const { actions, state } = playCaller(kind, inputs)
      const settled = count(actions, "Settle")
      assert.isAtMost(settled, 1)
      assert.strictEqual(state === "Done" || state === "Overdue", settled === 1)
      const after = settled === 0 ? [] : actions.slice(actions.findIndex((action) => action.startsWith("Settle")) + 1)
      assert.isAtMost(after.length, 1)
      assert.strictEqual(count(after, "Late"), after.length)
      assert.isAtMost(count(actions, "Send Cancel"), 1)
      assert.isAtMost(count(actions, "Send Stop"), 1)
      const cancelled = actions.findIndex((action) => action.startsWith("Send Cancel"))
      if (cancelled >= 0) {
        assert.strictEqual(count(actions.slice(cancelled), "Deliver"), 0)
        assert.strictEqual(count(actions.slice(cancelled), "Send Stop"), 0)
      }
    },
    many
  )

  it.prop(
    "the caller's side of a dialog ends at a last word or at the loss of its peer, after any events",
    { kind: AnyKind, inputs: anyOrder(callerInputs), end: Schema.Literals(["<Return", "<Error", "lost"]) },
    ({ end, inputs, kind }) => assert.strictEqual(playCaller(kind, [...inputs, end]).state, "Done"),
    many
  )
})

describe("A dialog whose cancel was not acknowledged within its bound ends as unanswered, whatever comes later", () => {
  it("a dialog that is unanswered at the bound of its cancel keeps this outcome, whatever last word comes later", () => {
    let state: Dialog.CallerState = Dialog.opening("call")
    for (const input of ["cancel", "elapsed", "<Error"] as const) {
      ;[state] = Dialog.callerStep(state, callerInputs[input])
    }
    assert(state._tag === "Done")
    assert.deepStrictEqual(state.outcome, { _tag: "Unanswered", cancellation: first })
  })
})

describe("The callee's side of a dialog takes events in any order", () => {
  for (const [title, kind, inputs, actions, state] of calleeRows) {
    it(`${title} (${kind})`, () => assert.deepStrictEqual(playCallee(kind, inputs), { state, actions }))
  }

  it.prop(
    "the callee's side of a dialog says at most one last word and interrupts its handler at most once, under any events",
    { kind: AnyKind, inputs: anyOrder(calleeInputs) },
    ({ inputs, kind }) => {
      const { actions, state } = playCallee(kind, inputs)
      assert.isAtMost(count(actions, "Send last word"), 1)
      assert.isAtMost(count(actions, "Interrupt"), 1)
      assert.isAtMost(count(actions, "Violate"), 1)
      assert.isAtMost(count(actions, "Send Started"), 1)
      assert.isAtMost(count(actions, "Send Stop"), 1)
      assert.strictEqual(count(actions, "Forget"), state === "Done" ? 1 : 0)
      if (state === "Done") assert.strictEqual(actions.at(-1), "Forget")
      // A caller that is lost, or broke a rule, is told nothing more.
      const gone = actions.findIndex((action) => action === "Interrupt (caller-lost)" || action.startsWith("Violate"))
      if (gone >= 0) assert.strictEqual(count(actions.slice(gone), "Send"), 0)
      const spoke = actions.findIndex((action) => action.startsWith("Send last word"))
      if (spoke >= 0) assert.strictEqual(spoke, actions.length - 2)
      const interrupted = actions.findIndex((action) => action.startsWith("Interrupt"))
      if (interrupted >= 0) {
        const after = actions.slice(interrupted)
        assert.strictEqual(count(after, "Deliver") + count(after, "Send St"), 0)
      }
    },
    many
  )

  it.prop(
    "the callee's side of a dialog is done exactly when its handler has exited, after any events",
    { kind: AnyKind, inputs: anyOrder(calleeInputs) },
    ({ inputs, kind }) => assert.strictEqual(playCallee(kind, inputs).state === "Done", inputs.includes("exited")),
    many
  )

  it("the callee's side of a dialog may send items while it is open, and not after its own Stop or a Cancel", () => {
    const play = (kind: Message.Kind, ...inputs: ReadonlyArray<CalleeInput>) =>
      inputs.reduce(
        (state: Dialog.CalleeState, input) => Dialog.calleeStep(state, calleeInputs[input])[0],
        Dialog.accept(kind)
      )
    assert.deepStrictEqual(kinds.map((kind) => Dialog.mayYield(Dialog.accept(kind))), [false, true, false])
    assert.isTrue(Dialog.mayYield(play("dialog", "started")))
    assert.isFalse(Dialog.mayYield(play("dialog", "started", "stop")))
    assert.isFalse(Dialog.mayYield(play("dialog", "started", "<Cancel")))
    assert.isFalse(Dialog.mayYield(play("stream", "lost")))
    assert.isFalse(Dialog.mayYield(play("stream", "exited")))
  })
})

// ---- the story ----------------------------------------------------------------------------------------------------

/** The inputs that may come next. Each has an effect only where an honest side, or the wire, can do it then. */
const moves = [
  "caller hears control",
  "caller hears data",
  "callee hears control",
  "callee hears data",
  "caller yields",
  "caller reads",
  "caller stops",
  "caller cancels",
  "callee starts",
  "callee yields",
  "callee reads",
  "callee stops",
  "callee returns",
  "callee fails",
  "wire breaks"
] as const
type Move = typeof moves[number]

// A chunk of five bytes costs half the window, so two fill it and each read is granted back.
const window = { items: 2, bytes: 6 }
const chunk = { _tag: "Yield", dialog, items: 1, payload: new Uint8Array(5) } as const

/** One direction of the flow: what its sender may still send, what its receiver has not read. */
class Flow {
  sender = Credit.sender(window)
  receiver = Credit.receiver(window)
  unread = 0
  get maySend() {
    return Credit.canSpend(this.sender, chunk.items, chunk.payload.length)
  }
  spend() {
    this.sender = Credit.spend(this.sender, chunk.items, chunk.payload.length)!
  }
  clone() {
    return Object.assign(new Flow(), this)
  }
  receive() {
    const next = Credit.received(this.receiver, chunk.items, chunk.payload.length)
    assert.isDefined(next, "an honest chunk overran the credit")
    this.receiver = next
    this.unread++
  }
  grant(items: number, bytes: number) {
    const next = Credit.granted(this.sender, items, bytes)
    assert.isDefined(next, "an honest grant exceeded the window")
    this.sender = next
  }
  /** The grant after reading one chunk. */
  read() {
    this.unread--
    const [next, grant] = Credit.consumed(this.receiver, chunk.items, chunk.payload.length)
    this.receiver = next
    return grant
  }
}

/** Both machines, wired by two lanes in each direction. A lane keeps its order; which lane moves next, the test says. */
class World {
  caller: Dialog.CallerState
  callee: Dialog.CalleeState
  toCaller = { control: [] as Array<Message.FromCallee>, data: [] as Array<Message.FromCallee> }
  toCallee = { control: [] as Array<Message.FromCaller>, data: [] as Array<Message.FromCaller> }
  answer = new Flow()
  request = new Flow()
  log: Array<string> = []
  broken = false
  chunks = 0
  readonly kind: Message.Kind

  constructor(kind: Message.Kind) {
    this.kind = kind
    this.caller = Dialog.opening(kind)
    this.callee = Dialog.accept(kind)
  }

  move(move: Move): void {
    switch (move) {
      case "caller hears control":
      case "caller hears data": {
        const word = this.toCaller[move === "caller hears control" ? "control" : "data"].shift()
        return word === undefined ? undefined : this.callerStep({ _tag: "Heard", word })
      }
      case "callee hears control":
      case "callee hears data": {
        const word = this.toCallee[move === "callee hears control" ? "control" : "data"].shift()
        return word === undefined ? undefined : this.calleeStep({ _tag: "Heard", word })
      }
      case "caller yields":
        if (!this.callerIsOpen || this.kind !== "dialog" || this.callerHasStopped || !this.request.maySend) return
        this.request.spend()
        this.chunks++
        return void this.toCallee.data.push(chunk)
      case "callee yields":
        if (!Dialog.mayYield(this.callee) || !this.answer.maySend) return
        this.answer.spend()
        this.chunks++
        return void this.toCaller.data.push(chunk)
      case "caller reads": {
        if (this.answer.unread === 0) return
        const grant = this.answer.read()
        if (grant !== undefined && this.callerIsOpen) {
          this.toCallee.control.push({ _tag: "Credit", dialog, ...grant })
        }
        return
      }
      case "callee reads": {
        if (this.request.unread === 0) return
        const grant = this.request.read()
        if (grant !== undefined && this.callee._tag === "Open") {
          this.toCaller.control.push({ _tag: "Credit", dialog, ...grant })
        }
        return
      }
      case "caller stops":
        return this.callerStep({ _tag: "Stop" })
      case "caller cancels":
        return this.callerStep({ _tag: "Cancel", cancellation: first, byUs: true })
      case "callee starts":
        return this.calleeStep({ _tag: "Started" })
      case "callee stops":
        return this.calleeStep({ _tag: "Stop" })
      case "callee returns":
        // A dialog that has not started has nothing to return: its caller still waits for the first value.
        return this.exit(this.callee._tag === "Fresh" ? "Error" : "Return")
      case "callee fails":
        return this.exit("Error")
      case "wire breaks":
        return this.breakWire()
    }
  }

  clone(): World {
    const world: World = Object.assign(new World(this.kind), this)
    world.toCaller = { control: [...this.toCaller.control], data: [...this.toCaller.data] }
    world.toCallee = { control: [...this.toCallee.control], data: [...this.toCallee.data] }
    world.answer = this.answer.clone()
    world.request = this.request.clone()
    world.log = [...this.log]
    return world
  }

  /** Two worlds of one key have the same future. */
  get key(): string {
    const lanes = [this.toCaller.control, this.toCaller.data, this.toCallee.control, this.toCallee.data]
    return JSON.stringify([
      this.caller,
      this.callee,
      lanes.map((lane) => lane.map((word) => word._tag)),
      [this.answer, this.request].map(({ receiver, sender, unread }) => [sender.items, receiver.owedItems, unread]),
      this.chunks,
      this.broken
    ])
  }

  /** From here on no side says anything new but the callee's last word: deliver what is left. */
  finish(order: ReadonlyArray<Move>) {
    this.move("callee returns")
    for (const lane of order) this.move(lane)
    while (this.inFlight > 0) for (const lane of moves.slice(0, 4)) this.move(lane)
  }

  get inFlight() {
    return [this.toCaller, this.toCallee].reduce((n, { control, data }) => n + control.length + data.length, 0)
  }

  private get callerIsOpen() {
    return this.caller._tag === "Open"
  }
  private get callerHasStopped() {
    return this.caller._tag === "Open" && this.caller.ours === "stopped"
  }

  private breakWire() {
    if (this.broken) return
    this.broken = true
    for (const lanes of [this.toCaller, this.toCallee]) lanes.control.length = lanes.data.length = 0
    this.callerStep({ _tag: "Lost", error: "gone" })
    this.calleeStep({ _tag: "Lost" })
  }

  private exit(word: "Return" | "Error") {
    const before = this.callee
    this.calleeStep({ _tag: "Exited" }, word)
    if (before._tag === "Done") assert.strictEqual(this.callee._tag, "Done")
  }

  private callerStep(input: Dialog.CallerInput) {
    const [state, actions] = Dialog.callerStep(this.caller, input)
    this.caller = state
    for (const action of actions) {
      this.log.push(`caller: ${showCaller(action)}`)
      if (action._tag === "SendCancel") this.send(this.toCallee.control, { ...words.Cancel, ...action.cancellation })
      if (action._tag === "SendStop") this.send(this.toCallee.data, words.Stop)
      if (action._tag === "Deliver" && action.word._tag === "Yield") this.answer.receive()
      if (action._tag === "Deliver" && action.word._tag === "Credit") {
        this.request.grant(action.word.items, action.word.bytes)
      }
    }
  }

  private calleeStep(input: Dialog.CalleeInput, lastWord: "Return" | "Error" = "Error") {
    const [state, actions] = Dialog.calleeStep(this.callee, input)
    this.callee = state
    for (const action of actions) {
      this.log.push(`callee: ${showCallee(action)}`)
      if (action._tag === "SendStarted") this.send(this.toCaller.data, words.Started)
      if (action._tag === "SendStop") this.send(this.toCaller.data, words.Stop)
      if (action._tag === "SendLast" && lastWord === "Return") this.send(this.toCaller.data, words.Return)
      if (action._tag === "SendLast" && lastWord === "Error") this.send(this.toCaller.control, words.Error)
      if (action._tag === "Deliver" && action.word._tag === "Yield") this.request.receive()
      if (action._tag === "Deliver" && action.word._tag === "Credit") {
        this.answer.grant(action.word.items, action.word.bytes)
      }
    }
  }

  private send<W>(lane: Array<W>, word: W) {
    if (!this.broken) lane.push(word)
  }
}

describe("Both sides of a dialog talk over one connection", () => {
  // Inputs that end a dialog are rare, so that long conversations are tried too.
  const endings: ReadonlyArray<Move> = ["caller cancels", "callee returns", "callee fails"]
  const usual = moves.filter((move) => move !== "wire breaks" && !endings.includes(move))
  const wholeWire = [...usual, ...usual, ...usual, ...endings]
  const lanes = moves.slice(0, 4)
  const checkHonest = (world: World) => {
    assert.isAtMost(count(world.log, "caller: Settle"), 1)
    assert.isAtMost(count(world.log, "callee: Send last word"), 1)
    assert.isAtMost(count(world.log, "callee: Interrupt"), 1)
    assert.isFalse(world.log.some((line) => /violat/i.test(line)), world.log.join("\n"))
  }
  const script = (moves: ReadonlyArray<Move>, maxLength = 60) =>
    Arbitrary.array(
      // Literals are drawn evenly; integers would favour the ends of their range.
      Arbitrary.map(Arbitrary.schema(Schema.Literals(moves.map((_, i) => i))), (i) => moves[i]!),
      { maxLength }
    )

  for (const kind of kinds) {
    it(`in every order of events, both sides of a short dialog keep the rules of the protocol, and the caller gets an end (in a ${kind})`, () => {
      const seen = new Set<string>()
      const open = [new World(kind)]
      for (let world = open.pop(); world !== undefined; world = open.pop()) {
        if (seen.has(world.key)) continue
        seen.add(world.key)
        checkHonest(world)
        // Every exit is heard: with the callee done and the wire empty, no side waits.
        if (world.callee._tag === "Done" && world.inFlight === 0) {
          assert.strictEqual(world.caller._tag, "Done", world.log.join("\n"))
        }
        for (const move of moves) {
          if (world.chunks >= 4 && (move === "caller yields" || move === "callee yields")) continue
          const next = world.clone()
          next.move(move)
          open.push(next)
        }
      }
      assert.isAbove(seen.size, 10)
    })

    it.prop(
      `two sides of a dialog that keep the rules always end, settle the dialog exactly once, and see no violation (in a ${kind})`,
      { script: script(wholeWire), order: script(lanes, 20) },
      ({ order, script }) => {
        const world = new World(kind)
        for (const move of script) world.move(move)
        world.finish(order)
        assert.strictEqual(world.caller._tag, "Done")
        assert.strictEqual(world.callee._tag, "Done")
        assert.strictEqual(count(world.log, "caller: Settle"), 1)
        assert.strictEqual(count(world.log, "caller: Settle Lost"), 0)
        assert.strictEqual(count(world.log, "callee: Send last word"), 1)
        assert.deepStrictEqual(world.log.filter((line) => /violat/i.test(line)), [])
      },
      { arbitrary: { runs: 2000, size: 60 } }
    )

    it.prop(
      `when the connection is lost at any moment, the caller settles at once, and the callee ends when its handler has ended (in a ${kind})`,
      { before: script(wholeWire), after: script(moves) },
      ({ after, before }) => {
        const world = new World(kind)
        for (const move of before) world.move(move)
        world.move("wire breaks")
        assert.strictEqual(world.caller._tag, "Done")
        for (const move of after) world.move(move)
        world.finish([])
        assert.strictEqual(world.callee._tag, "Done")
        assert.strictEqual(count(world.log, "caller: Settle"), 1)
        assert.isAtMost(count(world.log, "callee: Interrupt"), 1)
        assert.deepStrictEqual(world.log.filter((line) => /violat/i.test(line)), [])
      },
      { arbitrary: { runs: 1000, size: 60 } }
    )
  }
})
