/**
 * Declares the children of a supervisor, and makes the Layer that supervises these children.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Argument, Configured } from "../contract/Settings.ts"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { GaveUp } from "../errors/GaveUp.ts"
import { RollFailed } from "../errors/RollFailed.ts"
import { withoutStack } from "../errors/stack.ts"
import type { ChildState } from "../inspect/Snapshot.ts"
import { current as currentLocal, type LocalActor } from "../local/LocalActor.ts"
import { endWithScope } from "../local/Owner.ts"
import * as Portal from "../portal/Portal.ts"
import type { AnyService } from "../process/ServiceImplementation.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { logError } from "../settings/Log.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import * as Backoff from "../supervision/Backoff.ts"
import type { ChildPlan, Incarnation, Part } from "../supervision/ChildPlan.ts"
import { Escalation } from "../supervision/Escalation.ts"
import { Supervising } from "../supervision/Supervising.ts"
import { exitOfCause } from "../supervision/SupervisorEnds.ts"
import type * as Machine from "../supervision/SupervisorMachine.ts"
import { problemOf } from "../supervision/SupervisorProblems.ts"
import type { AnyServiceClass, SelfOf, Startable } from "./Service.ts"
import * as StartService from "./StartService.ts"

/**
 * The policy of a supervisor. Each field of a supervisor's policy has a default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /**
   * The children that are stopped and started again after the death of one child. The default strategy of a supervisor
   * is `"dependants"`: the dead child and all children that use it.
   */
  readonly strategy?: Machine.Strategy | undefined
  /**
   * A supervisor gives up when more of its children die within the time `within` than the option `restarts` allows. The
   * default intensity of a supervisor is 3 deaths within 5 seconds.
   */
  readonly intensity?: { readonly restarts: number; readonly within: Duration.Input } | undefined
  /**
   * The delays before new starts of a dead child, as a Schedule whose input is the exit of the child. The schedule of
   * delays begins anew after the time `within` without a death, and the supervisor gives up when the schedule ends. The
   * default delays grow exponentially from 50 ms, with jitter, so that a child which always dies at once still exceeds
   * the default intensity.
   */
  readonly backoff?: Schedule.Schedule<unknown, ActorExit> | undefined
  /**
   * The time that a call waits for a child that is started again. The option `hold` is by default `Timeouts.spawn`, the
   * bound of one start, which is 30 seconds.
   */
  readonly hold?: Duration.Input | undefined
  /**
   * Decides when the supervisor ends in order: at the end of any significant child, at the end of all significant
   * children, or never. Default: `"never"`.
   */
  readonly autoShutdown?: Machine.AutoShutdown | undefined
}

/**
 * The policy of a supervisor for the ends of one child.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildOptions {
  /**
   * The exits after which the child is started again: all exits, all except a return and a cancel, or none. Default:
   * `"permanent"`.
   */
  readonly restart?: Machine.Restart | undefined
  /** True when the final end of this child may end the supervisor (see `Policy.autoShutdown`). Default: false. */
  readonly significant?: boolean | undefined
  /**
   * The time that the finalizers of this child have when the supervisor stops the child. Default:
   * `Timeouts.finalizers`. A supervisor waits without limit for the finalizers of a Layer that is a child without the
   * option `stopWithin`.
   */
  readonly stopWithin?: Duration.Input | undefined
}

/**
 * The options of the standby that a supervisor keeps ready in case the actor of a child dies.
 *
 * @category models
 * @since 0.1.0
 */
export interface StandbyOptions<out Self> {
  /**
   * The number of standbys that the supervisor keeps for one child. A standby is an actor of the same Service that
   * takes over the role and the name of the child's actor when that actor dies. Before its takeover a standby is
   * neither listed nor called, and its `main` waits. Default: 0.
   */
  readonly standby?: 0 | 1 | undefined
  /**
   * Keeps the state of a standby up to date. The function `warm` gets the portals of the child's actor and of the
   * standby. The effect that `warm` returns begins when the standby is ready, and is interrupted when the standby takes
   * over. If the effect of `warm` fails, the standby ends, and another standby is started. Without the option `warm`, a
   * standby has the state of a new actor.
   */
  readonly warm?:
    | ((active: Portal.Portal<Self>, standby: Portal.Portal<Self>) => Effect.Effect<unknown, unknown, ActorRuntime>)
    | undefined
}

