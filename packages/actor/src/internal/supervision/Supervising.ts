/**
 * A supervisor at work: carries out what `SupervisorMachine` decides. Each incarnation of a child has a Scope of its own;
 * the portals that are handed out read the state of the machine.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { type ActorError, ActorUnreachable, formatActor, NameTaken } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { GaveUp } from "../errors/GaveUp.ts"
import { withoutStack } from "../errors/stack.ts"
import type { SupervisorSnapshot } from "../inspect/Snapshot.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as LastingPortal from "../portal/LastingPortal.ts"
import type * as Portal from "../portal/Portal.ts"
import type { Role } from "../settings/ActorRef.ts"
import { elapsed } from "../settings/Elapsed.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import { Turn } from "../settings/Turn.ts"
import { Backoff } from "./Backoff.ts"
import type { ChildPlan, Incarnation } from "./ChildPlan.ts"
import { bootFailureOf, exitOfCause, gaveUpOf, goneReasonOf, progressOf, reasonOf } from "./SupervisorEnds.ts"
import * as Machine from "./SupervisorMachine.ts"

type AnyPortal = Portal.Portal<any>

export interface SupervisingOptions {
  readonly local: LocalActor
  readonly context: Context.Context<never>
  readonly policy: Machine.Policy
  readonly backoff: Schedule.Schedule<unknown, ActorExit>
  readonly holdMillis: number
  readonly children: ReadonlyArray<ChildPlan>
  /** Why its actors end where it is closed. Default: their Layer was. */
  readonly closingReason?: string | undefined
}

interface Running {
  readonly scope: Scope.Closeable
  readonly incarnation: number
  fiber: Fiber.Fiber<Incarnation, unknown> | undefined
  portal: AnyPortal | undefined
  /** Its end, for all that wait for it. */
  leaving: Fiber.Fiber<void> | undefined
}

/** A child of the list. Another one that comes under its name later is another member. */
interface Member {
  readonly plan: ChildPlan
  readonly role: Role
  readonly portal: AnyPortal | undefined
  /** The first start of a child that comes and goes. */
  readonly answer: Deferred.Deferred<AnyPortal, unknown>
  running: Running | undefined
  /** Told when the view of its portal changes. */
  readonly listeners: Set<() => void>
}

type ByHand = (what: "restart" | "stop" | "start") => Effect.Effect<void, ActorError>

const operators = new WeakMap<object, ByHand>()

/** Works by hand on the child behind a portal of this process's supervisors. */
export const byHandOf = (portal: Portal.Portal<never>): ByHand | undefined => operators.get(portal)

const wake = (listeners: ReadonlySet<() => void>): void => {
  for (const listener of Array.from(listeners)) listener()
}

const restarts = Metric.counter("furrow_supervisor_restarts", {
  description: "Deaths that supervisors answered by a restart"
})
const giveUps = Metric.counter("furrow_supervisor_give_ups", { description: "Supervisors that gave up" })

export class Supervising {
  private state: Machine.State
  private readonly options: SupervisingOptions
  private readonly members = new Map<string, Member>()
  /** Told after every step. */
  private readonly lookers = new Set<() => void>()
  private views: ReadonlyMap<string, Machine.View>
  private readonly clock: Clock.Clock
  private readonly booted = Deferred.makeUnsafe<void, unknown>()
  private readonly closed = Deferred.makeUnsafe<Machine.Why>()
  private readonly removals = new Set<(member: Member) => void>()
  private readonly todo: Array<Machine.Action> = []
  private readonly backoff: Backoff
  private waiting: { readonly fiber: Fiber.Fiber<unknown>; until: number | undefined } | undefined
  /** The cleanups that failed while all ended. */
  private readonly unclean: Array<Exit.Exit<never, unknown>> = []

  constructor(options: SupervisingOptions) {
    this.options = options
    this.clock = Context.get(options.context, Clock.Clock)
    this.backoff = new Backoff(options.backoff)
    this.state = Machine.initial(options.children.map(({ spec }) => spec))
    this.views = Machine.views(options.policy, this.state)
    for (const plan of options.children) this.enter(plan)
  }

  /** Starts all children: done when they are up for the first time, or fails with what one of them fails with. */
  readonly begin: Effect.Effect<void, unknown> = Effect.suspend(() => {
    this.options.local.supervisors.add(this)
    this.took(Machine.begin(this.options.policy, this.state))
    return Deferred.await(this.booted)
  })

  /** Why it has ended, once nothing of it is left. */
  readonly ended: Effect.Effect<Machine.Why> = Effect.suspend(() => Deferred.await(this.closed))

