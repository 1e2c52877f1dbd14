/**
 * Ends first the handlers and then the layers of an actor, within a bound that no code of the actor can break.
 *
 * A finalizer of the user may die, and an uninterruptible finalizer may never end. A finalizer that fails or never ends
 * is reported to the actor's owner and logged. After a failed finalizer an actor still sends its last logs and its
 * `Bye`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { Dispatcher } from "../dialog/Dispatcher.ts"
import { encodeFailureWithin } from "../dialog/Failures.ts"
import type { ActorId } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { raisedIn } from "../errors/raised.ts"
import { withoutStack } from "../errors/stack.ts"
import { type LogForwarder, withLogger } from "../logs/Logs.ts"
import { elapsed } from "../settings/Elapsed.ts"
import { logError } from "../settings/Log.ts"

/** The milliseconds before its deadline that an ending actor reserves for its last words. */
export const marginMillis = 250

/**
 * Returns how many of the milliseconds until the deadline an actor's cleanup may take. If the time until the deadline
 * is less than twice the constant `marginMillis`, the cleanup gets half of the time.
 */
export const cleanupBound = (deadline: number): number => deadline - Math.min(marginMillis, deadline / 2)

/**
 * Waits for an effect for at most `millis`, even if the effect is uninterruptible. The function `settled` returns
 * `undefined` after the given milliseconds: the late effect is then interrupted, and no fiber waits for the effect.
 */
export const settled = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Exit.Exit<A, E> | undefined, never, R> =>
  Effect.withFiber<Exit.Exit<A, E> | undefined, never, R>((fiber) =>
    Effect.callback((resume) => {
      const context = fiber.context as Context.Context<R>
      const work = Effect.runForkWith(context)(effect)
      // Most parts of an actor's end are over at once, and no timer is started for an effect that is already over.
      const ended = work.pollUnsafe()
      if (ended !== undefined) return resume(Effect.succeed(ended))
      const timer = Effect.runForkWith(context)(elapsed(millis))
      const stop = () => {
        work.interruptUnsafe()
        timer.interruptUnsafe()
      }
      work.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(Effect.succeed(exit))
      })
      timer.addObserver((exit) => {
        if (Exit.isFailure(exit)) return
        resume(Effect.succeed(undefined))
        work.interruptUnsafe()
      })
      return Effect.sync(stop)
    })
  )

/** Makes the error of a cleanup that was cut off, which has no stack of its own. */
const unfinished = (what: string, millis: number): Error =>
  withoutStack(() => {
    const error = new Error(
      `${what} did not end within ${millis} ms (Timeouts.finalizers, less what the last words need). The actor ends without it`
    )
    error.name = "CleanupUnfinished"
    return error
  })

/**
 * The failures of one part of an actor's cleanup; `undefined` when the part has succeeded. The owner of the actor gets
 * the first failure, and all failures are logged.
 */
export type Failed = Cause.Cause<unknown> | undefined

/**
 * Waits until the interrupted handlers and the interrupted main of an ending actor have ended. After the bound of the
 * cleanup, an actor's layers are released even if some handlers have not ended.
 */
export const awaitHandlers = (
  serving: ReadonlyArray<Dispatcher>,
  main: Fiber.Fiber<unknown, unknown> | undefined,
  millis: number
): Effect.Effect<Failed> =>
  Effect.gen(function*() {
    const handlers = Effect.forEach(serving, (dispatcher) => dispatcher.awaitIdle, { discard: true })
    const idle = main === undefined ? handlers : Effect.andThen(handlers, Fiber.await(main))
    const ended = yield* settled(idle, millis)
    if (ended === undefined) return Cause.die(unfinished(running(serving), millis))
    const exit = main?.pollUnsafe()
    // The main of the ending actor was interrupted, so a failure besides the interruption in its exit comes from a
    // finalizer.
    return exit === undefined || Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? undefined : exit.cause
  })

/**
 * Closes a Scope, and waits at most for the argument `left`, the time that remains of the cleanup's bound. If a Scope
 * does not close in time, the error names the Scope's content (layers or platform) and the whole bound of the cleanup.
 */
export const release = (
  scope: Scope.Closeable,
  exit: Exit.Exit<unknown, unknown>,
  left: number,
  what: "layers" | "platform" = "layers",
  bound = left
): Effect.Effect<Failed> =>
  Effect.map(settled(Scope.close(scope, exit), left), (closed) => {
    if (closed === undefined) return Cause.die(unfinished(`the release of its ${what}`, Math.round(bound)))
    return Exit.isFailure(closed) && !Cause.hasInterruptsOnly(closed.cause) ? closed.cause : undefined
  })

const running = (serving: ReadonlyArray<Dispatcher>): string => {
  const open = Array.from(new Set(serving.flatMap((dispatcher) => dispatcher.open)))
  return open.length === 0 ? "its main" : `the handler of ${open.join(", ")}`
}

/**
 * Reports each failure of an actor's cleanup to the owner, and logs it. An actor whose parent is gone logs the failures
 * of its cleanup in its own process.
 */
export const report = (
  failed: Cause.Cause<unknown>,
  options: { readonly channel: PeerChannel; readonly logs: LogForwarder; readonly actor: ActorId }
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { actor, channel, logs } = options
    const logged = logError("the cleanup of this actor failed", failed)
    if (!channel.isOpen) return logged
    for (const error of raisedIn(failed)) {
      const boxed = box(error, actor)
      const payload = encodeFailureWithin({ _tag: "CleanupFailed", boxed }, channel.maxFrame - 64, actor)
      channel.send({ _tag: "Error", dialog: 0, payload })
    }
    return Effect.updateContext(logged, (context: Context.Context<never>) => withLogger(context, logs.logger))
  })