/**
 * A child of a supervisor with its options, as `Supervisor.of` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervised<out A, out E, out R> {
  readonly "~furrow/Supervised": { readonly provides: () => A; readonly fails: () => E; readonly needs: () => R }
}

/**
 * A child of a supervisor: a Service that needs no settings, or a value of `Supervisor.of`.
 *
 * @category models
 * @since 0.1.0
 */
export type Child = (AnyServiceClass & { readonly layer: Layer.Layer<any, any, any> }) | Supervised<any, any, any>

type ProvidedBy<C> = C extends Supervised<infer A, any, any> ? A : SelfOf<C>
type FailureOf<C> = C extends Supervised<any, infer E, any> ? E : ActorError
type NeedsOf<C> = C extends Supervised<any, any, infer R> ? R
  : C extends { readonly layer: Layer.Layer<any, any, infer R> } ? R
  : never

interface SupervisedInside extends ChildOptions, StandbyOptions<any> {
  readonly key: string
  readonly uses: ReadonlyArray<string>
  readonly isService: boolean
  readonly start: ChildPlan["start"]
}

const insides = new WeakMap<object, SupervisedInside>()

const supervised = <A, E, R>(inside: SupervisedInside): Supervised<A, E, R> => {
  const child: Supervised<A, E, R> = {
    "~furrow/Supervised": {
      provides: () => inside as never,
      fails: () => inside as never,
      needs: () => inside as never
    }
  }
  insides.set(child, inside)
  return child
}

// ---- one incarnation ------------------------------------------------------------------------------------------------

const startService = (service: AnyService, options: StartService.StartOptions) => ({ isBehind, reason, role }: Part) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const local = yield* currentLocal
      const { channel, child } = yield* StartService.start(local, service, { ...options, isBehind, role }, restore)
      yield* Effect.addFinalizer((exit) => endWithScope(local, child, reason())(exit))
      const portal = StartService.portal(local, service, child, channel)
      return {
        portal,
        watch: ({ died, silent }) => {
          Portal.whenClosed(portal, silent)
          child.whenGone(died)
        },
        takeOver: (from) => StartService.takeOver(local, child, channel, from)
      } satisfies Incarnation
    })
  ) as Effect.Effect<Incarnation, ActorError, Scope.Scope>

/**
 * Starts a Layer as a child of a supervisor. The Layer counts as dead when one of its actors is lost, or when a
 * supervisor in the Layer has ended.
 */
const startLayer = (name: string, layer: Layer.Layer<unknown, unknown, unknown>) => (_: Part) =>
  Effect.gen(function*() {
    const local: LocalActor = yield* currentLocal
    const ended = Deferred.makeUnsafe<ActorExit>()
    const escalate = (exit: Exit.Exit<void, unknown>) =>
      void Deferred.doneUnsafe(ended, Exit.succeed(exitOfCause(local, name, exit)))
    const scope = yield* Effect.scope
    yield* Effect.provideService(Layer.buildWithScope(Layer.fresh(layer), scope), Escalation, escalate)
    const { context } = yield* Effect.withFiber(Effect.succeed)
    return {
      portal: undefined,
      watch: ({ died }) => {
        Effect.runForkWith(context)(Deferred.await(ended)).addObserver((exit) => {
          if (Exit.isSuccess(exit)) died(exit.value)
        })
      }
    } satisfies Incarnation
  }) as unknown as Effect.Effect<Incarnation, unknown, Scope.Scope>

type GivenOptions = ChildOptions & StandbyOptions<any> & StartService.StartOptions

const ofService = (service: AnyService, given: GivenOptions): SupervisedInside => {
  const { restart, significant, standby, stopWithin, warm, ...options } = given
  return {
    restart,
    significant,
    standby,
    stopWithin,
    warm,
    key: service.key,
    uses: service.uses.map(({ key }) => key),
    isService: true,
    start: startService(service, options)
  }
}

