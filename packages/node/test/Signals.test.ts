import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { square } from "./fixtures/peers.ts"
import { fixture, withActors } from "./support.ts"

const patient = { within: "20 seconds" } as const

/** The number of rounds, which can be raised by hand. */
const rounds = Number(process.env["FURROW_SIGNAL_ROUNDS"] ?? 3)

describe("A signal to every process of a tree at once ends the actors in order", () => {
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    it.live(
      `the signal ${signal} to every process of a tree ends the actors in order: a Service ends before the Services that it uses (G58, G90)`,
      () =>
        Effect.gen(function*() {
          for (let round = 0; round < rounds; round++) {
            yield* Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
              const program = yield* Program.start(fixture("mains/signalled.ts"))
              const [, store, web] = yield* program.says(/working (\d+) (\d+)/, patient)
              const pids = [Number(store), program.pid, Number(web)]
              // Each round begins with another process, so that all orders of arrival occur.
              for (let i = 0; i < pids.length; i++) process.kill(pids[(i + round) % pids.length]!, signal)
              const { code } = yield* program.ended(patient)
              assert.strictEqual(code, signal === "SIGTERM" ? 143 : 129)
              assert.deepStrictEqual(program.stdout().split("\n").slice(1), [
                "web gives what it has: Success",
                "store saves what web had",
                ""
              ])
              yield* Processes.gone(pids)
            })))
          }
        }),
      60_000 + rounds * 15_000
    )
  }
})

describe("A signal to one actor of a tree ends only this actor", () => {
  it.live(
    "a signal to one actor of a tree ends this actor, and the tree goes on (G90)",
    () =>
      withActors(Effect.gen(function*() {
        const frank = yield* Actor.startScoped("frank", { expose: [square] })
        const gretchen = yield* Actor.startScoped("gretchen", { expose: [square] })
        process.kill(frank.actor.pid, "SIGTERM")
        yield* Effect.timeout(frank.wait, "15 seconds")
        assert.isFalse(Processes.isAlive(frank.actor.pid))
        assert.strictEqual((yield* gretchen.run(square({ n: 3 }))).n, 9)
      })),
    60_000
  )
})
