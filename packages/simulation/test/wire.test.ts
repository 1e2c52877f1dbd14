import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Result } from "../src/Run.ts"
import { bugs, harmless } from "../src/wire/Bugs.ts"
import { search } from "../src/wire/search.ts"

/** The number of random programs, after which a bug counts as not found. */
const enough = 100

/** The ways in which calls should end. */
const reached = [
  ...["run", "talk"].flatMap((kind) =>
    ["ok", "interrupted", "Fail Oops", "Fail ContextCancelled", "Fail RemoteActorError", "Fail ActorLost"]
      .map((how) => `${kind}: ${how}`)
  ),
  ...["stream", "subscribe", "ask", "halves"].flatMap((kind) => [`${kind}: ok`, `${kind}: interrupted`]),
  "stream: Fail Oops",
  "up: ok",
  "up: Fail Oops",
  "leave: Fail Oops",
  "leave: Die Error",
  "halves: Fail ContextCancelled"
]

describe("A monitor checks every word that random programs send", () => {
  it.live(
    "random programs keep the grammar of the protocol in every word, and their calls end in every way that is possible",
    () =>
      Effect.gen(function*() {
        const ends = new Set<string>()
        const look = ({ events }: Result) => {
          const kinds = new Map(events.flatMap((event) => event._tag === "Called" ? [[event.key, event.kind]] : []))
          for (const event of events) {
            if (event._tag === "Answered") {
              for (const word of event.how.words) ends.add(`${kinds.get(event.key)}: ${word}`)
            }
          }
        }
        assert.deepStrictEqual(yield* search(100, { look }), undefined)
        // The programs must reach all of these ends, because otherwise the absence of faults proves nothing.
        const missing = reached.filter((end) => !ends.has(end))
        assert.deepStrictEqual(missing, [], "programs like these should have ended in these ways too")
      }),
    180_000
  )

  for (const [name, plan] of Object.entries(harmless)) {
    it.live(
      `random programs keep every guarantee although the protocol has a harmless bug (the bug: ${name})`,
      () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* search(40, { plan }), undefined)
        }),
      180_000
    )
  }
})

describe("A search finds a bug that is planted in the words of a connection", () => {
  for (const [name, plan] of Object.entries(bugs)) {
    it.live(name, () =>
      Effect.gen(function*() {
        const found = yield* search(enough, { plan })
        assert.isDefined(found, `${enough} programs did not find it`)
      }), 180_000)
  }
})
