/**
 * Runs an open pool: carries out the actions that the pool's table returns. Each worker of a pool lives in a Scope of
 * its own. A waiting task of a pool is a callback and no fiber: the pool calls it when the table has a worker for the
 * task.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { withoutCaller } from "../dialog/DialogContext.ts"
import { type ActorError, type ActorId, ActorUnreachable, formatActor } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { withoutStack } from "../errors/stack.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as ResidentMemory from "../local/ResidentMemory.ts"
import * as Portal from "../portal/Portal.ts"
import { logError, logWarning } from "../settings/Log.ts"
import { monotonicMillis } from "../settings/Timeouts.ts"
import * as Counts from "./Counts.ts"
import { PoolFull } from "./PoolError.ts"
import * as Table from "./Table.ts"

export interface Settings {
  readonly name: string
  readonly table: Table.Options
  /** The milliseconds that a worker has to let go of a task after the caller of the task has given it up. */
  readonly letGo: number
  readonly backoff: Schedule.Schedule<unknown, ActorError>
  /** Starts a worker of the pool; the current Scope owns the worker. */
  readonly start: (name: string) => Effect.Effect<Portal.Portal<any>, ActorError, Scope.Scope>
}

/** A ready worker of a pool. */
interface Worker {
  readonly portal: Portal.Portal<any>
  readonly actor: ActorId
  /** The time at which the worker's memory was last measured; `Infinity` while the memory is being measured. */
  measuredAt: number
}

/** A task of a pool, for which the task's caller waits. */
export class Task implements Table.Ticket {
  number = -1
  holder: Table.Ticket["holder"]
  binding: Table.Ticket["binding"]
  before: Table.Ticket["before"]
  behind: Table.Ticket["behind"]
  readonly key: string | undefined
  readonly patient: boolean
  /** The endpoint of a task that is one call; undefined for other tasks. */
  readonly endpoint: AnyEndpoint | undefined
  /** The number of times that the pool may still give the task to another worker. */
  retries: number
  /** The worker that the pool has given to the task; undefined while the task waits for a worker. */
  worker: Worker | undefined
  /** The failure with which the pool ends a task that no worker will run. */
  failure: Cause.Cause<ActorError | PoolFull> | undefined
  wake: (() => void) | undefined
  /** The time at which the task began to wait for a worker, or began to run on its worker; negative before both. */
  since = 0
  /** True when the task has been counted as ended in the pool's numbers. */
  isOver = false
  /** True when the task's worker was lost and the pool will give the task to another worker. */
  isRepeated = false

  constructor(key: string | undefined, patient: boolean, retries: number, endpoint: AnyEndpoint | undefined) {
    this.key = key
    this.patient = patient
    this.retries = retries
    this.endpoint = endpoint
    this.holder =
      this.binding =
      this.before =
      this.behind =
        undefined
    this.worker = this.failure = this.wake = undefined
  }
}

const measureEveryMillis = 1000

const closedError = (pool: string): ActorUnreachable =>
  withoutStack(() =>
    new ActorUnreachable({
      actor: null,
      target: `a worker of the pool "${pool}"`,
      why: "closed",
      reason: "the pool is ending, and takes no more tasks"
    })
  )

/** The texts with which a pool cancels a worker, by the reason for which the worker gets no more tasks. */
const endings: Readonly<Record<Exclude<Table.Reason, "lost" | "left">, string>> = {
  stuck: "it did not let go of a task",
  tasks: "it has done its number of tasks",
  age: "it has reached its age",
  memory: "it has too much memory",
  spare: "it was idle",
  closed: "pool closed"
}

export class OpenPool {
  readonly name: string
  readonly table: Table.Table
  readonly counts = new Counts.Counts()
  /** The context of the pool's own work: without the trace and the deadline of the caller of `Pool.make`. */
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  private readonly settings: Settings
  /** True when the pool ends workers that are idle for too long, and so notes since when each worker is idle. */
  private readonly isElastic: boolean
  private readonly workers = new Map<Table.Slot, Worker>()
  private readonly starting = new Map<Table.Slot, Fiber.Fiber<void>>()
  private readonly bySlot = new Map<string, Table.Slot>()
  private readonly opening = Deferred.makeUnsafe<void, ActorError>()
  private readonly closing = Deferred.makeUnsafe<void>()
  private readonly pending: Array<Table.Action> = []
  private isExecuting = false
  private timer: Fiber.Fiber<void> | undefined
  private readonly releases: ReadonlyArray<() => void>

