/**
 * The hub of a topic holds the subscribers, the messages that each subscriber still has to get, and the publishers that
 * wait.
 *
 * | a subscriber has no room | the message                         | the subscriber                  |
 * | block                    | waits, and later ones of its key too | keeps what it has               |
 * | drop-oldest              | is taken                            | loses its oldest, and is told   |
 * | error                    | is taken                            | is done, and its stream fails   |
 *
 * Messages of one key are taken in the order in which they were published. A message that waits for room in a
 * subscriber's buffer delays only later messages of the same key. The methods of the class `Hub` return actions, which
 * the actor of the topic carries out. The class `Hub` never calls a callback of a publisher or a subscriber itself.
 *
 * @since 0.1.0
 */

export interface Message {
  readonly key: string
  readonly bytes: Uint8Array
}

/**
 * A topic does one of the following when a subscriber has no room for a message:
 *
 * - The policy `"block"` makes the message's publisher wait for room; later messages of the same key wait as well
 * - The policy `"drop-oldest"` drops the oldest message that waits for the subscriber, and tells the subscriber so
 * - The policy `"error"` fails the stream of the subscriber with `StreamOverrun`
 *
 * @category models
 * @since 0.1.0
 */
export type Overflow = "block" | "drop-oldest" | "error"

export interface Bounds {
  /** The largest number of messages that may wait for one subscriber. */
  readonly buffer: number
  /** The number of messages that are kept for later subscribers. */
  readonly replay: number
}

export type Action =
  | { readonly _tag: "Published"; readonly id: number }
  | { readonly _tag: "Wake"; readonly id: number }

/**
 * The messages that a subscriber gets with one read, and the number of messages that the subscriber lost before them.
 */
export interface Taken {
  readonly dropped: number
  readonly messages: ReadonlyArray<Message>
}

interface Subscriber {
  readonly id: number
  readonly keys: ReadonlySet<string> | undefined
  readonly overflow: Overflow
  /**
   * The kept messages from before the subscription that the subscriber has not read yet. Replayed messages do not count
   * towards the limit of a subscriber's buffer.
   */
  replayed: Array<Message>
  queue: Array<Message>
  bytes: number
  dropped: number
  isOverrun: boolean
}

interface Publisher {
  readonly id: number
  readonly messages: ReadonlyArray<Message>
  next: number
}

/**
 * The largest number of bytes that wait for one subscriber, or are kept for later subscribers. A single message is
 * accepted whatever its size is, even if it exceeds `maxHeldBytes`.
 */
export const maxHeldBytes = 8 * 1024 * 1024

/** The largest number of messages that a subscriber gets with one read. */
export const maxTaken = 64

export class Hub {
  private readonly bounds: Bounds
  private readonly subscribers = new Map<number, Subscriber>()
  private readonly byKey = new Map<string, Set<Subscriber>>()
  private readonly toAll = new Set<Subscriber>()
  private waiting: Array<Publisher> = []
  private kept: Array<Message> = []
  private keptBytes = 0
  private isDraining = false

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  get statistics() {
    return { subscribers: this.subscribers.size, publishersWaiting: this.waiting.length, kept: this.kept.length }
  }

  publish(id: number, messages: ReadonlyArray<Message>): ReadonlyArray<Action> {
    const actions: Array<Action> = []
    this.waiting.push({ id, messages, next: 0 })
    this.goOn(actions)
    return actions
  }

  /**
   * Removes a publisher that was interrupted while it waited for room. Messages of a removed publisher that the hub has
   * already taken are still delivered.
   */
  withdraw(id: number): ReadonlyArray<Action> {
    const actions: Array<Action> = []
    this.waiting = this.waiting.filter((publisher) => publisher.id !== id)
    this.goOn(actions)
    return actions
  }

  /** Adds a subscriber, which first gets up to `replay` kept messages. */
  subscribe(id: number, keys: ReadonlyArray<string> | null, overflow: Overflow, replay: number): void {
    const wanted = keys === null ? undefined : new Set(keys)
    const subscriber: Subscriber = {
      id,
      keys: wanted,
      overflow,
      replayed: replay <= 0 ? [] : this.kept.filter(({ key }) => wanted?.has(key) ?? true).slice(-replay),
      queue: [],
      bytes: 0,
      dropped: 0,
      isOverrun: false
    }
    this.subscribers.set(id, subscriber)
    if (subscriber.keys === undefined) this.toAll.add(subscriber)
    for (const key of subscriber.keys ?? []) {
      const those = this.byKey.get(key) ?? new Set()
      this.byKey.set(key, those.add(subscriber))
    }
  }

  leave(id: number): ReadonlyArray<Action> {
    const actions: Array<Action> = []
    this.forget(id)
    this.goOn(actions)
    return actions
  }

