/**
 * In this example an actor is killed several times, and its standby takes over within milliseconds.
 *
 * The Service Counter has a standby that receives each count, so that no count is lost. The Service Plain has no
 * standby: when its actor dies, a new process is started and counts from 1. The program kills each Service of this
 * example several times, and measures how long the next call waits for an answer.
 *
 * Prints:
 *
 *     Counter, with a standby: the next answer after <n> to <n> ms, failed: 0
 *     Plain, started again: the next answer after <n> to <n> ms, failed: 0
 *     Counter has counted to 5, Plain to 1
 *     the standby was faster: true
 */
import { Actor, Supervisor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

const module = import.meta.url

const increment = Actor.endpoint("increment", { success: Schema.Int })
/** A stream that emits the count of the Service Counter at once, and again after every change. */
const counts = Actor.streamEndpoint("counts", { success: Schema.Int })
const continueAt = Actor.endpoint("continueAt", { payload: { count: Schema.Int } })
const crash = Actor.endpoint("crash")

export class Counter
  extends Actor.Service<Counter>()("Counter", { module, endpoints: [increment, counts, continueAt, crash] })
{}
export class Plain extends Actor.Service<Plain>()("Plain", { module, endpoints: [increment, crash] }) {}

const killed = () => Effect.sync(() => process.kill(process.pid, "SIGKILL"))

export const counter = Counter.serve(Effect.map(SubscriptionRef.make(0), (count) => ({
  increment: () => SubscriptionRef.updateAndGet(count, (n) => n + 1),
  counts: () => SubscriptionRef.changes(count),
  continueAt: ({ count: n }) => SubscriptionRef.set(count, n),
  crash: killed
})))
export const plain = Plain.serve(Effect.map(Ref.make(0), (count) => ({
  increment: () => Ref.updateAndGet(count, (n) => n + 1),
  crash: killed
})))

const Supervised = Supervisor.layer({ hold: "30 seconds", intensity: { restarts: 10, within: "1 minute" } }, [
  Supervisor.of(Counter, {
    standby: 1,
    warm: (active, standby) => Stream.runForEach(active.stream(counts()), (count) => standby.run(continueAt({ count })))
  }),
  Plain
])

/** Waits until the standby of the Service Counter is ready and has received the last count. */
const standbyIsReady = Effect.gen(function*() {
  const [supervisor] = (yield* Actor.statistics).supervisors
  return supervisor?.children.some(({ behind }) => behind === "Ready") === true
}).pipe(
  Effect.repeat({ until: (isReady) => isReady, schedule: Schedule.spaced("20 millis") }),
  Effect.andThen(Effect.sleep("100 millis"))
)

let failed = 0
let last = 0

/** Kills an actor, and returns the milliseconds from the actor's death to the next answer. */
const millisAfterDeath = (crash: Effect.Effect<unknown, unknown>, next: Effect.Effect<number, unknown>) =>
  Effect.gen(function*() {
    yield* Effect.ignore(crash)
    const at = performance.now()
    const exit = yield* Effect.exit(next)
    if (exit._tag === "Failure") failed++
    else last = exit.value
    return Math.round(performance.now() - at)
  })

const report = (what: string, millis: ReadonlyArray<number>) =>
  Console.log(`${what}: the next answer after ${Math.min(...millis)} to ${Math.max(...millis)} ms, failed: ${failed}`)

const program = Effect.gen(function*() {
  const [counter, plain] = [yield* Counter, yield* Plain]
  const warm: Array<number> = []
  yield* counter.run(increment())
  for (let i = 0; i < 4; i++) {
    yield* standbyIsReady
    warm.push(yield* millisAfterDeath(counter.run(crash()), counter.run(increment())))
  }
  yield* report("Counter, with a standby", warm)
  const count = last
  const cold: Array<number> = []
  for (let i = 0; i < 3; i++) cold.push(yield* millisAfterDeath(plain.run(crash()), plain.run(increment())))
  yield* report("Plain, started again", cold)
  yield* Console.log(`Counter has counted to ${count}, Plain to ${last}`)
  yield* Console.log(`the standby was faster: ${Math.max(...warm) < Math.min(...cold)}`)
})

NodeActor.runMain(Effect.provide(program, Supervised))
