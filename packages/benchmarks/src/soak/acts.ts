/**
 * The acts of the soak test: in each act the root uses actors in one way, for example for calls or restarts. Each act
 * of the soak test checks the answers that it gets, and cleans up, so that the act can be repeated.
 */
import { Actor, Registry } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as A from "./actors.ts"

/**
 * The actors that take part in one kind of work of the soak test, such as restarts, and the size of the work's items.
 */
export interface Field {
  readonly workers: ReadonlyArray<A.Worker>
  /** The size in bytes of each item that this kind of work sends. */
  readonly size: number
  /** A number that is different each time an act (a piece of work of the soak test) runs. */
  readonly n: number
}

export interface Act {
  readonly name: string
  readonly run: (field: Field) => Effect.Effect<unknown, unknown, Actor.ActorRuntime | Scope.Scope>
}

/** The error of an act (a piece of work of the soak test) that got an unexpected answer. */
export class Wrong extends Error {
  override readonly name = "Wrong"
}

const check = (holds: boolean, what: string): Effect.Effect<void, Wrong> =>
  holds ? Effect.void : Effect.fail(new Wrong(what))

const one = ({ n, workers }: Field): A.Worker => workers[n % workers.length]!
const other = ({ n, workers }: Field): A.Worker => workers[(n + 1) % workers.length]!

/** Returns how many items of a given size fit into 128 MiB of memory. */
const manyOf = (size: number, most: number): number => Math.max(3, Math.min(most, Math.floor(128 * 1024 * 1024 / size)))

const tagged = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Cause.squash(exit.cause)
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)
}

/** Checks that an Effect ends with a value, or with an error that has one of the given tags. */
const endsWith = <A, E, R>(effect: Effect.Effect<A, E, R>, ...tags: ReadonlyArray<string>) =>
  Effect.flatMap(
    Effect.exit(effect),
    (exit) => check(tags.includes(tagged(exit)), `it ended with ${tagged(exit)} instead of ${tags.join(" or ")}`)
  )

const started = (field: Field, name: string) =>
  Actor.startScoped(`${name}-${field.n}`, { expose: A.expose, unique: true })

/** Runs an Effect, and interrupts it after a number of milliseconds. */
const interrupted = <A, E, R>(effect: Effect.Effect<A, E, R>, millis: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* Effect.sleep(millis)
    yield* Fiber.interrupt(fiber)
  })

const kill = (worker: A.Worker): Effect.Effect<void> =>
  Effect.sync(() => void process.kill(worker.actor.pid, "SIGKILL"))

const calls: Act = {
  name: "calls",
  run: (field) =>
    Effect.forEach(
      [1, 2, 3, 4],
      (byte) =>
        Effect.flatMap(one(field).run(A.echo({ bytes: A.item(field.size, byte) })), (bytes) =>
          check(A.isItem(bytes, field.size, byte), "another item came back")),
      { concurrency: 4 }
    )
}

const busy: Act = {
  name: "calls to a busy actor",
  run: (field) =>
    Effect.gen(function*() {
      const size = Math.min(field.size, 1024 * 1024)
      const bytes = A.item(size, 1)
      const spinning = yield* Effect.forkChild(one(field).run(A.spin({ millis: 500 })))
      yield* Effect.sleep(20)
      const count = size === field.size ? manyOf(size, 64) : 1000
      const weights = yield* Effect.forEach(
        Array.from({ length: count }),
        () => one(field).run(A.weigh({ bytes })),
        { concurrency: "unbounded" }
      )
      yield* Fiber.join(spinning)
      yield* check(weights.every((weight) => weight === size), "another weight came back")
    })
}

const wholeStreams: Act = {
  name: "streams read whole",
  run: (field) =>
    Effect.forEach([true, false], (atOnce) =>
      Effect.gen(function*() {
        const count = manyOf(field.size, 64)
        const pages = A.pages({ count, size: field.size, first: field.size, atOnce })
        let read = 0
        yield* Stream.runForEach(one(field).stream(pages), (bytes) => {
          read++
          return check(A.isItem(bytes, field.size, 7), "another item came")
        })
        yield* check(read === count, `${read} items came instead of ${count}`)
      }))
}

const partOfStreams: Act = {
  name: "streams taken partly",
  run: (field) =>
    Effect.forEach([true, false], (atOnce) =>
      Effect.gen(function*() {
        const pages = A.pages({ count: 64, size: field.size, first: field.size, atOnce })
        const read = yield* Stream.runCount(Stream.take(one(field).stream(pages), 3))
        yield* check(read === 3, `${read} items came instead of 3`)
      }))
}

const smallThenLarge: Act = {
  name: "streams whose second item is larger",
  run: (field) =>
    Effect.gen(function*() {
      const size = Math.min(field.size, 2 * 1024 * 1024)
      const pages = A.pages({ count: 64, size, first: 8, atOnce: true })
      const read = yield* Stream.runCount(Stream.take(one(field).stream(pages), 4))
      yield* check(read === 4, `${read} items came instead of 4`)
    })
}

const dialogs: Act = {
  name: "two-way dialogs",
  run: (field) =>
    one(field).open(A.talk(), (dialog) =>
      Effect.gen(function*() {
        const count = Math.min(8, manyOf(field.size, 8))
        for (let byte = 0; byte < count; byte++) {
          yield* dialog.stream.send(A.item(field.size, byte))
          const bytes = yield* dialog.stream.receive
          yield* check(A.isItem(bytes, field.size, byte), "another item came back")
        }
        yield* dialog.stream.end
        const heard = yield* dialog.result
        yield* check(heard === count, `it heard ${heard} of ${count}`)
      }))
}

/**
 * Reads one stream with several subscribers; each subscriber stops after the number of items that `limits` names for
 * it.
 */
