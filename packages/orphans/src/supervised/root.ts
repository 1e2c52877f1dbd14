/**
 * Runs the root of a supervised tree, in which processes are killed and stopped, and actors are cancelled, at random.
 * The root of a supervised tree calls all actors below it, and reports its progress by files. The judge of a round of
 * chaos says when the root has to stop.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Registry from "@furrow/actor/Registry"
import * as Supervisor from "@furrow/actor/Supervisor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { random } from "../chaos/plan.ts"
import { pause } from "../processes.ts"
import { Branch, call, calling, Counter, policy, recorded, roll, Store, type Target, Web } from "./actors.ts"
import { Caller, give, isGiven, write } from "./book.ts"
import type { Plan } from "./plan.ts"

const plan = JSON.parse(process.argv[2]!) as Plan

const untilGiven = (sign: "stop" | "end") =>
  Effect.promise(async () => {
    while (!isGiven(sign)) await pause(20)
  })

/** Cancels actors of the supervised tree, each at a time that the random numbers of the round have chosen. */
const cancels = Effect.forEach(plan.cancels, ({ after, target }) =>
  Effect.gen(function*() {
    yield* Effect.sleep(after)
    const actors = (yield* Registry.list()).filter(({ path }) => path.length > 1)
    if (actors.length === 0) return
    const portal = yield* Actor.portal(actors[target % actors.length]!)
    write(`cancel ${portal.name}`)
    yield* portal.cancel("chaos")
  }).pipe(Effect.scoped, Effect.ignore), { discard: true })

/**
 * Calls any actor of a supervised tree by portals that do not follow a restart. A portal that does not follow a restart
 * fails when its actor dies, and says whether the call had begun.
 */
const visiting = Effect.suspend(() => {
  const next = random(plan.seed + 2)
  const caller = new Caller()
  const visit = Effect.gen(function*() {
    const actors = (yield* Registry.list()).filter(({ path }) => path.length > 1)
    const { role: _, ...ref } = actors[Math.floor(next() * actors.length)]!
    const target: Target = yield* Actor.portal<Store>(ref)
    const calls = Array.from({ length: callsOfVisit }, () => Effect.ignore(call(caller, target, next, 1)))
    yield* Effect.all(calls, { concurrency: 2, discard: true })
  })
  return Effect.whileLoop({
    while: () => !isGiven("stop"),
    body: () => Effect.andThen(Effect.ignore(Effect.scoped(visit)), Effect.sleep("20 millis")),
    step: () => {}
  })
})
const callsOfVisit = 20

/** Returns the number of actors of a supervised tree that answer. */
const answering = (targets: ReadonlyArray<Target>) =>
  Effect.map(
    Effect.forEach(targets, (target) => Effect.orElseSucceed(target.run(roll()), () => 0), {
      concurrency: "unbounded"
    }),
    (counts) => counts.reduce((sum, count) => sum + count, 0)
  )

/** A layer that calls the Service `Web` all the time, and that the supervisor restarts together with `Web`. */
const Front = Layer.effectDiscard(Effect.flatMap(Web, (web) => Effect.forkScoped(calling(() => [web]))))

const App = Supervisor.layer({ ...policy, strategy: plan.strategy }, [
  Web,
  Supervisor.of(Front, { name: "front", uses: [Web] }),
  Counter,
  Store
])

const lanes = 4

const program = Effect.gen(function*() {
  yield* recorded
  const branches = yield* Supervisor.dynamic(Branch, policy)
  const names = Array.from({ length: plan.branches }, (_, i) => `branch ${i}`)
  const started = yield* Effect.forEach(names, (name) => branches.start(name), { concurrency: "unbounded" })
  const all: ReadonlyArray<Target> = [yield* Store, yield* Counter, yield* Web, ...started]
  give("ready")
  const asking = yield* Effect.forkChild(cancels)
  const callers = yield* Effect.forEach(
    [...Array.from({ length: lanes }, () => calling(() => all)), visiting, visiting],
    (lane) => Effect.forkChild(lane)
  )
  yield* untilGiven("stop")
  yield* Fiber.interrupt(asking)
  yield* Effect.forEach(callers, (fiber) => Fiber.await(fiber))
  // Waits until all restarts in the supervised tree that have begun are over.
  const next = random(plan.seed)
  for (let left = 200; left > 0; left--) {
    const count = yield* answering(all)
    if (count === plan.actors || left === 1) {
      write(`roll ${count}`)
      break
    }
    yield* Effect.sleep(200 + next() * 100)
  }
  give("settled")
  yield* untilGiven("end")
})

NodeActor.runMain(
  Effect.scoped(program).pipe(Effect.provide(App), Effect.provideService(References.MinimumLogLevel, "Fatal"))
)
