import { assert, describe, it } from "@effect/vitest"
import * as Leaks from "@furrow/testing/Leaks"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fixture } from "./support.ts"

const patient = { within: "60 seconds" } as const

describe("A root that SIGSTOP stops during the start of an actor still gets the actor", () => {
  it.live(
    "a root that is stopped during an actor's start gets the actor after SIGCONT, because the time of the stop does not count (G92)",
    () =>
      Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
        const root = yield* Program.start(fixture("mains/stopped.ts"))
        yield* root.says(/building/, patient)
        yield* root.signal("SIGSTOP")
        // The pause is longer than the whole bound of a start.
        yield* Effect.sleep("9 seconds")
        yield* root.signal("SIGCONT")
        const { code } = yield* root.ended(patient)
        assert.strictEqual(root.stderr(), "")
        assert.match(root.stdout(), /it ran/)
        assert.strictEqual(code, 0)
      }))),
    120_000
  )
})