/**
 * Settings of a Layer as a child of a supervisor: its name, and the Services that it uses.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions extends ChildOptions {
  readonly name: string
  /**
   * The supervised Services that the Layer calls; the supervisor restarts the Layer when it restarts one of these
   * Services.
   */
  readonly uses?: ReadonlyArray<AnyServiceClass> | undefined
}

/**
 * Makes a child of a supervisor, with its restart type, its settings and the options of its start.
 *
 * A child may also be a Layer in this process, such as a server in front of the Services that it uses, or another
 * supervisor below the supervisor. A Layer as a child provides nothing to the program, and dies when a supervisor in it
 * gives up.
 *
 * @example
 * ```ts
 * const App = Supervisor.layer({ intensity: { restarts: 5, within: "10 seconds" } }, [
 *   Supervisor.of(Counter, { restart: "transient", stopWithin: "1 second" }),
 *   Supervisor.of(Layer.effectDiscard(Counter.calls.increment({ by: 1 })), { name: "front", uses: [Counter] })
 * ])
 * yield* Effect.provide(Counter.calls.increment({ by: 2 }), App) // 3
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const of: {
  <Self, Name extends string, Uses, Config>(
    service: Startable<Self, Name, Uses, Config>,
    ...options: Argument<ChildOptions & StandbyOptions<Self> & StartService.StartOptions & Configured<Config>>
  ): Supervised<Self, ActorError, ActorRuntime | Uses>
  <A, E, R>(layer: Layer.Layer<A, E, R>, options: LayerOptions): Supervised<never, E, ActorRuntime | R>
} = (what: any, options: any = {}): Supervised<never, any, any> => {
  if ("endpoints" in what) return supervised(ofService(what, options))
  const { name, uses = [], ...rest } = options as LayerOptions
  const keys = uses.map(({ key }) => key)
  return supervised({ ...rest, key: name, uses: keys, isService: false, start: startLayer(name, what) })
}

// ---- the policy -----------------------------------------------------------------------------------------------------

const policyOf = ({ autoShutdown, intensity, strategy }: Policy, dynamic: boolean): Machine.Policy => ({
  strategy: strategy ?? "dependants",
  intensity: {
    restarts: intensity?.restarts ?? 3,
    withinMillis: Duration.toMillis(intensity?.within ?? "5 seconds")
  },
  autoShutdown: autoShutdown ?? "never",
  dynamic
})

const planOf = (child: Child): ChildPlan =>
  planOfInside(insides.get(child) ?? ofService(child as unknown as AnyService, {}))

/** The longest time in milliseconds that a timer can wait, to which a longer bound `stopWithin` is cut. */
const maxStopWithinMillis = 2 ** 31 - 1

const planOfInside = (inside: SupervisedInside): ChildPlan => {
  const { isService, key, restart, significant, standby, start, stopWithin, uses, warm } = inside
  return {
    isService,
    start,
    warm: warm as ChildPlan["warm"],
    stopWithinMillis: stopWithin === undefined
      ? undefined
      : Math.min(Math.max(0, Duration.toMillis(stopWithin)), maxStopWithinMillis),
    spec: { key, uses, restart: restart ?? "permanent", significant: significant ?? false, standby: standby === 1 }
  }
}

/**
 * Returns the failure with which the Layer of a supervisor ends; `undefined` if the supervisor ended without a failure.
 */
const escalated = (supervising: Supervising, why: Machine.Why): Exit.Exit<void, any> | undefined => {
  switch (why._tag) {
    case "GaveUp":
      return Exit.fail(supervising.gaveUp(why))
    case "AutoShutdown":
      return Exit.void
    default:
      return undefined
  }
}

