/**
 * Steps about Services: graphs of Services, supervisors of every kind, rolls and standbys, and shared actors.
 */
import { Actor, Supervisor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { pause } from "./actors.ts"
import { howOf, record, wrong } from "./History.ts"
import * as Services from "./services.ts"
import { completed, counts, type Does, hurt, keyBelow, read, waits } from "./stage.ts"

export const graph: Does = ({ key, step: { a, b } }) =>
  Effect.gen(function*() {
    for (let i = 0; i <= a; i++) yield* Services.Shop.calls.order({ key: keyBelow(key, i) })
    yield* pause(waits[b]!)
  }).pipe(Effect.provide(Services.Shop.layer), Effect.provide(Services.Stock.layer))

/**
 * Makes calls of a supervised Service while the Service is killed. A call that has not begun in one incarnation of
 * the Service reaches the next incarnation.
 */
export const supervised: Does = ({ key, step: { a, b } }) =>
  Effect.gen(function*() {
    for (let i = 0; i <= a; i++) {
      if (i % 2 === 0 && i <= b) yield* Effect.exit(Services.Stock.calls.crash({ key: keyBelow(key, 2 * i) }))
      const exit = yield* Effect.exit(Services.Stock.calls.take({ key: keyBelow(key, 2 * i + 1) }))
      if (Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause)) {
        yield* record({ _tag: "Answered", key: keyBelow(key, 2 * i + 1), how: howOf(exit) })
      }
    }
  }).pipe(
    Effect.provide(Supervisor.layer({ intensity: { restarts: 100, within: "1 minute" } }, [Services.Stock]))
  )

export const rpc: Does = ({ key, step: { a, b } }) =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* Actor.rpcClient(yield* Services.Adder, Services.Sums)
    const sum = yield* client.Add({ key: keyBelow(key, 0), to: waits[a]! })
    if (sum !== waits[a]! + 1) yield* wrong("comesToRest", `${key}: the sum is ${sum}`)
    const count = counts[b]!
    yield* Stream.runForEach(client.Count({ key, to: count }), read(key, "caller"))
    yield* completed(key, "caller", count)
  })).pipe(Effect.provide(Services.Adder.layer))

// ---- steps with a supervised Service ------------------------------------------------------------------------------

const intensity = { restarts: 100, within: "1 minute" } as const

/** Returns a name for the actor of a step in a random program; each step has another name. */
const nameOf = (key: number): string => `till${key}`

const isFailure = (words: ReadonlyArray<string>) => !words.includes("ok")

/**
 * Returns functions by which a step makes calls to its supervised Service, and reports calls that fail. When the step
 * is interrupted, its supervisor ends, so failed calls are then reported no more.
 */
const usersOf = (key: number) => {
  let isOver = false
  const over = Effect.sync(() => void (isOver = true))
  const calls = (from: number, count: number, millis: number, isFault: (words: ReadonlyArray<string>) => boolean) =>
    Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Services.Till.calls.ring({ key: keyBelow(key, from + i), wait: millis }))
        const { words } = howOf(exit)
        if (isOver || words.includes("interrupted")) return
        if (Exit.isFailure(exit)) yield* record({ _tag: "Answered", key: keyBelow(key, from + i), how: howOf(exit) })
        if (isFault(words)) yield* wrong("keepsRoles", `${key}: call ${i} of user ${from} heard ${words.join()}`)
      }), { discard: true })
  const during = <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.onInterrupt(body, () => over)
  return { calls, during }
}

/**
 * Replaces an actor by a roll while calls are made, and checks that no call fails. An interrupted roll leaves either
 * the old actor or the new actor in the role.
 */
