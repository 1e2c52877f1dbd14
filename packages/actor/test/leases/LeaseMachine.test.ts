/** The lease as a machine: what it believes is never longer than what the engine keeps. */
import { assert, describe, it } from "@effect/vitest"
import * as Keys from "@furrow/actor/internal/leases/Keys"
import * as Machine from "@furrow/actor/internal/leases/LeaseMachine"
import { Schema } from "effect"

const ttlMillis = 1_000

type Played = readonly [at: number, input: "tick" | "kept" | "new" | "failed" | "expired"]

const inputOf = (what: Played[1], now: number): Machine.Input => {
  switch (what) {
    case "tick":
      return { _tag: "Tick", now }
    case "failed":
      return { _tag: "Failed", now }
    case "expired":
      return { _tag: "Expired", now }
    default:
      return { _tag: "Renewed", kept: what === "kept", now }
  }
}

const play = (inputs: ReadonlyArray<Played>) => {
  let state = Machine.start(ttlMillis, 0)
  const said: Array<string> = []
  for (const [now, what] of inputs) {
    const [next, actions] = Machine.step(state, inputOf(what, now))
    state = next
    said.push(...actions.map(({ _tag }) => `${_tag} ${now}`))
  }
  return { said, held: Machine.isHeld(state), epoch: state.epoch }
}

const rows: ReadonlyArray<readonly [title: string, inputs: ReadonlyArray<Played>, said: ReadonlyArray<string>]> = [
  ["it is renewed four times a lease", [[0, "tick"], [10, "new"], [249, "tick"], [250, "tick"], [260, "kept"]], [
    "Renew 0",
    "Restore 10",
    "Renew 250"
  ]],
  ["one renewal is under way at a time", [[0, "tick"], [600, "tick"]], ["Renew 0"]],
  ["a failed renewal is sent again soon", [[0, "tick"], [10, "failed"], [134, "tick"], [135, "tick"]], [
    "Renew 0",
    "Renew 135"
  ]],
  ["it is fenced three quarters after its last renewal was sent", [
    [0, "tick"],
    [100, "new"],
    [250, "tick"],
    [749, "tick"],
    [750, "tick"],
    [751, "tick"]
  ], ["Renew 0", "Restore 100", "Renew 250", "Fence 750"]],
  ["an answer that comes after the fence begins again", [
    [0, "tick"],
    [1, "new"],
    [250, "tick"],
    [800, "kept"]
  ], ["Renew 0", "Restore 1", "Renew 250", "Fence 800", "Restore 800"]],
  ["an answer that took as long as a lease is worth nothing", [[0, "tick"], [750, "new"], [751, "tick"]], [
    "Renew 0",
    "Renew 751"
  ]],
  ["a lease that the engine has forgotten is fenced, and begins anew", [
    [0, "tick"],
    [1, "new"],
    [250, "tick"],
    [251, "new"]
  ], ["Renew 0", "Restore 1", "Renew 250", "Fence 251", "Restore 251"]],
  ["a key whose lease has expired is the same", [[0, "tick"], [1, "new"], [100, "expired"], [101, "tick"]], [
    "Renew 0",
    "Restore 1",
    "Fence 100",
    "Renew 101"
  ]]
]

const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** Two processes at one engine: each step is time that passes, and how the next renewal of one goes. */
const Step = Schema.Struct({
  who: Schema.Literals([0, 1]),
  after: whole(400),
  there: whole(300),
  back: whole(300),
  arrives: Schema.Literals([true, true, true, false]),
  answered: Schema.Literals([true, true, false]),
  wants: Schema.Boolean
})

interface Process {
  readonly id: string
  state: Machine.State
  /** The epoch in which it was granted the key. */
  leads: number | undefined
}

describe("A process holds keys of an engine by its lease", () => {
  for (const [title, inputs, said] of rows) {
    it(title, () => assert.deepStrictEqual(play(inputs).said, said))
  }

  it.prop(
    "G238: two processes never both rely on one key of an engine, and tokens grow, whatever answers are late or lost",
    {
      steps: Schema.Array(Step)
    },
    ({ steps }) => {
      let now = 0
      let keys = Keys.start()
      let last = 0
      const all: ReadonlyArray<Process> = ["a", "b"].map((id) => ({
        id,
        state: Machine.start(ttlMillis, 0),
        leads: undefined
      }))
      const tell = (process: Process, input: Machine.Input) => {
        const [state, actions] = Machine.step(process.state, input)
        process.state = state
        if (process.leads !== state.epoch) process.leads = undefined
        return actions.some(({ _tag }) => _tag === "Renew")
      }
      const leaders = () =>
        all.filter((process) => process.leads !== undefined && now < (process.state.fenceAt ?? 0)).map(({ id }) => id)
      for (const { after, answered, arrives, back, there, wants, who } of steps) {
        now += after
        const process = all[who]!
        if (tell(process, { _tag: "Tick", now })) {
          now += there
          if (arrives) {
            const [next, kept] = Keys.renew(keys, { id: process.id, ttlMillis }, now)
            keys = next
            now += back
            tell(process, answered ? { _tag: "Renewed", kept, now } : { _tag: "Failed", now })
          } else tell(process, { _tag: "Failed", now })
        }
        if (wants && Machine.isHeld(process.state)) {
          const [next, created] = Keys.create(keys, "key", process.id, { id: process.id, ttlMillis }, now)
          keys = next
          if (created._tag === "Granted") {
            assert.isAbove(created.token, last)
            last = created.token
            process.leads = process.state.epoch
          }
        }
        assert.isAtMost(leaders().length, 1, leaders().join(" and "))
      }
    },
    { arbitrary: { runs: 1_500, size: 30 } }
  )
})
