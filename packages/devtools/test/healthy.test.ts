/** Trees in which calls take long and nothing is stuck: `furrow why` finds nothing, as often as it looks. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answers, furrow, pathOf, test, tree } from "./command.ts"

const looks = 4

interface Finding {
  readonly kind: string
  readonly level: string
}

/** Looks several times, because what is wrong may show only later. All findings are notes, and their kinds are the result. */
const staysWell = (pid: number) =>
  Effect.gen(function*() {
    const kinds = new Set<string>()
    for (let look = 0; look < looks; look++) {
      const { code, errors, text } = yield* Effect.scoped(furrow("why", String(pid), "--than", "1 millis", "--json"))
      const found = JSON.parse(text) as ReadonlyArray<Finding>
      assert.deepStrictEqual(found.filter(({ level }) => level === "stuck"), [], errors)
      assert.strictEqual(code, 0)
      for (const { kind } of found) kinds.add(kind)
    }
    return kinds
  })

/** Starts a healthy tree, and waits until it shows what it is doing. */
const healthy = (kind: string, shows: ReadonlyArray<RegExp>) =>
  Effect.gen(function*() {
    const { pid } = yield* tree(kind, {}, pathOf("./fixtures/healthy.ts"))
    yield* answers(["tree", String(pid)], ({ text }) => {
      for (const part of shows) assert.match(text, part)
    })
    return pid
  })

describe("the verb furrow why reports no healthy tree as stuck", () => {
  test(
    "G250: a pool whose workers all compute, while more tasks wait for a worker, is reported as busy and not as stuck",
    Effect.gen(function*() {
      const pid = yield* healthy("pool", [/computes, and does not answer[^]*computes, and does not answer/])
      assert.include(yield* staysWell(pid), "BUSY")
    })
  )

  test(
    "G250: actors that take long to build a Layer or import a module are starting, and actors that wait for their names are not stuck",
    Effect.gen(function*() {
      const pid = yield* healthy("start", [/ late /, / heavy /, /serves root: waitFor/])
      assert.include(yield* staysWell(pid), "STARTING")
    })
  )

  test(
    "G250: a supervisor that delays a restart is not stuck, and neither are a call and an actor that wait for the restarted child",
    Effect.gen(function*() {
      const pid = yield* healthy("restart", [/serves root: waitFor/])
      yield* staysWell(pid)
    })
  )
})
