/**
 * The end of an actor: of its own, where its code asks for it, and of any other actor, as this one can learn it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ActorError } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import * as Portal from "../portal/Portal.ts"
import type { ActorRef } from "../settings/ActorRef.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { Turn } from "../settings/Turn.ts"
import { current } from "./LocalActor.ts"
import { monitorRef } from "./Monitor.ts"

const rootHasNoExit =
  "Actor.exit ends an actor that serves; a root ends as its program does: return from the program, or fail"

/**
 * Ends the actor we run in, as if its main had returned: its exit is `Returned`, which is no failure. Its handlers and
 * its main are interrupted in its own name, for `reason` (default: "it ended itself"), and its finalizers run.
 *
 * The asking handler or main is interrupted here. Code that cannot be interrupted, as a finalizer, goes on. In a root it
 * dies: a root ends as its program does.
 *
 * @example
 * ```ts
 * export const close = Actor.fn("close", { module: import.meta.url })(() => Actor.exit("closed for today"))
 *
 * const shop = yield* Actor.start("shop", { expose: [close] })
 * const error = yield* Effect.flip(shop.run(close()))
 * error._tag // "ContextCancelled"
 * const { _tag } = yield* shop.wait
 * _tag // "Returned"
 * ```
 * @category cancellation
 * @since 0.1.0
 */
export const exit = (reason = "it ended itself"): Effect.Effect<void, never, ActorRuntime> =>
  Effect.flatMap(current, (local) => {
    const { exit } = local
    if (exit === undefined) return Effect.die(new Error(rootHasNoExit))
    // The end begins in a later turn: it interrupts the asking fiber, which must not be running then.
    return Effect.flatMap(Turn, (turn) =>
      Effect.callback<void>((resume) => {
        turn.rest(() => {
          exit(reason)
          resume(Effect.void)
        }, local)
      }))
  })

/**
 * Waits until the actor behind a portal or a reference is reaped, and says how it ended: the same that its owner is told,
 * because its parent is asked. Every actor of the tree may monitor any other, without power over it and without a connection.
 *
 * An owner's monitor has handled the end: it fails neither the nursery nor the Layer of the actor. `portal.wait` only
 * waits. A parent keeps the last 100 ends of its children; an earlier one is forgotten, and fails with
 * `ActorUnreachable`.
 *
 * @example
 * ```ts
 * const exit = yield* Actor.nursery(Effect.gen(function*() {
 *   const frank = yield* Actor.start("frank", { expose: [isPrime] })
 *   const watching = yield* Effect.forkChild(Portal.monitor(frank.ref), { startImmediately: true })
 *   yield* frank.cancel("enough")
 *   return yield* Fiber.join(watching)
 * }))
 * exit._tag // "Cancelled"
 * ```
 * @category observing
 * @since 0.1.0
 */
export const monitor = (
  actor: Portal.Portal<never> | ActorRef<never>
): Effect.Effect<ActorExit, ActorError, ActorRuntime> =>
  Effect.flatMap(current, (local) => Portal.isPortal(actor) ? Portal.monitor(actor) : monitorRef(local, actor))
