/** Tests the one collection of garbage in an idle actor (docs/lifetimes.md, What a start costs). */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import { busyFor } from "./fixtures/busy.ts"
import { hangs } from "./fixtures/cleanup.ts"
import { withActors } from "./support.ts"

/** Starts an actor that prints its collections. */
const traced = <const Exposed extends typeof busyFor | typeof hangs>(exposed: Exposed) =>
  Effect.gen(function*() {
    let text = ""
    const portal = yield* Actor.startScoped("traced", {
      expose: [exposed],
      execArgv: ["--trace-gc"],
      stdout: (bytes) => void (text += Buffer.from(bytes).toString())
    })
    /** Returns the collections of the whole heap that made it smaller. */
    return { portal, reduced: () => text.split("\n").filter((line) => line.includes("Mark-Compact (reduce)")).length }
  })

describe("An actor that waits for calls collects the garbage of its start", () => {
  it.live(
    "G204: an idle actor returns the memory that it needed only for its start to the operating system",
    () =>
      withActors(Effect.gen(function*() {
        const { portal, reduced } = yield* traced(busyFor)
        yield* Eventually.holds("its heap is collected to be small", () => reduced() > 0, { within: "30 seconds" })
        yield* portal.run(busyFor({ millis: 1 }))
      })),
    60_000
  )

  it.live(
    "G204: a busy actor skips the garbage collection that follows its start",
    () =>
      withActors(Effect.gen(function*() {
        const { portal, reduced } = yield* traced(busyFor)
        // The checks for a quiet actor run between the calls.
        for (let call = 0; call < 30; call++) yield* portal.run(busyFor({ millis: 100 }))
        assert.strictEqual(reduced(), 0)
      })),
    60_000
  )

  it.live(
    "G223: an actor that waits for its last finalizer skips the garbage collection that follows its start",
    () =>
      withActors(
        Effect.gen(function*() {
          const { portal, reduced } = yield* traced(hangs)
          yield* portal.cancel("done")
          // In this time two checks would have found the actor quiet.
          assert.strictEqual((yield* portal.wait)._tag, "Cancelled")
          assert.strictEqual(reduced(), 0)
        }).pipe(Timeouts.provide({ finalizers: 3_000 }))
      ),
    60_000
  )
})
