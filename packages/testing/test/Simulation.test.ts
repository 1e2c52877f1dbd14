import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { ActorLost } from "@furrow/actor/ActorError"
import * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { echo, finalized, hang, later, nest, promised, reach, reachHang, say, Tickets } from "./fixtures/simulated.ts"

const exposed = [echo, hang, nest, later, promised, reach, reachHang, say] as const
const started = (name: string) => Actor.startScoped(name, { expose: exposed })

const three = Effect.gen(function*() {
  const [a, b] = yield* Effect.all([started("a"), started("b")], { concurrency: 2 })
  return yield* Effect.forEach([1, 2, 3, 4], (n) => (n % 2 === 0 ? a : b).run(echo({ n })), { concurrency: 4 })
})

const valueOf = <A, E>({ exit }: Simulation.Run<A, E>): A => {
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(`no value: ${exit && Simulation.how(exit)}`)
  return exit.value
}

const seeds = Array.from({ length: 30 }, (_, i) => i + 1)

describe("A simulation runs a tree of actors under a seed", () => {
  it.live("G199: a simulation makes the same choices in every run with one seed, and other choices with another seed", () =>
    Effect.gen(function*() {
      const faults = { kill: 0.2, cut: 0.2, stop: 0.2 }
      const once = yield* Effect.forEach(seeds, (seed) => Simulation.run(three, { seed, faults }))
      const twice = yield* Effect.forEach(seeds, (seed) => Simulation.run(three, { seed, faults }))
      assert.deepStrictEqual(twice.map(Simulation.show), once.map(Simulation.show))
      assert.deepStrictEqual(
        twice.map(({ choices, fingerprint, millis }) => [choices, fingerprint, millis]),
        once.map(({ choices, fingerprint, millis }) => [choices, fingerprint, millis])
      )
      assert.isAbove(new Set(once.map(({ fingerprint }) => fingerprint)).size, 25)
    }))

  it.live("G199: a simulation repeats a run of a program that uses imports and promises", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const a = yield* started("a")
        return yield* Effect.all([a.run(promised()), Tickets.calls.draw()], { concurrency: 2 })
      }).pipe(Effect.provide(Tickets.layer))
      const [one, two] = yield* Effect.all([1, 1].map((seed) => Simulation.run(program, { seed })))
      assert.deepStrictEqual(valueOf(one!), [5, 1])
      assert.strictEqual(two!.fingerprint, one!.fingerprint)
    }))

  it.live("a simulation answers every call under every seed, and leaves no actor", () =>
    Effect.gen(function*() {
      const { different, runs } = yield* Simulation.explore(three, {
        seeds: 60,
        check: (run) => [1, 2, 3, 4].every((n, i) => valueOf(run)[i] === n) ? [] : ["a wrong answer"]
      })
      assert.strictEqual(runs, 60)
      assert.isAbove(different, 50)
    }))

  it.live("G200: a killed actor runs no finalizer, and the actors below it end by themselves", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        finalized.length = 0
        const run = yield* Simulation.run(
          Effect.gen(function*() {
            const world = yield* Simulation.World
            const a = yield* started("a")
            const calls = yield* Effect.forkChild(
              Effect.exit(Effect.all([a.run(hang({ name: "a" })), a.run(nest())], { concurrency: 2 }))
            )
            yield* Effect.sleep(500)
            assert.deepStrictEqual(yield* world.alive, ["root", "a", "inner"])
            yield* world.kill("a")
            const exit = yield* Fiber.join(calls)
            const { _tag } = yield* a.wait
            return [Simulation.how(exit), _tag] as const
          }),
          { seed }
        )
        assert.deepStrictEqual(valueOf(run), ["Fail ActorLost", "Lost"])
        assert.deepStrictEqual([run.end, run.left, run.hurt], ["done", [], ["a"]])
        assert.deepStrictEqual(finalized, ["inner"])
      }
    }))

  it.live("G199: the ages of calls to a killed actor are measured by the simulated clock", () =>
    Effect.gen(function*() {
      const run = yield* Simulation.run(
        Effect.gen(function*() {
          const world = yield* Simulation.World
          const a = yield* started("a")
          const call = yield* Effect.forkChild(Effect.flip(a.run(hang({ name: "a" }))))
          yield* Effect.sleep("1 hour")
          yield* world.kill("a")
          return yield* Fiber.join(call)
        }),
        { seed: 1 }
      )
      const lost = valueOf(run)
      assert.ok(lost instanceof ActorLost)
      const ages = lost.doing.map(({ millis }) => Math.round(millis / 60_000))
      assert.deepStrictEqual(ages, [60])
    }))

  it.live("G200: no actor outlives a killed root", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const a = yield* started("a")
        yield* Effect.forkChild(a.run(nest()))
        yield* Effect.sleep(500)
        yield* (yield* Simulation.World).kill("root")
      })
      for (const seed of seeds) {
        const run = yield* Simulation.run(program, { seed })
        assert.deepStrictEqual([run.end, run.exit, run.left], ["done", undefined, []])
      }
    }))

  it.live("G200: a stopped actor receives nothing until it continues, and the actor's time stands still", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        const a = yield* started("a")
        yield* world.stop("a", "4 seconds")
        const before = yield* world.now
        assert.strictEqual(yield* a.run(echo({ n: 7 })), 7)
        return (yield* world.now) - before
      })
      for (const seed of seeds) {
        const millis = valueOf(yield* Simulation.run(program, { seed }))
        assert.isAtLeast(millis, 3_990)
        assert.isBelow(millis, 4_300)
      }
    }))

  it.live("G90, G95: an actor that gets SIGTERM is ended by its parent in order, and its finalizers run", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        const a = yield* started("a")
        const call = yield* Effect.forkChild(Effect.exit(a.run(hang({ name: "a" }))))
        yield* Effect.sleep(500)
        yield* world.terminate("a")
        const { _tag } = yield* a.wait
        return [Simulation.how(yield* Fiber.join(call)), _tag]
      })
      for (const seed of seeds) {
        finalized.length = 0
        const run = yield* Simulation.run(program, { seed })
        assert.deepStrictEqual(valueOf(run), ["Fail ContextCancelled", "Cancelled"])
        assert.deepStrictEqual([finalized, run.left, run.hurt], [["a"], [], []])
      }
    }))

  it.live("a simulation loses an actor whose connection is cut", () =>
    Effect.gen(function*() {
      const run = yield* Simulation.run(
        Effect.gen(function*() {
          const world = yield* Simulation.World
          const a = yield* started("a")
          const call = yield* Effect.forkChild(Effect.exit(a.run(hang({ name: "a" }))))
          yield* Effect.sleep(100)
          yield* world.cut("a")
          return Simulation.how(yield* Fiber.join(call))
        }),
        { seed: 1 }
      )
      assert.strictEqual(valueOf(run), "Fail ActorLost")
      assert.deepStrictEqual(run.left, [])
    }))

  it.live("G275: a held connection loses no bytes: calls are answered in order, in both directions, when the connection is released", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        const a = yield* started("a")
        yield* world.hold("a")
        const call = yield* Effect.forkChild(Effect.all([1, 2].map((n) => a.run(echo({ n }))), { concurrency: 2 }))
        yield* Effect.sleep("3 seconds")
        const early = call.pollUnsafe()
        yield* world.release("a")
        const answers = yield* Fiber.join(call)
        const before = yield* world.now
        yield* world.hold("a", { duration: "2 seconds" })
        return [early, answers, yield* a.run(echo({ n: 3 })), (yield* world.now) - before >= 1_990]
      })
      for (const seed of seeds) {
        const run = yield* Simulation.run(program, { seed })
        assert.deepStrictEqual(valueOf(run), [undefined, [1, 2], 3, true])
        assert.deepStrictEqual([run.left, run.hurt], [[], ["a"]])
      }
    }))

  it.live("G275: an owner can end its actor while the simulated connection to the actor is held back, and the run leaves nothing behind", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        yield* Effect.scoped(Effect.gen(function*() {
          yield* started("a")
          yield* world.hold("a")
        }))
        return yield* world.now
      })
      for (const seed of seeds) {
        const run = yield* Simulation.run(program, { seed })
        assert.isBelow(valueOf(run), 8_000)
        assert.deepStrictEqual([run.end, run.left], ["done", []])
      }
    }))

  it.live("G275: an actor is lost when one direction of its connection is cut, whichever side notices the cut first", () =>
    Effect.gen(function*() {
      for (const direction of ["incoming", "outgoing"] as const) {
        const program = Effect.gen(function*() {
          const world = yield* Simulation.World
          const a = yield* started("a")
          const call = yield* Effect.forkChild(Effect.exit(a.run(hang({ name: "a" }))))
          yield* Effect.sleep(100)
          yield* world.cut("a", { direction })
          return Simulation.how(yield* Fiber.join(call))
        })
        for (const seed of seeds) {
          const run = yield* Simulation.run(program, { seed })
          // An actor that hears of its end alone may still say how it ended.
          assert.match(
            valueOf(run),
            direction === "outgoing" ? /^Fail ActorLost$/ : /^Fail (ActorLost|ContextCancelled)$/
          )
          assert.deepStrictEqual([run.end, run.left, run.hurt], ["done", [], ["a"]])
        }
      }
    }))

  it.live("G275: a connection that is cut after a number of bytes passes exactly these bytes", () =>
    Effect.gen(function*() {
      const heardBehind = (afterBytes: number) =>
        Effect.gen(function*() {
          const world = yield* Simulation.World
          const a = yield* started("a")
          yield* a.run(echo({ n: 0 }))
          yield* world.cut("a", { direction: "outgoing", afterBytes })
          let heard = 0
          const calls = Effect.forever(Effect.map(a.run(echo({ n: 1 })), () => void heard++))
          const exit = yield* Effect.exit(calls)
          return [Simulation.how(exit), heard] as const
        })
      const counts: Array<number> = []
      for (const afterBytes of [1, 100, 1_000]) {
        const run = yield* Simulation.run(heardBehind(afterBytes), { seed: 1 })
        const [how, heard] = valueOf(run)
        assert.strictEqual(how, "Fail ActorLost")
        counts.push(heard)
      }
      assert.strictEqual(counts[0], 0)
      assert.isAbove(counts[1]!, 0)
      assert.isAbove(counts[2]!, counts[1]! * 5)
    }))

  it.live("G275: a simulation holds and cuts the connection of two peers, and leaves the peers' connections to their parent open", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        const [a, b] = yield* Effect.all([started("a"), started("b")], { concurrency: 2 })
        const over = a.run(reach({ whom: b.ref, n: 4 }))
        const first = yield* over
        yield* world.hold("a", { peer: "b", duration: "1 second" })
        const before = yield* world.now
        const [own, second] = yield* Effect.all([
          Effect.andThen(a.run(echo({ n: 5 })), Effect.map(world.now, (now) => now - before < 900)),
          Effect.andThen(over, Effect.map(world.now, (now) => now - before >= 990))
        ], { concurrency: 2 })
        yield* world.cut("a", { peer: "nobody" })
        return [first, own, second, yield* over, yield* b.run(echo({ n: 6 }))]
      })
      for (const seed of seeds) {
        const run = yield* Simulation.run(program, { seed })
        assert.deepStrictEqual(valueOf(run), [4, true, true, 4, 6])
        assert.deepStrictEqual(run.left, [])
      }
    }))

  it.live("G276: a connection whose end only one peer has noticed also ends for the other peer, whose calls over it fail", () =>
    Effect.gen(function*() {
      const ends = (["incoming", "outgoing"] as const).flatMap((direction) =>
        [["a", "b"], ["b", "a"]].map(([actor, peer]) => ({ actor: actor!, peer: peer!, direction }))
      )
      for (const { actor, direction, peer } of ends) {
        const program = Effect.gen(function*() {
          const world = yield* Simulation.World
          const [a, b] = yield* Effect.all([started("a"), started("b")], { concurrency: 2 })
          const call = yield* Effect.forkChild(Effect.exit(a.run(reachHang({ whom: b.ref }))))
          yield* Effect.sleep(500)
          yield* world.cut(actor, { peer, direction })
          const exit = yield* Effect.timeout(Fiber.join(call), "10 seconds")
          return [Simulation.how(exit), yield* a.run(reach({ whom: b.ref, n: 4 }))]
        })
        for (const seed of seeds.slice(0, 10)) {
          const run = yield* Simulation.run(program, { seed })
          assert.deepStrictEqual(valueOf(run), ["Fail RemoteActorError", 4])
          assert.deepStrictEqual(run.hurt, [actor])
        }
      }
    }))

  it.live("a simulation calls loggers of the program, and its history is complete even if these loggers throw", () =>
    Effect.gen(function*() {
      let thrown = 0
      const throwing = Logger.make<unknown, void>(() => {
        thrown++
        throw new Error("disk full")
      })
      const program = Effect.flatMap(started("a"), (a) => a.run(say({ lines: 3 })))
      const run = yield* Simulation.run(program, { seed: 1, loggers: [throwing] })
      assert.strictEqual(thrown, 3)
      assert.deepStrictEqual(
        run.history.flatMap(({ text }) => text.startsWith("logs") ? [text] : []),
        ["logs Info: line 1", "logs Info: line 2", "logs Info: line 3"]
      )
    }))

  it.live("G201: a simulation reports a program that hangs as stuck, and a program that never ends as endless after a number of random choices", () =>
    Effect.gen(function*() {
      const stuck = yield* Simulation.run(Effect.flatMap(started("a"), (a) => a.run(hang({ name: "a" }))), { seed: 3 })
      assert.strictEqual(stuck.end, "stuck")
      assert.deepStrictEqual(Simulation.problems(stuck).map((text) => text.split(":")[0]), ["stuck"])
      const loop = Effect.flatMap(started("a"), (a) => Effect.forever(a.run(echo({ n: 1 }))))
      const endless = yield* Simulation.run(loop, { seed: 3, maxChoices: 2_000 })
      assert.strictEqual(endless.end, "endless")
    }))

  it.live("a simulation lets virtual time pass while a program works, so that a loop of calls reaches its timeout", () =>
    Effect.gen(function*() {
      const loop = Effect.flatMap(started("a"), (a) => Effect.forever(a.run(echo({ n: 1 }))))
      const run = yield* Simulation.run(Effect.exit(Effect.timeout(loop, "20 millis")), { seed: 3 })
      assert.strictEqual(run.end, "done")
    }))

  it.live("a simulation sets the wall clock of one actor, and this change alters no timeout", () =>
    Effect.gen(function*() {
      const run = yield* Simulation.run(
        Effect.gen(function*() {
          const world = yield* Simulation.World
          const [a, b] = yield* Effect.all([started("a"), started("b")])
          yield* world.setClock("a", 3_600_000)
          const [one, two] = yield* Effect.all([a.run(later({ millis: 10 })), b.run(later({ millis: 10 }))], {
            concurrency: 2
          })
          return one - two
        }),
        { seed: 1 }
      )
      assert.approximately(valueOf(run), 3_600_000, 100)
      assert.isBelow(run.millis, 500)
    }))

  it.live("G202: a simulation tries seeds until a check fails, and a run with the failing seed repeats the failure", () =>
    Effect.gen(function*() {
      const program = Effect.all(Array.from({ length: 4 }, () => Tickets.calls.draw()), { concurrency: 4 }).pipe(
        Effect.provide(Tickets.layer)
      )
      const check = (run: Simulation.Run<ReadonlyArray<number>, unknown>) =>
        new Set(valueOf(run)).size === 4 ? [] : ["two have the same ticket"]
      const found = yield* Effect.flip(Simulation.explore(program, { seeds: 300, check }))
      assert.include(found.message, `seed ${found.seed}: two have the same ticket`)
      const again = yield* Simulation.run(program, { seed: found.seed })
      assert.strictEqual(again.fingerprint, found.run.fingerprint)
      assert.deepStrictEqual(check(again), found.problems)
    }))

  it.live("a simulation in which random faults hold and cut connections leaves no actor", () =>
    Effect.gen(function*() {
      const runs = yield* Effect.forEach(
        seeds,
        (seed) =>
          Simulation.run(Effect.exit(Effect.andThen(three, Effect.sleep("1 second"))), {
            seed,
            faults: { hold: 0.4, sever: 0.4 }
          })
      )
      const said = runs.flatMap(({ history }) => history.map(({ text }) => text))
      for (const fault of ["is held off from root for", "hears no more of root", "is heard no more by root"]) {
        assert.isTrue(said.some((text) => text.startsWith(fault)), fault)
      }
      assert.isTrue(said.some((text) => /behind \d+ more bytes/.test(text)))
      assert.deepStrictEqual(runs.flatMap((run) => Simulation.problems(run)), [])
    }))

  it.live("a simulation hits some actors with random faults under some seeds", () =>
    Effect.gen(function*() {
      const runs = yield* Effect.forEach(seeds, (seed) =>
        Simulation.run(Effect.exit(Effect.andThen(three, Effect.sleep("1 second"))), { seed, faults: { kill: 0.5 } }))
      const hurt = runs.filter(({ hurt }) =>
        hurt.length > 0
      )
      assert.isAbove(hurt.length, 0)
      assert.isBelow(hurt.length, runs.length)
      assert.deepStrictEqual(runs.flatMap((run) => Simulation.problems(run)), [])
    }))
})