/**
 * Makes a Layer of Services that are started again when they die. A child is started after the children that it uses,
 * and stopped before them.
 *
 * The portals of a supervisor's Layer survive restarts. A call that begins during a restart waits no longer than the
 * policy's option `hold`, and a call in flight fails with `ActorLost`. A supervisor that sees more deaths than its
 * intensity allows stops all children and fails with `GaveUp`. The failure of a supervisor goes to the supervisor
 * around it, to `Actor.launch`, or to the actor whose `layer` contains the supervisor.
 *
 * The Layer of a supervisor fails if a child's first start fails, after the children that were up have been stopped.
 * Children of a supervisor that use each other in a cycle are a defect, and a policy that contradicts itself is a
 * defect as well.
 *
 * @example
 * ```ts
 * const App = Supervisor.layer({ strategy: "one-for-one" }, [Counter])
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter
 *   yield* counter.run(increment({ by: 2 }))
 *   yield* counter.cancel("start anew")
 *   return yield* counter.run(increment({ by: 2 }))
 * })
 * yield* Effect.provide(program, App) // 2
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layer = <const Cs extends ReadonlyArray<Child>>(
  policy: Policy,
  children: Cs
): Layer.Layer<
  ProvidedBy<Cs[number]>,
  FailureOf<Cs[number]>,
  ActorRuntime | Exclude<NeedsOf<Cs[number]>, ProvidedBy<Cs[number]>>
> =>
  Layer.effectContext(
    Effect.map(supervise(policyOf(policy, false), policy, children.map(planOf)), ({ context }) => context)
  ) as Layer.Layer<any, any, any>

/**
 * Makes a supervisor that lives as long as the Scope, and returns when its children are up. A supervisor's failure that
 * reaches no owner is logged, unless the function `isHeard` returns true.
 */
const supervise = (
  own: Machine.Policy,
  policy: Policy,
  plans: ReadonlyArray<ChildPlan>,
  isHeard: () => boolean = () => false
) =>
  Effect.gen(function*() {
    const local = yield* currentLocal
    const problem = problemOf(own, plans.map(({ spec }) => spec))
    if (problem !== undefined) return yield* Effect.die(new Error(problem))
    const backoff = policy.backoff ?? Backoff.defaultFor(own.intensity)
    const standbyBackoff = policy.backoff ?? Backoff.defaultForStandbys
    const tooLong = yield* Backoff.problemOf(own.intensity, backoff)
    if (tooLong !== undefined) return yield* Effect.die(new Error(tooLong))
    const context = (yield* Effect.context<never>()) as Context.Context<never>
    const escalate = yield* Escalation
    const holdMillis = Duration.toMillis(policy.hold ?? (yield* Timeouts).spawn)
    // The constructor of a supervisor throws for children that use each other in a cycle, which is a mistake in the
    // program.
    const supervising = yield* Effect.sync(() =>
      new Supervising({ local, context, backoff, standbyBackoff, policy: own, holdMillis, children: plans })
    )
    // The fiber that reports why the supervisor gave up is forked first, so that a closing Scope ends this fiber last.
    yield* Effect.forkScoped(Effect.flatMap(supervising.ended, (why) => {
      const exit = escalated(supervising, why)
      if (exit === undefined) return Effect.void
      if (escalate !== undefined) return Effect.sync(() => escalate(exit))
      return Exit.isFailure(exit) && !isHeard()
        ? logError("a supervisor has given up, and nothing is above it", exit.cause)
        : Effect.void
    }))
    yield* Effect.addFinalizer(() => supervising.close)
    yield* supervising.begin
    return supervising
  })

// ---- rolling restarts -----------------------------------------------------------------------------------------------

/**
 * The options of a rolling restart.
 *
 * @category models
 * @since 0.1.0
 */
export interface RollOptions {
  /**
   * The longest time for which a replaced actor may finish its open calls, before the supervisor stops the actor and so
   * cancels the calls.
   */
  readonly drain: Duration.Input
  /** The number of children that a rolling restart replaces at the same time. Default: 1. */
  readonly atOnce?: number | undefined
}

const rollIn = (supervising: Supervising, keys: ReadonlyArray<string>, { atOnce = 1, drain }: RollOptions) =>
  Number.isInteger(atOnce) && atOnce > 0
    ? supervising.roll(keys, atOnce, Duration.toMillis(drain))
    : Effect.die(new Error(`\`atOnce\` is a number of children, 1 or more, and not ${atOnce}`))

