/**
 * The table of a pool, with one slot for each worker, and the function `step`, which changes the table for each input.
 * The table of a pool decides which worker has which task, and which workers start, end or wait.
 *
 *   (none) --Start--> Starting --Started--> Idle <--a task ends / one is given--> Busy(n)
 *                      ^    |                 |                                      |
 *                  Retry    StartFailed       +--- ends, is lost, stuck, spare, old -+
 *                      |    v                                     v
 *                     Backing --no more attempts--> (none) <--Gone-- Condemned
 *
 * | slot      | what                                                    | counts in `max` |
 * | Starting  | its worker is being started                             | yes             |
 * | Idle      | free for a task                                         | yes             |
 * | Busy(n)   | has n tasks, and is free for more below `concurrency`   | yes             |
 * | Backing   | waits for its start: workers did not start, or died before a task of theirs was over | yes |
 * | Condemned | gets no task; it is ended once its tasks are over, or now | no, but all that have tasks as one |
 *
 * Each call of `step` changes the pool's table in place and makes no copy of it. The pool carries out the actions that
 * `step` has returned.
 *
 * @since 0.1.0
 */
import { Line } from "./Line.ts"
import type { Action, Failure, Fault, Input, Options, Phase, Reason, Row, Slot, Table, Ticket } from "./TableWords.ts"
import * as Waiting from "./Waiting.ts"

export * from "./TableWords.ts"

/** The reasons for which a worker gets no more tasks, but may complete the tasks that it has. */
const recycled: ReadonlySet<Reason> = new Set<Reason>(["tasks", "age", "memory"])

export const make = (options: Options): Table => ({
  options,
  slots: new Set(),
  waiting: Waiting.make(),
  stage: "opening",
  failure: undefined,
  row: undefined,
  running: 0,
  wakeAt: Infinity,
  ids: 0
})

type Actions = Array<Action>

export const step = (table: Table, input: Input): ReadonlyArray<Action> => {
  const actions: Actions = []
  switch (input._tag) {
    case "Submit":
      submit(table, input.ticket, input.isAgain, actions)
      break
    case "Finish":
      finish(table, input.ticket, input.fault, input.now, actions)
      break
    case "Withdraw":
      if (Waiting.isWaiting(input.ticket)) Waiting.withdraw(table.waiting, input.ticket)
      break
    case "Open":
      for (let n = table.options.min; n > 0; n--) start(table, table.options.attempts - 1, actions)
      opened(table, actions)
      break
    case "Started":
      started(table, input.slot, input.now, actions)
      break
    case "StartFailed":
      startFailed(table, input.slot, input.error, actions)
      break
    case "Retry":
      retry(table, input.slot, actions)
      break
    case "GiveUp":
      retire(table, input.slot, input.error, actions)
      break
    case "Part":
      part(table, input.slot, input.why, input.error, actions)
      break
    case "Measured":
      if (input.bytes > table.options.memory) condemn(table, input.slot, "memory", actions)
      break
    case "Gone":
      table.slots.delete(input.slot)
      break
    case "Tick":
      tick(table, input.now, actions)
      break
    case "Drain":
      if (table.stage === "open" || table.stage === "opening") table.stage = "draining"
      break
    case "Close":
      close(table, actions)
      break
  }
  settle(table, actions)
  return actions
}

// ---- rules that the table applies after each input ------------------------------------------------------------------

/** A draining pool is closed when its last task has ended. A pool has ended when its last worker is gone. */
const settle = (table: Table, actions: Actions): void => {
  if (table.stage === "draining" && table.waiting.count === 0 && table.running === 0) close(table, actions)
  if (table.stage !== "closing" || table.slots.size > 0) return
  table.stage = "closed"
  actions.push({ _tag: "Closed" })
}

// ---- tasks ----------------------------------------------------------------------------------------------------------

const hasRoom = ({ phase }: Slot, { concurrency }: Options): boolean =>
  phase._tag === "Idle" || phase._tag === "Busy" && phase.active < concurrency

/**
 * Chooses the worker with the fewest tasks among the workers that have room for another task. Of several idle workers
 * the table chooses the worker that worked last, so that the other workers stay idle long enough to end.
 */
