/**
 * Random programs of calls, streams, dialogs, cancels, crashes and cuts over two to five actors in memory, each checked
 * against the tenets (`Check`, `World`, `Wire.Monitor`): every call ends, a cancel is acknowledged, order is kept, a
 * window is kept, a dialog settles once, nothing is left.
 *
 * A failure prints a short program, its seed and all that happened in it; the same seed finds it again. More of it:
 *
 *   FURROW_MODEL_RUNS=20000 FURROW_MODEL_SEED=abc npx vitest run --project actor test/model/model
 *
 * Every seed is another set of programs. The default is fixed, so that a red run is no surprise of the day.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bugs, harmless } from "./Bugs.ts"
import { run } from "./Run.ts"
import * as Search from "./search.ts"
import type { World } from "./World.ts"

const given = (globalThis as { readonly process?: { readonly env: Record<string, string | undefined> } }).process?.env
const runs = Number(given?.FURROW_MODEL_RUNS ?? 300)
const seed = given?.FURROW_MODEL_SEED ?? "furrow"
const patience = 60_000 + runs * 200

/** How calls end, of every kind. */
const reached = [
  ...["Job", "Feed", "Talk"].flatMap((kind) =>
    ["return", "interrupt", "fail Oops", "fail ContextCancelled", "fail RemoteActorError", "fail ActorLost"]
      .map((how) => `${kind}: ${how}`)
  ),
  "Job: fail ChannelClosed",
  "Talk: fail BodyFailed",
  "Hop: return",
  "Hop: interrupt",
  "handler: return",
  "handler: interrupt"
]

describe("Random programs over actors in memory", () => {
  it.live(`random programs keep the tenets (${runs} programs)`, () =>
    Effect.gen(function*() {
      const ends = new Map<string, number>()
      const look = (world: World) => {
        for (const { caller, handler, what } of world.calls.values()) {
          const [end, there] = [caller, handler].map((ended) => typeof ended === "object" ? ended.how : ended)
          for (const key of [`${what._tag}: ${end}`, `handler: ${there}`]) ends.set(key, (ends.get(key) ?? 0) + 1)
        }
      }
      const found = yield* Search.search({ seed, runs, shrinks: 500, look })
      if (found !== undefined) assert.fail(Search.describe(seed, found))
      if (given?.FURROW_MODEL_SHOW !== undefined) console.log(ends)
      // A model that reaches nothing finds nothing.
      const missing = reached.filter((key) => !ends.has(key))
      assert.deepStrictEqual(missing, [], "programs like these should have ended in these ways too")
    }), patience)

  it.live("random programs over actors in memory do the same again, word by word", () =>
    Effect.gen(function*() {
      const found = yield* Search.search({ seed, runs: 60, shrinks: 20, plan: bugs["a Cancel is lost"]! })
      assert.isDefined(found)
      const again = yield* run(found.program, bugs["a Cancel is lost"])
      assert.deepStrictEqual(again.log, found.world.log)
    }), patience)

  for (const [name, plan] of Object.entries(harmless)) {
    it.live(`random programs keep the tenets though ${name}`, () =>
      Effect.gen(function*() {
        const found = yield* Search.search({ seed, runs: Math.ceil(runs / 5), shrinks: 500, plan })
        if (found !== undefined) assert.fail(Search.describe(seed, found))
      }), patience)
  }
})

/** A bug that is not found by so many programs is not found. */
const enough = 300

describe("A bug planted on the wire is found", () => {
  for (const [name, plan] of Object.entries(bugs)) {
    it.live(name, () =>
      Effect.gen(function*() {
        const found = yield* Search.search({ seed, runs: enough, shrinks: 0, plan })
        assert.isDefined(found, `${enough} programs did not find it`)
        if (given?.FURROW_MODEL_SHOW !== undefined) {
          console.log(`${name}: program ${found.runs}: ${found.world.problems[0]}`)
        }
      }), patience)
  }
})
