import { assert, describe, it } from "@effect/vitest"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fixture } from "./support.ts"

/** The largest growth of old memory in MiB; each of the 20,000 calls of a round uses about a KiB at each end. */
const mostMebibytes = 4

const Grown = Schema.fromJsonString(Schema.Array(Schema.Struct({ mebibytes: Schema.Number, full: Schema.Int })))

describe("The memory of ended calls is free", () => {
  it.live(
    "G305: calls that end while others are in flight leave no memory to a full garbage collection, at either end",
    () =>
      Effect.gen(function*() {
        const program = yield* Program.start(fixture("mains/endedCalls.ts"))
        assert.deepStrictEqual(
          yield* program.ended({ within: "90 seconds" }),
          { code: 0, signal: null },
          program.stderr()
        )
        const ends = Schema.decodeSync(Grown)(program.stdout())
        assert.lengthOf(ends, 2)
        for (const { full, mebibytes } of ends) {
          assert.isAtMost(mebibytes, mostMebibytes)
          assert.strictEqual(full, 0, "a full garbage collection came although little memory was old")
        }
      }).pipe(Effect.scoped),
    120_000
  )
})