const leastBusy = ({ options, slots }: Table): Slot | undefined => {
  let best: Slot | undefined
  for (const slot of slots) {
    if (hasRoom(slot, options) && (best === undefined || isBetter(slot.phase as Free, best.phase as Free))) best = slot
  }
  return best
}

type Free = Extract<Phase, { readonly _tag: "Idle" | "Busy" }>

const isBetter = (a: Free, b: Free): boolean => {
  if (a._tag === "Idle") return b._tag === "Busy" || a.since > b.since
  return b._tag === "Busy" && a.active < b.active
}

const submit = (table: Table, ticket: Ticket, isAgain: boolean, actions: Actions): void => {
  const { options, stage, waiting } = table
  if (stage === "closing" || stage === "closed" || stage === "draining" && !isAgain) {
    return void actions.push({ _tag: "Refuse", ticket, why: "closed" })
  }
  const place = Waiting.admit(waiting, ticket)
  const slot = place === "any" ? leastBusy(table) : place === "none" ? undefined : place as Slot
  if (slot !== undefined && hasRoom(slot, options)) {
    Waiting.hold(ticket, slot)
    return assign(table, slot, ticket, actions)
  }
  if (!isAgain && !ticket.patient && waiting.count >= options.queue && isFull(table, ticket, place)) {
    Waiting.withdraw(waiting, ticket)
    return void actions.push({ _tag: "Refuse", ticket, why: "full" })
  }
  Waiting.join(waiting, ticket, isAgain)
  grow(table, actions)
}

/** Tasks that fit into workers which are not ready yet do not count as waiting in the queue. */
const isFull = (table: Table, ticket: Ticket, place: ReturnType<typeof Waiting.admit>): boolean => {
  const { options, waiting } = table
  const missing = options.max - count(table, isReady)
  const roomToCome = missing === 0 ? 0 : missing * options.concurrency
  if (waiting.forAnybody < roomToCome && Waiting.isForAnybody(ticket, place)) return false
  return waiting.count - Math.min(waiting.forAnybody, roomToCome) >= options.queue
}

const assign = (table: Table, slot: Slot, ticket: Ticket, actions: Actions): void => {
  const phase = slot.phase as Free
  const active = phase._tag === "Busy" ? phase.active + 1 : 1
  slot.phase = { _tag: "Busy", active, born: phase.born, served: phase.served + 1 }
  table.running++
  actions.push({ _tag: "Assign", ticket })
  if (slot.phase.served >= table.options.tasks) condemn(table, slot, "tasks", actions)
}

/** Gives waiting tasks to a worker until the worker has no more room. */
const call = (table: Table, slot: Slot, actions: Actions): void => {
  while (hasRoom(slot, table.options)) {
    const ticket = Waiting.callFor(table.waiting, slot)
    if (ticket === undefined) return
    assign(table, slot, ticket, actions)
  }
}

const finish = (
  table: Table,
  ticket: Ticket,
  fault: Fault | undefined,
  now: number,
  actions: Actions
): void => {
  const slot = ticket.holder as Slot | undefined
  if (slot === undefined) return
  Waiting.release(table.waiting, ticket)
  table.running--
  const { phase } = slot
  const hasRecovered = fault === undefined && prove(table, slot)
  if (phase._tag === "Busy") {
    const { active, born, served } = phase
    slot.phase = active > 1 ? { ...phase, active: active - 1 } : { _tag: "Idle", born, served, since: now }
  } else if (phase._tag === "Condemned") {
    slot.phase = { ...phase, active: phase.active - 1 }
    if (slot.phase.active === 0) end(slot, actions)
    replace(table, actions)
  }
  if (fault !== undefined) part(table, slot, fault.why, fault.error, actions)
  else if (hasRoom(slot, table.options)) {
    call(table, slot, actions)
    if (slot.phase._tag === "Idle") watch(table, slot.phase, actions)
  }
  if (hasRecovered) grow(table, actions)
}

/**
 * Notes that a worker has completed a task, which proves that new workers of the pool can work. The function `prove`
 * returns true if workers of the pool had failed before this worker completed a task.
 */