  /**
   * Begins to drain the topic: only messages that already wait in the hub are still delivered. A subscription of a
   * drained topic ends when its subscriber has received all messages.
   */
  drain(): ReadonlyArray<Action> {
    this.isDraining = true
    return this.wakeAll()
  }

  /**
   * Returns the next messages for a subscriber, `"overrun"` if the subscriber was too slow, or `"over"` if no further
   * message will come.
   */
  take(id: number): readonly [Taken | "overrun" | "over" | undefined, ReadonlyArray<Action>] {
    const subscriber = this.subscribers.get(id)
    if (subscriber === undefined) return [undefined, []]
    if (subscriber.isOverrun) return ["overrun", []]
    if (subscriber.replayed.length > 0) {
      return [{ dropped: 0, messages: subscriber.replayed.splice(0, maxTaken) }, []]
    }
    if (subscriber.queue.length === 0) return [this.isOver ? "over" : undefined, []]
    const wasFull = this.isFull(subscriber)
    const messages = subscriber.queue.splice(0, maxTaken)
    for (const { bytes } of messages) subscriber.bytes -= bytes.length
    const { dropped } = subscriber
    subscriber.dropped = 0
    const actions: Array<Action> = []
    if (wasFull && subscriber.overflow === "block") this.goOn(actions)
    return [{ dropped, messages }, actions]
  }

  private forget(id: number): void {
    const subscriber = this.subscribers.get(id)
    if (subscriber === undefined) return
    this.subscribers.delete(id)
    this.toAll.delete(subscriber)
    for (const key of subscriber.keys ?? []) {
      const those = this.byKey.get(key)!
      those.delete(subscriber)
      if (those.size === 0) this.byKey.delete(key)
    }
  }

  private isFull({ bytes, queue }: Subscriber): boolean {
    return queue.length >= this.bounds.buffer || bytes >= maxHeldBytes
  }

  private isHeld(key: string): boolean {
    for (const those of [this.toAll, this.byKey.get(key)]) {
      for (const subscriber of those ?? []) {
        if (subscriber.overflow === "block" && this.isFull(subscriber)) return true
      }
    }
    return false
  }

  /**
   * Moves the publishers' waiting messages, in the order in which they came, to the buffers of subscribers with room.
   * While the function `goOn` runs, no subscriber reads, so a full buffer stays full. When a message of a key has to
   * wait, all messages of this key from later publishers wait as well.
   */
  private goOn(actions: Array<Action>): void {
    if (this.waiting.length === 0) return
    const left: Array<Publisher> = []
    const held = new Set<string>()
    for (const publisher of this.waiting) {
      const { messages } = publisher
      while (publisher.next < messages.length) {
        const message = messages[publisher.next]!
        if (held.has(message.key) || this.isHeld(message.key)) {
          held.add(message.key)
          break
        }
        publisher.next++
        this.accept(message, actions)
      }
      if (publisher.next === messages.length) actions.push({ _tag: "Published", id: publisher.id })
      else left.push(publisher)
    }
    this.waiting = left
    if (this.isOver) actions.push(...this.wakeAll())
  }

  private get isOver(): boolean {
    return this.isDraining && this.waiting.length === 0
  }

  private wakeAll(): ReadonlyArray<Action> {
    return Array.from(this.subscribers.keys(), (id) => ({ _tag: "Wake", id }))
  }

  private accept(message: Message, actions: Array<Action>): void {
    for (const those of [this.toAll, this.byKey.get(message.key)]) {
      for (const subscriber of those ?? []) this.give(subscriber, message, actions)
    }
    if (this.bounds.replay === 0) return
    this.kept.push(message)
    this.keptBytes += message.bytes.length
    while (this.kept.length > this.bounds.replay || this.keptBytes > maxHeldBytes && this.kept.length > 1) {
      this.keptBytes -= this.kept.shift()!.bytes.length
    }
  }

  private give(subscriber: Subscriber, message: Message, actions: Array<Action>): void {
    if (subscriber.isOverrun) return
    const wasEmpty = subscriber.queue.length === 0
    while (subscriber.overflow === "drop-oldest" && this.isFull(subscriber)) {
      subscriber.bytes -= subscriber.queue.shift()!.bytes.length
      subscriber.dropped++
    }
    if (this.isFull(subscriber)) {
      subscriber.isOverrun = true
      subscriber.replayed = []
      subscriber.queue = []
      actions.push({ _tag: "Wake", id: subscriber.id })
      return
    }
    subscriber.queue.push(message)
    subscriber.bytes += message.bytes.length
    if (wasEmpty) actions.push({ _tag: "Wake", id: subscriber.id })
  }
}