  constructor(settings: Settings, local: LocalActor, context: Context.Context<never>) {
    this.name = settings.name
    this.settings = settings
    this.table = Table.make(settings.table)
    this.isElastic = settings.table.max > settings.table.min
    this.context = withoutCaller(context)
    this.clock = Context.get(context, Clock.Clock)
    this.releases = [
      // When another actor ends a worker, the pool learns this from the event `ActorEnding`. The event `ActorEnding` of
      // a worker comes before the worker's connection ends.
      local.events.subscribe((event) => {
        if (event._tag !== "ActorEnding") return
        const slot = this.bySlot.get(event.actor.uuid)
        if (slot !== undefined) this.part(slot, lostRungs.has(event.rung) ? "lost" : "left")
      }),
      Counts.register(settings.name, this.context, this.counts, {
        waiting: () => this.table.waiting.count,
        running: () => this.table.running,
        workers: () => this.workers.size
      })
    ]
  }

  /** Returns the actor of the worker in a slot; `undefined` if the slot has no ready worker. */
  actorOf(slot: Table.Slot): ActorId | undefined {
    return this.workers.get(slot)?.actor
  }

  get now(): number {
    return monotonicMillis(this.clock)
  }

  /** Starts the first workers of the pool, and waits until they are ready. */
  readonly open: Effect.Effect<void, ActorError> = Effect.suspend(() => {
    this.input({ _tag: "Open" })
    return Deferred.await(this.opening)
  })