/** The supervisor of a Service in the context, found by the portal of the Service. */
const supervisorOf = (context: Context.Context<never>, { key }: AnyServiceClass): Supervising => {
  const supervising = Supervising.of(context.mapUnsafe.get(key) as Portal.Portal<any>)
  if (supervising !== undefined) return supervising
  throw new Error(
    `the portal of "${key}" in the context is that of no supervisor in this process: only where the Layer of its ` +
      "supervisor is built can its actor be replaced"
  )
}

/** Rolls the children of each supervisor in turn. */
const rollServices = (
  services: ReadonlyArray<AnyServiceClass>,
  keysOf: (supervising: Supervising, named: ReadonlyArray<string>) => ReadonlyArray<string>,
  options: RollOptions
) =>
  Effect.contextWith((context: Context.Context<never>) => {
    const named = new Map<Supervising, Array<string>>()
    for (const service of services) {
      const supervising = supervisorOf(context, service)
      named.set(supervising, [...named.get(supervising) ?? [], service.key])
    }
    const before: Array<string> = []
    return Effect.forEach(
      Array.from(named, ([supervising, keys]) => [supervising, keysOf(supervising, keys)] as const),
      ([supervising, keys]) =>
        rollIn(supervising, keys, options).pipe(
          Effect.mapError(({ child, error, replaced, why }) =>
            withoutStack(() => new RollFailed({ child, error, replaced: [...before, ...replaced], why }))
          ),
          Effect.tap(() => Effect.sync(() => before.push(...keys)))
        ),
      { discard: true }
    )
  })

/**
 * Replaces the actors of supervised Services one after another, without a failed call. A roll starts a new actor for
 * each child, gives it the role and the name, and drains and ends the old actor. Portals to a rolled Service, in this
 * process and in others, lead to the new actor once it has the role. A roll ends when all old actors are gone.
 *
 * The Services that `roll` replaces have to be children of supervisors in the context. The roll replaces a Service
 * after the Services that it uses; Services that the caller does not name keep their actors. The replacement of an
 * actor by a roll does not count as a death. The actor that a roll has started begins with new state.
 *
 * An actor that does not start fails the roll with `RollFailed`: its child keeps the old actor, and the roll begins no
 * further replacement. A child that dies during a roll is restarted as usual, which replaces the child's actor as well.
 * When two rolls concern the same child, the later roll fails. The interruption of a roll stops the new actors that
 * have not taken over yet.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter
 *   yield* counter.run(increment({ by: 2 }))
 *   yield* Supervisor.roll([Counter], { drain: "10 seconds" })
 *   return [counter.incarnation, yield* counter.run(increment({ by: 2 }))]
 * })
 * yield* Effect.provide(program, Supervisor.layer({}, [Counter])) // [2, 2]
 * ```
 * @category supervising
 * @since 0.1.0
 */
export const roll = <const Services extends ReadonlyArray<AnyServiceClass>>(
  services: Services,
  options: RollOptions
): Effect.Effect<void, RollFailed, SelfOf<Services[number]>> =>
  rollServices(services, (_, named) => named, options) as any

/**
 * Rolls all Services of the supervisor to which a Service belongs, as the function `roll` does.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   yield* Supervisor.rollAll(Counter, { drain: "10 seconds", atOnce: 2 })
 *   return (yield* Counter).incarnation
 * })
 * yield* Effect.provide(program, Supervisor.layer({}, [Counter])) // 2
 * ```
 * @category supervising
 * @since 0.1.0
 */
export const rollAll = <Service extends AnyServiceClass>(
  service: Service,
  options: RollOptions
): Effect.Effect<void, RollFailed, SelfOf<Service>> =>
  rollServices([service], ({ services }) => services, options) as any

/**
 * One child of a dynamic supervisor, whose children are started and stopped by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface DynamicChild {
  readonly name: string
  readonly state: ChildState
  /** The number of times that the dynamic child has been started. */
  readonly incarnation: number
  readonly restart: Machine.Restart
  /** The actor of the dynamic child; `null` while the child has no actor. */
  readonly actor: ActorId | null
}

