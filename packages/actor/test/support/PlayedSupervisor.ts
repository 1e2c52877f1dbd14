/**
 * A supervisor's machine played by a test, in short words, and the tables of the docs that the tests read.
 */
import type { Actor } from "@furrow/actor"
import { ActorError } from "@furrow/actor"
import * as Machine from "@furrow/actor/internal/supervision/SupervisorMachine"
import { Cause } from "effect"
import * as Fs from "node:fs"

const actor = { name: "frank", uuid: "f", pid: 7 }
const error = new ActorError.ActorLost({
  actor,
  how: { _tag: "ConnectionClosed" },
  began: "maybe",
  stderr: [],
  failure: null
})
const boxed = { type: "TypeError", message: "broke", stack: "", cause: null, origin: actor, path: [] }
export const exits: Record<Actor.ActorExit["_tag"], Actor.ActorExit> = {
  Returned: { _tag: "Returned", cleanup: [] },
  Cancelled: { _tag: "Cancelled", by: actor, reason: "enough", cleanup: [] },
  Failed: { _tag: "Failed", error: new ActorError.RemoteActorError({ actor, boxed, others: [] }), cleanup: [] },
  Lost: { _tag: "Lost", error, cleanup: [] }
}

export const child = (key: string, ...uses: ReadonlyArray<string>): Machine.ChildSpec => ({
  key,
  uses,
  restart: "permanent",
  significant: false,
  standby: false
})
export const policyOf = (given: Partial<Machine.Policy> = {}): Machine.Policy => ({
  strategy: "dependants",
  intensity: { restarts: 3, withinMillis: 5000 },
  autoShutdown: "never",
  dynamic: false,
  ...given
})

/** A supervisor whose executor is the test: it answers in short words, and remembers what it was asked for. */
export class Played {
  readonly policy: Machine.Policy
  state: Machine.State
  readonly actions: Array<Machine.Action> = []
  now = 0
  private rolls = 0

  constructor(children: ReadonlyArray<Machine.ChildSpec>, policy: Partial<Machine.Policy> = {}) {
    this.policy = policyOf(policy)
    this.state = this.took(Machine.begin(this.policy, Machine.initial(children)))
  }

  private took([state, actions]: Machine.Step): Machine.State {
    this.actions.push(...actions)
    return state
  }

  input(input: Machine.Input): void {
    this.state = this.took(Machine.step(this.policy, this.state, input))
  }

  child(key: string): Machine.Child {
    return this.state.children.find((child) => child.key === key)!
  }

  /** `a2 dies` is about the second incarnation of a, `a dies` about the one that plays its role. */
  say(word: string): void {
    const [subject = "", what = "", detail = ""] = word.split(" ")
    const [, name = "", number] = /^([a-z]*)(\d*)$/.exec(subject) ?? [subject, subject]
    const incarnation = number === "" || number === undefined ? this.child(name)?.incarnation ?? 0 : Number(number)
    const of = { child: name, incarnation }
    const exit = exits[(detail || "Lost") as "Lost"]
    switch (name === "roll" ? name : what || name) {
      case "up":
        return this.input({ _tag: "Up", ...of, now: this.now })
      case "dies":
        return this.input({ _tag: "Died", ...of, exit, now: this.now })
      case "silent":
        return this.input({ _tag: "Silent", ...of })
      case "fails":
        return this.input({ _tag: "StartFailed", ...of, cause: Cause.fail("no"), exit: exits.Lost, now: this.now })
      case "stopped":
        return this.input({ _tag: "Stopped", ...of })
      case "drained":
        return this.input({ _tag: "Drained", ...of, open: Number(detail) })
      case "rested":
        return this.input({ _tag: "StandbyWaited", child: name, ended: detail === "for-ever" })
      case "waited":
        return this.input({ _tag: "BackoffOver" })
      case "close":
        return this.input({ _tag: "Close" })
      case "add":
        return this.input({ _tag: "Add", spec: { ...child(name), restart: "transient" } })
      case "remove":
        return this.input({ _tag: "Remove", child: name })
      case "restart":
      case "stop":
      case "start":
        return this.input({ _tag: "ByHand", what: what as "restart", child: name })
      // `roll a,b 2`: the roll of a and b, two at once.
      case "roll":
        return this.input({
          _tag: "Roll",
          id: ++this.rolls,
          children: what === "" ? [] : what.split(","),
          atOnce: Number(detail || 1),
          drainMillis: 1000
        })
      case "leave":
        return this.input({ _tag: "RollLeft", id: this.rolls })
      default:
        this.now += Number(subject)
    }
  }

  play(words: string): ReadonlyArray<string> {
    const before = this.actions.length
    for (const word of words.split("; ")) this.say(word)
    return this.actions.slice(before).map(spell)
  }
}

export const spell = (action: Machine.Action): string => {
  switch (action._tag) {
    case "Start":
    case "Stop":
      return `${action._tag.toLowerCase()} ${action.child}${action.incarnation}`
    case "TellRestarting":
      return `restarting ${action.affected.join(" ")}`
    case "TellRestarted":
      return `restarted ${action.child}`
    case "TellGaveUp":
      return `gave up on ${action.child}`
    case "WaitStandby":
      return `${action.child} rests${action.isFresh ? " afresh" : ""}`
    case "TakeOver":
      return `${action.child}${action.incarnation} takes over${action.drainMillis === undefined ? "" : " and drains"}`
    case "TellStandbyReady":
      return `${action.child}${action.incarnation} stands by`
    case "TellStandbyEnded":
      return `${action.child}${action.incarnation} stands by no more`
    case "TellDrained":
      return `${action.child}${action.incarnation} is drained`
    case "RollEnded":
      return `roll ended: ${action.outcome._tag}`
    case "Wait":
      return action.isFresh ? "wait afresh" : "wait"
    case "Closed":
      return `closed: ${action.why._tag}`
    case "Removed":
    case "Refused":
      return `${action._tag.toLowerCase()} ${action.child}`
    default:
      return action._tag.toLowerCase()
  }
}

export const up = (children: ReadonlyArray<Machine.ChildSpec>, policy: Partial<Machine.Policy> = {}): Played => {
  const played = new Played(children, policy)
  for (const { key } of Machine.ordered(children)) played.say(`${key} up`)
  return played
}

// ---- the tables of the docs -----------------------------------------------------------------------------------------

const docs = Fs.readFileSync(new URL("../../../../docs/supervision.md", import.meta.url), "utf8")

/** The rows of the table below a heading, without its head. */
export const rowsBelow = (heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const section = docs.slice(docs.indexOf(`## ${heading}\n`) + heading.length + 3).split("\n## ")[0]!
  const rows = section.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  )
  return [rows[0]!, ...rows.slice(2)]
}
