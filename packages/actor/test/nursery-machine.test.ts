import { assert, describe, it } from "@effect/vitest"
import type { Actor } from "@furrow/actor"
import { ActorError } from "@furrow/actor"
import * as Machine from "@furrow/actor/internal/supervision/NurseryMachine"
import { Cause, Schema } from "effect"

const actor = { name: "frank", uuid: "f", pid: 7 }
const boxed = (type: string) => ({ type, message: "broke", stack: "", cause: null, origin: actor, path: [] })
const lost = new ActorError.ActorLost({
  actor,
  how: { _tag: "ConnectionClosed" },
  began: "maybe",
  stderr: [],
  failure: null
})
const answer = new ActorError.ContextCancelled({ actor, by: actor, reason: "nursery failed", acknowledged: true })

const cancelled = (...cleanup: ReadonlyArray<string>): Actor.ActorExit => ({
  _tag: "Cancelled",
  by: actor,
  reason: "nursery done",
  cleanup: cleanup.map(boxed)
})

const overrun = Cause.fail("overrun")

type Input = Machine.Input<string, string>
type Action = Machine.Action<string>

const gone = (child: string, exit: Actor.ActorExit = cancelled(), handled = false): Input => ({
  _tag: "ChildGone",
  child,
  exit,
  raised: exit.cleanup,
  handled
})
const ready = (child: string, awaited = false): Input => ({ _tag: "ChildReady", child, awaited })

/** The inputs of a nursery of the actors a and b and the job j, by a short name. */
const inputs: Record<string, Input> = {
  a: ready("a"),
  b: ready("b"),
  "a awaited": ready("a", true),
  "a gone": gone("a"),
  "b gone": gone("b"),
  "a returned": gone("a", { _tag: "Returned", cleanup: [] }),
  "a lost": gone("a", { _tag: "Lost", error: lost, cleanup: [] }),
  "a failed": gone("a", {
    _tag: "Failed",
    error: new ActorError.RemoteActorError({ actor, boxed: boxed("TypeError"), others: [] }),
    cleanup: []
  }),
  "a lost to a monitor": gone("a", { _tag: "Lost", error: lost, cleanup: [boxed("Error")] }, true),
  "b lost": gone("b", { _tag: "Lost", error: lost, cleanup: [] }),
  "b unclean": gone("b", cancelled("Error")),
  "reader came": { _tag: "ReaderCame" },
  read: { _tag: "EndRead" },
  "reader left": { _tag: "ReaderLeft", enough: true },
  "reader broke": { _tag: "ReaderLeft", enough: false },
  j: { _tag: "JobStarted", job: "j" },
  "j dismissed": { _tag: "JobDismissed", job: "j" },
  "j failed": { _tag: "JobFailed", job: "j", cause: Cause.fail("j failed") },
  "j answered": { _tag: "JobFailed", job: "j", cause: Cause.fail(answer) },
  "j interrupted": { _tag: "JobFailed", job: "j", cause: Cause.interrupt(1) },
  "j over": { _tag: "JobEnded", job: "j" },
  returned: { _tag: "BodyReturned" },
  failed: { _tag: "BodyFailed", cause: Cause.fail("body failed") },
  interrupted: { _tag: "BodyInterrupted", why: { reason: "interrupted", author: undefined } },
  over: { _tag: "BodyOver" }
}

const run = (given: ReadonlyArray<string>) => {
  const actions: Array<Action> = []
  const states = [Machine.initial<string, string>(overrun)]
  for (const name of given) {
    const [state, more] = Machine.step(states.at(-1)!, inputs[name]!)
    states.push(state)
    actions.push(...more)
  }
  return { state: states.at(-1)!, states, actions }
}

const spell = (action: Action): string =>
  action._tag === "End"
    ? `end ${action.child} (${action.why.reason})`
    : action._tag === "Discard"
    ? `discard ${action.child}`
    : action._tag

const failureOf = ({ first }: Machine.State<string, string>): string => {
  const [reason] = first?.reasons ?? []
  if (reason?._tag !== "Fail") return "-"
  return typeof reason.error === "string" ? reason.error : (reason.error as { readonly _tag: string })._tag
}

