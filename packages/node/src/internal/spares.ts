/**
 * Spare processes as one value, changed by one function.
 *
 *   (none) --Due--> starting --Greeted--> waiting --Take--> an actor
 *     ^                |                     |
 *     +------- Old, Lost, Close -------------+
 *
 * | state    | what                                                 | bound   |
 * | starting | its process loads the runtime and rehearses a start  | its age |
 * | waiting  | it has greeted, and may become an actor at once      | its age |
 *
 * A start wants a spare of its kind for the next one. Wishes are heard together, a pause after the first: the actor that
 * was started has the machine until then. A kind is everything of a start but the actor, so a spare of a kind is what the
 * start would have made.
 */

export interface Spare {
  readonly id: number
  readonly kind: string
  readonly phase: "starting" | "waiting"
}

export interface State {
  /** All spares, the oldest first. */
  readonly spares: ReadonlyArray<Spare>
  /** Kinds of which there is to be a spare at the next `Due`. */
  readonly wanted: ReadonlyArray<string>
  readonly next: number
  readonly isClosed: boolean
}

export type Input =
  /** A process of this kind is being started, by a spare where one waits. */
  | { readonly _tag: "Take"; readonly kind: string }
  /** The pause behind the first wish is over. */
  | { readonly _tag: "Due" }
  | { readonly _tag: "Greeted"; readonly id: number }
  | { readonly _tag: "Old"; readonly id: number }
  /** The process of a spare has ended, or cannot become an actor. */
  | { readonly _tag: "Lost"; readonly id: number }
  /** The owner of the spares ends. */
  | { readonly _tag: "Close" }

export type Action =
  | { readonly _tag: "Start"; readonly id: number; readonly kind: string }
  | { readonly _tag: "Kill"; readonly id: number }
  /** Makes the spare the actor that is being started. */
  | { readonly _tag: "Give"; readonly id: number }
  /** Begins the pause that ends with `Due`. */
  | { readonly _tag: "Pause" }

export type Step = readonly [State, ReadonlyArray<Action>]

/** The most spares of one kind, and of all kinds together. */
export const most = { ofOneKind: 1, ofAll: 2 } as const

export const initial: State = { spares: [], wanted: [], next: 1, isClosed: false }

const without = (state: State, id: number): State => ({ ...state, spares: state.spares.filter((one) => one.id !== id) })

/** The spare that the next start of this kind takes. */
export const waiting = ({ spares }: State, kind: string): Spare | undefined =>
  spares.find((one) => one.kind === kind && one.phase === "waiting")

const wish = (state: State, kind: string): Step => {
  const { isClosed, wanted } = state
  if (isClosed || wanted.includes(kind)) return [state, []]
  // Only the last wishes are kept, as many as there is room for.
  return [{ ...state, wanted: [...wanted, kind].slice(-most.ofAll) }, wanted.length === 0 ? [{ _tag: "Pause" }] : []]
}

const take = (state: State, kind: string): Step => {
  const spare = waiting(state, kind)
  if (spare === undefined) return wish(state, kind)
  const [next, actions] = wish(without(state, spare.id), kind)
  return [next, [{ _tag: "Give", id: spare.id }, ...actions]]
}

/** One more of this kind, in the place of the oldest of another kind where there is no room. */
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
