/**
 * The machine of one process's lease: it decides when to renew the lease, and when to stop relying on the lease.
 *
 *   Out --Renewed--> Held --(0.75 of its time without a renewal)--> Out (Fence)
 *                     |--Renewed, but the engine had forgotten it--> Held (Fence, then Restore)
 *
 * The time is an input of the lease's machine, in milliseconds of a clock that no change of the wall clock moves. A
 * renewal counts from the moment before it was sent, because the engine begins to count the time of the lease only
 * afterwards. A holder stops its work a quarter of the lease's duration before another process can take over.
 *
 * @since 0.2.0
 */

/** The fractions of a lease's duration after which its holder stops work (`fence`) and renews the lease (`renew`). */
export const parts = { fence: 0.75, renew: 0.25 } as const

export interface State {
  readonly ttlMillis: number
  /**
   * A number that grows whenever the holder stops relying on its lease; work that began under an earlier number is
   * over.
   */
  readonly epoch: number
  /** The time until which the holder relies on its lease; `undefined` when the lease is not held. */
  readonly fenceAt: number | undefined
  /** The time at which the unanswered renewal of the lease was sent. */
  readonly sentAt: number | undefined
  /** The time at which the next renewal is to be sent. */
  readonly dueAt: number
}

export type Input =
  | { readonly _tag: "Tick"; readonly now: number }
  /** An input that says, like `Tick`, that time has passed, but that causes no renewal of the lease. */
  | { readonly _tag: "Look"; readonly now: number }
  /**
   * The engine has answered a renewal of the lease. The field `kept` is false when the lease had expired, and a new
   * lease has begun.
   */
  | { readonly _tag: "Renewed"; readonly kept: boolean; readonly now: number }
  | { readonly _tag: "Failed"; readonly now: number }
  /** The engine has refused a key, because the lease has expired. */
  | { readonly _tag: "Expired"; readonly now: number }

export type Action =
  | { readonly _tag: "Renew" }
  /** Stops all work that began under the lease. */
  | { readonly _tag: "Fence" }
  /** Registers all keys again, because the lease is held and has no key. */
  | { readonly _tag: "Restore" }

type Step = readonly [State, ReadonlyArray<Action>]

export const start = (ttlMillis: number, now: number): State => ({
  ttlMillis,
  epoch: 0,
  fenceAt: undefined,
  sentAt: undefined,
  dueAt: now
})

export const isHeld = ({ fenceAt }: State): boolean => fenceAt !== undefined

/** The time at which the machine needs its next input; `undefined` while it waits for an answer and holds no lease. */
export const nextTick = ({ dueAt, fenceAt, sentAt }: State): number | undefined =>
  sentAt === undefined ? Math.min(dueAt, fenceAt ?? Infinity) : fenceAt

const fenced = (state: State): State => ({ ...state, fenceAt: undefined, epoch: state.epoch + 1 })

/** Gives up a lease on which its holder can no longer rely, and stops the work under the lease. */
const passed = (state: State, now: number): Step =>
  state.fenceAt !== undefined && now >= state.fenceAt ? [fenced(state), [{ _tag: "Fence" }]] : [state, []]

export const step = (before: State, input: Input): Step => {
  const [state, actions] = passed(before, input.now)
  const { dueAt, sentAt, ttlMillis } = state
  const { now } = input
  switch (input._tag) {
    case "Look":
      return [state, actions]
    case "Tick":
      return sentAt === undefined && now >= dueAt
        ? [{ ...state, sentAt: now }, [...actions, { _tag: "Renew" }]]
        : [state, actions]
    case "Failed":
      return [{ ...state, sentAt: undefined, dueAt: now + ttlMillis * parts.renew / 2 }, actions]
    case "Expired": {
      const out = isHeld(state) ? fenced(state) : state
      return [{ ...out, dueAt: now }, isHeld(state) ? [...actions, { _tag: "Fence" }] : actions]
    }
    case "Renewed": {
      if (sentAt === undefined) return [state, actions]
      const idle = { ...state, sentAt: undefined, dueAt: Math.max(now, sentAt + ttlMillis * parts.renew) }
      const fenceAt = sentAt + ttlMillis * parts.fence
      // The engine's answer came so late that the renewed lease is over already, so the engine is asked again.
      if (now >= fenceAt) return [{ ...idle, dueAt: now }, actions]
      if (isHeld(state) && input.kept) return [{ ...idle, fenceAt }, actions]
      const out = isHeld(state) ? fenced(idle) : idle
      const fence: ReadonlyArray<Action> = isHeld(state) ? [{ _tag: "Fence" }] : []
      return [{ ...out, fenceAt }, [...actions, ...fence, { _tag: "Restore" }]]
    }
  }
}
