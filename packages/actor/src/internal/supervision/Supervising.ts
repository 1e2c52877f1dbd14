/**
 * `Supervising` is a running supervisor, which carries out the actions that the machine `SupervisorMachine` decides.
 * Each incarnation of a child has a Scope of its own. A supervisor's portals to its children read from the state of the
 * machine whether calls pass, wait or fail.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Schedule from "effect/Schedule"
import { type ActorError, NameTaken } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { GaveUp } from "../errors/GaveUp.ts"
import type { RollFailed } from "../errors/RollFailed.ts"
import type { SupervisorSnapshot } from "../inspect/Snapshot.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import type * as Portal from "../portal/Portal.ts"
import { logError } from "../settings/Log.ts"
import { monotonicMillis } from "../settings/Timeouts.ts"
import { Backoff } from "./Backoff.ts"
import type { AnyPortal, ChildPlan, Incarnation } from "./ChildPlan.ts"
import type { Member, Running } from "./Member.ts"
import * as Members from "./Member.ts"
import { Roster } from "./Roster.ts"
import { bootFailureOf, exitOfCause, gaveUpOf, reasonOf, rollExitOf } from "./SupervisorEnds.ts"
import * as Machine from "./SupervisorMachine.ts"
import { newsOf } from "./SupervisorNews.ts"

export interface SupervisingOptions {
  readonly local: LocalActor
  readonly context: Context.Context<never>
  readonly policy: Machine.Policy
  readonly backoff: Schedule.Schedule<unknown, ActorExit>
  /** The schedule of delays before a new standby starts, after a standby has ended. Default: `backoff`. */
  readonly standbyBackoff?: Schedule.Schedule<unknown, ActorExit> | undefined
  readonly holdMillis: number
  readonly children: ReadonlyArray<ChildPlan>
  /**
   * The text that the children get as the reason of their end when the supervisor is closed. By default `closingReason`
   * says that the Layer of the supervisor has closed.
   */
  readonly closingReason?: string | undefined
}

type ByHand = (what: "restart" | "stop" | "start") => Effect.Effect<void, ActorError>

const operators = new WeakMap<object, ByHand>()

/**
 * Returns the function to restart, stop or start the child behind a portal; `undefined` if no supervisor of this
 * process has the child.
 */
export const byHandOf = (portal: Portal.Portal<never>): ByHand | undefined => operators.get(portal)

type TakeOver = Extract<Machine.Action, { readonly _tag: "TakeOver" }>

/** The supervisors of this process, by the portals of their children. */
const supervisors = new WeakMap<AnyPortal, Supervising>()

export class Supervising {
  /** Returns the supervisor of the child behind a portal, if the supervisor runs in this process. */
  static of(portal: AnyPortal): Supervising | undefined {
    return supervisors.get(portal)
  }

  private state: Machine.State
  private readonly options: SupervisingOptions
  private readonly roster: Roster
  /** The callbacks that are called after every change of the supervisor's state. */
  private readonly lookers = new Set<() => void>()
  private views: ReadonlyMap<string, Machine.View>
  private readonly clock: Clock.Clock
  private readonly booted = Deferred.makeUnsafe<void, unknown>()
  private readonly closed = Deferred.makeUnsafe<Machine.Why>()
  private readonly removals = new Set<(member: Member) => void>()
  private readonly todo: Array<Machine.Action> = []
  private readonly backoff: Backoff
  private waiting: Fiber.Fiber<boolean> | undefined
  private readonly rolls = new Map<number, (exit: Exit.Exit<void, RollFailed>) => void>()
  private rollCount = 0
  /** The failures of children's cleanups, if the supervisor itself has ended these children. */
  private readonly unclean: Array<Exit.Exit<never, unknown>> = []

  constructor(options: SupervisingOptions) {
    this.options = options
    this.clock = Context.get(options.context, Clock.Clock)
    this.backoff = new Backoff(options.backoff)
    this.state = Machine.initial(options.children.map(({ spec }) => spec))
    this.views = Machine.views(options.policy, this.state)
    this.roster = new Roster({
      ...options,
      state: () => this.state,
      view: (key) => this.viewOf(key),
      waitMillis: () => Math.max(0, Math.round(this.backoff.until - this.now()))
    })
    for (const plan of options.children) this.enter(plan)
  }

  /**
   * Starts all children of the supervisor. The effect of `begin` succeeds when all children are up for the first time,
   * and fails if one child fails to start.
   */
  readonly begin: Effect.Effect<void, unknown> = Effect.suspend(() => {
    this.options.local.supervisors.add(this)
    this.took(Machine.begin(this.options.policy, this.state))
    return Deferred.await(this.booted)
  })

