/**
 * Collects the single items that the producer of a stream emits, and sends several items in one chunk.
 *
 * A batch never waits for more items: it is sent when it is large enough, or when the current turn of the event loop
 * ends. A batch delays an item by at most one turn of the event loop, and the producer stays within the window of its
 * reader.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Turn } from "../settings/Turn.ts"
import { chunkBytes, type Outlet } from "./Outlet.ts"
import { weigh } from "./Weight.ts"

/** The largest number of items in a batch; larger chunks would save little more time. */
const maxBatchItems = 64

export interface BatchOptions {
  readonly outlet: Outlet
  /**
   * The Effect context of the producer's fiber. The batch uses this context when it sends items outside of the
   * producer's fiber.
   */
  readonly context: Context.Context<never>
  /**
   * A callback for an item that does not match its schema, if the batch sent the item outside of the producer's fiber.
   */
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

  /** Adds items to the batch; waits while the reader has granted no credit. */
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

  /** Sends the collected items; waits while the reader has granted no credit. */
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

  /** Sends the collected items at the end of the producer's turn, or as soon as the reader grants credit. */
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
        // An item of the batch does not match its schema, so nothing was sent. The effect `rest` sends the valid items
        // before the wrong item, and then fails.
        this.state = "failing"
        Effect.runForkWith(this.options.context)(this.rest).addObserver(failed)
    }
  }
}
