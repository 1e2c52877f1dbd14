/**
 * A supervisor's view: actors that are ready, come or go, also those that it did not start itself.
 *
 * `Registry.watch` begins with everybody who is ready, and then tells each change in order. Parents report their
 * children: an actor is up when it is ready to serve, and down when its process is gone, whether its owner ended it or
 * `kill -9` did. An actor is listed only while its parent is: those below an actor go before it.
 *
 * Prints:
 *
 *     here already: shift, root
 *     up: left-hand
 *     up: right-hand
 *     the right hand is killed
 *     down: right-hand
 *     the left hand still works: true
 *     down: left-hand
 *     down: shift
 */
import { Actor, Registry } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const pid = Actor.fn("pid", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(process.pid))

/** Starts two actors of its own; when one is gone it goes on with the other. */
export const work = Actor.fn("work", { module: import.meta.url })(Effect.fnUntraced(function*() {
  yield* Actor.startScoped("left-hand", { expose: [pid] })
  const right = yield* Actor.startScoped("right-hand", { expose: [pid] })
  yield* right.wait
  return yield* Effect.never
}, Actor.orDie))

/** Uses that a watcher has for its events. */
const ask = (name: string) => Effect.flatMap(Registry.wait([pid], name), (actor) => actor.run(pid()))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const shift = yield* Actor.start("shift", { expose: [work] })

  const supervise = Effect.fnUntraced(function*(change: Registry.Change) {
    if (change._tag === "Snapshot") {
      yield* Console.log(`here already: ${change.entries.map(({ actor }) => actor.name).join(", ")}`)
      yield* Effect.forkChild(Effect.ignore(shift.run(work())))
      return
    }
    const { name } = change.entry.actor
    yield* Console.log(`${change._tag.toLowerCase()}: ${name}`)
    if (name !== "right-hand") return
    if (change._tag === "Up") {
      const victim = yield* ask("right-hand")
      yield* Console.log("the right hand is killed")
      process.kill(victim, "SIGKILL")
      return
    }
    yield* Console.log(`the left hand still works: ${(yield* ask("left-hand")) > 0}`)
    yield* shift.cancel("the day is over")
  }, Effect.scoped)

  const isLast = (change: Registry.Change) => change._tag === "Down" && change.entry.actor.name === "shift"
  yield* Registry.watch().pipe(Stream.takeUntil(isLast), Stream.runForEach(supervise))
})))
