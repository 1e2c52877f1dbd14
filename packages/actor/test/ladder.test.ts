import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as Ladder from "@furrow/actor/internal/supervision/ShutdownLadder"
import { Schema } from "effect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { chain } from "./fixtures/cancelling.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass } from "./support/Time.ts"

const rungs = [
  "Running",
  "LeaveRequested",
  "Discarded",
  "Asked",
  "Finalizing",
  "Leaving",
  "Terminating",
  "Killed",
  "Gone"
] as const
const inputs = ["end", "discard", "ready", "leave", "lost", "ack", "bye", "elapsed", "exit"] as const

/** An action as rows spell it. */
const spell = (action: Ladder.Action): string => {
  switch (action._tag) {
    case "Ask":
      return "ask"
    case "CloseChannel":
      return "close"
    case "Signal":
      return action.signal
    case "Wait":
      return `wait(${action.bound})`
    case "Done":
      return "done"
  }
}

const row = (rung: Ladder.Rung, input: Ladder.Input): string => {
  const [next, actions] = Ladder.step(rung, input)
  return [next, ...actions.map(spell)].join(" ")
}

const asked = "Asked ask wait(cancelAck)"
const terminating = "Terminating close SIGTERM wait(terminate)"
const leaving = "Leaving close wait(terminate)"
const killed = "Killed SIGKILL wait(reap)"
const gone = "Gone done"

/** Every rung with what it makes of every input; `-` where nothing happens. */
const table: { readonly [Rung in Ladder.Rung]: { readonly [Input in Ladder.Input]: string } } = {
  Running: {
    end: asked,
    discard: "Discarded SIGTERM wait(terminate)",
    ready: "-",
    leave: "LeaveRequested wait(leave)",
    lost: terminating,
    ack: "-",
    bye: "Leaving wait(terminate)",
    elapsed: "-",
    exit: gone
  },
  LeaveRequested: {
    end: asked,
    discard: "-",
    ready: "-",
    leave: "-",
    lost: terminating,
    ack: "-",
    bye: "Leaving wait(terminate)",
    elapsed: asked,
    exit: gone
  },
  Discarded: {
    end: "-",
    discard: "-",
    ready: asked,
    leave: "-",
    lost: "-",
    ack: "-",
    bye: "-",
    elapsed: killed,
    exit: gone
  },
  Asked: {
    end: "-",
    discard: "-",
    ready: "-",
    leave: "-",
    lost: terminating,
    ack: "Finalizing wait(finalizers)",
    bye: leaving,
    elapsed: terminating,
    exit: gone
  },
  Finalizing: {
    end: "-",
    discard: "-",
    ready: "-",
    leave: "-",
    lost: terminating,
    ack: "-",
    bye: leaving,
    elapsed: terminating,
    exit: gone
  },
  Leaving: {
    end: "-",
    discard: "-",
    ready: "-",
    leave: "-",
    lost: "-",
    ack: "-",
    bye: "-",
    elapsed: killed,
    exit: gone
  },
  Terminating: {
    end: "-",
    discard: "-",
    ready: "-",
    leave: "-",
    lost: "-",
    ack: "-",
    bye: "-",
    elapsed: killed,
    exit: gone
  },
  Killed: { end: "-", discard: "-", ready: "-", leave: "-", lost: "-", ack: "-", bye: "-", elapsed: gone, exit: gone },
  Gone: { end: "-", discard: "-", ready: "-", leave: "-", lost: "-", ack: "-", bye: "-", elapsed: "-", exit: "-" }
}

describe("The shutdown ladder", () => {
  for (const rung of rungs) {
    for (const input of inputs) {
      const expected = table[rung][input]
      it(`the shutdown ladder goes from rung to rung as its table says (rung ${rung}, input ${input}: ${expected === "-" ? "nothing" : expected})`, () => {
        assert.strictEqual(row(rung, input), expected === "-" ? rung : expected)
      })
    }
  }
})

interface Climb {
  readonly visited: ReadonlyArray<Ladder.Rung>
  readonly actions: ReadonlyArray<Ladder.Action>
}

const climb = (inputs: ReadonlyArray<Ladder.Input>, from: Ladder.Rung = "Running"): Climb => {
  const visited: Array<Ladder.Rung> = [from]
  const actions: Array<Ladder.Action> = []
  for (const input of inputs) {
    const [rung, todo] = Ladder.step(visited.at(-1)!, input)
    visited.push(rung)
    actions.push(...todo)
  }
  return { visited, actions }
}

/** A machine that would climb down or act twice does so within this many inputs. */
const anyInputs = Schema.Array(Schema.Literals(inputs)).check(Schema.isMaxLength(24))