const prove = (table: Table, slot: Slot): boolean => {
  if (slot.phase._tag === "Condemned" && slot.phase.isEnding) return false
  slot.isProven = true
  slot.failures = 0
  if (table.row === undefined && table.failure === undefined) return false
  table.row = table.failure = undefined
  return true
}

// ---- workers --------------------------------------------------------------------------------------------------------

/** Counts the slots of the pool whose worker is ready, is starting, or waits to be started. */
const size = (table: Table): number => count(table, ({ phase }) => phase._tag !== "Condemned")

const count = ({ slots }: Table, is: (slot: Slot) => boolean): number => {
  let counted = 0
  for (const slot of slots) if (is(slot)) counted++
  return counted
}

const isReady = ({ phase }: Slot): boolean => phase._tag === "Idle" || phase._tag === "Busy"

/** True for a worker that gets no more tasks, but still has tasks to complete. */
const isLeaving = ({ phase }: Slot): boolean => phase._tag === "Condemned" && !phase.isEnding && phase.active > 0

const isComing = ({ phase }: Slot): boolean => phase._tag === "Starting" || phase._tag === "Backing"

const open = (table: Table, phase: Phase, failures: number): Slot => {
  const slot: Slot = { id: ++table.ids, phase, failures, isProven: false, own: new Line(), life: 0, isLeaving: false }
  table.slots.add(slot)
  return slot
}

const start = (table: Table, failures: number, actions: Actions): void =>
  void actions.push({ _tag: "Start", slot: open(table, { _tag: "Starting" }, failures) })

/**
 * Starts a new worker in the place of a failed worker after a delay. The delay before a worker's start grows with each
 * failure, until as many starts have failed as the limit `attempts` allows. While another worker of the pool lives, the
 * pool tries failed starts again without limit.
 */
const backOff = (table: Table, { error, failures }: Row, actions: Actions): void => {
  const slot = open(table, { _tag: "Backing" }, failures)
  actions.push({ _tag: "BackOff", slot, failures: Math.min(failures, table.options.attempts), error })
}

/**
 * Starts the workers that the pool lacks: at least `min` workers, and more workers for waiting tasks that any worker
 * may run. The replacement of a leaving worker may start before the leaving worker is gone, so a pool has at most one
 * worker more than `max`.
 */
const grow = (table: Table, actions: Actions): void => {
  const { options, row, stage, waiting } = table
  if (stage !== "open" && stage !== "draining") return
  const isBroken = table.failure !== undefined
  const { forAnybody } = waiting
  let kept = size(table)
  let coming = count(table, isComing)
  const most = Math.min(options.max, options.max + 1 - count(table, isLeaving))
  // Waiting tasks need at least one worker, even if a worker may run any number of tasks (an infinite `concurrency`).
  const one = Math.min(1, forAnybody)
  const wanted = isBroken ? one : Math.max(one, Math.ceil(forAnybody / options.concurrency))
  while (kept < most && (kept < floor(table) || coming < wanted)) {
    if (isBroken || row === undefined) start(table, isBroken ? options.attempts - 1 : 0, actions)
    else backOff(table, row, actions)
    kept++
    coming++
  }
}

/** The smallest number of workers that the pool keeps while it has no task. */
const floor = ({ failure, options, stage }: Table): number =>
  failure !== undefined || stage !== "open" ? 0 : options.min

const opened = (table: Table, actions: Actions): void => {
  if (table.stage !== "opening") return
  if (count(table, isReady) < table.options.min) return
  table.stage = "open"
  for (const slot of table.slots) slot.failures = 0
  actions.push({ _tag: "Opened" })
}

const started = (table: Table, slot: Slot, now: number, actions: Actions): void => {
  // The pool has decided to end this worker while the worker was being started.
  if (slot.phase._tag !== "Starting") return
  table.failure = undefined
  slot.phase = { _tag: "Idle", born: now, served: 0, since: now }
  if (table.options.age < Infinity) ask(table, now + table.options.age, actions)
  opened(table, actions)
  call(table, slot, actions)
  if (slot.phase._tag === "Idle") watch(table, slot.phase, actions)
  grow(table, actions)
}

