import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Reference from "../lib/reference.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const read = (path: string) => Fs.readFileSync(Path.join(root, path), "utf8")

const page = read("docs/reference.md")
const api = read("docs/api.txt")
const sources = Fs.globSync("packages/{actor,node,protocol}/src/**/*.ts", { cwd: root })
const facts = Reference.factsOf({
  timeouts: read("packages/actor/src/internal/settings/Timeouts.ts"),
  main: read("packages/node/src/NodeActor.ts"),
  all: sources.map(read)
})

const problems = (changed: string) => Reference.problems(changed, api, facts)
const without = (pattern: RegExp) => {
  assert.match(page, pattern)
  return page.replace(pattern, "")
}

describe("The page docs/reference.md", () => {
  it("docs/reference.md has every option, bound, event, variable and exit code that the sources have", () => {
    assert.deepStrictEqual(problems(page), [])
  })

  it("docs/reference.md is compared with all facts that the sources contain", () => {
    assert.strictEqual(facts.timeouts.get("spawn"), 30_000)
    assert.strictEqual(facts.timeouts.size, 11)
    assert.includeMembers([...facts.variables], ["XDG_RUNTIME_DIR", "PATH", "NODE_OPTIONS", "FORCE_COLOR"])
    assert.sameMembers([...facts.codes], [130, 143, 129, 141, 70])
    const { members } = Reference.declared(api).get("ActorEvent.ActorEvent")!
    assert.deepStrictEqual(members.get("ActorReady"), ["actor", "millis"])
    assert.deepStrictEqual([...members.keys()].at(-1), "Violation")
  })

  it("the check of docs/reference.md reports a missing bound, option, event, variable and exit code", () => {
    assert.deepStrictEqual(problems(without(/^\| `explain` .*\n/m)), [
      "Timeouts.Timeouts: there is no row for explain",
      "Timeouts.explain: the default is 100, the page says undefined"
    ])
    assert.deepStrictEqual(problems(without(/^\| `memoryLimit` .*\n/m)), [
      "Actor.SpawnOptions: there is no row for memoryLimit"
    ])
    assert.deepStrictEqual(problems(without(/^\| `PeerLost` .*\n/m)), [
      "ActorEvent.ActorEvent: there is no row for PeerLost"
    ])
    assert.deepStrictEqual(problems(without(/^\| `XDG_RUNTIME_DIR` .*\n/m)), [
      "XDG_RUNTIME_DIR: there is no row for this variable"
    ])
    assert.deepStrictEqual(problems(without(/^\| 141 .*\n/m)), ["exit code 141: there is no row for it"])
  })

  it("the check of docs/reference.md reports an option, a default or an event's field in the page that differs from the source", () => {
    assert.deepStrictEqual(problems(page.replace("| `guard` |", "| `gaurd` |")), [
      "NodeSpawner.Options: there is no row for guard",
      "NodeSpawner.Options: gaurd is not there, or has two rows"
    ])
    assert.deepStrictEqual(problems(page.replace("| `cancel` | 5000", "| `cancel` | 6000")), [
      "Timeouts.cancel: the default is 5000, the page says 6000"
    ])
    assert.deepStrictEqual(problems(page.replace("| `actor`, `millis` |", "| `actor`, `seconds` |")), [
      "ActorEvent.ActorEvent.ActorReady: there is no row for millis",
      "ActorEvent.ActorEvent.ActorReady: seconds is not there, or has two rows"
    ])
  })

  it("the check of docs/reference.md reports options without a table, and a table of a type that does not exist", () => {
    assert.deepStrictEqual(
      problems(page.replace("members of Dialog.SubscribeOptions", "members of Dialog.Subscribed")),
      [
        "Dialog.Subscribed: no public module has it",
        "Dialog.SubscribeOptions: there is no table for it"
      ]
    )
  })
})
