/**
 * The waiting tasks of a pool, and the workers to which keys are bound.
 *
 * A task without a key waits in one line for any worker. Tasks of one key wait together in a line of their key. A key
 * that is bound to no worker is, with all its tasks, one member of the line for any worker; a bound key stands in the
 * line of its worker. Joining and leaving a line cost the same for one task as for a hundred thousand, even in the
 * middle.
 *
 * @since 0.1.0
 */
import { isInLine, leave, Line, type Linked } from "./Line.ts"

/** A waiting or running task, from the request of its caller until the end of the task. */
export interface Ticket extends Linked {
  readonly key: string | undefined
  /**
   * The position of the task in the order of asking; negative before the task has asked. A task that is tried again
   * keeps its position in the order of asking.
   */
  number: number
  /** The slot whose worker runs the task. */
  holder: Holder | undefined
  binding: Binding | undefined
  /** True when the task may wait even when the queue is full, because its caller limits the number of such tasks. */
  readonly patient: boolean
}

export const makeTicket = (key?: string, patient = false): Ticket => ({
  key,
  patient,
  number: -1,
  holder: undefined,
  binding: undefined,
  before: undefined,
  behind: undefined
})

/** A slot to which keys can be bound, with its own line of tasks. */
export interface Holder {
  /** The keys that have waiting tasks and are bound to this slot. */
  readonly own: Line<Binding>
  /** The number of the slot's present worker: a key that was bound to an earlier worker of the slot is free. */
  life: number
  /**
   * True when the slot's worker gets no more tasks. A key stays bound to the leaving worker until the last task of the
   * key has ended.
   */
  isLeaving: boolean
}

/** A key of the pool, with the tasks of this key. A key without tasks is a member of the line of remembered keys. */
export interface Binding extends Linked {
  readonly key: string
  readonly tickets: Line<Ticket>
  holder: Holder | undefined
  life: number
  running: number
}

/**
 * The number of keys without a task that stay bound to their workers; above this number, the key that was used longest
 * ago is forgotten.
 */
export const maxRememberedKeys = 10_000

export interface Waiting {
  /** Tasks that any worker may run: tasks without a key, and keys that are bound to no worker. */
  readonly anybody: Line<Ticket | Binding>
  readonly keys: Map<string, Binding>
  readonly remembered: Line<Binding>
  rememberedCount: number
  /** The number of tasks that wait in the pool. */
  count: number
  /** The number of members of the line for any worker. */
  forAnybody: number
  next: number
}

export const make = (): Waiting => ({
  anybody: new Line(),
  keys: new Map(),
  remembered: new Line(),
  rememberedCount: 0,
  count: 0,
  forAnybody: 0,
  next: 0
})

export const isWaiting = (ticket: Ticket): boolean => isInLine(ticket)

const isBinding = (member: Ticket | Binding): member is Binding => "tickets" in member

/**
 * Returns the slot to which a key is bound, if the slot's worker is still the same, or is leaving and has a task of the
 * key.
 */
const holderOf = ({ holder, life, running }: Binding): Holder | undefined =>
  holder !== undefined && (holder.life === life || holder.isLeaving && running > 0) ? holder : undefined

const bindingOf = (waiting: Waiting, key: string): Binding => {
  const known = waiting.keys.get(key)
  if (known !== undefined) {
    if (known.running === 0 && known.tickets.isEmpty) {
      leave(known)
      waiting.rememberedCount--
    }
    return known
  }
  const made: Binding = {
    key,
    tickets: new Line(),
    holder: undefined,
    life: 0,
    running: 0,
    before: undefined,
    behind: undefined
  }
  waiting.keys.set(key, made)
  return made
}

/** Remembers a key without tasks for as long as its worker lives. */
const settle = (waiting: Waiting, binding: Binding): void => {
  if (binding.running > 0 || !binding.tickets.isEmpty) return
  waiting.remembered.join(binding)
  waiting.rememberedCount++
  while (waiting.rememberedCount > maxRememberedKeys) {
    waiting.rememberedCount--
    waiting.keys.delete(waiting.remembered.call()!.key)
  }
}

/**
 * Numbers a new task, and returns the worker that may run the task: any worker, the worker of its key, or no worker
 * yet.
 */
export const admit = (waiting: Waiting, ticket: Ticket): "any" | "none" | Holder => {
  if (ticket.number < 0) ticket.number = waiting.next++
  if (ticket.key === undefined) return waiting.anybody.isEmpty ? "any" : "none"
  const binding = ticket.binding = bindingOf(waiting, ticket.key)
  if (!binding.tickets.isEmpty) return "none"
  return holderOf(binding) ?? (waiting.anybody.isEmpty ? "any" : "none")
}

/** True when any worker may run the admitted task, including a worker that is still to start. */
export const isForAnybody = ({ binding }: Ticket, place: "any" | "none" | Holder): boolean =>
  typeof place === "string" && (binding === undefined || binding.tickets.isEmpty)

