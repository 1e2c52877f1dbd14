/**
 * Watches fibers in the background of an actor: fibers that its layers or its `build` forked into their Scope, where no
 * fiber waits for them. A background fiber that fails or dies is logged as an Error, and causes an event in its actor
 * and at the actor's owner.
 *
 * Effect does not report how a background fiber exits, but the fiber's Scope lists the fiber among its finalizers. The
 * Scope that layers and `build` get watches its own list of finalizers.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { encodeFailureWithin } from "../dialog/Failures.ts"
import { box } from "../errors/Boxing.ts"
import { raisedIn } from "../errors/raised.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import { logError } from "../settings/Log.ts"

type Finalizer = (exit: Exit.Exit<any, any>) => Effect.Effect<void>
type Failed = (cause: Cause.Cause<unknown>) => void

const keep = {}

/**
 * The finalizers of an open Scope, each finalizer under the object to which it belongs: a fiber, a Scope below, or an
 * unknown object.
 */
class Finalizers extends Map<{}, Finalizer> {
  private readonly failed: Failed

  constructor(failed: Failed) {
    super()
    this.failed = failed
    // A Scope replaces an empty list of finalizers, so a permanent entry keeps the watching list in its place.
    super.set(keep, () => Effect.void)
  }

  override set(owner: {}, finalizer: Finalizer): this {
    if (Fiber.isFiber(owner)) this.watch(owner)
    else if (isScope(owner)) observe(owner, this.failed)
    return super.set(owner, finalizer)
  }

  private watch(fiber: Fiber.Fiber<unknown, unknown>): void {
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.failed(exit.cause)
    })
  }
}

const isScope = (value: object): value is Scope.Scope => "~effect/Scope" in value

const observe = (scope: Scope.Scope, failed: Failed): void => {
  if (scope.state._tag !== "Empty") return
  scope.state = { _tag: "Open", finalizerKey: undefined, finalizer: undefined, finalizers: new Finalizers(failed) }
}

/**
 * A Scope below the given one, in which layers are built. Failures of background fibers in the Scope of the layers are
 * reported.
 */
export interface Foreground {
  readonly scope: Scope.Closeable
  readonly build: <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.Effect<Context.Context<A>, E, R>
}

/** Opens a Scope whose background failures are reported, and logged with the loggers of `context`. */
export const open = (scope: Scope.Scope, local: LocalActor, context: Context.Context<never>): Foreground => {
  const failed = (cause: Cause.Cause<unknown>) => tell(local, context, cause)
  const observed = Scope.forkUnsafe(scope, scope.strategy)
  observe(observed, failed)
  const memoMap = observedMemoMap(failed)
  return { scope: observed, build: (layer) => Layer.buildWithMemoMap(layer, memoMap, observed) }
}

/** A memo map that watches the Scope of each layer of a graph: the map itself makes these Scopes. */
const observedMemoMap = (failed: Failed): Layer.MemoMap => {
  const memoMap = Layer.makeMemoMapUnsafe()
  const observed: Layer.MemoMap = Object.create(memoMap, {
    getOrElseMemoize: {
      value: (
        layer: Layer.Layer<unknown, unknown, unknown>,
        scope: Scope.Scope,
        build: Parameters<Layer.MemoMap["getOrElseMemoize"]>[2]
      ) =>
        memoMap.getOrElseMemoize(layer, scope, (_, own) => {
          observe(own, failed)
          return build(observed, own)
        })
    }
  })
  return observed
}

const tell = (local: LocalActor, context: Context.Context<never>, cause: Cause.Cause<unknown>): void => {
  const actor = local.info.id
  Effect.runForkWith(context)(logError("a fiber in the background of this actor failed", cause))
  for (const error of raisedIn(cause)) {
    const failure = box(error, actor)
    local.events.publish({ _tag: "BackgroundFailed", actor, failure })
    const { parent } = local
    if (parent === undefined || !parent.isOpen) continue
    const payload = encodeFailureWithin({ _tag: "BackgroundFailed", boxed: failure }, parent.maxFrame - 64, actor)
    parent.send({ _tag: "Error", dialog: 0, payload })
  }
}

/** Runs the main of an actor in a Scope of its own, whose background failures are reported as well. */
export const scoped = <A, E>(
  main: Effect.Effect<A, E, never>,
  local: LocalActor,
  context: Context.Context<never>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    observe(scope, (cause) => tell(local, context, cause))
    return Effect.onExit(Effect.provideService(main, Scope.Scope, scope), (exit) => Scope.close(scope, exit))
  })