/** The inputs, the actions for them, and `phase, failure` at the end. */
const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, string]> = [
  ["returned; over", ["Joined", "Reaped"], "Done, -"],
  ["a; returned", ["end a (nursery done)", "Joined"], "Closing, -"],
  ["a; returned; over", ["end a (nursery done)", "Joined"], "Closing, -"],
  ["a; returned; over; a gone", ["end a (nursery done)", "Joined", "Reaped"], "Done, -"],
  ["a; returned; a gone; over", ["end a (nursery done)", "Joined", "Reaped"], "Done, -"],
  // Joining.
  ["a awaited; b; returned", [], "Joining, -"],
  ["a awaited; b; returned; a gone", ["end b (nursery done)", "Joined"], "Closing, -"],
  ["a awaited; returned; a returned; over", ["Joined", "Reaped"], "Done, -"],
  ["j; returned", [], "Joining, -"],
  ["j; returned; j over", ["Joined"], "Closing, -"],
  ["j; b; returned; j failed", ["end b (nursery failed)", "InterruptBody"], "Closing, j failed"],
  // Failures: the first one wins.
  ["a; b; a lost", ["end b (nursery failed)", "InterruptBody"], "Closing, ActorLost"],
  ["a; b; a failed", ["end b (nursery failed)", "InterruptBody"], "Closing, RemoteActorError"],
  ["a; a gone", [], "Open, -"],
  ["a; a lost to a monitor", [], "Open, -"],
  ["a; returned; a lost to a monitor; over", ["end a (nursery done)", "Joined", "Reaped"], "Done, -"],
  ["a; a returned", [], "Open, -"],
  [
    "a; failed; a lost; over",
    ["end a (nursery failed)", "InterruptBody", "TellSuppressed", "Reaped"],
    "Done, body failed"
  ],
  ["a; j; a lost; j failed", ["InterruptBody", "TellSuppressed"], "Closing, ActorLost"],
  ["a; interrupted; a lost; over", ["end a (interrupted)", "TellSuppressed", "Reaped"], "Done, -"],
  // An actor that fails while all end has no body to interrupt any more.
  ["a; returned; a lost; over", ["end a (nursery done)", "Joined", "Reaped"], "Done, ActorLost"],
  // An answer to our own cancel does not count.
  ["j; j interrupted", [], "Open, -"],
  ["j; j answered", ["InterruptBody"], "Closing, ContextCancelled"],
  ["j; j dismissed; j answered", [], "Open, -"],
  ["j; j dismissed; j failed", ["InterruptBody"], "Closing, j failed"],
  ["j; failed; j answered", ["InterruptBody"], "Closing, body failed"],
  // Ends that somebody reads.
  ["a; reader came; a lost", ["WakeReaders"], "Open, -"],
  ["a; reader came; a lost; read; reader left", ["WakeReaders"], "Open, -"],
  ["a; reader came; a lost; reader left", ["WakeReaders", "InterruptBody"], "Closing, ActorLost"],
  ["a; reader came; a gone; reader left", ["WakeReaders"], "Open, -"],
  ["a; reader came; reader came; a lost; reader left", ["WakeReaders"], "Open, -"],
  [
    "a; b; reader came; a lost; b lost; read; reader left",
    ["WakeReaders", "WakeReaders", "InterruptBody"],
    "Closing, ActorLost"
  ],
  ["a; reader came; reader left; a lost", ["InterruptBody"], "Closing, ActorLost"],
  // The failure of a reader comes first; the end counts when the region ends.
  [
    "a; reader came; a lost; reader broke; failed; over",
    ["WakeReaders", "InterruptBody", "TellSuppressed", "Reaped"],
    "Done, body failed"
  ],
  ["a; reader came; a lost; reader broke; returned; over", ["WakeReaders", "Joined", "Reaped"], "Done, ActorLost"],
  ["a; reader came; a lost; reader broke; reader came; read; returned; over", [
    "WakeReaders",
    "WakeReaders",
    "Joined",
    "Reaped"
  ], "Done, -"],
  // A region that closes tells its readers; what ends then is its own doing.
  ["a; reader came; returned", ["end a (nursery done)", "WakeReaders", "Joined"], "Closing, -"],
  [
    "a; reader came; returned; a lost; over",
    ["end a (nursery done)", "WakeReaders", "Joined", "Reaped"],
    "Done, ActorLost"
  ],
  // Too late.
  ["returned; a; over; a gone", ["Joined", "discard a", "Reaped"], "Done, -"],
  ["returned; over; a", ["Joined", "Reaped", "discard a"], "Done, -"]
]

describe("The machine of a nursery keeps the failures of the nursery", () => {
  for (const [given, expected, end] of table) {
    it(`G96: ${given.replaceAll(";", ",")}: ${end}`, () => {
      const { actions, state } = run(given.split("; "))
      assert.deepStrictEqual(actions.map(spell), expected)
      assert.strictEqual(`${state.phase._tag}, ${failureOf(state)}`, end)
    })
  }

  it("G94: a nursery keeps failed cleanups beside its first failure", () => {
    const { cleanup, first } = run(["a", "b", "a lost", "b unclean"]).state
    assert.deepStrictEqual(cleanup.map(({ type }) => type), ["Error"])
    assert.strictEqual(first?.reasons.length, 1)
  })
})