const startFailed = (table: Table, slot: Slot, error: Failure, actions: Actions): void => {
  const isWanted = slot.phase._tag === "Starting"
  table.slots.delete(slot)
  if (isWanted) succeedFailed(table, { failures: slot.failures + 1, error }, actions)
}

/**
 * Delays the start of the worker that replaces a failed worker. A failed worker is not replaced once as many starts
 * have failed as the limit `attempts` allows.
 */
const succeedFailed = (table: Table, row: Row, actions: Actions): void => {
  if (isHopeless(table, row)) giveUp(table, row.error, actions)
  else if (isWanting(table)) backOff(table, row, actions)
}

/**
 * True when as many starts have failed as the limit `attempts` allows, and the pool has no other worker that is ready
 * or starting.
 */
const isHopeless = ({ options, slots, stage }: Table, row: Row): boolean => {
  if (stage === "opening") return true
  if (row.failures < options.attempts) return false
  for (const { failures, phase } of slots) if (phase._tag !== "Condemned" && failures < options.attempts) return false
  return true
}

const isWanting = (table: Table): boolean => size(table) < floor(table) || table.waiting.forAnybody > 0

const retry = (table: Table, slot: Slot, actions: Actions): void => {
  if (slot.phase._tag !== "Backing" || !table.slots.delete(slot)) return
  // After the delay, the worker is started only if tasks still wait, or if the pool has fewer workers than its minimum.
  if (!isWanting(table)) return
  table.slots.add(slot)
  slot.phase = { _tag: "Starting" }
  actions.push({ _tag: "Start", slot })
}

/** Removes a slot whose `backoff` schedule allows no further start of a worker. */
const retire = (table: Table, slot: Slot, error: Failure, actions: Actions): void => {
  if (slot.phase._tag !== "Backing" || !table.slots.delete(slot)) return
  if (isHopeless(table, { failures: Infinity, error })) giveUp(table, error, actions)
}

/** Gives up starting workers, and fails the waiting tasks with the error of the last start. */
const giveUp = (table: Table, error: Failure, actions: Actions): void => {
  const { slots, waiting } = table
  if (table.stage === "opening") {
    actions.push({ _tag: "OpenFailed", error })
    return close(table, actions)
  }
  for (const slot of slots) if (slot.phase._tag === "Backing") slots.delete(slot)
  table.failure = error
  if (waiting.count > 0) actions.push({ _tag: "Fail", tickets: Waiting.clear(waiting, slots), error })
}

/**
 * Ends a worker immediately, even if the worker still has tasks, because the worker can no longer complete any task.
 */
const part = (
  table: Table,
  slot: Slot,
  why: Reason,
  error: Failure | undefined,
  actions: Actions
): void => {
  const { phase } = slot
  const row = error === undefined || slot.isProven ? undefined : { failures: slot.failures + 1, error }
  if (phase._tag === "Condemned") {
    if (phase.isEnding) return
    slot.phase = { ...phase, why }
    Waiting.unbind(table.waiting, slot)
    end(slot, actions)
    if (row !== undefined) join(table, row)
    replace(table, actions)
    // The worker that replaces this leaving worker has already been started, so the pool starts no second one in its
    // place.
    if (row !== undefined && isHopeless(table, row)) giveUp(table, row.error, actions)
    return
  }
  if (phase._tag !== "Idle" && phase._tag !== "Busy") return
  if (row === undefined) condemn(table, slot, why, actions)
  else {
    remove(table, slot, why, actions)
    distribute(table, actions)
    join(table, row)
    succeedFailed(table, row, actions)
    grow(table, actions)
  }
  end(slot, actions)
}

/**
 * Counts a worker that died before its first task had ended. The delay before the next start depends on the largest
 * number of failures that the pool or the dead worker's slot has counted.
 */
const join = (table: Table, row: Row): void => {
  if (table.row === undefined || table.row.failures < row.failures) table.row = row
}

/**
 * Takes a worker out of the workers that get new tasks. A worker that gets no more tasks keeps its present tasks until
 * they have ended.
 */
