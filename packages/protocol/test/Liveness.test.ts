import { assert, describe, it } from "@effect/vitest"
import * as Liveness from "@furrow/protocol/Liveness"
import { Arbitrary, Schema } from "effect"

const config: Liveness.Config = { interval: 100, timeout: 30 }

/** `t5` is a tick at 5, `h5` something heard at 5. */
const play = (events: ReadonlyArray<string>) => {
  let state = Liveness.start(0)
  const actions: Array<string> = []
  for (const event of events) {
    const now = Number(event.slice(1))
    const [next, out] = Liveness.step(config, state, { _tag: event.startsWith("t") ? "Tick" : "Heard", now })
    state = next
    actions.push(...out.map((action) => action._tag === "SendPing" ? `Ping ${action.n} at ${now}` : `GiveUp at ${now}`))
  }
  return { state: state._tag, actions }
}

const rows: ReadonlyArray<
  readonly [title: string, events: ReadonlyArray<string>, actions: ReadonlyArray<string>, state: string]
> = [
  ["a peer that speaks is never asked", ["t50", "h90", "t150", "h180", "t279"], [], "Quiet"],
  ["silence is asked after the interval, not before", ["t99", "t100"], ["Ping 1 at 100"], "Asked"],
  ["it is asked once", ["t100", "t101", "t129"], ["Ping 1 at 100"], "Asked"],
  [
    "silence after that is the end, said once",
    ["t100", "t130", "t131", "h132"],
    ["Ping 1 at 100", "GiveUp at 130"],
    "Dead"
  ],
  ["anything heard is an answer", ["t100", "h129", "t130", "t200"], ["Ping 1 at 100"], "Quiet"],
  [
    "the next silence is asked by the next number",
    ["t100", "h110", "t210"],
    ["Ping 1 at 100", "Ping 2 at 210"],
    "Asked"
  ],
  ["a late tick asks first and gives up only after an answer had its time", ["t5000", "t5029", "t5030"], [
    "Ping 1 at 5000",
    "GiveUp at 5030"
  ], "Dead"]
]

describe("The machine of liveness notices a peer that no longer answers", () => {
  for (const [title, events, actions, state] of rows) {
    it(title, () => assert.deepStrictEqual(play(events), { state, actions }))
  }

  const Step = Schema.Struct({
    after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
    heard: Schema.Literals([true, false, false, false])
  })
  const steps = Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 })
  const many = { arbitrary: { runs: 1000, size: 40 } }

  /** The steps as events, in rising time. */
  const events = (steps: ReadonlyArray<typeof Step.Type>) => {
    let now = 0
    return steps.map(({ after, heard }) => ({ _tag: heard ? "Heard" : "Tick", now: now += after }) as const)
  }

  it.prop(
    "a connection is given up at most once, and only after a Ping was unanswered for the timeout",
    { steps },
    ({ steps }) => {
      let state = Liveness.start(0)
      let lastHeard = 0
      let asked: number | undefined
      let gaveUp = 0
      for (const event of events(steps)) {
        const [next, actions] = Liveness.step(config, state, event)
        if (event._tag === "Heard") {
          assert.lengthOf(actions, 0)
          if (gaveUp === 0) {
            lastHeard = event.now
            asked = undefined
          }
        }
        for (const action of actions) {
          if (action._tag === "SendPing") {
            assert.isAtLeast(event.now - lastHeard, config.interval)
            assert.isUndefined(asked, "asked twice in one silence")
            asked = event.now
          } else {
            assert.isDefined(asked)
            assert.isAtLeast(event.now - asked, config.timeout)
            gaveUp++
          }
        }
        state = next
      }
      assert.isAtMost(gaveUp, 1)
      assert.strictEqual(state._tag === "Dead", gaveUp === 1)
    },
    many
  )

  it.prop(
    "a silent peer is given up at most two ticks after the interval and the timeout have passed",
    { steps },
    ({ steps }) => {
      let state = Liveness.start(0)
      let now = 0
      for (const event of events(steps)) {
        ;[state] = Liveness.step(config, state, event)
        now = event.now
      }
      for (const wait of [config.interval, config.timeout]) {
        ;[state] = Liveness.step(config, state, { _tag: "Tick", now: now += wait })
      }
      assert.strictEqual(state._tag, "Dead")
    },
    many
  )
})
