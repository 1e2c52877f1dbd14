/**
 * The lease of one process, as a machine: when to renew it, and when to stop believing in it.
 *
 *   Out --Renewed--> Held --(0.75 of its time without a renewal)--> Out (Fence)
 *                     |--Renewed, but the engine had forgotten it--> Held (Fence, then Restore)
 *
 * Time is an input, in milliseconds that no change of the wall clock moves. A renewal counts from before it was sent: the
 * engine cannot have begun to count earlier. So a holder stops a quarter of the lease before any other can take over.
 *
 * @since 0.2.0
 */

/** The part of a lease after which its holder stops, and the part after which it renews. */
export const parts = { fence: 0.75, renew: 0.25 } as const

export interface State {
  readonly ttlMillis: number
  /** Grows with every fence: what was begun under an earlier one is over. */
  readonly epoch: number
  /** Until when the lease is believed in; `undefined` where it is not. */
  readonly fenceAt: number | undefined
  /** When the renewal that is under way was sent. */
  readonly sentAt: number | undefined
  /** When to send the next one. */
  readonly dueAt: number
}

export type Input =
  | { readonly _tag: "Tick"; readonly now: number }
  /** As a tick that never renews. */
  | { readonly _tag: "Look"; readonly now: number }
  /** The engine has answered. `kept` is false where the lease is a new one. */
  | { readonly _tag: "Renewed"; readonly kept: boolean; readonly now: number }
  | { readonly _tag: "Failed"; readonly now: number }
  /** The engine says of a key that the lease has expired. */
  | { readonly _tag: "Expired"; readonly now: number }

export type Action =
  | { readonly _tag: "Renew" }
  /** Stop everything that was begun under the lease. */
  | { readonly _tag: "Fence" }
  /** Register again: the lease is held, and has no key. */
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

/** When the machine wants to be told the time again; `undefined` while it waits for an answer and holds nothing. */
export const nextTick = ({ dueAt, fenceAt, sentAt }: State): number | undefined =>
  sentAt === undefined ? Math.min(dueAt, fenceAt ?? Infinity) : fenceAt

const fenced = (state: State): State => ({ ...state, fenceAt: undefined, epoch: state.epoch + 1 })

/** Fences a lease whose time is over. */
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
      // So late that it is worth nothing: ask again.
      if (now >= fenceAt) return [{ ...idle, dueAt: now }, actions]
      if (isHeld(state) && input.kept) return [{ ...idle, fenceAt }, actions]
      const out = isHeld(state) ? fenced(idle) : idle
      const fence: ReadonlyArray<Action> = isHeld(state) ? [{ _tag: "Fence" }] : []
      return [{ ...out, fenceAt }, [...actions, ...fence, { _tag: "Restore" }]]
    }
  }
}
