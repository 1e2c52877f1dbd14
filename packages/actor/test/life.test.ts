import { assert, describe, it } from "@effect/vitest"
import * as Life from "@furrow/actor/internal/process/Life"
import { Arbitrary, Schema } from "effect"

const parent = { name: "root", uuid: "root", pid: 1 }
const self = { name: "frank", uuid: "frank", pid: 2 }
const sigterm = { reason: "SIGTERM", code: 143 }

type Input = Life.Input<string>

/** Every input, as rows spell it. */
const inputs = {
  spec: { _tag: "Spec" },
  refused: { _tag: "Refused" },
  booted: { _tag: "Booted" },
  bootFailed: { _tag: "BootFailed", cause: "boot" },
  cancel: { _tag: "Cancel", cancellation: { by: parent, reason: "done", deadline: 5000 }, own: false },
  answer: { _tag: "Cancel", cancellation: { by: self, reason: "SIGTERM", deadline: 5000 }, own: true },
  signal: { _tag: "Signal", signal: sigterm },
  uncaught: { _tag: "Uncaught", error: "uncaught", cause: "uncaught" },
  returned: { _tag: "MainReturned" },
  failed: { _tag: "MainFailed", error: "main" },
  interrupted: { _tag: "MainInterrupted" },
  exit: { _tag: "Exit", reason: "closed" },
  drain: { _tag: "Drain" },
  lost: { _tag: "ParentLost" },
  elapsed: { _tag: "Elapsed" },
  settled: { _tag: "Settled", failed: undefined },
  broke: { _tag: "Settled", failed: "release" }
} as const satisfies Record<string, Input>
type Name = keyof typeof inputs
const names = Object.keys(inputs) as ReadonlyArray<Name>

const spellWhy = (why: Life.Why | undefined): string =>
  why === undefined ? "itself" : why._tag === "Failed" ? why.of : why._tag === "Self" ? why.reason : why._tag

const spell = (action: Life.Action<string>): string => {
  switch (action._tag) {
    case "AbandonBoot":
    case "BeginEnd":
      return `${action._tag}(${spellWhy(action.why)})`
    case "SayBootFailed":
      return `${action._tag}(${spellWhy(action.why)})`
    case "Run":
      return `Run(${action.part})`
    case "Report":
      return `Report(${action.failed.join()})`
    case "SayBye":
      return `SayBye(${spellWhy(action.why)}${action.cleanup.map((failed) => `, ${failed}`).join("")})`
    default:
      return action._tag
  }
}

const spellState = (state: Life.State<string>): string =>
  state._tag === "Ended"
    ? `Ended(${state.ended.how} ${state.ended.code})`
    : state._tag === "Ending"
    ? `Ending(${state.part})`
    : "draining" in state && state.draining
    ? `${state._tag}(draining)`
    : state._tag

const after = (...path: ReadonlyArray<Name>): readonly [Life.State<string>, ReadonlyArray<string>] => {
  let state: Life.State<string> = Life.initial
  const said: Array<string> = []
  for (const name of path) {
    const [next, actions] = Life.step<string>(state, inputs[name])
    state = next
    said.push(...actions.map(spell))
  }
  return [state, said]
}

const row = (path: ReadonlyArray<Name>, name: Name): string => {
  const [before] = after(...path)
  const [next, actions] = Life.step<string>(before, inputs[name])
  const shown = [spellState(next), ...actions.map(spell)].join(" ")
  return shown === spellState(before) ? "-" : shown
}

const serving: ReadonlyArray<Name> = ["spec", "booted"]
const booted = (how: string) => `Ending(handlers) BeginEnd(${how}) Run(handlers)`

