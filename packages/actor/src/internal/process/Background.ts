/**
 * Watches the background fibers of an actor: fibers that its layers or its `build` have forked into a Scope, and that
 * no other fiber awaits. A background fiber that fails or dies is logged as an Error, and causes an event in its actor
 * and at the actor's owner.
 *
 * Effect does not report the exit of a background fiber, but the Scope that owns the fiber has a finalizer for the
 * fiber. Layers and `build` get a Scope that notices each fiber which is added to the Scope's finalizers.
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
 * The finalizers of an open Scope by the object that each finalizer ends: a fiber, a child Scope, or some other object.
 */
class Finalizers extends Map<{}, Finalizer> {
  private readonly failed: Failed

  constructor(failed: Failed) {
    super()
    this.failed = failed
    // A permanent entry keeps this map of finalizers from becoming empty, because Effect's Scope would replace an empty
    // map by another map.
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
 * A child Scope in which the layers of an actor are built. Failures of background fibers in the Scope of an actor's
 * layers are logged and reported to the owner.
 */
export interface Foreground {
  readonly scope: Scope.Closeable
  readonly build: <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.Effect<Context.Context<A>, E, R>
}

/**
 * Opens a child Scope; the failure of a background fiber in it is reported to the owner, and logged with the loggers of
 * `context`.
 */
export const open = (scope: Scope.Scope, local: LocalActor, context: Context.Context<never>): Foreground => {
  const failed = (cause: Cause.Cause<unknown>) => tell(local, context, cause)
  const observed = Scope.forkUnsafe(scope, scope.strategy)
  observe(observed, failed)
  const memoMap = observedMemoMap(failed)
  return { scope: observed, build: (layer) => Layer.buildWithMemoMap(layer, memoMap, observed) }
}

/**
 * Makes a memo map that watches the background fibers of each layer, because the memo map makes a Scope for each layer.
 */
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

/**
 * Runs the main of an actor in a Scope of its own; failures of background fibers in this Scope are reported to the
 * owner.
 */
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