const remove = (table: Table, slot: Slot, why: Reason, actions: Actions): void => {
  const { phase } = slot
  slot.phase = { _tag: "Condemned", why, active: phase._tag === "Busy" ? phase.active : 0, isEnding: false }
  if (recycled.has(why)) Waiting.unbindIdle(table.waiting, slot)
  else Waiting.unbind(table.waiting, slot)
  actions.push({ _tag: "Condemned", why })
}

/** Condemns a worker: the worker gets no more tasks, and ends when its last task has ended. */
const condemn = (table: Table, slot: Slot, why: Reason, actions: Actions): void => {
  if (slot.phase._tag !== "Idle" && slot.phase._tag !== "Busy") return
  remove(table, slot, why, actions)
  if ((slot.phase as Phase & { readonly active: number }).active === 0) end(slot, actions)
  replace(table, actions)
}

/**
 * Replaces a worker that gets no more tasks: another worker may start, and take over the waiting tasks of the worker's
 * keys.
 */
const replace = (table: Table, actions: Actions): void => {
  grow(table, actions)
  distribute(table, actions)
}

/** Gives tasks whose key has lost its worker to workers with room. */
const distribute = (table: Table, actions: Actions): void => {
  while (!table.waiting.anybody.isEmpty) {
    const slot = leastBusy(table)
    if (slot === undefined) return
    const ticket = Waiting.callFor(table.waiting, slot)!
    assign(table, slot, ticket, actions)
  }
}

const end = (slot: Slot, actions: Actions): void => {
  const { phase } = slot
  if (phase._tag !== "Condemned" || phase.isEnding) return
  slot.phase = { ...phase, isEnding: true }
  actions.push({ _tag: "End", slot, why: phase.why })
}

// ---- time -----------------------------------------------------------------------------------------------------------

const ask = (table: Table, at: number, actions: Actions): void => {
  if (at >= table.wakeAt || at === Infinity) return
  table.wakeAt = at
  actions.push({ _tag: "Wake", at })
}

/** Asks the pool for the input `Tick` at the time when the idle worker will have been idle for too long. */
const watch = (table: Table, { since }: { readonly since: number }, actions: Actions): void => {
  const { idle, max, min } = table.options
  if (idle < Infinity && max > min && size(table) > min) ask(table, since + idle, actions)
}

const tick = (table: Table, now: number, actions: Actions): void => {
  const { age, idle, min } = table.options
  table.wakeAt = Infinity
  const free = Array.from(table.slots).filter(({ phase }) => phase._tag === "Idle" || phase._tag === "Busy")
  for (const slot of free) {
    const { phase } = slot
    if (age < Infinity && "born" in phase && now - phase.born >= age) condemn(table, slot, "age", actions)
  }
  const spare = free.filter(({ phase }) => phase._tag === "Idle").sort((a, b) => idleSince(a) - idleSince(b))
  for (const slot of spare) {
    if (now - idleSince(slot) >= idle && size(table) > min) condemn(table, slot, "spare", actions)
  }
  for (const { phase } of table.slots) {
    if (age < Infinity && "born" in phase) ask(table, phase.born + age, actions)
    if (phase._tag === "Idle") watch(table, phase, actions)
  }
}

const idleSince = ({ phase }: Slot): number => phase._tag === "Idle" ? phase.since : Infinity

// ---- the end --------------------------------------------------------------------------------------------------------

const close = (table: Table, actions: Actions): void => {
  if (table.stage === "closing" || table.stage === "closed") return
  table.stage = "closing"
  const { slots, waiting } = table
  if (waiting.count > 0) actions.push({ _tag: "Fail", tickets: Waiting.clear(waiting, slots), error: undefined })
  for (const slot of Array.from(slots)) {
    switch (slot.phase._tag) {
      case "Backing":
        slots.delete(slot)
        break
      case "Starting":
        slot.phase = { _tag: "Condemned", why: "closed", active: 0, isEnding: false }
        end(slot, actions)
        break
      case "Condemned":
        end(slot, actions)
        break
      default:
        remove(table, slot, "closed", actions)
        end(slot, actions)
    }
  }
}