  /** Stops all children in reverse order. Fails as a finalizer where the cleanup of one failed. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "Close" })
    return Effect.flatMap(this.ended, () => {
      this.options.local.supervisors.delete(this)
      for (const member of Array.from(this.members.values())) this.leave(member)
      return Effect.orDie(Exit.asVoidAll(this.unclean))
    })
  })

  /** The portals of its Services by their keys, which survive restarts. */
  get context(): Context.Context<never> {
    if (this.options.policy.dynamic) return Context.empty()
    const members = Array.from(this.members, ([key, { portal }]) => [key, portal] as const)
    return Context.makeUnsafe(new Map(members.filter(([, portal]) => portal !== undefined)))
  }

  snapshot(): SupervisorSnapshot {
    const { children, deaths, phase } = this.state
    const now = this.now()
    const { intensity, strategy } = this.options.policy
    return {
      state: phase._tag,
      strategy,
      deaths: deaths.filter(({ at }) => now - at < intensity.withinMillis).length,
      children: children.map((child) => {
        const { incarnation, key, restart, status } = child
        const actor = status === "Down" ? undefined : this.members.get(key)?.running?.portal?.actor
        return { child: key, state: Machine.stateOf(this.state, child), incarnation, restart, actor: actor ?? null }
      })
    }
  }

  private viewOf(key: string): Machine.View {
    return this.views.get(key) ?? "gone"
  }

  private now(): number {
    return monotonicMillis(this.clock)
  }

  private input(input: Machine.Input): void {
    this.took(Machine.step(this.options.policy, this.state, input))
  }

  /**
   * The state changes first, so portals wait or pass before anything is done about it. An action may wake work that asks
   * for another step: its actions come after those of this one.
   */
  private took([state, actions]: Machine.Step): void {
    const { views } = this
    this.state = state
    this.views = Machine.views(this.options.policy, state)
    const isIdle = this.todo.length === 0
    this.todo.push(...actions)
    if (isIdle) this.executeAll()
    for (const { listeners, plan: { spec: { key } } } of this.members.values()) {
      if (listeners.size > 0 && views.get(key) !== this.viewOf(key)) wake(listeners)
    }
    wake(this.lookers)
  }

  /** The action in execution stays in front until it is done. */
  private executeAll(): void {
    for (let action = this.todo[0]; action !== undefined; action = this.todo[0]) {
      try {
        this.execute(action)
      } catch (error) {
        this.fork(Effect.logError(`a supervisor could not do its step ${action._tag}`, Cause.die(error)))
      }
      this.todo.shift()
    }
  }

  private execute(action: Machine.Action): void {
    const { events } = this.options.local
    switch (action._tag) {
      case "Start":
        return this.start(action.child, action.incarnation)
      case "Stop":
        return this.stop(action.child, action.incarnation)
      case "Wait":
        return this.wait(action.isFresh, action.exit)
      case "Ready":
        Deferred.doneUnsafe(this.booted, Exit.void)
        return
      case "TellRestarting": {
        const { affected, death: { child, exit } } = action
        this.fork(Metric.update(restarts, 1))
        return events.publish({ _tag: "ActorRestarting", child, exit, affected, deaths: this.state.deaths.length })
      }
      case "TellRestarted":
        return events.publish({ _tag: "ActorRestarted", child: action.child, incarnation: action.incarnation })
      case "TellGaveUp":
        this.fork(Metric.update(giveUps, 1))
        return events.publish({ _tag: "SupervisorGaveUp", error: this.gaveUp(action) })
      case "Refused":
        return this.remove(action.child, Exit.failCause(action.cause))
      case "Removed":
        return this.remove(action.child, Exit.fail(this.goneError(action.child)))
      case "Closed":
        this.waiting?.fiber.interruptUnsafe()
        if (this.options.policy.dynamic) {
          for (const key of Array.from(this.members.keys())) this.remove(key, Exit.fail(this.goneError(key)))
        }
        Deferred.doneUnsafe(this.booted, bootFailureOf(action.why))
        Deferred.doneUnsafe(this.closed, Exit.succeed(action.why))
    }
  }

