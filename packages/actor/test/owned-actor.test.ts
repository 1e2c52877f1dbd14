import { assert, describe, it } from "@effect/vitest"
import type { Actor } from "@furrow/actor"
import { ActorError } from "@furrow/actor"
import * as OwnedActor from "@furrow/actor/internal/supervision/OwnedActor"
import { Schema } from "effect"

const actor = { name: "frank", uuid: "f", pid: 7 }
const owner = { name: "root", uuid: "r", pid: 1 }
const third = { name: "third", uuid: "t", pid: 2 }

const boxed = (type: string, message = "broke") => ({
  type,
  message,
  stack: "",
  cause: null,
  origin: actor,
  path: []
})

const bye = (exit: Actor.ActorExit): OwnedActor.Input => ({ _tag: "Bye", farewell: exit })

const fullHeap = [
  "[622:0x27618000]      203 ms: Mark-Compact 34.5 (51.5) -> 34.1 (67.3) MB, pooled: 0 MB",
  "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
  "----- Native stack trace -----",
  " 1: 0x931db0  [node]"
]

/** Everything that an owner hears of an actor, by a short name. */
const inputs = {
  end: { _tag: "End", cancellation: { by: owner, reason: "done", deadline: 0 } },
  discard: { _tag: "Discard", cancellation: { by: owner, reason: "not ready", deadline: 0 } },
  ready: { _tag: "Ready" },
  leave: { _tag: "Leave", reason: "SIGTERM" },
  ack: { _tag: "Ack" },
  monitored: { _tag: "Monitored", change: 1 },
  left: { _tag: "Monitored", change: -1 },
  returned: bye({ _tag: "Returned", cleanup: [] }),
  cancelled: bye({ _tag: "Cancelled", by: third, reason: "asked", cleanup: [boxed("Error")] }),
  failed: bye({
    _tag: "Failed",
    error: new ActorError.RemoteActorError({ actor, boxed: boxed("TypeError"), others: [] }),
    cleanup: []
  }),
  uncaught: { _tag: "Failed", boxed: boxed("RangeError") },
  cleanup: { _tag: "CleanupFailed", boxed: boxed("Error") },
  otherCleanup: { _tag: "CleanupFailed", boxed: boxed("RangeError") },
  cut: {
    _tag: "ConnectionEnded",
    error: new ActorError.ActorLost({
      actor,
      how: { _tag: "ConnectionClosed" },
      began: "maybe",
      stderr: [],
      failure: null
    })
  },
  elapsed: { _tag: "Elapsed", ending: false, lines: [] },
  elapsedWhileEnding: { _tag: "Elapsed", ending: true, lines: [] },
  exit0: { _tag: "ProcessEnded", end: { _tag: "Exited", code: 0 }, lines: ["last line"] },
  exit3: { _tag: "ProcessEnded", end: { _tag: "Exited", code: 3 }, lines: ["last line"] },
  exit143: { _tag: "ProcessEnded", end: { _tag: "Exited", code: 143 }, lines: [] },
  aborted: { _tag: "ProcessEnded", end: { _tag: "Signalled", signal: "SIGABRT" }, lines: ["last line"] },
  heapFull: { _tag: "ProcessEnded", end: { _tag: "Signalled", signal: "SIGABRT" }, lines: fullHeap },
  heapFull134: { _tag: "ProcessEnded", end: { _tag: "Exited", code: 134 }, lines: fullHeap },
  saysHeapFull: { _tag: "ProcessEnded", end: { _tag: "Exited", code: 1 }, lines: fullHeap },
  terminated: { _tag: "ProcessEnded", end: { _tag: "Signalled", signal: "SIGTERM" }, lines: [] },
  killed: { _tag: "ProcessEnded", end: { _tag: "Signalled", signal: "SIGKILL" }, lines: ["last line"] }
} as const satisfies Record<string, OwnedActor.Input>

type Word = keyof typeof inputs
const words = Object.keys(inputs) as ReadonlyArray<Word>

const live = (given: ReadonlyArray<Word>) => {
  const actions: Array<OwnedActor.Action> = []
  const states: Array<OwnedActor.State> = [OwnedActor.initial(actor, owner)]
  for (const word of given) {
    const [state, more] = OwnedActor.step(states.at(-1)!, inputs[word])
    states.push(state)
    actions.push(...more)
  }
  return { state: states.at(-1)!, states, actions }
}

const exitAfter = (given: string): Actor.ActorExit => live(given.split(" ") as ReadonlyArray<Word>).state.exit!

