import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Nursery } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { leave, spell } from "./fixtures/monitors.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const start = (name: string) => Actor.start(name, { expose: [leave] })
const spelled = ({ actor, exit }: Nursery.Ended) => `${actor.name}: ${spell(exit)}`

/** Runs the body in a nursery of a theatre, with time passing, and says what came of it. */
const stage = <A, E>(
  body: (theatre: Puppets.Theatre) => Effect.Effect<A, E, Actor.Nursery | Actor.ActorRuntime>,
  check: (exit: Exit.Exit<A, E | Actor.ActorError>, theatre: Puppets.Theatre) => void
) => {
  const theatre = Puppets.make()
  return Effect.gen(function*() {
    const region = yield* Effect.forkChild(Effect.exit(Actor.nursery(body(theatre))))
    yield* pass(3000)
    check(yield* Fiber.join(region) as Effect.Effect<any>, theatre)
    assert.deepStrictEqual(theatre.living(), [])
  }).pipe(drained, Effect.provide(theatre.layer))
}

const lossOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
  return reason?._tag === "Fail" && reason.error instanceof ActorError.ActorLost
    ? reason.error.actor.name
    : String(exit)
}

describe("Nursery.exits gives the exits of a nursery's actors", () => {
  it.effect("G122: Nursery.exits gives every exit of the nursery's actors, and a failed actor does not fail the nursery while exits are read", () =>
    stage(
      (theatre) =>
        Effect.gen(function*() {
          const reading = yield* Nursery.exits.pipe(
            Stream.map(spelled),
            Stream.take(4),
            Stream.runCollect,
            Effect.forkChild
          )
          yield* settle
          const [a, b] = yield* Effect.all([start("a"), start("b"), start("c"), start("d")])
          yield* Effect.ignore(a.run(leave()))
          yield* b.cancel("enough")
          theatre.puppet("c").uncaught(new TypeError("out of ink"))
          yield* Effect.sleep(500)
          theatre.puppet("d").die({ code: 3 })
          return yield* Fiber.join(reading)
        }),
      (exit) =>
        assert.deepStrictEqual(Exit.isSuccess(exit) ? exit.value : String(exit), [
          "a: Returned",
          "b: Cancelled by root: enough",
          "c: Failed: out of ink",
          "d: Lost: d@4 is lost: its process exited with code 3"
        ])
    ))

  it.effect("G122: Nursery.exits loses no exit while its reader is busy, and includes actors that the reader starts", () =>
    stage(
      (theatre) =>
        Effect.gen(function*() {
          const restarts: Array<string> = []
          const reading = yield* Nursery.exits.pipe(
            Stream.take(6),
            Stream.runForEach(({ actor }) =>
              Effect.gen(function*() {
                restarts.push(actor.name)
                yield* Effect.sleep(100)
                if (restarts.length <= 3) yield* start(`${actor.name}+`)
              })
            ),
            Effect.forkChild
          )
          yield* settle
          yield* Effect.all([start("a"), start("b"), start("c")])
          for (const name of ["a", "b", "c"]) theatre.puppet(name).die({ code: 1 })
          yield* Effect.sleep(1000)
          for (const name of ["a+", "b+", "c+"]) theatre.puppet(name).die({ code: 1 })
          yield* Fiber.join(reading)
          return restarts
        }),
      (exit) =>
        assert.deepStrictEqual(Exit.isSuccess(exit) ? exit.value : String(exit), ["a", "b", "c", "a+", "b+", "c+"])
    ))

  for (
    const [when, expected] of [["while nobody reads", "late"], ["and is not read before the reader has enough", "b"]]
  ) {
    it.effect(`G122: the loss of an actor fails the nursery if no reader takes the exit from Nursery.exits (case: the loss comes ${when})`, () =>
      stage(
        (theatre) =>
          Effect.gen(function*() {
            const reading = yield* Nursery.exits.pipe(
              Stream.take(1),
              Stream.runForEach(() => Effect.sleep(100)),
              Effect.forkChild
            )
            yield* settle
            yield* Effect.all([start("a"), start("b"), start("late")])
            theatre.puppet("a").die({ code: 1 })
            if (expected === "b") theatre.puppet("b").die({ code: 1 })
            yield* Fiber.join(reading)
            yield* Effect.sleep(100)
            theatre.puppet("late").die({ code: 1 })
            return yield* Effect.never
          }),
        (exit) => assert.strictEqual(lossOf(exit), expected)
      ))
  }

  it.effect("G122: Nursery.exits ends with the failure of its reader, and this failure takes precedence over unread exits", () =>
    stage(
      (theatre) =>
        Effect.gen(function*() {
          yield* Effect.all([start("a"), start("b"), start("daemon")])
          const dying = Effect.andThen(
            settle,
            Effect.sync(() => {
              for (const name of ["a", "b"]) theatre.puppet(name).die({ code: 1 })
            })
          )
          yield* Effect.forkChild(dying)
          return yield* Stream.runForEach(Nursery.exits, () => Effect.andThen(Effect.sleep(100), Effect.fail("mine")))
        }),
      (exit) => {
        const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
        assert.strictEqual(reason?._tag === "Fail" && reason.error, "mine")
      }
    ))

  it.effect("G122: Nursery.exits ends with its nursery, and leaves out the actors that the nursery itself ends", () => {
    let reading: Fiber.Fiber<ReadonlyArray<string>> | undefined
    return stage(
      () =>
        Effect.gen(function*() {
          reading = yield* Effect.forkDetach(Stream.runCollect(Stream.map(Nursery.exits, spelled)))
          yield* settle
          const [a] = yield* Effect.all([start("a"), start("daemon")])
          yield* a.cancel("enough")
        }),
      (exit) => {
        assert.isTrue(Exit.isSuccess(exit))
        const read = reading?.pollUnsafe()
        assert.deepStrictEqual(read !== undefined && Exit.isSuccess(read) && read.value, [
          "a: Cancelled by root: enough"
        ])
      }
    )
  })
})