  /** Closes the pool: fails the waiting tasks, ends all workers, and waits until the workers are gone. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "Close" })
    return Deferred.await(this.closing)
  })

  /** Drains the pool: refuses new tasks, and waits until all accepted tasks have ended and all workers are gone. */
  readonly drain: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "Drain" })
    return Deferred.await(this.closing)
  })

  // ---- tasks ------------------------------------------------------------------------------------------------------

  /**
   * Asks for a worker for a task. A task that asks gets a worker or a failure at once, or the pool wakes the task later
   * with a worker or a failure.
   */
  submit(task: Task): void {
    const isAgain = task.number >= 0
    task.since = -1
    task.wake = task.failure = task.worker = undefined
    if (isAgain) this.counts.retried++
    this.input({ _tag: "Submit", ticket: task, isAgain })
    if (task.since < 0) task.since = this.clock.currentTimeMillisUnsafe()
  }

  /** Takes a task out of the pool, because its work is over or its caller no longer waits. */
  leave(task: Task, exit: Exit.Exit<unknown, unknown>): void {
    if (task.holder === undefined) return this.input({ _tag: "Withdraw", ticket: task })
    // A caller may give its task up after the table has chosen a worker for the task, and before the task learns of
    // this worker.
    if (task.worker !== undefined) {
      this.counts.run.observe(Math.max(0, this.clock.currentTimeMillisUnsafe() - task.since))
    }
    const { holder, worker } = task
    const fault = worker === undefined ? undefined : faultOf(this.name, worker, exit)
    this.input({ _tag: "Finish", ticket: task, fault, now: this.isElastic ? this.now : 0 })
    if (worker !== undefined && this.table.options.memory < Infinity) this.measure(holder as Table.Slot, worker)
  }

  /** Measures the memory of a worker after a task, unless it was measured within the last second. */
  private measure(slot: Table.Slot, worker: Worker): void {
    if (this.now - worker.measuredAt < measureEveryMillis) return
    worker.measuredAt = Infinity
    const asked = Effect.map(Portal.askRuntime(worker.portal, ResidentMemory.ask), (bytes) => {
      worker.measuredAt = this.now
      if (typeof bytes === "number") this.input({ _tag: "Measured", slot, bytes })
    })
    // A failure to measure a worker's memory is ignored, because other events tell the pool of a worker that is lost or
    // ending.
    this.fork(Effect.ignore(asked))
  }

  // ---- carrying out -----------------------------------------------------------------------------------------------

  private input(input: Table.Input): void {
    const actions = Table.step(this.table, input)
    if (actions.length === 0) return
    // An action may call the method `input` again before the outer call of `input` has returned. The actions of the
    // inner call wait in the list `pending`, so that calls do not nest deeper.
    if (this.isExecuting) return void this.pending.push(...actions)
    this.isExecuting = true
    for (const action of actions) this.attempt(action)
    for (let at = 0; at < this.pending.length; at++) this.attempt(this.pending[at]!)
    this.pending.length = 0
    this.isExecuting = false
  }

  /**
   * Carries out one action that the pool's table has returned. When one action of the table throws, the error is
   * logged, and the other actions are still carried out.
   */
  private attempt(action: Table.Action): void {
    try {
      this.execute(action)
    } catch (defect) {
      this.fork(logError(`the pool "${this.name}" could not do ${action._tag}`, Cause.die(defect)))
    }
  }

  private execute(action: Table.Action): void {
    switch (action._tag) {
      case "Assign":
        return this.assigned(action.ticket as Task)
      case "Refuse":
        return this.refuse(action.ticket as Task, action.why)
      case "Fail": {
        const failure = action.error ?? Cause.fail(closedError(this.name))
        for (const ticket of action.tickets) this.fail(ticket as Task, failure)
        return
      }
      case "Start":
        return this.start(action.slot)
      case "BackOff":
        return this.backOff(action.slot, action.failures, action.error)
      case "End":
        return this.end(action.slot, action.why)
      case "Condemned":
        return void this.counts.replaced[action.why]++
      case "Wake":
        return this.wakeAt(action.at)
      case "Opened":
        return void Deferred.doneUnsafe(this.opening, Exit.void)
      case "OpenFailed":
        return void Deferred.doneUnsafe(this.opening, Exit.failCause(action.error))
      case "Closed":
        return this.closed()
    }
  }

  private fork(effect: Effect.Effect<unknown, unknown>): Fiber.Fiber<unknown, unknown> {
    return Effect.runForkWith(this.context)(effect)
  }

  private assigned(task: Task): void {
    // Another task, which was woken before this task, may have ended this task already.
    if (task.holder === undefined) return
    task.worker = this.workers.get(task.holder as Table.Slot)!
    // The durations of tasks are measured with the wall clock, which is cheaper to read than the monotonic clock. When
    // the wall clock of the computer is changed, only the durations of tasks that are measured at that moment become
    // wrong.
    const now = this.clock.currentTimeMillisUnsafe()
    // A task whose field `since` is negative has not waited for its worker, so its wait counts as 0 ms.
    this.counts.wait.observe(task.since < 0 ? 0 : Math.max(0, now - task.since))
    task.since = now
    task.wake?.()
  }

  private refuse(task: Task, why: "full" | "closed"): void {
    const { waiting } = this.table
    this.fail(
      task,
      Cause.fail(
        why === "closed"
          ? closedError(this.name)
          : withoutStack(() => new PoolFull({ pool: this.name, waiting: waiting.count }))
      )
    )
  }

  private fail(task: Task, failure: Cause.Cause<ActorError | PoolFull>): void {
    task.failure = failure
    task.wake?.()
  }

  // ---- workers ----------------------------------------------------------------------------------------------------

  private start(slot: Table.Slot): void {
    // The fiber of a worker starts uninterruptible. A fiber interrupted before its first operation would never tell the
    // table that its worker is gone.
    const fiber = Effect.runForkWith(this.context)(this.live(slot), { uninterruptible: true })
    if (fiber.pollUnsafe() === undefined && !this.workers.has(slot)) this.starting.set(slot, fiber)
  }

  /**
   * Runs one worker of the pool, from its start until its process is gone. Only the start of a worker can be
   * interrupted; the worker's later life in the pool is uninterruptible.
   */
  private live(slot: Table.Slot): Effect.Effect<void> {
    return Effect.flatMap(Scope.make(), (scope) => {
      const start = Scope.provide(this.settings.start(`${this.name}-${slot.id}`), scope)
      const end = Effect.flatMap(
        Effect.exit(Scope.close(scope, Exit.void)),
        (exit) => Exit.isSuccess(exit) ? Effect.void : logError(`a worker of "${this.name}" ended badly`, exit.cause)
      )
      return Effect.flatMap(Effect.exit(Effect.interruptible(start)), (started) => {
        this.starting.delete(slot)
        if (Exit.isFailure(started)) {
          return Effect.andThen(end, Effect.sync(() => this.startFailed(slot, started.cause)))
        }
        const portal = started.value
        this.ready(slot, portal)
        return Effect.flatMap(portal.wait, (exit) => Effect.andThen(end, this.gone(slot, portal.actor, exit)))
      })
    })
  }

  private startFailed(slot: Table.Slot, error: Cause.Cause<ActorError>): void {
    this.starting.delete(slot)
    this.input({ _tag: "StartFailed", slot, error })
  }

  private ready(slot: Table.Slot, portal: Portal.Portal<any>): void {
    this.counts.started++
    this.workers.set(slot, {
      portal: Portal.withCancelBound(portal, this.settings.letGo),
      actor: portal.actor,
      measuredAt: -Infinity
    })
    this.bySlot.set(portal.actor.uuid, slot)
    // The pool has decided to end this worker while the worker was still starting. A worker that already has more
    // memory than the limit `recycle.memory` when it becomes ready gets no more tasks, and ends after its present
    // tasks.
    if (slot.phase._tag === "Condemned") return this.end(slot, slot.phase.why)
    this.input({ _tag: "Started", slot, now: this.now })
    Portal.whenParted(portal, (saidGoodbye) => this.part(slot, saidGoodbye ? "left" : "lost"))
  }

  private part(slot: Table.Slot, why: "lost" | "left"): void {
    const { actor } = this.workers.get(slot)!
    this.input({ _tag: "Part", slot, why, error: fruitless(this.name, actor) })
  }

  private gone(slot: Table.Slot, actor: ActorId, exit: ActorExit): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.bySlot.delete(actor.uuid)
      const wasOurs = slot.phase._tag === "Condemned" && slot.phase.why !== "lost" && slot.phase.why !== "left"
      this.workers.delete(slot)
      this.input({ _tag: "Gone", slot })
      if (wasOurs || exit._tag !== "Lost" && exit._tag !== "Failed") return Effect.void
      return logWarning(`the pool "${this.name}" has lost a worker: ${exit.error.message}`)
    })
  }

  private end(slot: Table.Slot, why: Table.Reason): void {
    // A worker whose connection ended (`lost`), or that another actor ends (`left`), needs no cancel. If the pool
    // cancelled this worker, the callers of its tasks would get the pool's cancel as the reason, not the real reason.
    if (why === "lost" || why === "left") return
    const worker = this.workers.get(slot)
    if (worker !== undefined) return void this.fork(worker.portal.cancel(endings[why]))
    this.starting.get(slot)?.interruptUnsafe()
  }

  // ---- time -------------------------------------------------------------------------------------------------------

  /**
   * Waits as long as the `backoff` schedule says after the given number of failures in a row, or gives up when the
   * schedule has ended.
   */
  private backOff(slot: Table.Slot, failures: number, error: Cause.Cause<ActorError>): void {
    const reason = error.reasons.find(Cause.isFailReason)
    const giveUp = Effect.sync(() => this.input({ _tag: "GiveUp", slot, error }))
    if (reason === undefined) return void this.fork(giveUp)
    const delay = Effect.gen({ self: this }, function*() {
      const step = yield* Schedule.toStep(this.settings.backoff)
      let wait = Duration.zero
      for (let n = 0; n < failures; n++) wait = (yield* step(this.clock.currentTimeMillisUnsafe(), reason.error))[1]
      return wait
    })
    this.fork(Effect.matchCauseEffect(delay, {
      onSuccess: (wait) => Effect.andThen(Effect.sleep(wait), Effect.sync(() => this.input({ _tag: "Retry", slot }))),
      onFailure: () => giveUp
    }))
  }

  private wakeAt(at: number): void {
    this.timer?.interruptUnsafe()
    const tick = Effect.sync(() => this.input({ _tag: "Tick", now: this.now }))
    this.timer = this.fork(
      Effect.andThen(Effect.sleep(Duration.millis(Math.max(0, at - this.now))), tick)
    ) as Fiber.Fiber<void>
  }

  private closed(): void {
    this.timer?.interruptUnsafe()
    for (const release of this.releases) release()
    Deferred.doneUnsafe(this.closing, Exit.void)
  }
}