/** An exit as rows spell it. */
const spell = (exit: Actor.ActorExit): string => {
  const cleanup = exit.cleanup.length === 0 ? "" : ` + ${exit.cleanup.map(({ type }) => type).join(", ")}`
  switch (exit._tag) {
    case "Returned":
      return `Returned${cleanup}`
    case "Failed":
      return `Failed ${exit.error.type}${cleanup}`
    case "Cancelled":
      return `Cancelled by ${exit.by.name}: ${exit.reason}${cleanup}`
    case "Lost":
      return `Lost ${exit.error._tag === "ActorLost" ? exit.error.how._tag : exit.error._tag}${cleanup}`
  }
}

/** The owner's inputs, in order, and the exit of the actor. */
const table: ReadonlyArray<readonly [string, string]> = [
  // Its own last word.
  ["returned exit0", "Returned"],
  ["failed exit3", "Failed TypeError"],
  ["cancelled exit0", "Cancelled by third: asked + Error"],
  ["end ack returned exit0", "Returned"],
  ["end ack cancelled exit0", "Cancelled by third: asked + Error"],
  ["cut returned exit0", "Returned"],
  // The end of its process after its last word is a part of its cleanup.
  ["returned exit3", "Returned + ActorLost"],
  ["returned exit143", "Returned + ActorLost"],
  ["returned killed", "Returned + ActorLost"],
  ["cancelled exit3", "Cancelled by third: asked + Error, ActorLost"],
  ["cancelled exit143", "Cancelled by third: asked + Error"],
  ["cancelled elapsed killed", "Cancelled by third: asked + Error, CleanupUnfinished"],
  // A cleanup that was told as it failed is the one of the last word.
  ["end ack cleanup cancelled exit0", "Cancelled by third: asked + Error"],
  ["end ack cleanup returned exit0", "Returned + Error"],
  ["end ack otherCleanup cancelled exit0", "Cancelled by third: asked + RangeError, Error"],
  // An uncaught error whose actor was cut off before its last word.
  ["uncaught exit3", "Failed RangeError"],
  ["uncaught cut exit3", "Failed RangeError"],
  ["uncaught end killed", "Failed RangeError"],
  // Its owner ended it.
  ["end ack exit0", "Cancelled by root: done + CleanupUnfinished"],
  ["end elapsed elapsed killed", "Cancelled by root: done + CleanupUnfinished"],
  ["end cut killed", "Cancelled by root: done + CleanupUnfinished"],
  ["end ack cleanup elapsed killed", "Cancelled by root: done + Error, CleanupUnfinished"],
  ["discard killed", "Cancelled by root: not ready"],
  ["discard elapsed killed", "Cancelled by root: not ready"],
  // It became ready in the moment in which its start was given up.
  ["discard ready ack returned exit0", "Returned"],
  ["discard ready elapsed killed", "Cancelled by root: not ready + CleanupUnfinished"],
  ["ready discard ack returned exit0", "Returned"],
  ["ready discard killed", "Cancelled by root: not ready + CleanupUnfinished"],
  // It was told to end from outside, and its owner ended it, or had no time to.
  ["leave elapsed ack exit0", "Cancelled by frank: SIGTERM + CleanupUnfinished"],
  ["leave end ack exit0", "Cancelled by root: done + CleanupUnfinished"],
  ["leave cancelled exit0", "Cancelled by third: asked + Error"],
  ["leave exit3", "Lost Exited"],
  // Nobody asked.
  ["exit0", "Lost Exited"],
  ["killed", "Lost Signalled"],
  ["aborted", "Lost Signalled"],
  ["heapFull", "Lost OutOfMemory"],
  ["heapFull134", "Lost OutOfMemory"],
  ["saysHeapFull", "Lost Exited"],
  ["cut killed", "Lost ConnectionClosed"],
  ["cut end killed", "Lost ConnectionClosed"],
  // Its exit was never reported.
  ["end elapsed elapsed elapsed", "Lost Unreported"],
  ["returned elapsed elapsed", "Lost Unreported"]
]

