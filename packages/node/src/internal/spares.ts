/**
 * The machine of the spares of one owner, which decides when a spare is started, becomes an actor, or is ended.
 *
 *   (none) --Due--> starting --Greeted--> waiting --Take--> an actor
 *     ^                |                     |
 *     +------- Old, Lost, Close -------------+
 *
 * | state    | what                                                 | bound   |
 * | starting | its process loads the runtime and rehearses a start  | its age |
 * | waiting  | it has greeted, and may become an actor at once      | its age |
 *
 * A start of an actor asks for a spare of the same kind for the next start. Requests for spares are carried out
 * together after a pause, which begins with the first request. During the pause before a spare's start, the processor
 * is left to the actor that was started. The kind of a spare consists of all properties of a start except the actor. A
 * spare equals the process that a start with the spare's properties would have made.
 */

export interface Spare {
  readonly id: number
  readonly kind: string
  readonly phase: "starting" | "waiting"
}

export interface State {
  /** All spares of one owner, the oldest spare first. */
  readonly spares: ReadonlyArray<Spare>
  /** The kinds of spares that are started at the next input `Due`. */
  readonly wanted: ReadonlyArray<string>
  readonly next: number
  readonly isClosed: boolean
}

export type Input =
  /**
   * A process for an actor of the given kind is about to be started. A waiting spare of the same kind can become this
   * actor instead.
   */
  | { readonly _tag: "Take"; readonly kind: string }
  /** The pause between the first request for a spare and the spare's start has ended. */
  | { readonly _tag: "Due" }
  | { readonly _tag: "Greeted"; readonly id: number }
  | { readonly _tag: "Old"; readonly id: number }
  /** The process of a spare has ended, or the spare cannot become an actor. */
  | { readonly _tag: "Lost"; readonly id: number }
  /** The owner of the spares is ending. */
  | { readonly _tag: "Close" }

export type Action =
  | { readonly _tag: "Start"; readonly id: number; readonly kind: string }
  | { readonly _tag: "Kill"; readonly id: number }
  /** Turns the spare with the given id into the actor that is being started. */
  | { readonly _tag: "Give"; readonly id: number }
  /** Begins the pause after the first request for a spare, which ends with the input `Due`. */
  | { readonly _tag: "Pause" }

export type Step = readonly [State, ReadonlyArray<Action>]

/** The largest numbers of spares: of one kind, and of all kinds together. */
export const most = { ofOneKind: 1, ofAll: 2 } as const

export const initial: State = { spares: [], wanted: [], next: 1, isClosed: false }

const without = (state: State, id: number): State => ({ ...state, spares: state.spares.filter((one) => one.id !== id) })

/** Returns the spare that the next start of the given kind will use. */
export const waiting = ({ spares }: State, kind: string): Spare | undefined =>
  spares.find((one) => one.kind === kind && one.phase === "waiting")

const wish = (state: State, kind: string): Step => {
  const { isClosed, wanted } = state
  if (isClosed || wanted.includes(kind)) return [state, []]
  // Only the last requests for spares are kept, up to the largest number of spares.
  return [{ ...state, wanted: [...wanted, kind].slice(-most.ofAll) }, wanted.length === 0 ? [{ _tag: "Pause" }] : []]
}

const take = (state: State, kind: string): Step => {
  const spare = waiting(state, kind)
  if (spare === undefined) return wish(state, kind)
  const [next, actions] = wish(without(state, spare.id), kind)
  return [next, [{ _tag: "Give", id: spare.id }, ...actions]]
}

/** Adds a spare of the given kind. A new spare for which there is no room replaces the owner's oldest spare. */
const add = ([state, actions]: Step, kind: string): Step => {
  const { next, spares } = state
  if (spares.filter((one) => one.kind === kind).length >= most.ofOneKind) return [state, actions]
  const leaving = spares.length < most.ofAll ? undefined : spares[0]
  const room = leaving === undefined ? state : without(state, leaving.id)
  return [
    { ...room, spares: [...room.spares, { id: next, kind, phase: "starting" }], next: next + 1 },
    [
      ...actions,
      ...leaving === undefined ? [] : [{ _tag: "Kill", id: leaving.id } as const],
      { _tag: "Start", id: next, kind }
    ]
  ]
}

const greeted = (state: State, id: number): State => ({
  ...state,
  spares: state.spares.map((one) => one.id === id ? { ...one, phase: "waiting" } : one)
})

export const step = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Take":
      return take(state, input.kind)
    case "Due":
      return state.isClosed ? [state, []] : state.wanted.reduce<Step>(add, [{ ...state, wanted: [] }, []])
    case "Close": {
      const kills = state.spares.map(({ id }) => ({ _tag: "Kill", id }) as const)
      return [{ ...state, spares: [], wanted: [], isClosed: true }, kills]
    }
    case "Greeted":
      return [greeted(state, input.id), []]
    case "Old":
    case "Lost": {
      const isThere = state.spares.some(({ id }) => id === input.id)
      return [without(state, input.id), isThere ? [{ _tag: "Kill", id: input.id }] : []]
    }
  }
}