describe("The machine of a nursery decides whether the failure of an interrupted body fails the nursery", () => {
  it("an interrupted body whose cleanup failed fails with its whole cause, and does not fail the nursery", () => {
    const { state } = run(["a", "interrupted", "failed"])
    assert.deepStrictEqual([state.body, state.first, state.others], [Cause.fail("body failed"), undefined, []])
  })

  it("a nursery does not fail when its closing interrupts its body, and the body fails with nothing but this interruption", () => {
    const { state } = run(["a", "returned"])
    const [after, actions] = Machine.step(state, { _tag: "BodyFailed", cause: Cause.interrupt(1) })
    assert.deepStrictEqual([after.first, after.others, actions], [undefined, [], []])
  })

  it("a nursery keeps no separate cause of its body if the nursery had failed already, or if the body failed without an interruption", () => {
    assert.isUndefined(run(["a", "a lost", "failed"]).state.body)
    assert.isUndefined(run(["failed"]).state.body)
    assert.isUndefined(run(["returned", "failed"]).state.body)
  })
})

describe("The exits of a nursery's actors are read, or fail the nursery", () => {
  it("G122: exits that are unread when the nursery ends fail the nursery", () => {
    const { state } = run(["a", "reader came", "a lost", "reader broke", "returned", "over"])
    assert.deepStrictEqual([state.phase._tag, failureOf(state)], ["Done", "ActorLost"])
  })

  it("G122: unread exits that fail a nursery keep the failures of their actors' cleanups", () => {
    const { state } = run(["reader came", "b unclean", "reader left"])
    assert.deepStrictEqual(state.cleanup.map(({ type }) => type), ["Error"])
  })

  const lostOnes = (count: number) => ["reader came", ...Array<string>(count).fill("a lost")]

  it("G122: unread exits wait for their reader up to a bound, and one exit beyond the bound fails the nursery", () => {
    const { state } = run(lostOnes(Machine.maxUnreadEnds))
    assert.deepStrictEqual([state.phase._tag, state.unread.length], ["Open", Machine.maxUnreadEnds])
    const [over] = Machine.step(state, inputs["a gone"]!)
    assert.deepStrictEqual([over.phase._tag, failureOf(over)], ["Closing", "overrun"])
  })

  it("G122: exits keep their order, and the first unread failure fails the nursery", () => {
    const { state } = run(["reader came", "a gone", "a lost", "a failed"])
    assert.deepStrictEqual(state.unread.map(({ exit }) => exit._tag), ["Cancelled", "Lost", "Failed"])
    const [left] = Machine.step(state, inputs["reader left"]!)
    assert.deepStrictEqual([failureOf(left), left.others.length, left.unread.length], ["ActorLost", 1, 0])
  })
})

describe("The machine of a nursery keeps its first failure and ends exactly once under random events", () => {
  const names = Object.keys(inputs)
  const any = Schema.Array(Schema.Literals(names)).check(Schema.isMaxLength(24))

  it.prop("the first failure of a nursery stays its first failure, whatever follows", { given: any }, ({ given }) => {
    let first: unknown
    for (const state of run(given).states) {
      if (first !== undefined) assert.strictEqual(state.first, first)
      first = state.first
    }
  })

  it.prop(
    "a nursery ends once, after its body is over and all its actors have ended",
    { given: any },
    ({ given }) => {
      const { actions, states } = run(given)
      assert.isAtMost(actions.filter(({ _tag }) => _tag === "Reaped").length, 1)
      const done = states.findIndex(({ phase }) => phase._tag === "Done")
      if (done < 0) return
      assert.include(given.slice(0, done), "over")
      assert.strictEqual(states[done]!.children.size, 0)
      // It stays so: whoever comes later is turned away.
      for (const { children, phase } of states.slice(done)) {
        assert.deepStrictEqual([phase._tag, children.size], ["Done", 0])
      }
    }
  )

  it.prop("the loss of an actor in a nursery is read as an exit, is heard by a monitor, or fails the nursery", {
    given: any
  }, ({ given }) => {
    const { state, states } = run([...given, "returned", "over", "j over", "a gone", "b gone"])
    assert.deepStrictEqual([state.phase._tag, state.unread.length], ["Done", 0])
    const heard = given.slice(0, states.findIndex(({ phase }) => phase._tag === "Done"))
    const losses = heard.filter((name) => name === "a lost" || name === "b lost").length
    const reads = given.filter((name) => name === "read").length
    if (losses <= reads || given.includes("interrupted")) return
    assert.isTrue(state.first !== undefined)
  })

  it.prop("every actor in a nursery is asked once to end when the nursery closes", { given: any }, ({ given }) => {
    const { states } = run(given)
    const at = states.findIndex((state, i) => i > 0 && !Machine.isOpen(state) && Machine.isOpen(states[i - 1]!))
    if (at < 0) return
    const [, actions] = Machine.step(states[at - 1]!, inputs[given[at - 1]!]!)
    const told = actions.flatMap((action) => action._tag === "End" ? [action.child] : [])
    assert.deepStrictEqual(told.toSorted(), Array.from(states[at]!.children.keys()).toSorted())
  })

  it.prop("a nursery ends once all its actors are gone", { given: any }, ({ given }) => {
    const { state } = run([...given, "a gone", "b gone", "j over", "returned", "over", "a gone", "b gone"])
    assert.strictEqual(state.phase._tag, "Done")
  })
})