describe("An owned actor", () => {
  it("the exit of a killed actor says whether the actor had said Bye before it was killed", () => {
    const messages = (given: string) => exitAfter(given).cleanup.map(({ message }) => message)
    assert.match(messages("end ack elapsed elapsed killed").join(), /^it ended before it had said how its cleanup went/)
    assert.deepStrictEqual(messages("returned elapsed killed"), [
      "its process did not exit within Timeouts.terminate after its last word, and was killed"
    ])
  })

  for (const [given, expected] of table) {
    it(`G93: the owner of an actor reports the exit that follows from the events at the actor's end (case: ${given}: ${expected})`, () => {
      assert.strictEqual(spell(exitAfter(given)), expected)
    })
  }

  it("G94: failures in the cleanup of an actor fail its owner only if the owner has ended the actor", () => {
    const raised = (given: string) =>
      OwnedActor.raisedBy(live(given.split(" ") as ReadonlyArray<Word>).state).map(({ type }) => type)
    assert.deepStrictEqual(raised("end ack cancelled exit0"), ["Error"])
    assert.deepStrictEqual(raised("end ack cleanup elapsed killed"), ["Error"])
    for (const given of ["cancelled exit0", "cleanup returned exit0", "leave elapsed ack cleanup returned exit0"]) {
      assert.deepStrictEqual(raised(given), [], given)
    }
  })

  it("G93: the exit of a lost actor holds its last lines of stderr, and its error is the loss", () => {
    const { actions, state } = live(["killed"])
    const [told] = actions
    if (told?._tag !== "TellLoss" || state.exit?._tag !== "Lost") return assert.fail("no loss was told")
    assert.strictEqual(told.error, state.exit.error)
    assert.deepInclude(told.error, { stderr: ["last line"] })
  })

  const endings: ReadonlyArray<readonly [string, ActorError.ActorLost["how"]]> = [
    ["killed", { _tag: "Signalled", signal: "SIGKILL" }],
    ["uncaught cut elapsed killed", {
      _tag: "Killed",
      signal: "SIGKILL",
      reason: "it could not be asked to end, because it had no connection, and SIGTERM did not end it"
    }],
    ["uncaught cut terminated", {
      _tag: "Killed",
      signal: "SIGTERM",
      reason: "it could not be asked to end, because it had no connection"
    }],
    ["uncaught cut killed", { _tag: "Signalled", signal: "SIGKILL" }],
    ["end elapsed elapsed killed", {
      _tag: "Killed",
      signal: "SIGKILL",
      reason: "it did not acknowledge that it was to end (`Timeouts.cancelAck`), and SIGTERM did not end it"
    }],
    ["end ack elapsed terminated", {
      _tag: "Killed",
      signal: "SIGTERM",
      reason: "its finalizers did not end in time (`Timeouts.finalizers`)"
    }],
    ["failed elapsed killed", {
      _tag: "Killed",
      signal: "SIGKILL",
      reason: "it did not exit in time after its last word (`Timeouts.terminate`)"
    }],
    ["end exit3", { _tag: "Exited", code: 3 }]
  ]
  for (const [given, how] of endings) {
    it(`G107: the exit of a lost actor says whether its owner killed the actor, and why (case: ${given})`, () => {
      const error = OwnedActor.whyGone(live(given.split(" ") as ReadonlyArray<Word>).state, [])
      assert(error._tag === "ActorLost")
      assert.deepStrictEqual(error.how, how)
    })
  }

  it("an actor whose Bye reports a failure counts as lost for its users, and their error names this failure", () => {
    const { state } = live(["failed", "exit3"])
    const error = OwnedActor.whyGone(state, ["last line"])
    assert(error._tag === "ActorLost")
    assert.deepInclude({ ...error }, { actor, failure: boxed("TypeError"), stderr: ["last line"] })
    const told = OwnedActor.whyGone(live(["uncaught", "failed", "exit3"]).state, [])
    assert(told._tag === "ActorLost")
    assert.deepStrictEqual(told.failure, boxed("RangeError"), "an uncaught error that it told of goes before")
  })

  it("an unreported exit counts as a loss, even if the owner had ended the actor", () => {
    const { actions, state } = live(["end", "elapsed", "elapsed", "elapsed"])
    assert.deepStrictEqual([state.rung, state.exit?._tag, state.loss?._tag], ["Gone", "Lost", "ActorLost"])
    assert.deepStrictEqual(actions.slice(-2).map(({ _tag }) => _tag), ["TellLoss", "Done"])
  })

  it("a lost connection is reported as a loss, and the actor's process is terminated, because the process may still run", () => {
    const { actions, state } = live(["cut"])
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["TellLoss", "CloseChannel", "Signal", "Wait"])
    assert.deepStrictEqual(state.end, { _tag: "Disconnected" })
  })

  it("the loss of an actor that had reported an uncaught error is not reported in addition to this error", () => {
    const { actions, state } = live(["uncaught", "exit3"])
    assert.deepStrictEqual([actions.map(({ _tag }) => _tag), state.loss], [["Done"], undefined])
  })

  it("calls to an actor that has returned and exited fail with ChannelClosed and not with ActorLost", () => {
    const error = OwnedActor.whyGone(live(["returned", "exit0"]).state, [])
    assert(error._tag === "ChannelClosed")
    assert.deepInclude({ ...error }, { side: "peer", actor })
  })

  it("G107: the exit of an actor whose cleanup was cut off names the owner that killed the actor, and the reason", () => {
    const [cutOff] = exitAfter("end ack elapsed elapsed killed").cleanup
    assert.strictEqual(
      cutOff!.message,
      "it ended before it had said how its cleanup went: its owner killed its process by SIGKILL: its finalizers did " +
        "not end in time (`Timeouts.finalizers`), and SIGTERM did not end it"
    )
  })

  it("G106: the exit of an actor that ran out of memory names the limit of its memory if the actor was started with a limit", () => {
    for (
      const [limit, how] of [[64, { _tag: "OutOfMemory", limit: 64 }], [undefined, { _tag: "OutOfMemory" }]] as const
    ) {
      const [{ exit }] = OwnedActor.step(OwnedActor.initial(actor, owner, limit), inputs.heapFull)
      assert(exit?._tag === "Lost" && exit.error._tag === "ActorLost")
      assert.deepStrictEqual(exit.error.how, how)
      assert.include(
        exit.error.message,
        limit === undefined ? "`memoryLimit` sets another" : "its `memoryLimit` of 64 MiB"
      )
    }
  })

  it("G121: an exit is handled if a monitor waited for it, and stays handled after the monitor has gone", () => {
    const handled = (given: string) => OwnedActor.isHandled(live(given.split(" ") as ReadonlyArray<Word>).state)
    for (const given of ["monitored killed", "monitored monitored left killed", "monitored killed left"]) {
      assert.isTrue(handled(given), given)
    }
    for (const given of ["killed", "monitored left killed", "killed monitored", "monitored end ack"]) {
      assert.isFalse(handled(given), given)
    }
  })

  it("G95: a parent that is ending itself keeps a child that asks to leave past the grace time, until the child's owner ends", () => {
    const { state } = live(["leave", "elapsedWhileEnding", "elapsedWhileEnding"])
    assert.deepInclude(state, { rung: "LeaveRequested", cancellation: undefined })
    const [asked, actions] = OwnedActor.step(state, inputs.end)
    assert.deepInclude(asked, { rung: "Asked", cancellation: inputs.end.cancellation })
    assert.strictEqual(actions[0]!._tag, "Ask")
  })

  it("G95: an actor that asks to leave is ended after the grace time by a cancel whose author is the actor itself", () => {
    const { actions, state } = live(["leave", "elapsed"])
    assert.deepStrictEqual(state.cancellation, { by: actor, reason: "SIGTERM", deadline: 0 })
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["Wait", "Ask", "Wait"])
  })
})

