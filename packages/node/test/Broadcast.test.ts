/** Tests one call to many actors, made with functions of Effect as in docs/patterns.md. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import type { Portal } from "@furrow/actor"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { vote } from "./fixtures/broadcast.ts"
import { evidence, withActors } from "./support.ts"

type Voter = Portal.Portal<typeof vote>

const voters = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => `voter ${i}`),
    (name) => Actor.startScoped(name, { expose: [vote] }),
    { concurrency: "unbounded" }
  )

/** The answers of all actors as they come, each a success or a failure. */
const asked = (voters: ReadonlyArray<Voter>, file: string, millis: (i: number) => number) =>
  Stream.fromIterable(voters.map((voter, i) => [voter, millis(i)] as const)).pipe(
    Stream.mapEffect(
      ([voter, millis]) => Effect.result(voter.run(vote({ file, millis }))),
      { concurrency: "unbounded", unordered: true }
    )
  )

describe("One call to many actors returns the reply of each actor", () => {
  it.live(
    "G198: one call to many actors returns all replies in the order of the actors, or fails with the first failure and interrupts other calls",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const all = yield* voters(3)
        const everybody = (millis: (i: number) => number) =>
          Effect.forEach(all, (voter) => voter.run(vote({ file, millis: millis(all.indexOf(voter)) })), {
            concurrency: "unbounded"
          })
        assert.deepStrictEqual(yield* everybody((i) => 100 - 50 * i), ["voter 0", "voter 1", "voter 2"])
        const error = yield* Effect.flip(everybody((i) => i === 1 ? -1 : 20_000))
        assert.strictEqual(error._tag === "Declined" && error.by, "voter 1")
        // The finalizers of the other calls have run by then.
        assert.sameMembers([...Folder.lines(file)], ["voter 0", "voter 2"])
      })),
    60_000
  )

  it.live(
    "G198: one call to many actors returns a typed failure for each actor that fails, and the replies of the other actors as they complete",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const all = yield* voters(4)
        const collecting = yield* Effect.forkChild(
          Stream.runCollect(asked(all, file, (i) => i === 2 ? -1 : i === 3 ? 20_000 : 1000 - 900 * i)),
          { startImmediately: true }
        )
        yield* Effect.sleep("50 millis")
        process.kill(all[3]!.actor.pid, "SIGKILL")
        const words = (yield* Fiber.join(collecting)).map(Result.match({
          onSuccess: (name) => name,
          onFailure: (error) => error._tag
        }))
        assert.sameMembers(words, ["voter 0", "voter 1", "Declined", "ActorLost"])
        assert.isBelow(words.indexOf("voter 1"), words.indexOf("voter 0"))
      })),
    60_000
  )

  it.live(
    "G198: one call to many actors returns with a quorum of replies, after it has interrupted the other calls and their finalizers have run",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const all = yield* voters(5)
        const quorum = yield* asked(all, file, (i) => i === 0 ? -1 : i < 3 ? 10 : 20_000).pipe(
          Stream.filter(Result.isSuccess),
          Stream.take(2),
          Stream.runCollect
        )
        assert.sameMembers(quorum.map(({ success }) => success), ["voter 1", "voter 2"])
        assert.sameMembers([...Folder.lines(file)], ["voter 3", "voter 4"])
      })),
    60_000
  )
})