describe("The shutdown ladder reaches its last rung once, and never goes back, under random events", () => {
  it.prop("the shutdown ladder is never climbed down", { given: anyInputs }, ({ given }) => {
    const heights = climb(given).visited.map((rung) => rungs.indexOf(rung))
    assert.deepStrictEqual(heights, heights.toSorted((a, b) => a - b))
  })

  it.prop("the shutdown ladder reports an exit once, and does nothing after the exit", {
    before: anyInputs,
    after: anyInputs
  }, ({
    after,
    before
  }) => {
    const { actions, visited } = climb([...before, "exit", ...after])
    assert.strictEqual(visited.at(-1), "Gone")
    assert.strictEqual(actions.filter(({ _tag }) => _tag === "Done").length, 1)
    assert.strictEqual(actions.at(-1)!._tag, "Done")
  })

  it.prop(
    "the shutdown ladder kills an actor at most once, and only after a SIGTERM or its Bye",
    { given: anyInputs },
    ({ given }) => {
      const { actions, visited } = climb(given)
      const done = actions.map(spell)
      assert.isAtMost(done.filter((action) => action === "SIGKILL").length, 1)
      if (!done.includes("SIGKILL")) return
      const terminated = done.indexOf("SIGTERM")
      assert.isTrue(terminated >= 0 && terminated < done.indexOf("SIGKILL") || visited.includes("Leaving"))
    }
  )

  it.prop("the shutdown ladder asks an actor to end at most once, and never after the actor's connection was closed", {
    given: anyInputs
  }, ({ given }) => {
    const done = climb(given).actions.map(spell)
    assert.isAtMost(done.filter((action) => action === "ask").length, 1)
    assert.isAtMost(done.filter((action) => action === "close").length, 1)
    if (done.includes("ask") && done.includes("close")) assert.isBelow(done.indexOf("ask"), done.indexOf("close"))
  })

  it.prop(
    "time alone takes the shutdown ladder to its last rung from every rung but the first",
    { given: anyInputs },
    ({
      given
    }) => {
      const rung = climb(given).visited.at(-1)!
      const left = ["elapsed", "elapsed", "elapsed", "elapsed"] as const
      if (rung !== "Running") assert.strictEqual(climb(left, rung).visited.at(-1), "Gone")
    }
  )
})

describe("A climb of the shutdown ladder takes a bounded time", () => {
  /** All the times that can pass between `end` and the last rung, whatever the actor says and does not say. */
  const durations = (rung: Ladder.Rung, spent: number): ReadonlyArray<number> => {
    // A kill is reaped by the system: the bound of that rung is for a spawner that never reports it.
    if (rung === "Killed" || rung === "Gone") return [spent]
    const waits: ReadonlyArray<Ladder.Input> = ["ack", "bye", "lost", "elapsed"]
    return waits.flatMap((input) => {
      const [next, actions] = Ladder.step(rung, input)
      if (next === rung) return []
      const wait = actions.find((action) => action._tag === "Wait")
      return durations(
        next,
        spent + (wait === undefined || next === "Killed" ? 0 : Ladder.boundOf(Timeouts.defaults, wait.bound))
      )
    })
  }

  it("a climb of the shutdown ladder takes at most its bounds of asking, finalizing and terminating together: 6 seconds", () => {
    const [rung, actions] = Ladder.step("Running", "end")
    const first = actions.find((action) => action._tag === "Wait")!
    const all = durations(rung, Ladder.boundOf(Timeouts.defaults, first.bound))
    const { cancelAck, finalizers, terminate } = Timeouts.defaults
    assert.strictEqual(Math.max(...all), cancelAck + finalizers + terminate)
    assert.strictEqual(Math.max(...all), 6_000)
  })

  it("the shutdown ladder has separate bounds for an actor that asks to leave and for a killed process that is not reaped", () => {
    const leave = Ladder.boundOf(Timeouts.defaults, "leave")
    assert.strictEqual(leave, Ladder.leaveGraceMillis)
    assert.strictEqual(Ladder.boundOf(Timeouts.defaults, "reap"), Ladder.reapBoundMillis)
    assert.notStrictEqual(leave, Ladder.reapBoundMillis)
  })

  it("a climb of the shutdown ladder takes a second for an actor that does not answer", () => {
    const { actions } = climb(["end", "elapsed", "elapsed"])
    const waits = actions.flatMap((action) =>
      action._tag === "Wait" && action.bound !== "reap" ? [Ladder.boundOf(Timeouts.defaults, action.bound)] : []
    )
    assert.strictEqual(waits.reduce((sum, millis) => sum + millis, 0), 1_000)
    assert.strictEqual(spell(actions.at(-2)!), "SIGKILL")
  })
})

describe("A tree of eight levels ends from the innermost actor to the outermost, and every answering actor runs its finalizers", () => {
  it.effect("the actors of a tree of eight levels end from the innermost to the outermost, and each has time for its finalizers", () => {
    const theatre = Puppets.make()
    const levels = [7, 6, 5, 4, 3, 2, 1, 0]
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const call = Actor.runInActor(chain({ depth: 7, cleanup: 20 }), { name: "chain-7" })
      const fiber = yield* Effect.forkChild(call)
      yield* pass(100)
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(500, 10)
      assert.deepStrictEqual(theatre.living(), [])
      const finalizers = journal.filter((line) => line.endsWith("finalized")).map((line) => line.replace(/^\d+ /, ""))
      assert.deepStrictEqual(finalizers, levels.toReversed().map((level) => `chain ${level} finalized`))
      for (const level of levels) assert.deepStrictEqual(theatre.puppet(`chain-${level}`).signals, [], `level ${level}`)
    }).pipe(drained, Effect.provide(theatre.layer))
  })
})
