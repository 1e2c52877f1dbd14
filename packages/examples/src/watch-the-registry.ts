/**
 * The example watches the registry, in which actors appear and disappear, including actors that this program did not
 * start.
 *
 * The stream `Registry.watch` begins with all ready actors, and then reports each change in order. Parents report their
 * children to the registry: an actor is up when it is ready, and down when its process has ended, however it ended. The
 * registry lists an actor only while it lists the actor's parent, so the actors below an actor leave the list before
 * the actor does.
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

/**
 * Starts the actors "left-hand" and "right-hand", waits for the end of "right-hand", and then runs until the call is
 * interrupted.
 */
export const work = Actor.fn("work", { module: import.meta.url })(Effect.fnUntraced(function*() {
  yield* Actor.startScoped("left-hand", { expose: [pid] })
  const right = yield* Actor.startScoped("right-hand", { expose: [pid] })
  yield* right.wait
  return yield* Effect.never
}, Actor.orDie))

/** Waits in the registry for the actor with the given name, and asks the actor for its pid. */
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
