/**
 * Collects what a producer emits, so that single items travel as chunks.
 *
 * Nothing waits here for company: a batch leaves as soon as the producer pauses (in the same turn of the event loop),
 * is large enough, or has used up the reader's credit. So an item is never later than it would be alone, and a producer
 * is never further ahead of its reader than the window allows.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Turn } from "../settings/Turn.ts"
import { chunkBytes, type Outlet } from "./Outlet.ts"
import { weigh } from "./Weight.ts"

/** From this many items on, a chunk costs little more than its items. */
const maxBatchItems = 64

export interface BatchOptions {
  readonly outlet: Outlet
  /** The producer's fiber context: a flush for it runs with its services. */
  readonly context: Context.Context<never>
  /** An item did not match its schema while its producer was elsewhere. */
  readonly failed: (exit: Exit.Exit<unknown, unknown>) => void
}

export class Batch {
  private readonly options: BatchOptions
  private readonly turn: Turn
  private items: Array<unknown> = []
  private weight = 0
  private state: "open" | "scheduled" | "failing" = "open"

  constructor(options: BatchOptions) {
    this.options = options
    this.turn = Context.get(options.context, Turn)
  }

  /** Takes items in; waits where the reader is slow. */
  add(items: ReadonlyArray<unknown>): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      if (this.state === "failing") return Effect.never
      const { outlet } = this.options
      if (this.items.length === 0 && items.length >= maxBatchItems) return outlet.send(items)
      for (const item of items) {
        this.items.push(item)
        this.weight += weigh(item, chunkBytes)
      }
      const count = this.items.length
      if (count >= maxBatchItems || outlet.isChunk(count, this.weight)) return this.rest
      this.schedule()
      return Effect.void
    })
  }

  /** True where no item is collected. */
  get isEmpty(): boolean {
    return this.items.length === 0
  }

  /** Sends the collected items; waits where the reader is slow. */
  readonly rest: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const { items } = this
    if (items.length === 0) return Effect.void
    this.clear()
    return this.options.outlet.send(items)
  })

  private clear(): void {
    this.items = []
    this.weight = 0
  }

  private schedule(): void {
    if (this.state !== "open") return
    this.state = "scheduled"
    this.turn.later(this.paused, this)
  }

  /** The producer does something else: what it made leaves now, or as soon as there is credit. */
  private readonly paused = (): void => {
    const { failed, outlet } = this.options
    this.state = "open"
    if (this.items.length === 0) return
    switch (outlet.sendNow(this.items, this.weight)) {
      case "sent":
        return this.clear()
      case "no-credit":
        return outlet.whenGranted(this.paused)
      case "invalid":
        // Sent once more, one by one: those before the wrong one arrive.
        this.state = "failing"
        Effect.runForkWith(this.options.context)(this.rest).addObserver(failed)
    }
  }
}
