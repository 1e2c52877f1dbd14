/**
 * Collects the items that a producer emits, so that single items travel as chunks.
 *
 * A batch never waits for more items: a batch is sent as soon as the producer pauses in the same turn of the event
 * loop, the batch is large enough, or the reader's credit is used up. An item in a batch is sent no later than a single
 * item, and the producer stays within the window of its reader.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Turn } from "../settings/Turn.ts"
import { chunkBytes, type Outlet } from "./Outlet.ts"
import { weigh } from "./Weight.ts"

/** The largest number of items in a batch, above which larger chunks save little time. */
const maxBatchItems = 64

export interface BatchOptions {
  readonly outlet: Outlet
  /**
   * The context of the producer's fiber: the batch sends items on behalf of the producer with the services of this
   * context.
   */
  readonly context: Context.Context<never>
  /** Reports that an item did not match its schema, while its producer was busy with other work. */
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

  /** Adds items to the batch; waits when the reader is slow. */
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

  /** True when the batch contains no item. */
  get isEmpty(): boolean {
    return this.items.length === 0
  }

  /** Sends the collected items, and waits when the reader is slow. */
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

  /**
   * Sends the collected items now, or as soon as the reader grants credit, because the producer has turned to other
   * work.
   */
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
        // The items of the batch are sent again one by one, so that the items before the invalid item arrive.
        this.state = "failing"
        Effect.runForkWith(this.options.context)(this.rest).addObserver(failed)
    }
  }
}
