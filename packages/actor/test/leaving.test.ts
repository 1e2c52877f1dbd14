/** An actor that was told from outside to end asks its parent, which ends it in the order of whoever owns it. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import { current } from "@furrow/actor/internal/local/LocalActor"
import * as Ladder from "@furrow/actor/internal/supervision/ShutdownLadder"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { work } from "./fixtures/cancelling.ts"
import { slow } from "./fixtures/layered.ts"
import * as Journal from "./support/Journal.ts"
import { drained, pass, settle } from "./support/Time.ts"
import { framed } from "./support/Wire.ts"

const { leaveGraceMillis } = Ladder

/** A tree whose actors can be made to ask for their end. */
const stage = () => {
  const say = new Map<string, () => void>()
  const layer = MemoryActor.layer({
    between: (process) => ({
      ...process,
      connection: {
        ...process.connection,
        start: (handlers) => {
          say.set(process.actor.name, () => handlers.data(framed({ _tag: "Leave", reason: "SIGTERM" })))
          process.connection.start(handlers)
        }
      }
    })
  })
  return { layer, leave: (name: string) => say.get(name)!() }
}

const states = Effect.map(Actor.statistics, ({ children }) => children.map(({ actor, state }) => [actor.name, state]))

describe("An actor that asks to leave is ended by its owner", () => {
  it.effect("G95: an actor that asks to leave is ended with itself as the author of the cancel, after the grace time, and its nursery continues", () => {
    const { layer, leave } = stage()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work] })
        yield* Effect.forkChild(Effect.ignore(frank.run(work({ cleanup: 100 }))))
        yield* settle
        leave("frank")
        const exit = yield* frank.wait
        assert.deepStrictEqual(exit, { _tag: "Cancelled", by: frank.actor, reason: "SIGTERM", cleanup: [] })
        return "went on"
      })))
      yield* pass(0)
      yield* settle
      assert.deepStrictEqual(yield* states, [["frank", "LeaveRequested"]])
      yield* pass(leaveGraceMillis - 50)
      assert.deepStrictEqual(yield* states, [["frank", "LeaveRequested"]])
      yield* pass(200)
      assert.strictEqual(yield* Fiber.join(region), "went on")
      assert.deepStrictEqual(journal.slice(1), [
        `${leaveGraceMillis} work cancelled by frank: SIGTERM`,
        `${leaveGraceMillis + 100} work finalized`
      ])
    }).pipe(drained, Effect.provide(layer))
  })

  it.effect("G95, G58: an actor that asks to leave is ended after its dependants if its owner is ending too", () => {
    const { layer, leave } = stage()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const owner = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
        for (const name of ["store", "web"]) {
          const portal = yield* Actor.startScoped(name, { expose: [work] })
          yield* Effect.forkScoped(Effect.ignore(portal.run(work({ cleanup: 1500, name }))), { startImmediately: true })
        }
        return yield* Effect.never
      })))
      yield* settle
      // As a service manager does: all processes at once, the root as well.
      const local = yield* current
      leave("store")
      leave("web")
      local.isLeaving = true
      const ending = yield* Effect.forkChild(Fiber.interrupt(owner))
      yield* pass(10_000)
      yield* Fiber.join(ending)
      const order = journal.filter((line) => /cancelled|finalized/.test(line)).map((line) => line.split(" ")[1])
      assert.deepStrictEqual(order, ["web", "web", "store", "store"])
    }).pipe(drained, Effect.provide(layer))
  })

  it.effect("G95: an owner does not wait for an actor that asks to leave when the actor's process ends before the answer", () => {
    const { layer, leave } = stage()
    return Effect.gen(function*() {
      yield* Journal.fresh
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work] })
        leave("frank")
        yield* frank.cancel("anyway")
        return yield* frank.wait
      })))
      yield* pass(100)
      assert.deepInclude(yield* Fiber.join(region), { _tag: "Cancelled", reason: "anyway" })
    }).pipe(drained, Effect.provide(layer))
  })
})

/** An actor whose `Ready` is on its way as long as the test wants, and that the first signal reaches only after it. */
const crossing = () => {
  const held: Array<() => void> = []
  let holds = false
  const signals: Array<string> = []
  const layer = MemoryActor.layer({
    between: (process) => ({
      ...process,
      signal: (signal) => {
        signals.push(signal)
        if (signal === "SIGKILL") process.signal(signal)
      },
      connection: {
        ...process.connection,
        start: (handlers) =>
          process.connection.start({
            ...handlers,
            data: (bytes) => holds ? void held.push(() => handlers.data(bytes)) : handlers.data(bytes)
          })
      }
    })
  })
  return {
    layer,
    signals,
    hold: () => void (holds = true),
    deliver: () => {
      holds = false
      for (const word of held.splice(0)) word()
    }
  }
}

describe("An actor that becomes ready while its start is given up is ended in order", () => {
  it.effect("G231: an actor that becomes ready while its start is given up is asked to end in order, with the usual time for its cleanup", () => {
    const { deliver, hold, layer, signals } = crossing()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const start = yield* Effect.forkChild(Actor.nursery(Actor.start("frank", { expose: [slow] })))
      yield* pass(450)
      assert.deepStrictEqual(journal, ["0 building"])
      hold()
      yield* pass(100)
      const ending = yield* Effect.forkChild(Fiber.interrupt(start))
      yield* settle
      assert.deepStrictEqual(yield* states, [["frank", "Discarded"]])
      deliver()
      yield* pass(1000)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(journal.slice(1).map((line) => line.replace(/\d+$/, "1")), [
        "550 releasing",
        "1050 released 1"
      ])
      assert.deepStrictEqual(signals, ["SIGTERM"])
    }).pipe(drained, Effect.provide(layer))
  })
})
