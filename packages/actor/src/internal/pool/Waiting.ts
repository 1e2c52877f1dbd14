/**
 * Tasks that wait for a worker, and the workers that keys are bound to.
 *
 * A task without a key waits in one line for any worker. Tasks of one key wait together: as one member of that line while
 * the key is bound to no worker, and in the line of its worker afterwards. All of it costs the same for one task as for a
 * hundred thousand, also to leave from the middle.
 *
 * @since 0.1.0
 */
import { isInLine, leave, Line, type Linked } from "./Line.ts"

/** A task, from when it is asked for until it is over. */
export interface Ticket extends Linked {
  readonly key: string | undefined
  /** The order of asking; below 0 before it is asked for. A task that is tried again keeps its own. */
  number: number
  /** The worker that has it. */
  holder: Holder | undefined
  binding: Binding | undefined
  /** The task waits beyond the bound of the queue: a bound of its own holds it. */
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

/** A place that keys are bound to: a slot, with its own line. */
export interface Holder {
  /** Keys with waiting tasks that are bound to it. */
  readonly own: Line<Binding>
  /** Counts the workers it had: keys of an earlier one are bound no longer. */
  life: number
  /** True when the worker gets no more tasks. Keys are bound to it until their last task there is over. */
  isLeaving: boolean
}

/** A key and its tasks. Idle ones are members of the line of those that are remembered. */
export interface Binding extends Linked {
  readonly key: string
  readonly tickets: Line<Ticket>
  holder: Holder | undefined
  life: number
  running: number
}

/** Keys without a task that stay bound to their workers; the one used longest ago is forgotten first. */
export const maxRememberedKeys = 10_000

export interface Waiting {
  /** Tasks without a key, and keys without a worker. */
  readonly anybody: Line<Ticket | Binding>
  readonly keys: Map<string, Binding>
  readonly remembered: Line<Binding>
  rememberedCount: number
  /** All waiting tasks. */
  count: number
  /** Members of the line for any worker. */
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

/** The place that a key is bound to: its worker is still there, or is leaving and has a task of the key. */
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

/** A key without tasks is remembered for as long as its worker lives. */
const settle = (waiting: Waiting, binding: Binding): void => {
  if (binding.running > 0 || !binding.tickets.isEmpty) return
  waiting.remembered.join(binding)
  waiting.rememberedCount++
  while (waiting.rememberedCount > maxRememberedKeys) {
    waiting.rememberedCount--
    waiting.keys.delete(waiting.remembered.call()!.key)
  }
}

/** Numbers a new task, and says which place it must have: any one that is free, this one, or none yet. */
export const admit = (waiting: Waiting, ticket: Ticket): "any" | "none" | Holder => {
  if (ticket.number < 0) ticket.number = waiting.next++
  if (ticket.key === undefined) return waiting.anybody.isEmpty ? "any" : "none"
  const binding = ticket.binding = bindingOf(waiting, ticket.key)
  if (!binding.tickets.isEmpty) return "none"
  return holderOf(binding) ?? (waiting.anybody.isEmpty ? "any" : "none")
}

/** True where `admit` has seen that any worker may have the task, also one that is still to start. */
export const isForAnybody = ({ binding }: Ticket, place: "any" | "none" | Holder): boolean =>
  typeof place === "string" && (binding === undefined || binding.tickets.isEmpty)

/** A task that `admit` has seen waits; one that is tried again stands before the others. */
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

/** A key with waiting tasks stands where they are called from. */
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

/** A task that waits no longer, or that was refused. */
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

/** Gives a task to a place, and binds its key to it. */
export const hold = (ticket: Ticket, holder: Holder): void => {
  ticket.holder = holder
  const { binding } = ticket
  if (binding === undefined) return
  binding.running++
  binding.holder = holder
  binding.life = holder.life
}

/** A task has left its place. */
export const release = (waiting: Waiting, ticket: Ticket): void => {
  ticket.holder = undefined
  const { binding } = ticket
  if (binding === undefined) return
  ticket.binding = undefined
  const place = holderOf(binding)
  binding.running--
  // The last task of a key on a worker that is leaving: the others of the key are the first for any worker.
  if (!binding.tickets.isEmpty && holderOf(binding) !== place) {
    leave(binding)
    waiting.forAnybody++
    waiting.anybody.joinFirst(binding)
  }
  settle(waiting, binding)
}

/** The next task of a place: the older one of those bound to it and those for any worker. It holds the task from now on. */
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
  // One task of each key in turn: a key with many does not keep the others waiting.
  if (!member.tickets.isEmpty) holder.own.join(member)
  return ticket
}

const numberOf = (member: Ticket | Binding): number => isBinding(member) ? member.tickets.first!.number : member.number

/** The worker of a place has gone: its keys are free, and their tasks are the first for any worker. */
export const unbind = (waiting: Waiting, holder: Holder): void => {
  holder.life++
  holder.isLeaving = false
  for (const _ of holder.own) waiting.forAnybody++
  waiting.anybody.precede(holder.own as Line<Ticket | Binding>)
}

/** The worker of a place gets no more tasks: its keys are free, but for those that it has a task of. */
export const unbindIdle = (waiting: Waiting, holder: Holder): void => {
  const kept = Array.from(holder.own).filter(({ running }) => running > 0)
  for (const binding of kept) leave(binding)
  unbind(waiting, holder)
  holder.isLeaving = true
  for (const binding of kept) holder.own.join(binding)
}

/** Takes all waiting tasks out, the oldest first. */
export const clear = (waiting: Waiting, holders: Iterable<Holder>): ReadonlyArray<Ticket> => {
  const members: Array<Ticket | Binding> = [...waiting.anybody]
  for (const { own } of holders) members.push(...own)
  const tickets = members.flatMap((member) => isBinding(member) ? [...member.tickets] : [member])
  tickets.sort((a, b) => a.number - b.number)
  for (const ticket of tickets) withdraw(waiting, ticket)
  return tickets
}