describe("The machine of an owned actor reaches one end, with one exit, under random events", () => {
  const any = Schema.Array(Schema.Literals(words)).check(Schema.isMaxLength(16))

  it.prop("an owned actor ends once, and later events change nothing", { before: any, after: any }, (given) => {
    const ended = live([...given.before, "killed"])
    const later = live([...given.before, "killed", ...given.after])
    assert.strictEqual(later.state, later.states[ended.states.length - 1])
    assert.strictEqual(later.actions.filter(({ _tag }) => _tag === "Done").length, 1)
  })

  it.prop(
    "the exit of an owned actor is known on the last rung of the shutdown ladder, and not earlier",
    { given: any },
    ({ given }) => {
      for (const { exit, rung } of live(given).states) assert.strictEqual(exit !== undefined, rung === "Gone")
    }
  )

  it.prop("the first last word that an owned actor says decides its exit", { given: any }, ({ given }) => {
    const { states } = live([...given, "killed"])
    const gone = states.findIndex(({ rung }) => rung === "Gone")
    const said = given.slice(0, gone).find((word) => ["returned", "cancelled", "failed"].includes(word))
    const exit = states.at(-1)!.exit!
    if (said === undefined || states.at(-1)!.end._tag === "Unreported") return
    assert.strictEqual(exit._tag, said[0]!.toUpperCase() + said.slice(1))
  })

  it.prop(
    "the loss of an owned actor is reported at most once, and not if its owner had ended it",
    { given: any },
    ({ given }) => {
      const { actions } = live(["end", ...given, "killed"])
      const reaped = live(["end", ...given, "killed"]).state.end._tag !== "Unreported"
      assert.isAtMost(live([...given, "killed"]).actions.filter(({ _tag }) => _tag === "TellLoss").length, 1)
      if (reaped) assert.isFalse(actions.some(({ _tag }) => _tag === "TellLoss"))
    }
  )

  it.prop("the exit of an actor that was asked to end names the author of that end", { given: any }, ({ given }) => {
    for (const { asked, cancellation } of live(given).states) if (asked) assert.isDefined(cancellation)
  })
})
