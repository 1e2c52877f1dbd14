/**
 * A supervisor at work: carries out what `SupervisorMachine` decides. Each incarnation of a child has a Scope of its own;
 * the portals that are handed out read the state of the machine.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import {
  type ActorError,
  ActorUnreachable,
  formatActor,
  isActorError,
  NameTaken,
  RemoteActorError
} from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { box } from "../errors/Boxing.ts"
import { GaveUp } from "../errors/GaveUp.ts"
import { withoutStack } from "../errors/stack.ts"
import type { SupervisorSnapshot } from "../inspect/Snapshot.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as LastingPortal from "../portal/LastingPortal.ts"
import type * as Portal from "../portal/Portal.ts"
import { newUuid, type Role } from "../settings/ActorRef.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import * as Machine from "./SupervisorMachine.ts"

type AnyPortal = Portal.Portal<any>

/** What one incarnation tells: that no call begins there any more, and how it ended. */
export interface Told {
  readonly silent: () => void
  readonly died: (exit: ActorExit) => void
}

/** An incarnation that is up. A child that is no actor has no portal. */
export interface Incarnation {
  readonly portal: AnyPortal | undefined
  /** Tells of its end, also of one that has happened already. */
  readonly watch: (told: Told) => void
}

/** The life of one incarnation, for its start: the role it plays, and why its Scope closes when it does. */
export interface Part {
  readonly role: Role
  readonly reason: () => string
}

/** A child, and how one incarnation of it is built in a Scope. */
export interface ChildPlan {
  readonly spec: Machine.ChildSpec
  /** The bound of its finalizers. Default: that of the context. */
  readonly stopWithinMillis: number | undefined
  readonly isService: boolean
  readonly start: (part: Part) => Effect.Effect<Incarnation, unknown, Scope.Scope>
}

export interface SupervisingOptions {
  readonly local: LocalActor
  readonly context: Context.Context<never>
  readonly policy: Machine.Policy
  readonly backoff: Schedule.Schedule<unknown, ActorExit>
  readonly holdMillis: number
  readonly children: ReadonlyArray<ChildPlan>
}

interface Running {
  readonly scope: Scope.Closeable
  readonly incarnation: number
  fiber: Fiber.Fiber<Incarnation, unknown> | undefined
  portal: AnyPortal | undefined
}

type Delays = (now: number, exit: ActorExit) => Effect.Effect<readonly [unknown, Duration.Duration], unknown>

const restarts = Metric.counter("furrow_supervisor_restarts", {
  description: "Deaths that supervisors answered by a restart"
})
const giveUps = Metric.counter("furrow_supervisor_give_ups", { description: "Supervisors that gave up" })

export class Supervising {
  private state: Machine.State
  private readonly id = newUuid()
  private readonly options: SupervisingOptions
  private readonly plans: Map<string, ChildPlan>
  private readonly running = new Map<string, Running>()
  private readonly listeners = new Set<() => void>()
  private readonly portals = new Map<string, AnyPortal>()
  private readonly clock: Clock.Clock
  private readonly booted = Deferred.makeUnsafe<void, unknown>()
  private readonly closed = Deferred.makeUnsafe<Machine.Why>()
  /** The first starts of children that come and go. */
  private readonly answers = new Map<string, Deferred.Deferred<AnyPortal, unknown>>()
  private readonly removals = new Set<(key: string) => void>()
  private delays: Delays | undefined
  private waiting: { readonly fiber: Fiber.Fiber<void>; until: number | undefined } | undefined
  /** The cleanups that failed while all ended. */
  private readonly unclean: Array<Exit.Exit<never, unknown>> = []

