/**
 * Ends the calling actor (`exit`), and waits for the exit of another actor (`monitor`).
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
 * Ends the actor in which the caller runs, as if the actor's `main` had returned: the exit of the actor is `Returned`,
 * which is no failure. The handlers and the `main` of the actor are interrupted in the actor's own name, for `reason`
 * (default: "it ended itself"), and the finalizers run.
 *
 * A handler or a `main` that asks for its actor's end is interrupted when it calls `exit`. Uninterruptible code that
 * asks for the actor's end, such as a finalizer, continues. A root ends when its program ends, so the call of `exit` in
 * a root is a defect.
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
    // The actor's end begins in a later turn of the event loop, because the end interrupts the fiber that calls `exit`,
    // which still runs.
    return Effect.flatMap(Turn, (turn) =>
      Effect.callback<void>((resume) => {
        turn.rest(() => {
          exit(reason)
          resume(Effect.void)
        }, local)
      }))
  })

/**
 * Waits until the actor behind a portal or a reference is reaped, and returns its exit. The exit that `monitor` returns
 * is the same value that the owner of the actor gets, because the actor's parent is asked. Every actor of the tree may
 * monitor any other actor, without power over that actor and without a connection to it.
 *
 * An owner that monitors its own actor has handled the exit of that actor, which then fails neither the nursery nor the
 * Layer. `portal.wait` only waits, and handles nothing. A parent keeps the last 100 exits of its children; asking for
 * an older exit fails with `ActorUnreachable`.
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