/** Every state with what it makes of every input; what is not listed changes nothing. */
const table: Record<string, { readonly path: ReadonlyArray<Name>; readonly rows: Partial<Record<Name, string>> }> = {
  Greeting: {
    path: [],
    rows: {
      spec: "Booting Boot",
      refused: "Ended(boot-failed 1) Close",
      signal: "Ended(boot-failed 143) Close",
      uncaught: "Ended(boot-failed 1) Close",
      lost: "Ended(boot-failed 1) Close",
      cancel: "Greeting Ack",
      answer: "Greeting Ack"
    }
  },
  Booting: {
    path: ["spec"],
    rows: {
      booted: "Serving Serve",
      bootFailed: "Ended(boot-failed 1) SayBootFailed(itself) Close",
      cancel: "Abandoning Ack AbandonBoot(Cancelled)",
      answer: "Abandoning Ack AbandonBoot(Cancelled)",
      signal: "Abandoning AbandonBoot(SIGTERM)",
      uncaught: "Abandoning AbandonBoot(actor)",
      returned: "Abandoning AbandonBoot(Returned)",
      failed: "Abandoning AbandonBoot(main)",
      interrupted: "Abandoning AbandonBoot(its main was interrupted)",
      exit: "Abandoning AbandonBoot(Returned)",
      lost: "Abandoning AbandonBoot(ParentLost)"
    }
  },
  Abandoning: {
    path: ["spec", "signal"],
    rows: {
      booted: booted("SIGTERM"),
      bootFailed: "Ended(boot-failed 143) SayBootFailed(SIGTERM) Close",
      cancel: "Abandoning Ack",
      answer: "Abandoning Ack"
    }
  },
  Serving: {
    path: serving,
    rows: {
      cancel: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      answer: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      signal: "Leaving SayLeave",
      drain: "Serving(draining)",
      uncaught: booted("actor"),
      returned: booted("Returned"),
      failed: booted("main"),
      interrupted: booted("its main was interrupted"),
      exit: booted("Returned"),
      lost: booted("ParentLost")
    }
  },
  Leaving: {
    path: [...serving, "signal"],
    rows: {
      cancel: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      answer: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      uncaught: booted("actor"),
      returned: booted("Returned"),
      failed: booted("main"),
      interrupted: booted("its main was interrupted"),
      exit: booted("Returned"),
      lost: booted("ParentLost"),
      elapsed: booted("SIGTERM"),
      drain: "Leaving(draining)"
    }
  },
  Draining: {
    path: [...serving, "drain"],
    rows: {
      cancel: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      answer: "Ending(handlers) Ack BeginEnd(Cancelled) Run(handlers)",
      signal: "Leaving(draining) SayLeave",
      uncaught: booted("actor"),
      returned: booted("Returned"),
      failed: booted("main"),
      interrupted: booted("its main was interrupted"),
      exit: booted("Returned"),
      lost: booted("ParentLost")
    }
  },
  Ending: {
    path: [...serving, "cancel"],
    rows: {
      cancel: "Ending(handlers) Ack",
      answer: "Ending(handlers) Ack",
      settled: "Ending(layers) Run(layers)",
      broke: "Ending(layers) Run(layers)"
    }
  },
  Ended: { path: ["refused"], rows: {} }
}

const AnyOrder = Arbitrary.array(Arbitrary.schema(Schema.Literals(names)), { maxLength: 30 })
const many = { arbitrary: { runs: 1000 } }

const whole = ["settled", "settled", "settled", "settled", "settled", "settled"] as const