  constructor(options: SupervisingOptions) {
    this.options = options
    this.clock = Context.get(options.context, Clock.Clock)
    this.plans = new Map(options.children.map((plan) => [plan.spec.key, plan]))
    this.state = Machine.initial(options.children.map(({ spec }) => spec))
    for (const { isService, spec } of options.children) {
      if (isService) this.give(spec.key)
    }
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
      for (const key of Array.from(this.portals.keys())) this.forget(key)
      return Effect.orDie(this.unclean[0] ?? Exit.void)
    })
  })

  /** The portals of its Services by their keys, which survive restarts. */
  get context(): Context.Context<never> {
    return Context.makeUnsafe(this.options.policy.dynamic ? new Map() : new Map(this.portals))
  }

  snapshot(): SupervisorSnapshot {
    const { children, deaths, phase } = this.state
    const now = this.now()
    const { intensity, strategy } = this.options.policy
    return {
      state: phase._tag,
      strategy,
      deaths: deaths.filter(({ at }) => now - at < intensity.withinMillis).length,
      children: children.map(({ incarnation, key, status }) => ({ child: key, state: status, incarnation }))
    }
  }

  private now(): number {
    return monotonicMillis(this.clock)
  }

  private input(input: Machine.Input): void {
    this.took(Machine.step(this.options.policy, this.state, input))
  }

  /** The state changes first, so portals wait or pass before anything is done about it. */
  private took([state, actions]: Machine.Step): void {
    const hasChanged = state !== this.state
    this.state = state
    for (const action of actions) this.execute(action)
    if (hasChanged) { for (const listener of Array.from(this.listeners)) listener() }
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
        return events.publish({ _tag: "SupervisorGaveUp", error: this.gaveUp(action.child, action.deaths) })
      case "Refused":
        Deferred.doneUnsafe(this.answers.get(action.child)!, Exit.failCause(action.cause))
        return this.remove(action.child)
      case "Removed":
        return this.remove(action.child)
      case "Closed":
        this.waiting?.fiber.interruptUnsafe()
        for (const key of Array.from(this.answers.keys())) this.remove(key)
        Deferred.doneUnsafe(this.booted, bootFailureOf(action.why))
        Deferred.doneUnsafe(this.closed, Exit.succeed(action.why))
    }
  }

  /** Runs work whose end is an input: not in this step. */
  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.options.context)(Effect.andThen(Effect.yieldNow, effect))
  }

  gaveUp(child: string, deaths: ReadonlyArray<Machine.Death>): GaveUp {
    const { withinMillis } = this.options.policy.intensity
    const exits = deaths.map(({ child, exit }) => ({ child, exit }))
    return withoutStack(() => new GaveUp({ child, deaths: deaths.length, withinMillis, exits }))
  }

  // ---- children that come and go --------------------------------------------------------------------------------------

  /** Starts one more child. It fails with what its first start fails with, and is none then. */
  add(plan: ChildPlan): Effect.Effect<AnyPortal, unknown> {
    const { key } = plan.spec
    return Effect.suspend(() => {
      const holder = this.running.get(key)?.portal?.actor
      if (this.answers.has(key)) {
        return Effect.fail(new NameTaken({ wanted: key, actor: holder ?? { name: key, uuid: "", pid: 0 } }))
      }
      if (Machine.isOver(this.state)) return Effect.fail(this.goneError(key))
      const answer = Deferred.makeUnsafe<AnyPortal, unknown>()
      this.answers.set(key, answer)
      this.plans.set(key, plan)
      this.give(key)
      this.input({ _tag: "Add", spec: plan.spec })
      return Effect.onInterrupt(Deferred.await(answer), () => this.removed(key))
    })
  }

  /** Ends one child for good, and waits until nothing of it is left. */
  removed(key: string): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.answers.has(key)) return resume(Effect.void)
      const listener = (gone: string) => {
        if (gone !== key) return
        this.removals.delete(listener)
        resume(Effect.void)
      }
      this.removals.add(listener)
      this.input({ _tag: "Remove", child: key })
      return Effect.sync(() => void this.removals.delete(listener))
    })
  }

  /** A child has left the list. */
  private remove(key: string): void {
    Deferred.doneUnsafe(this.answers.get(key)!, Exit.fail(this.goneError(key)))
    this.answers.delete(key)
    this.forget(key)
    this.plans.delete(key)
    this.running.delete(key)
    for (const listener of Array.from(this.removals)) listener(key)
  }

  // ---- one incarnation ----------------------------------------------------------------------------------------------

  private start(child: string, incarnation: number): void {
    const { context } = this.options
    const plan = this.plans.get(child)!
    const scope = Scope.makeUnsafe()
    const running: Running = { scope, incarnation, fiber: undefined, portal: this.running.get(child)?.portal }
    this.running.set(child, running)
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
      Effect.provideContext(plan.start({ role: this.roleOf(child), reason: () => this.reason() }), own)
    )
    fiber.addObserver((exit) => {
      const of = { child, incarnation }
      if (Exit.isFailure(exit)) return this.startFailed(running, of, exit)
      running.portal = exit.value.portal
      this.input({ _tag: "Up", ...of })
      const answer = this.answers.get(child)
      if (answer !== undefined) Deferred.doneUnsafe(answer, Exit.succeed(this.portals.get(child)!))
      exit.value.watch({
        silent: () => this.input({ _tag: "Silent", ...of }),
        died: (exit) => this.input({ _tag: "Died", ...of, exit, now: this.now() })
      })
    })
  }

  private startFailed(
    running: Running,
    of: { readonly child: string; readonly incarnation: number },
    { cause }: Exit.Failure<Incarnation, unknown>
  ): void {
    // A start that is being stopped is cleaned up there.
    if (this.state.children.find(({ key }) => key === of.child)?.status === "Stopping") return
    const exit = exitOfCause(this.options.local, of.child, Exit.failCause(cause))
    this.fork(Scope.close(running.scope, Exit.void)).addObserver(() =>
      this.input({ _tag: "StartFailed", ...of, cause, exit, now: this.now() })
    )
  }

  private stop(child: string, incarnation: number): void {
    const { fiber, scope } = this.running.get(child)!
    const stopped = Effect.andThen(
      Effect.suspend(() => fiber === undefined ? Effect.void : Fiber.interrupt(fiber)),
      Scope.close(scope, Exit.void)
    )
    this.fork(stopped).addObserver((exit) => {
      if (Exit.isFailure(exit)) {
        if (Machine.isOver(this.state)) this.unclean.push(Exit.failCause(exit.cause))
        else this.fork(Effect.logError(`the cleanup of the supervised "${child}" failed`, exit.cause))
      }
      this.input({ _tag: "Stopped", child, incarnation })
    })
  }

  /** Why an actor is ended here. */
  private reason(): string {
    const { phase } = this.state
    if (phase._tag !== "Closing") return "restarted by its supervisor"
    switch (phase.why._tag) {
      case "GaveUp":
        return "its supervisor gave up"
      case "AutoShutdown":
        return "its supervisor shut down"
      default:
        return "layer closed"
    }
  }

  // ---- the wait before a start --------------------------------------------------------------------------------------

  private wait(isFresh: boolean, exit: ActorExit): void {
    if (isFresh) this.delays = undefined
    this.waiting = {
      until: undefined,
      fiber: this.fork(Effect.gen({ self: this }, function*() {
        const delays = this.delays ??= yield* Schedule.toStep(this.options.backoff)
        const next = yield* Effect.exit(delays(yield* Clock.currentTimeMillis, exit))
        if (Exit.isFailure(next)) return this.input({ _tag: "BackoffEnded" })
        const [, delay] = next.value
        this.waiting!.until = this.now() + Duration.toMillis(delay)
        yield* Effect.sleep(delay)
        this.input({ _tag: "BackoffOver" })
      }))
    }
  }

  // ---- portals ------------------------------------------------------------------------------------------------------

  /** Its name is this supervisor's own: two of them below one actor may have children of one Service. */
  private roleOf(child: string): Role {
    return { name: `${this.id}/${child}`, holdMillis: this.options.holdMillis }
  }

  /** Makes the portal of a child, and lets others ask for its actor. */
  private give(key: string): AnyPortal {
    const target = this.target(key)
    const portal = LastingPortal.make(target)
    this.portals.set(key, portal)
    this.options.local.roles.set(this.roleOf(key).name, Effect.map(LastingPortal.reach(target), ({ ref }) => ref))
    return portal
  }

  private forget(key: string): void {
    this.portals.delete(key)
    this.options.local.roles.delete(this.roleOf(key).name)
  }

  private target(key: string): LastingPortal.Target {
    // Known to the end, also where the child has left the list.
    let last: { readonly portal: AnyPortal; readonly incarnation: number } | undefined
    return {
      name: key,
      holdMillis: this.options.holdMillis,
      now: () => {
        const view = Machine.view(this.options.policy, this.state, key)
        const portal = this.running.get(key)?.portal
        if (view === "up") return { _tag: "Up", portal: portal! }
        return view === "restarting" ? { _tag: "Restarting" } : { _tag: "Gone", error: this.goneError(key) }
      },
      latest: () => {
        const { incarnation, portal } = this.running.get(key) ?? { incarnation: 0, portal: undefined }
        if (portal !== undefined) last = { incarnation, portal }
        if (last === undefined) throw new Error(`"${key}" is not started yet`)
        return last
      },
      changed: (callback) => {
        this.listeners.add(callback)
        return () => void this.listeners.delete(callback)
      },
      late: () => this.unreachable(key, "timeout", `${this.name} is starting it again: ${this.progress(key)}`)
    }
  }

  private get name(): string {
    return `its supervisor in ${formatActor(this.options.local.info.id)}`
  }

  private progress(key: string): string {
    const { backoff, children } = this.state
    const child = children.find((child) => child.key === key)
    const attempt = (child?.incarnation ?? 0) + 1
    if (child?.status === "Starting") return `start ${attempt - 1} is under way`
    const left = Math.max(0, Math.round((this.waiting?.until ?? 0) - this.now()))
    return backoff === "Waiting" ? `start ${attempt} begins in ${left} ms` : `start ${attempt} comes next`
  }

  private goneError(key: string): ActorError {
    const { phase } = this.state
    const why = phase._tag === "Closing" || phase._tag === "Closed" ? phase.why : undefined
    const reason = why === undefined
      ? "it has ended for good"
      : why._tag === "GaveUp"
      ? `${this.name} gave up: ${this.gaveUp(why.child, why.deaths).message}`
      : `${this.name} has ended`
    return this.unreachable(key, "gone", reason)
  }

  private unreachable(key: string, why: ActorUnreachable["why"], reason: string): ActorUnreachable {
    const actor = this.running.get(key)?.portal?.actor ?? null
    return withoutStack(() => new ActorUnreachable({ actor, target: `"${key}"`, why, reason }))
  }
}