const subscribed = (field: Field, limits: ReadonlyArray<number>) => {
  const count = Math.max(80, manyOf(field.size, 200))
  const size = Math.min(field.size, 256 * 1024)
  return one(field).open(A.feed({ count, size }), (dialog) =>
    Effect.scoped(Effect.gen(function*() {
      const streams = yield* Effect.forEach(limits, () => dialog.stream.subscribe())
      yield* dialog.stream.send(1)
      const read = yield* Effect.forEach(streams, (stream, i) => Stream.runCount(Stream.take(stream, limits[i]!)), {
        concurrency: "unbounded"
      })
      const expected = limits.map((limit) => Math.min(limit, count))
      yield* check(read.join() === expected.join(), `they read ${read.join()} items instead of ${expected.join()}`)
    })))
}

const subscribers: Act = {
  name: "subscribers of a dialog",
  run: (field) => subscribed(field, [Infinity, Infinity, Infinity])
}

const leavingSubscribers: Act = {
  name: "subscribers that leave early",
  run: (field) => subscribed(field, [Infinity, 3, Infinity])
}

const cancelled: Act = {
  name: "cancelled calls, streams and dialogs",
  run: (field) =>
    Effect.gen(function*() {
      const worker = one(field)
      yield* interrupted(worker.run(A.wait({ bytes: A.item(field.size, 1) })), 30)
      const pages = A.pages({ count: 64, size: field.size, first: field.size, atOnce: false })
      yield* interrupted(Stream.runForEach(worker.stream(pages), () => Effect.sleep(10)), 30)
      yield* worker.open(A.feed({ count: 64, size: field.size }), (dialog) =>
        Effect.gen(function*() {
          yield* dialog.stream.send(1)
          yield* dialog.stream.receive
          yield* dialog.cancel("enough")
        }))
    })
}

const failures: Act = {
  name: "typed failures and defects",
  run: (field) =>
    Effect.gen(function*() {
      const size = Math.min(field.size, 1024 * 1024)
      yield* endsWith(one(field).run(A.refuse({ size })), "Refused")
      yield* endsWith(one(field).run(A.crash()), "RemoteActorError")
    })
}

const killed: Act = {
  name: "killed actors",
  run: (field) =>
    Effect.scoped(Effect.gen(function*() {
      const victim = yield* started(field, "victim")
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(50), kill(victim)))
      yield* endsWith(victim.run(A.wait({ bytes: A.item(field.size, 1) })), "ActorLost")
    }))
}

const exited: Act = {
  name: "actors that exit",
  run: (field) =>
    Effect.scoped(
      Effect.flatMap(started(field, "quitter"), (quitter) => endsWith(quitter.run(A.exit({ code: 3 })), "ActorLost"))
    )
}

const restarts: Act = {
  name: "restarts",
  run: (field) =>
    Effect.forEach([1, 2], () =>
      Effect.scoped(Effect.gen(function*() {
        const again = yield* started(field, "again")
        const weight = yield* again.run(A.weigh({ bytes: A.item(field.size, 1) }))
        yield* check(weight === field.size, "another weight came back")
        yield* again.cancel("next")
      })))
}

const oneShots: Act = {
  name: "actors for one call",
  run: (field) =>
    Effect.flatMap(
      Actor.runInActor(A.echo({ bytes: A.item(field.size, 5) })),
      (bytes) => check(A.isItem(bytes, field.size, 5), "another item came back")
    )
}

const peers: Act = {
  name: "portals passed between actors",
  run: (field) =>
    Effect.forEach(["call", "stream", "part", "dialog"] as const, (what) =>
      Effect.flatMap(
        one(field).run(A.ask({ whom: other(field).ref, what, size: field.size })),
        (problem) => check(problem === "", `${what}: ${problem}`)
      ))
}

const lostPeers: Act = {
  name: "peers that are killed",
  run: (field) =>
    Effect.scoped(Effect.gen(function*() {
      const victim = yield* started(field, "peer")
      const met = yield* one(field).run(A.ask({ whom: victim.ref, what: "call", size: field.size }))
      yield* check(met === "", met)
      const asking = yield* Effect.forkChild(
        one(field).run(A.ask({ whom: victim.ref, what: "wait", size: Math.min(field.size, 1024) }))
      )
      yield* Effect.sleep(50)
      yield* kill(victim)
      const heard = yield* Fiber.join(asking)
      // On a busy host the actor may be killed before its peer has connected to it again, so the peer's call may fail
      // with `ActorUnreachable`.
      const isLoss = heard === "ActorLost" || heard === "ActorUnreachable"
      yield* check(isLoss, `its peer heard "${heard}" instead of ActorLost`)
    }))
}

const registry: Act = {
  name: "registry lookups",
  run: (field) =>
    Effect.gen(function*() {
      const { name } = other(field)
      const problem = yield* one(field).run(A.look({ name }))
      yield* check(problem === "", problem)
      yield* Effect.scoped(Effect.gen(function*() {
        const found = yield* Registry.find(A.expose, name)
        yield* check(Option.isSome(found), `there is no ${name}`)
        const nobody = yield* Registry.find(A.expose, "nobody")
        yield* check(Option.isNone(nobody), "there is somebody called nobody")
        yield* Stream.runDrain(Stream.take(Registry.watch(), 1))
      }))
    })
}

export const acts: ReadonlyArray<Act> = [
  calls,
  busy,
  wholeStreams,
  partOfStreams,
  smallThenLarge,
  dialogs,
  subscribers,
  leavingSubscribers,
  cancelled,
  failures,
  killed,
  exited,
  restarts,
  oneShots,
  peers,
  lostPeers,
  registry
]