describe("The machine of an actor's life ends each part of the actor's runtime before it says Bye", () => {
  for (const [state, { path, rows }] of Object.entries(table)) {
    it(`the life of an actor in the state ${state} handles every input as its table says`, () => {
      assert.strictEqual(after(...path)[0]._tag, state === "Draining" ? "Serving" : state)
      assert.deepStrictEqual(
        Object.fromEntries(names.map((name) => [name, row(path, name)])),
        Object.fromEntries(names.map((name) => [name, rows[name] ?? "-"]))
      )
    })
  }

  it("an actor ends the parts of its runtime one after the other, and says Bye last", () => {
    const [state, said] = after(...serving, "cancel", ...whole)
    assert.strictEqual(spellState(state), "Ended(cancelled 0)")
    assert.deepStrictEqual(said.slice(2), [
      "Ack",
      "BeginEnd(Cancelled)",
      ...Life.parts.map((part) => `Run(${part})`),
      "SayBye(Cancelled)",
      "Close"
    ])
  })

  it("an ending actor reports failures before the logs are sent, and its Bye includes the failures of the platform", () => {
    const said = after(...serving, "cancel", "broke", "broke", "settled", "settled", "broke", "settled")[1]
    assert.deepStrictEqual(said.slice(4), [
      "Run(handlers)",
      "Run(layers)",
      "Report(release,release)",
      "Run(logs)",
      "Run(output)",
      "Run(platform)",
      "Report(release)",
      "Run(farewell)",
      "SayBye(Cancelled, release, release, release)",
      "Close"
    ])
  })

  it("an ending actor keeps an uncaught error, together with the failures of its cleanup", () => {
    const [, said] = after(...serving, "cancel", "uncaught", ...whole)
    assert.include(said, "SayBye(Cancelled, uncaught)")
    assert.include(said, "Report(uncaught)")
  })

  for (
    const [path, expected] of [
      [["answer"], "cancelled 0"],
      [["signal", "answer"], "cancelled 143"],
      [["signal", "cancel"], "cancelled 0"],
      [["signal", "elapsed"], "cancelled 143"],
      [["signal", "lost"], "parent-lost 143"],
      [["cancel", "signal"], "cancelled 0"],
      [["lost"], "parent-lost 1"],
      [["uncaught"], "failed 70"],
      [["failed"], "failed 70"],
      [["returned"], "returned 0"],
      [["exit"], "returned 0"],
      [["interrupted"], "cancelled 0"]
    ] as ReadonlyArray<readonly [ReadonlyArray<Name>, string]>
  ) {
    it(`G90: an actor ends with the exit code for the cause of its end (case: "${expected}" after ${path.join(" and ")})`, () => {
      assert.strictEqual(spellState(after(...serving, ...path, ...whole)[0]), `Ended(${expected})`)
    })
  }

  const ended: ReadonlyArray<readonly [ReadonlyArray<Name>, Life.Why]> = [
    [["cancel"], { _tag: "Cancelled", cancellation: inputs.cancel.cancellation, signal: undefined }],
    [["answer"], { _tag: "Cancelled", cancellation: inputs.answer.cancellation, signal: undefined }],
    [["signal", "answer"], { _tag: "Cancelled", cancellation: inputs.answer.cancellation, signal: sigterm }],
    [["signal", "elapsed"], { _tag: "Self", reason: "SIGTERM", signal: sigterm }],
    [["uncaught"], { _tag: "Failed", error: "uncaught", of: "actor" }],
    [["failed"], { _tag: "Failed", error: "main", of: "main" }],
    [["returned"], { _tag: "Returned", reason: "its main has ended" }],
    [["interrupted"], { _tag: "Self", reason: "its main was interrupted", signal: undefined }],
    [["exit"], { _tag: "Returned", reason: "closed" }],
    [["lost"], { _tag: "ParentLost", signal: undefined }],
    [["signal", "lost"], { _tag: "ParentLost", signal: sigterm }]
  ]
  for (const [path, why] of ended) {
    it(`the handlers and the owner of an actor get the reason of the actor's end after ${path.join(" and ")}`, () => {
      const [state] = after(...serving, ...path)
      const [, actions] = Life.step<string>(state, inputs.settled)
      assert.deepStrictEqual(state, { _tag: "Ending", why, part: "handlers", cleanup: [] })
      assert.deepStrictEqual(actions, [{ _tag: "Run", part: "layers", why }])
    })
  }

  it.prop(
    "an actor ends once with one Bye and acknowledges every cancel, whatever the order of words",
    { path: AnyOrder },
    ({ path }) => {
      let state: Life.State<string> = Life.initial
      const said: Array<string> = []
      for (const name of path) {
        const before: Life.State<string> = state
        const [next, actions] = Life.step<string>(state, inputs[name])
        state = next
        said.push(...actions.map((action) => action._tag))
        if (before._tag === "Ended") assert.deepStrictEqual([next, actions.length], [before, 0])
        else if (inputs[name]._tag === "Cancel") assert.strictEqual(actions[0]?._tag, "Ack")
        // A part runs, or the boot, or nothing more is to come: no state waits for nothing.
        if (next._tag === "Ending" && before._tag !== "Ending") assert.strictEqual(actions.at(-1)?._tag, "Run")
      }
      for (const once of ["BeginEnd", "SayBye", "Close", "Serve", "Boot", "SayLeave", "SayBootFailed"]) {
        assert.isAtMost(said.filter((tag) => tag === once).length, 1, once)
      }
      assert.isTrue(!said.includes("SayBye") || said.indexOf("SayBye") === said.length - 2)
    },
    many
  )

  it.prop(
    "an actor ends from any state once its parent is lost and its own steps of the end are done",
    { path: AnyOrder },
    ({ path }) => {
      const [state] = after("spec", ...path, "lost", "bootFailed", ...whole)
      assert.strictEqual(state._tag, "Ended")
    },
    many
  )

  it("an actor keeps a bounded number of failures of its cleanup", () => {
    let [state] = after(...serving, "cancel")
    for (let i = 0; i < 100; i++) [state] = Life.step<string>(state, inputs.uncaught)
    assert.strictEqual(state._tag === "Ending" ? state.cleanup.length : 0, Life.maxFailures)
  })
})