export const roll: Does = ({ key, step: { a, b, c }, world }) => {
  const name = nameOf(key)
  const users = usersOf(key)
  const body = Effect.gen(function*() {
    const isHurt = b === 2
    const heard = isHurt
      ? (words: ReadonlyArray<string>) => isFailure(words) && !words.includes("Fail ActorLost")
      : isFailure
    const both = Effect.all([0, 100].map((from) => users.calls(from, 3 + a * 2, [0, 5][c % 2]!, heard)), {
      concurrency: 2
    })
    const fiber = yield* Effect.forkChild(both)
    const one = Effect.exit(
      b === 5
        ? Supervisor.rollAll(Services.Till, { drain: "5 seconds" })
        : Supervisor.roll([Services.Till], { drain: "5 seconds" })
    )
    const rolls = b === 3 ? Effect.all([one, one], { concurrency: 2 }) : Effect.map(one, (exit) => [exit])
    if (b === 1) yield* Effect.raceFirst(rolls, pause(waits[c]!))
    else {
      const rolling = yield* Effect.forkChild(rolls)
      if (isHurt) yield* Effect.andThen(pause(waits[c]!), hurt(name, "kill", world.kill(name)))
      const words = (yield* Fiber.join(rolling)).map((exit) => howOf(exit).words.join())
      const isWrong = !isHurt && !words.includes("ok") ||
        words.some((word) => word !== "ok" && word !== "Fail RollFailed")
      if (isWrong) yield* wrong("keepsRoles", `${key}: a roll ended as ${words.join(" and ")}`)
    }
    yield* Fiber.join(fiber)
    yield* users.calls(200, 1, 0, heard)
  })
  const layer = Supervisor.layer({ intensity }, [Supervisor.of(Services.Till, { name })])
  return Effect.provide(users.during(body), layer)
}

/** Kills an actor that has a standby, and checks that the standby takes over and that calls are still answered. */
export const standby: Does = ({ key, step: { a, b, c }, world }) => {
  const name = nameOf(key)
  const users = usersOf(key)
  const warm = c === 1
    ? () => Effect.never
    : c === 2
    ? () => Effect.die(new Error("warm died"))
    : c === 3
    ? () => {
      throw new Error("warm threw")
    }
    : undefined
  const child = Supervisor.of(Services.Till, { name, standby: 1, ...(warm === undefined ? {} : { warm }) })
  const body = Effect.gen(function*() {
    const isFault = (words: ReadonlyArray<string>) => isFailure(words) && !words.includes("Fail ActorLost")
    const fiber = yield* Effect.forkChild(users.calls(0, 4 + a * 2, 5, isFault))
    for (let i = 0; i <= b; i++) {
      yield* pause([0, 5, 60, 400][(c + i) % 4]!)
      if (i === 3) yield* Effect.exit(Supervisor.roll([Services.Till], { drain: "1 second" }))
      else if (i === 4) yield* Effect.exit(Supervisor.restart(yield* Services.Till))
      else yield* hurt(name, "kill", world.kill(name))
    }
    yield* Fiber.join(fiber)
    yield* users.calls(200, 1, 0, isFault)
  })
  return Effect.provide(users.during(body), Supervisor.layer({ intensity }, [child]))
}

/**
 * Adds and removes children of a supervisor by their names from several fibers, and checks that a stopped child does
 * not come back.
 */
export const dynamic: Does = ({ key, step: { a, b, c }, world }) =>
  Effect.scoped(Effect.gen(function*() {
    const tills = yield* Supervisor.dynamic(Services.Till, { intensity })
    const name = (i: number) => `${nameOf(key)}-${i % 2}`
    const one = (i: number): Effect.Effect<unknown, unknown, any> =>
      Effect.gen(function*() {
        yield* pause(waits[(c + i) % 6]!)
        switch ((b + i * 5) % 6) {
          case 0:
            return yield* tills.stop(name(i))
          case 1:
            return yield* hurt(name(i), "kill", world.kill(name(i)))
          case 2:
            return yield* tills.roll({ drain: 100, names: [name(i)] })
          default: {
            const portal = yield* tills.start(name(i))
            yield* Effect.exit(portal.run(Services.ring({ key: keyBelow(key, i), wait: 1 })))
            if (i % 3 !== 0) return undefined
            yield* tills.stop(name(i))
            const exit = yield* Effect.exit(portal.run(Services.ring({ key: keyBelow(key, 100 + i), wait: 0 })))
            const { words } = howOf(exit)
            if (!words.includes("Fail ActorUnreachable") && !words.includes("interrupted")) {
              yield* wrong("freesNames", `${key}: ${name(i)} was stopped, and its portal heard ${words.join()}`)
            }
            return undefined
          }
        }
      })
    const turns = Array.from({ length: 2 + a }, (_, i) => Effect.exit(one(i)))
    yield* Effect.all(turns, { concurrency: 2, discard: true })
    // The last child of the supervisor has ended and its name is free, so another child of that name can be started.
    const last = name(0)
    yield* tills.stop(last)
    const exit = yield* Effect.exit(tills.start(last))
    if (Exit.isFailure(exit) && !howOf(exit).words.includes("interrupted")) {
      yield* wrong("freesNames", `${key}: ${last} was stopped, and its next start heard ${howOf(exit).words.join()}`)
    }
  }))