/**
 * A supervisor of any number of actors of one Service.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dynamic<in out Self, in out Config> {
  /**
   * Starts a child of the dynamic supervisor, and returns the child's portal, which survives restarts. The function
   * `start` fails with the error of the start, with `NameTaken` when a child of that name exists, or with
   * `ActorUnreachable` after the supervisor gave up.
   */
  readonly start: (
    name: string,
    ...options: Argument<
      & Omit<ChildOptions, "significant">
      & StandbyOptions<Self>
      & Omit<StartService.StartOptions, "name">
      & Configured<Config>
    >
  ) => Effect.Effect<Portal.Portal<Self>, ActorError>
  /**
   * Ends the child with the given name, which is not started again, and waits until the child's actor is gone. Stopping
   * a child that has ended already succeeds.
   */
  readonly stop: (name: string) => Effect.Effect<void>
  /**
   * Replaces the actors of the named children, or of all present children, one after another and without a failed call,
   * as `Supervisor.roll` does.
   */
  readonly roll: (
    options: RollOptions & { readonly names?: ReadonlyArray<string> | undefined }
  ) => Effect.Effect<void, RollFailed>
  /** The children that the dynamic supervisor has now. */
  readonly children: Effect.Effect<ReadonlyArray<DynamicChild>>
  /**
   * Waits until the supervisor has ended, and fails with `GaveUp` if the supervisor gave up and its children have
   * stopped. A program races its work with the effect `ended` when the work must not outlive the supervisor's children.
   */
  readonly ended: Effect.Effect<void, GaveUp>
}

/**
 * Makes a supervisor for a varying number of actors of one Service: each actor is started under a name, and started
 * again when it dies. The death of a child restarts no other child, but the deaths of all children count together for
 * the supervisor's intensity.
 *
 * A dynamic supervisor and its children end with the Scope. The error `GaveUp` of a dynamic supervisor goes to the
 * supervisor around it, to `Actor.launch`, or to the actor whose `layer` contains the supervisor.
 *
 * @example
 * ```ts
 * const rooms = yield* Supervisor.dynamic(Counter, { intensity: { restarts: 10, within: "1 minute" } })
 * const kitchen = yield* rooms.start("kitchen", { restart: "transient" })
 * yield* kitchen.run(increment({ by: 2 })) // 2
 * const names = (yield* rooms.children).map(({ name }) => name)
 * names // ["kitchen"]
 * yield* rooms.stop("kitchen")
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const dynamic = <Self, Name extends string, Uses, Config>(
  service: Startable<Self, Name, Uses, Config>,
  policy: Omit<Policy, "strategy" | "autoShutdown"> = {}
): Effect.Effect<Dynamic<Self, Config>, never, ActorRuntime | Scope.Scope | Uses> => {
  const made = Effect.suspend(() => {
    let waiting = 0
    const own = policyOf({ ...policy, strategy: "one-for-one" }, true)
    return Effect.map(
      supervise(own, policy, [], () => waiting > 0),
      (supervising) => ({
        start: (name: string, options: GivenOptions = {}) => {
          const inside = ofService(service as unknown as AnyService, { ...options, name })
          const plan = planOfInside({ ...inside, key: name, uses: [] })
          const problem = problemOf(own, [plan.spec])
          return problem === undefined ? supervising.add(plan) : Effect.die(new Error(problem))
        },
        stop: (name: string) => supervising.removed(name),
        roll: ({ names, ...options }: RollOptions & { readonly names?: ReadonlyArray<string> | undefined }) =>
          Effect.suspend(() => rollIn(supervising, names ?? supervising.services, options)),
        children: Effect.sync(() =>
          supervising.snapshot().children.map(({ actor, child, incarnation, restart, state }) => ({
            name: child,
            state,
            incarnation,
            restart,
            actor
          }))
        ),
        ended: Effect.suspend(() => {
          waiting++
          const ended = Effect.flatMap(supervising.ended, (why) => escalated(supervising, why) ?? Exit.void)
          return Effect.onInterrupt(ended, () => Effect.sync(() => void waiting--))
        })
      })
    )
  })
  return made as Effect.Effect<any, never, any>
}