/**
 * Puts an admitted task into the line in which it waits for a worker. A task that is tried again is put before all
 * other tasks of its line.
 */
export const join = (waiting: Waiting, ticket: Ticket, isAgain: boolean): void => {
  const { binding } = ticket
  waiting.count++
  if (binding === undefined) {
    waiting.forAnybody++
    return isAgain ? waiting.anybody.joinFirst(ticket) : waiting.anybody.join(ticket)
  }
  if (isAgain) binding.tickets.joinFirst(ticket)
  else binding.tickets.join(ticket)
  if (!isInLine(binding)) queue(waiting, binding)
}

/** Puts a key with waiting tasks into the line from which its tasks are taken. */
const queue = (waiting: Waiting, binding: Binding): void => {
  const holder = holderOf(binding)
  if (holder !== undefined) return holder.own.join(binding)
  waiting.forAnybody++
  waiting.anybody.join(binding)
}

const unqueue = (waiting: Waiting, binding: Binding): void => {
  if (holderOf(binding) === undefined) waiting.forAnybody--
  leave(binding)
}

/** Removes a task that waits no longer, or that was refused. */
export const withdraw = (waiting: Waiting, ticket: Ticket): void => {
  const { binding } = ticket
  const waited = isInLine(ticket)
  leave(ticket)
  if (waited) waiting.count--
  if (binding === undefined) {
    if (waited) waiting.forAnybody--
    return
  }
  ticket.binding = undefined
  if (waited && binding.tickets.isEmpty) unqueue(waiting, binding)
  settle(waiting, binding)
}

/** Gives a task to a slot, and binds its key to that slot. */
export const hold = (ticket: Ticket, holder: Holder): void => {
  ticket.holder = holder
  const { binding } = ticket
  if (binding === undefined) return
  binding.running++
  binding.holder = holder
  binding.life = holder.life
}

/** Takes a task from the slot whose worker it has left. */
export const release = (waiting: Waiting, ticket: Ticket): void => {
  ticket.holder = undefined
  const { binding } = ticket
  if (binding === undefined) return
  ticket.binding = undefined
  const place = holderOf(binding)
  binding.running--
  // The leaving worker of a key has ended its last task of this key. The remaining tasks of the key go to the front of
  // the line for any worker.
  if (!binding.tickets.isEmpty && holderOf(binding) !== place) {
    leave(binding)
    waiting.forAnybody++
    waiting.anybody.joinFirst(binding)
  }
  settle(waiting, binding)
}

/**
 * Returns the next task for a slot: the oldest of the tasks that are bound to the slot or that any worker may run. The
 * slot for which a task is returned holds the task.
 */
export const callFor = (waiting: Waiting, holder: Holder): Ticket | undefined => {
  const bound = holder.own.first
  const other = waiting.anybody.first
  if (bound === undefined && other === undefined) return undefined
  const isBound = other === undefined || bound !== undefined && numberOf(bound) < numberOf(other)
  const member = (isBound ? bound : other)!
  leave(member)
  if (!isBound) waiting.forAnybody--
  waiting.count--
  if (!isBinding(member)) {
    hold(member, holder)
    return member
  }
  const ticket = member.tickets.call()!
  hold(ticket, holder)
  // Takes one task of each key in turn, so that a key with many tasks does not hold up the other keys.
  if (!member.tickets.isEmpty) holder.own.join(member)
  return ticket
}

const numberOf = (member: Ticket | Binding): number => isBinding(member) ? member.tickets.first!.number : member.number

/**
 * Frees the keys of a slot whose worker has gone. The tasks of the freed keys go to the front of the line for any
 * worker.
 */
export const unbind = (waiting: Waiting, holder: Holder): void => {
  holder.life++
  holder.isLeaving = false
  for (const _ of holder.own) waiting.forAnybody++
  waiting.anybody.precede(holder.own as Line<Ticket | Binding>)
}

/** Frees the keys of a slot whose worker gets no more tasks, except for keys of which that worker still runs a task. */
export const unbindIdle = (waiting: Waiting, holder: Holder): void => {
  const kept = Array.from(holder.own).filter(({ running }) => running > 0)
  for (const binding of kept) leave(binding)
  unbind(waiting, holder)
  holder.isLeaving = true
  for (const binding of kept) holder.own.join(binding)
}

/** Removes all waiting tasks of the pool, and returns these tasks, the oldest first. */
export const clear = (waiting: Waiting, holders: Iterable<Holder>): ReadonlyArray<Ticket> => {
  const members: Array<Ticket | Binding> = [...waiting.anybody]
  for (const { own } of holders) members.push(...own)
  const tickets = members.flatMap((member) => isBinding(member) ? [...member.tickets] : [member])
  tickets.sort((a, b) => a.number - b.number)
  for (const ticket of tickets) withdraw(waiting, ticket)
  return tickets
}
