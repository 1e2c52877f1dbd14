/**
 * The waiting tasks of a pool, and the workers to which keys are bound.
 *
 * A task without a key waits in one queue for any worker. The tasks of one key wait together in a queue for this key. A
 * key without a worker stands, with all its tasks, as one member in the queue for any worker. A key that is bound to a
 * worker waits, with its tasks, in the queue of this worker. A task joins or leaves a queue at the same cost, however
 * many tasks are in the queue.
 *
 * @since 0.1.0
 */
import { isInLine, leave, Line, type Linked } from "./Line.ts"

/** A task of a pool, from the request of its caller until the task has ended. */
export interface Ticket extends Linked {
  readonly key: string | undefined
  /**
   * The position of the task in the order in which tasks asked for a worker; negative before the task has asked. A task
   * that is given to another worker keeps its position in the order in which tasks asked for a worker.
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

/** The part of a slot that concerns keys: tasks of a key that is bound to the slot wait for the slot's worker. */
export interface Holder {
  /** The keys that have waiting tasks and are bound to this slot. */
  readonly own: Line<Binding>
  /**
   * The serial number of the slot's present worker, by which the table sees that a key was bound to an earlier worker.
   */
  life: number
  /**
   * True when the slot's worker gets no more tasks. A key stays bound to a leaving worker until the worker's last task
   * of that key has ended.
   */
  isLeaving: boolean
}

/**
 * A key of the pool, with the waiting tasks of this key. A key without any task is a member of `remembered`, the line
 * of keys that stay bound to their workers.
 */
export interface Binding extends Linked {
  readonly key: string
  readonly tickets: Line<Ticket>
  holder: Holder | undefined
  life: number
  running: number
}

/**
 * The largest number of keys without a task that stay bound to workers. When more keys without a task are remembered,
 * the key that was used longest ago is forgotten.
 */
export const maxRememberedKeys = 10_000

export interface Waiting {
  /** The queue for any worker: tasks without a key, and keys with waiting tasks that are bound to no worker. */
  readonly anybody: Line<Ticket | Binding>
  readonly keys: Map<string, Binding>
  readonly remembered: Line<Binding>
  rememberedCount: number
  /** The number of tasks that wait in the pool. */
  count: number
  /** The number of entries in the queue for any worker; a key with all its waiting tasks is one entry. */
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
 * Returns the slot to which a key is bound; `undefined` if the key's worker is gone, or is leaving without a task of
 * the key.
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

/** Keeps a key without tasks bound to its worker, until the worker ends or too many keys are remembered. */
const settle = (waiting: Waiting, binding: Binding): void => {
  if (binding.running > 0 || !binding.tickets.isEmpty) return
  waiting.remembered.join(binding)
  waiting.rememberedCount++
  while (waiting.rememberedCount > maxRememberedKeys) {
    waiting.rememberedCount--
    waiting.keys.delete(waiting.remembered.call()!.key)
  }
}

/** Numbers a new task, and returns where it may run: on any worker, on the worker of its key, or on no worker yet. */
export const admit = (waiting: Waiting, ticket: Ticket): "any" | "none" | Holder => {
  if (ticket.number < 0) ticket.number = waiting.next++
  if (ticket.key === undefined) return waiting.anybody.isEmpty ? "any" : "none"
  const binding = ticket.binding = bindingOf(waiting, ticket.key)
  if (!binding.tickets.isEmpty) return "none"
  return holderOf(binding) ?? (waiting.anybody.isEmpty ? "any" : "none")
}

/** True when the admitted task may run on any worker, even on a worker that has yet to start. */
export const isForAnybody = ({ binding }: Ticket, place: "any" | "none" | Holder): boolean =>
  typeof place === "string" && (binding === undefined || binding.tickets.isEmpty)

/**
 * Puts an admitted task into the line in which it waits for a worker. A task that asks again, because its worker was
 * lost, is put before all other tasks of its line.
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

/**
 * Puts a key with waiting tasks into the line of its worker, or into the line for any worker if the key has no worker.
 */
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

/** Notes in a slot that a task has left the worker of the slot. */
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
 * returned task is held by the slot from then on.
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
  // When one of its tasks has got a worker, a key goes to the end of its slot's queue, behind the other keys.
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