  /** Waits until the supervisor and all its children have ended, and returns why the supervisor ended. */
  readonly ended: Effect.Effect<Machine.Why> = Effect.suspend(() => Deferred.await(this.closed))

  /**
   * Stops all children of the supervisor in reverse order. The effect of `close` dies if the cleanup of a child has
   * failed.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "Close" })
    return Effect.flatMap(this.ended, () => {
      this.options.local.supervisors.delete(this)
      for (const member of this.roster.all) this.roster.leave(member)
      return Effect.orDie(Exit.asVoidAll(this.unclean))
    })
  })

  /** The portals to the supervisor's children by the keys of their Services; these portals survive restarts. */
  get context(): Context.Context<never> {
    return this.options.policy.dynamic ? Context.empty() : this.roster.portals
  }

  snapshot(): SupervisorSnapshot {
    const { children, deaths, phase, rolls } = this.state
    const now = this.now()
    const { intensity, strategy } = this.options.policy
    return {
      state: phase._tag,
      strategy,
      deaths: deaths.filter(({ at }) => now - at < intensity.withinMillis).length,
      rolls: rolls.length,
      children: children.map((child) => {
        const { behind, incarnation, key, restart, retired, status } = child
        const playing = this.roster.get(key)?.playing
        return {
          child: key,
          state: Machine.stateOf(this.state, child),
          incarnation,
          restart,
          actor: status !== "Down" && playing?.incarnation === incarnation ? playing.portal.actor : null,
          behind: behind?.status ?? null,
          draining: retired.filter(({ status }) => status === "Draining").length
        }
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
   * The supervisor takes its new state before it carries out the actions, so that portals let calls wait or pass at
   * once. An action of the supervisor may cause another input of the machine. The actions of an input that an action
   * has caused are carried out after all actions of the present input.
   */
  private took([state, actions]: Machine.Step): void {
    const { views } = this
    this.state = state
    this.views = Machine.views(this.options.policy, state)
    const taken = actions.filter((action) => action._tag === "TakeOver")
    for (const { child, incarnation } of taken) Members.play(this.roster.get(child)!, incarnation)
    const isIdle = this.todo.length === 0
    this.todo.push(...actions)
    if (isIdle) this.executeAll()
    for (const { listeners, plan: { spec: { key } } } of this.roster.all) {
      if (listeners.size === 0) continue
      if (views.get(key) !== this.viewOf(key) || taken.some(({ child }) => child === key)) Members.wake(listeners)
    }
    Members.wake(this.lookers)
  }

  /** Carries out the actions in `todo`; the action that is being carried out stays at the front until it is done. */
  private executeAll(): void {
    for (let action = this.todo[0]; action !== undefined; action = this.todo[0]) {
      try {
        this.execute(action)
        this.tell(action)
      } catch (error) {
        this.fork(logError(`a supervisor could not do its step ${action._tag}`, Cause.die(error)))
      }
      this.todo.shift()
    }
  }

  private tell(action: Machine.Action): void {
    const news = newsOf(action, this.state.deaths.length, (last) => this.gaveUp(last))
    if (news === undefined) return
    if (news.counter !== undefined) this.fork(Metric.update(news.counter, 1))
    this.options.local.events.publish(news.event)
  }

  private execute(action: Machine.Action): void {
    switch (action._tag) {
      case "Start":
        return this.start(action)
      case "Stop":
        return this.stop(action.child, action.incarnation)
      case "Wait":
        this.waiting = this.wait(this.backoff, action, (ended) => ({ _tag: ended ? "BackoffEnded" : "BackoffOver" }))
        return
      case "WaitStandby":
        return this.waitStandby(action)
      case "TakeOver":
        return this.takeOver(action)
      case "TellStandbyReady":
        return this.follow(action)
      case "RollEnded":
        return this.rolls.get(action.id)?.(rollExitOf(action))
      case "Ready":
        Deferred.doneUnsafe(this.booted, Exit.void)
        return
      case "Refused":
        return this.remove(action.child, Exit.failCause(action.cause))
      case "Removed":
        return this.remove(action.child, Exit.fail(this.roster.goneError(action.child)))
      case "Closed":
        this.waiting?.interruptUnsafe()
        for (const { standbys } of this.roster.all) standbys?.fiber?.interruptUnsafe()
        if (this.options.policy.dynamic) {
          for (const { plan: { spec: { key } } } of this.roster.all) {
            this.remove(key, Exit.fail(this.roster.goneError(key)))
          }
        }
        Deferred.doneUnsafe(this.booted, bootFailureOf(action.why))
        Deferred.doneUnsafe(this.closed, Exit.succeed(action.why))
    }
  }

  /**
   * Runs an effect of the supervisor in a fiber of its own. A forked effect reports its result as a new input of the
   * machine.
   */
  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.options.context)(Effect.andThen(Effect.yieldNow, effect))
  }

  gaveUp(last: Machine.GivenUp): GaveUp {
    return gaveUpOf(last, this.options.policy)
  }

  // ---- dynamic children -----------------------------------------------------------------------------------------------

  /**
   * Adds a child to a dynamic supervisor, and starts the child. If the first start of the added child fails, `add`
   * fails too, and the supervisor does not keep the child.
   */
  add(plan: ChildPlan): Effect.Effect<AnyPortal, unknown> {
    const { key } = plan.spec
    return Effect.suspend(() => {
      const holder = this.roster.get(key)
      if (holder !== undefined) {
        const actor = holder.playing?.portal.actor ?? { name: key, uuid: "", pid: 0 }
        return Effect.fail(new NameTaken({ wanted: key, actor }))
      }
      if (Machine.isOver(this.state)) return Effect.fail(this.roster.goneError(key))
      const member = this.enter(plan)
      this.input({ _tag: "Add", spec: plan.spec })
      return Effect.onInterrupt(Deferred.await(member.answer), () => this.removed(key, member))
    })
  }

  /** Ends one child of a dynamic supervisor for good, and waits until all incarnations of the child are gone. */
  removed(key: string, only?: Member): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const member = this.roster.get(key)
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

  private enter(plan: ChildPlan): Member {
    const member = this.roster.enter(plan)
    if (member.portal !== undefined) {
      operators.set(member.portal, (what) => this.byHand(plan.spec.key, what, member))
      supervisors.set(member.portal, this)
    }
    return member
  }

  /**
   * Removes a child from the supervisor's list. The name of a removed child is free before any monitor learns of the
   * child's end.
   */
  private remove(key: string, answer: Exit.Exit<never, unknown>): void {
    const member = this.roster.get(key)!
    this.roster.leave(member)
    Deferred.doneUnsafe(member.answer, answer)
    for (const listener of Array.from(this.removals)) listener(member)
  }

  // ---- stops and restarts by hand -----------------------------------------------------------------------------------

  /**
   * Waits until a child that a user has restarted, stopped or started has reached that state, or can no longer reach
   * it.
   */
  private byHand(key: string, what: "restart" | "stop" | "start", member: Member): Effect.Effect<void, ActorError> {
    return Effect.callback((resume) => {
      const find = () =>
        this.roster.get(key) === member ? this.state.children.find((child) => child.key === key) : undefined
      const asked = find()
      const before = what === "restart" ? asked?.incarnation ?? 0 : 0
      const look = () => {
        const child = find()
        const isOver = child === undefined || Machine.isOver(this.state)
        const isDone = what === "stop"
          ? child === undefined || Machine.isNewer(child, asked!.started)
          : !isOver && child.incarnation > before && this.viewOf(key) === "up"
        if (!isDone && !isOver && (what === "stop" || this.viewOf(key) !== "gone")) return
        this.lookers.delete(look)
        resume(isDone ? Effect.void : Effect.fail(this.roster.goneError(key)))
      }
      this.lookers.add(look)
      this.input({ _tag: "ByHand", what, child: key })
      look()
      return Effect.sync(() => void this.lookers.delete(look))
    })
  }

  // ---- one incarnation ----------------------------------------------------------------------------------------------

  private start({ child, incarnation, isBehind }: Extract<Machine.Action, { readonly _tag: "Start" }>): void {
    const member = this.roster.get(child)!
    const { plan } = member
    const running = Members.running(member, incarnation)
    const own = Members.contextOf(this.options.context, this.context, plan, running)
    const { closingReason } = this.options
    const part = {
      role: member.role,
      isBehind,
      reason: () => reasonOf(this.state, child, incarnation, closingReason)
    }
    const fiber = running.fiber = this.fork(Effect.provideContext(plan.start(part), own))
    fiber.addObserver((exit) => {
      const of = { child, incarnation }
      if (Exit.isFailure(exit)) return this.startFailed(member, running, of, exit)
      const { portal } = running.up = exit.value
      if (!isBehind && portal !== undefined) member.playing = { portal, incarnation }
      this.input({ _tag: "Up", ...of, now: this.now() })
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
    // When the start of an incarnation is interrupted by a stop, the fiber of the stop also cleans up after the start.
    if (Machine.isStopping(this.state, of.child, of.incarnation)) return
    const exit = exitOfCause(this.options.local, of.child, Exit.failCause(cause))
    this.end(member, running).addObserver(() => {
      member.running.delete(of.incarnation)
      this.input({ _tag: "StartFailed", ...of, cause, exit, now: this.now() })
    })
  }

  private stop(child: string, incarnation: number): void {
    const member = this.roster.get(child)!
    const running = member.running.get(incarnation)!
    this.end(member, running).addObserver(() => {
      member.running.delete(incarnation)
      this.input({ _tag: "Stopped", child, incarnation })
    })
  }

  private end(member: Member, running: Running): Fiber.Fiber<void> {
    return Members.end(member, running, (effect) => this.fork(effect), (cause) => {
      const { key } = member.plan.spec
      if (!Machine.isOver(this.state)) {
        return logError(`the cleanup of the supervised "${key}" failed`, cause)
      }
      this.unclean.push(Exit.failCause(cause))
      return Effect.void
    })
  }

  // ---- delays before starts of children -----------------------------------------------------------------------------

  private wait(
    backoff: Backoff,
    { exit, isFresh }: { readonly exit: ActorExit; readonly isFresh: boolean },
    input: (ended: boolean) => Machine.Input
  ): Fiber.Fiber<boolean> {
    const fiber = this.fork(backoff.wait(isFresh, exit, () => this.now()))
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) this.input(input(!exit.value))
    })
    return fiber
  }

  private waitStandby(action: Extract<Machine.Action, { readonly _tag: "WaitStandby" }>): void {
    const { child } = action
    const member = this.roster.get(child)!
    const { backoff, standbyBackoff = backoff } = this.options
    const standbys = member.standbys ??= { backoff: new Backoff(standbyBackoff), fiber: undefined }
    standbys.fiber?.interruptUnsafe()
    standbys.fiber = this.wait(standbys.backoff, action, (ended) => ({ _tag: "StandbyWaited", child, ended }))
  }

  // ---- rolls and standbys -------------------------------------------------------------------------------------------

  /**
   * Runs a rolling restart: replaces the actors of the given children, and waits until the replaced actors are gone.
   */
  roll(children: ReadonlyArray<string>, atOnce: number, drainMillis: number): Effect.Effect<void, RollFailed> {
    return Effect.callback((resume) => {
      const id = ++this.rollCount
      this.rolls.set(id, (exit) => {
        this.rolls.delete(id)
        resume(exit)
      })
      this.input({ _tag: "Roll", id, children, atOnce, drainMillis })
      return Effect.sync(() => {
        if (this.rolls.delete(id)) this.input({ _tag: "RollLeft", id })
      })
    })
  }

  /** The value of the field `key` of each Service among the children of the supervisor. */
  get services(): ReadonlyArray<string> {
    return Array.from(this.roster.portals.mapUnsafe.keys())
  }

  private takeOver({ child, drainMillis, from, incarnation }: TakeOver): void {
    const member = this.roster.get(child)!
    const handed = Members.handOver(member, member.running.get(incarnation)!, drainMillis)
    this.fork(handed).addObserver((exit) => {
      const open = Exit.isSuccess(exit) ? exit.value : null
      if (drainMillis !== undefined) this.input({ _tag: "Drained", child, incarnation: from, open })
    })
  }

  /**
   * Runs the effect `warm` of a child for a ready standby. If `warm` fails while the active actor lives, the standby
   * counts as dead.
   */
  private follow({ child, incarnation }: Extract<Machine.Action, { readonly _tag: "TellStandbyReady" }>): void {
    const member = this.roster.get(child)!
    const { warm } = member.plan
    const running = member.running.get(incarnation)!
    const active = member.playing!.portal
    if (warm === undefined) return
    const following = Effect.suspend(() => warm(active, running.up!.portal!))
    const fiber = running.following = this.fork(Effect.provideContext(following, this.options.context))
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit) || member.running.get(incarnation) !== running) return
      if (member.playing?.portal !== active || this.viewOf(child) !== "up") return
      const died = exitOfCause(this.options.local, child, Exit.failCause(exit.cause))
      this.input({ _tag: "Died", child, incarnation, exit: died, now: this.now() })
    })
  }
}