/**
 * Runs a step with a supervisor that is itself the child of another supervisor. The lower supervisor gives up when its
 * child dies more often than its intensity allows, and then counts as a child that died.
 */
export const nested: Does = ({ key, step: { a, b, c }, world }) => {
  const name = nameOf(key)
  const inner = Supervisor.layer({ intensity: { restarts: b % 3, within: "5 seconds" } }, [
    Supervisor.of(Services.Till, { name })
  ])
  const outer = Supervisor.layer({ intensity }, [Supervisor.of(inner, { name: `inner${key}` })])
  return Effect.gen(function*() {
    for (let i = 0; i <= a; i++) {
      yield* pause([0, 5, 100, 700][(c + i) % 4]!)
      yield* hurt(name, "kill", world.kill(name))
    }
    for (let passed = 0; !(yield* world.alive).includes(name); passed += 50) {
      if (passed > 30_000) return yield* wrong("keepsRoles", `${key}: nothing started Till again within 30 s`)
      yield* Effect.sleep(50)
    }
  }).pipe(Effect.provide(outer))
}

/**
 * Starts an actor that has a main effect (the option `main`) and a fiber in the background, and makes one of the two
 * end.
 */
export const main: Does = ({ key, step: { a, b } }) =>
  Effect.scoped(Effect.gen(function*() {
    if (b > 3) {
      const portal = yield* Actor.startScoped(Services.Brief, { name: `own${key}` })
      const exit = yield* Effect.exit(portal.run(Services.serves({ key: keyBelow(key, 0) })))
      const { _tag } = yield* portal.wait
      const heard = `${howOf(exit).words.join()}, ${_tag}`
      if (_tag !== "Returned") yield* wrong("failsFirst", `${key}: its main returned at once, and it heard ${heard}`)
      return
    }
    const portal = yield* Actor.startScoped(Services.Worker, { name: `own${key}` })
    const how = (["return", "fail", "die", "background"] as const)[b % 4]!
    yield* portal.run(Services.finish({ how, after: waits[a]! }))
    yield* Effect.exit(portal.run(Services.serves({ key: keyBelow(key, 0) })))
    if (how === "background") {
      yield* pause(500)
      // The failure of a fiber in the background does not end an actor whose `main` still runs, so the step itself
      // cancels the actor.
      return yield* portal.cancel(`main ${key}`)
    }
    const { _tag } = yield* portal.wait
    const wanted = how === "return" ? "Returned" : "Failed"
    if (_tag !== wanted) yield* wrong("failsFirst", `${key}: its main was told to ${how}, and it ended as ${_tag}`)
  }))

/** Reads a stream of an RpcGroup that is slow, fails, or is left early. */
export const ticks: Does = ({ key, step: { a, b, c } }) =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* Actor.rpcClient(yield* Services.Adder, Services.Sums)
    const count = Math.min(counts[a]!, 70)
    const fails = b === 2
    const all = client.Tick({ key, count, every: b === 1 ? 3 : 0, fails })
    const few = b === 3 ? Math.min(count, 1 + c) : count
    const some = b === 3 ? Stream.take(all, few) : all
    const reading = Stream.runForEach(some, (n) => Effect.andThen(read(key, "caller")(n), pause(b === 4 ? 2 : 0)))
    const exit = yield* Effect.exit(b === 5 ? Effect.timeoutOption(reading, [1, 5, 20, 2, 3, 10][c]!) : reading)
    const { words } = howOf(exit)
    if (fails && !words.includes("Fail Oops") && !words.includes("interrupted")) {
      yield* wrong("hearsItsOwn", `${key}: a stream of a group that fails with Oops ended as ${words.join()}`)
    }
    if (!fails && b < 5 && Exit.isSuccess(exit)) yield* completed(key, "caller", few)
  })).pipe(Effect.provide(Services.Adder.layer))