  /** Runs work whose end is an input: not in this step. */
  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.options.context)(Effect.andThen(Effect.yieldNow, effect))
  }

  gaveUp(last: Machine.GivenUp): GaveUp {
    return gaveUpOf(last, this.options.policy)
  }

  // ---- children that come and go --------------------------------------------------------------------------------------

  /** Starts one more child. It fails with what its first start fails with, and is none then. */
  add(plan: ChildPlan): Effect.Effect<AnyPortal, unknown> {
    const { key } = plan.spec
    return Effect.suspend(() => {
      const holder = this.members.get(key)
      if (holder !== undefined) {
        const actor = holder.running?.portal?.actor ?? { name: key, uuid: "", pid: 0 }
        return Effect.fail(new NameTaken({ wanted: key, actor }))
      }
      if (Machine.isOver(this.state)) return Effect.fail(this.goneError(key))
      const member = this.enter(plan)
      this.input({ _tag: "Add", spec: plan.spec })
      return Effect.onInterrupt(Deferred.await(member.answer), () => this.removed(key, member))
    })
  }

  /** Ends one child for good, and waits until nothing of it is left. */
  removed(key: string, only?: Member): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const member = this.members.get(key)
      if (member === undefined || only !== undefined && only !== member) return resume(Effect.void)
      const listener = (gone: Member) => {
        if (gone !== member) return
        this.removals.delete(listener)
        resume(Effect.void)
      }
      this.removals.add(listener)
      this.input({ _tag: "Remove", child: key })
      return Effect.sync(() => void this.removals.delete(listener))
    })
  }

  /** A child has left the list: its name is free before anybody hears of it. */
  private remove(key: string, answer: Exit.Exit<never, unknown>): void {
    const member = this.members.get(key)!
    this.leave(member)
    Deferred.doneUnsafe(member.answer, answer)
    for (const listener of Array.from(this.removals)) listener(member)
  }

  // ---- what is asked for by hand ------------------------------------------------------------------------------------

  /** Waits until it is so, or will not be. */
  private byHand(key: string, what: "restart" | "stop" | "start", member: Member): Effect.Effect<void, ActorError> {
    return Effect.callback((resume) => {
      const find = () =>
        this.members.get(key) === member ? this.state.children.find((child) => child.key === key) : undefined
      const before = what === "restart" ? find()?.incarnation ?? 0 : 0
      const look = () => {
        const child = find()
        const isOver = child === undefined || Machine.isOver(this.state)
        const isDone = what === "stop"
          ? child === undefined || child.status === "Down"
          : !isOver && child.incarnation > before && this.viewOf(key) === "up"
        if (!isDone && !isOver && (what === "stop" || this.viewOf(key) !== "gone")) return
        this.lookers.delete(look)
        resume(isDone ? Effect.void : Effect.fail(this.goneError(key)))
      }
      this.lookers.add(look)
      this.input({ _tag: "ByHand", what, child: key })
      look()
      return Effect.sync(() => void this.lookers.delete(look))
    })
  }

  // ---- one incarnation ----------------------------------------------------------------------------------------------

  private start(child: string, incarnation: number): void {
    const { context } = this.options
    const member = this.members.get(child)!
    const { plan } = member
    const scope = Scope.makeUnsafe()
    const { portal } = member.running ?? { portal: undefined }
    const running: Running = member.running = { scope, incarnation, portal, fiber: undefined, leaving: undefined }
    const timeouts = Context.get(context, Timeouts)
    const own = Context.mergeAll(
      context,
      this.context,
      Context.make(Scope.Scope, scope),
      Context.make(
        Timeouts,
        plan.stopWithinMillis === undefined ? timeouts : { ...timeouts, finalizers: plan.stopWithinMillis }
      )
    )
    const fiber = running.fiber = this.fork(
      Effect.provideContext(
        plan.start({ role: member.role, reason: () => reasonOf(this.state, child, this.options.closingReason) }),
        own
      )
    )
    fiber.addObserver((exit) => {
      const of = { child, incarnation }
      if (Exit.isFailure(exit)) return this.startFailed(member, running, of, exit)
      running.portal = exit.value.portal
      this.input({ _tag: "Up", ...of })
      exit.value.watch({
        silent: () => this.input({ _tag: "Silent", ...of }),
        died: (exit) => this.input({ _tag: "Died", ...of, exit, now: this.now() })
      })
      if (this.isUp(of)) Deferred.doneUnsafe(member.answer, Exit.succeed(member.portal!))
    })
  }

  private isUp({ child, incarnation }: { readonly child: string; readonly incarnation: number }): boolean {
    const found = this.state.children.find(({ key }) => key === child)
    return found?.incarnation === incarnation && found.status === "Up"
  }

  private startFailed(
    member: Member,
    running: Running,
    of: { readonly child: string; readonly incarnation: number },
    { cause }: Exit.Failure<Incarnation, unknown>
  ): void {
    // A start that is being stopped is cleaned up there.
    if (this.state.children.find(({ key }) => key === of.child)?.status === "Stopping") return
    const exit = exitOfCause(this.options.local, of.child, Exit.failCause(cause))
    this.end(member, running).addObserver(() =>
      this.input({ _tag: "StartFailed", ...of, cause, exit, now: this.now() })
    )
  }

  private stop(child: string, incarnation: number): void {
    const member = this.members.get(child)!
    this.end(member, member.running!).addObserver(() => this.input({ _tag: "Stopped", child, incarnation }))
  }

  /** Ends what there is of an incarnation, once: a failed start and a stop may both ask for it, and wait for the same end. */
  private end({ plan }: Member, running: Running): Fiber.Fiber<void> {
    if (running.leaving !== undefined) return running.leaving
    const { fiber, scope } = running
    const { isService, spec: { key }, stopWithinMillis } = plan
    const closed = Effect.catchCause(
      Effect.andThen(fiber === undefined ? Effect.void : Fiber.interrupt(fiber), Scope.close(scope, Exit.void)),
      (cause) => {
        if (!Machine.isOver(this.state)) return Effect.logError(`the cleanup of the supervised "${key}" failed`, cause)
        this.unclean.push(Exit.failCause(cause))
        return Effect.void
      }
    )
    // An actor is bounded by its ladder. A Layer waits for its finalizers, as every Scope does, unless it was told a bound.
    if (isService || stopWithinMillis === undefined) return running.leaving = this.fork(closed)
    const closing = this.fork(closed)
    const { cancelAck, terminate } = Context.get(this.options.context, Timeouts)
    const bound = stopWithinMillis + cancelAck + terminate
    const late = Effect.andThen(
      elapsed(bound),
      Effect.logError(`the supervised "${key}" did not stop within ${bound} ms: its supervisor goes on without it`)
    )
    return running.leaving = this.fork(Effect.raceFirst(Effect.asVoid(Fiber.await(closing)), late))
  }

  // ---- the wait before a start --------------------------------------------------------------------------------------

  private wait(isFresh: boolean, exit: ActorExit): void {
    const fiber = this.fork(Effect.flatMap(this.backoff.next(isFresh, exit), (millis) => {
      if (millis === undefined) return Effect.succeed("BackoffEnded" as const)
      this.waiting!.until = this.now() + millis
      return Effect.as(Effect.sleep(millis), "BackoffOver" as const)
    }))
    this.waiting = { fiber, until: undefined }
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) return this.input({ _tag: exit.value })
      if (Cause.hasInterruptsOnly(exit.cause)) return
      this.fork(Effect.logError("the backoff of a supervisor has died, and the supervisor gives up", exit.cause))
      this.input({ _tag: "BackoffEnded" })
    })
  }

  // ---- portals ------------------------------------------------------------------------------------------------------

  /** Takes a child into the list: makes its portal, and lets others ask for its actor. */
  private enter(plan: ChildPlan): Member {
    const { isService, spec: { key } } = plan
    // Its name is its own: two supervisors below one actor may have children of one Service.
    const name = `${Context.get(this.options.context, Turn).uuid()}/${key}`
    const role: Role = { name, holdMillis: this.options.holdMillis }
    const target = this.target(key, () => member)
    const portal = isService ? LastingPortal.make(target) : undefined
    const member: Member = {
      plan,
      role,
      portal,
      answer: Deferred.makeUnsafe(),
      running: undefined,
      listeners: new Set()
    }
    this.members.set(key, member)
    if (portal !== undefined) {
      operators.set(portal, (what) => this.byHand(key, what, member))
      this.options.local.roles.set(name, Effect.map(LastingPortal.reach(target), ({ ref }) => ref))
    }
    return member
  }

  private leave(member: Member): void {
    this.members.delete(member.plan.spec.key)
    this.options.local.roles.delete(member.role.name)
    wake(member.listeners)
  }

  private target(key: string, member: () => Member): LastingPortal.Target {
    // A child that has left the list is gone, also where another one has its name.
    const isListed = () => this.members.get(key) === member()
    return {
      name: key,
      holdMillis: this.options.holdMillis,
      now: () => {
        const view = isListed() ? this.viewOf(key) : "gone"
        const portal = member().running?.portal
        if (view === "up") return { _tag: "Up", portal: portal! }
        return view === "restarting" ? { _tag: "Restarting" } : { _tag: "Gone", error: this.goneError(key) }
      },
      latest: () => {
        const { incarnation, portal } = member().running ?? { incarnation: 0, portal: undefined }
        if (portal === undefined) throw new Error(`"${key}" is not started yet`)
        return { incarnation, portal }
      },
      changed: (callback) => {
        const { listeners } = member()
        listeners.add(callback)
        return () => void listeners.delete(callback)
      },
      late: () => {
        const left = Math.max(0, Math.round((this.waiting?.until ?? 0) - this.now()))
        return this.unreachable(key, "timeout", progressOf(this.state, key, this.name, left))
      }
    }
  }

  private get name(): string {
    return `its supervisor in ${formatActor(this.options.local.info.id)}`
  }

  private goneError(key: string): ActorError {
    return this.unreachable(key, "gone", goneReasonOf(this.state, this.options.policy, this.name))
  }

  private unreachable(key: string, why: ActorUnreachable["why"], reason: string): ActorUnreachable {
    const actor = this.members.get(key)?.running?.portal?.actor ?? null
    return withoutStack(() => new ActorUnreachable({ actor, target: `"${key}"`, why, reason }))
  }
}
