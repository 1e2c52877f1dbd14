/** Tests shared actors over real processes. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Desk, stay, take, visit } from "./fixtures/shared.ts"
import { evidence, withActors } from "./support.ts"

const users = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => `user ${i}`),
    (name) => Actor.startScoped(name, { expose: [visit, stay] }),
    { concurrency: "unbounded" }
  )

const words = (file: string) => Folder.lines(file).map((line) => line.split(" ")[0])
const pidsIn = (file: string, word: string) =>
  Folder.lines(file).filter((line) => line.startsWith(word)).map((line) => Number(line.split(" ")[1]))

/** Waits until a line of the file satisfies a condition. */
const written = (file: string, what: string, holds: () => boolean) =>
  Eventually.holds(what, holds, { within: "40 seconds" })

describe("A shared actor lives as long as its users in several processes", () => {
  it.live(
    "G193: 20 users in 4 processes that ask for a shared actor concurrently get the same actor",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const there = yield* users(4)
        const answers = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => there[i % 4]!),
          (user) => user.run(visit({ file, works: true, millis: 200 })),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(answers.map(([pid]) => pid)).size, 1)
        assert.deepStrictEqual(
          answers.map(([, number]) => number).toSorted((a, b) => a - b),
          Array.from({ length: 20 }, (_, i) => i + 1)
        )
        yield* written(file, "the desk ends", () => words(file).includes("ends"))
        assert.deepStrictEqual(words(file), ["starts", "ends"])
      })),
    60_000
  )

  it.live(
    "G194: a shared actor outlives the actor that asked for it first, and ends with its last user",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const [first, second] = yield* users(2)
        const one = yield* Effect.forkChild(Effect.exit(first!.run(stay({ file }))))
        yield* written(file, "the first one is there", () => pidsIn(file, "sees").length === 1)
        const two = yield* Effect.forkChild(Effect.exit(second!.run(stay({ file }))))
        yield* written(file, "both are there", () => pidsIn(file, "sees").length === 2)
        process.kill(first!.actor.pid, "SIGKILL")
        yield* Fiber.join(one)
        const [desk] = pidsIn(file, "starts")
        const [, number] = yield* Effect.scoped(Effect.flatMap(
          Registry.findOrStart(Desk, { config: { file, works: true, cleanupMillis: 0 } }),
          (desk) => desk.run(take())
        ))
        assert.isAbove(number, 2)
        process.kill(second!.actor.pid, "SIGKILL")
        yield* Fiber.join(two)
        yield* Processes.gone([desk!])
        assert.deepStrictEqual(words(file).filter((word) => word !== "sees"), ["starts", "ends"])
      })),
    60_000
  )

  it.live(
    "G194: a shared actor has ended and cleaned up when the Scope of its last share has closed",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const scope = yield* Scope.make()
        const desk = yield* Scope.provide(
          Registry.findOrStart(Desk, { config: { file, works: true, cleanupMillis: 300 } }),
          scope
        )
        const [pid] = yield* desk.run(take())
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(Processes.isAlive(pid))
        assert.deepStrictEqual(words(file), ["starts", "ends"])
      })),
    60_000
  )

  it.live(
    "G195: a shared actor that cannot start fails with a typed error for all waiting users, in every process",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const there = yield* users(3)
        const errors = yield* Effect.forEach(
          Array.from({ length: 9 }, (_, i) => there[i % 3]!),
          (user) => Effect.flip(user.run(visit({ file, works: false, millis: 0 }))),
          { concurrency: "unbounded" }
        )
        for (const error of errors) {
          assert.strictEqual(error._tag === "Closed" && error.tag, "SpawnFailed")
          assert.include(error.message + (error._tag === "Closed" ? error.text : ""), "the desk is broken")
        }
        assert.deepStrictEqual((yield* Actor.statistics).children.length, 3)
      })),
    60_000
  )

  it.live(
    "G197: a shared actor is started again when it is killed, and all its users reach the restarted actor",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const there = yield* users(2)
        const staying = yield* Effect.forEach(there, (user) => Effect.forkChild(user.run(stay({ file }))))
        yield* written(file, "both are there", () => pidsIn(file, "sees").length === 2)
        const desk = yield* Registry.findOrStart(Desk, { config: { file, works: true, cleanupMillis: 0 } })
        const [first] = yield* desk.run(take())
        process.kill(first, "SIGKILL")
        const [second] = yield* Effect.retry(desk.run(take()), { times: 3 })
        assert.notStrictEqual(second, first)
        // A call that was running may have failed its user, and the other users reach the successor.
        yield* written(file, "a user sees the successor", () =>
          pidsIn(file, "sees").includes(second) || staying.every((fiber) =>
            fiber.pollUnsafe() !== undefined
          ))
        yield* Effect.forEach(staying, (fiber) => Fiber.interrupt(fiber))
      })),
    60_000
  )
})