/** The failure of a supervisor that was never up. */
const bootFailureOf = (why: Machine.Why): Exit.Exit<never, unknown> => {
  if (why._tag === "NotStarted") return Exit.failCause(why.cause)
  if (why._tag !== "EndedEarly") return Exit.interrupt()
  const { child, exit } = why
  if (exit._tag === "Failed" || exit._tag === "Lost") return Exit.fail(exit.error)
  const reason = "it had ended before all children of its supervisor were up"
  return Exit.fail(withoutStack(() => new ActorUnreachable({ actor: null, target: `"${child}"`, why: "gone", reason })))
}

/** An end that is told as an Exit, as that of an actor. */
export const exitOfCause = (local: LocalActor, child: string, exit: Exit.Exit<void, unknown>): ActorExit => {
  if (Exit.isSuccess(exit)) return { _tag: "Returned", cleanup: [] }
  const [reason] = exit.cause.reasons
  const error = reason?._tag === "Fail"
    ? reason.error
    : reason?._tag === "Die"
    ? reason.defect
    : new Error("interrupted")
  if (error instanceof RemoteActorError) return { _tag: "Failed", error, cleanup: [] }
  if (isActorError(error)) return { _tag: "Lost", error, cleanup: [] }
  const actor = { ...local.info.id, name: child }
  const boxed = withoutStack(() => new RemoteActorError({ actor, boxed: box(error, local.info.id), others: [] }))
  return { _tag: "Failed", error: boxed, cleanup: [] }
}