/** The rungs of the shutdown ladder (such as SIGTERM and SIGKILL) after which an actor counts as lost. */
const lostRungs: ReadonlySet<string> = new Set(["Terminating", "Killed", "Gone"])

/**
 * Makes the error of tasks that no worker can run, because the workers of the pool die before their first task has
 * ended.
 */
const fruitless = (pool: string, actor: ActorId): Cause.Cause<ActorUnreachable> =>
  Cause.fail(withoutStack(() =>
    new ActorUnreachable({
      actor,
      target: `a worker of the pool "${pool}"`,
      why: "gone",
      reason: `its workers die before a task of theirs is over, the last one was ${formatActor(actor)}`
    })
  ))

/** Returns the reason why a worker can do no more tasks after its last task; `undefined` for a sound worker. */
const faultOf = (pool: string, worker: Worker, exit: Exit.Exit<unknown, unknown>): Table.Fault | undefined => {
  if (Portal.isStuck(worker.portal)) return { why: "stuck", error: undefined }
  if (Exit.isSuccess(exit)) return undefined
  const isEnding = exit.cause.reasons.some((reason) => {
    if (reason._tag !== "Fail") return false
    const error = reason.error as
      | { readonly ending?: unknown; readonly actor?: { readonly uuid?: unknown } }
      | undefined
    return error?.ending === true && error.actor?.uuid === worker.actor.uuid
  })
  return isEnding ? { why: "left", error: fruitless(pool, worker.actor) } : undefined
}
