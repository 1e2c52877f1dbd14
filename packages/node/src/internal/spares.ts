/**
 * Spare processes as one value, changed by one function.
 *
 *   (none) --Due--> starting --Greeted--> waiting --Take--> taken --Answered--> an actor
 *     ^                |                     |                |
 *     +------- Old, Lost, Close -------------+-- Lost, Silent, Close: its start goes the usual way
 *
 * | state    | what                                                 | bound                       |
 * | starting | its process loads the runtime and rehearses a start  | its age                     |
 * | waiting  | it has greeted, and may become an actor at once      | its age                     |
 * | taken    | it has been told which actor it is                   | the patience of its start   |
 *
 * A start wants a spare of its kind for the next one. Wishes are heard together, a pause after the first: the actor that
 * was started has the machine until then. A kind is everything of a start but the actor, so a spare of a kind is what the
 * start would have made.
 */

/** The phases of a spare. */
export type Phase = "starting" | "waiting" | "taken"

export interface Spare {
  readonly id: number
  readonly kind: string
  readonly phase: Phase
}

export interface State {
  /** Oldest first. */
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
  /** It has said its first word as the actor that it is. */
  | { readonly _tag: "Answered"; readonly id: number }
  | { readonly _tag: "Old"; readonly id: number }
  /** It was taken, and has not said a word for too long. */
  | { readonly _tag: "Silent"; readonly id: number }
  /** Its process has ended, or was never there. */
  | { readonly _tag: "Lost"; readonly id: number }
  /** Its owner ends. */
  | { readonly _tag: "Close" }

export type Action =
  | { readonly _tag: "Start"; readonly id: number; readonly kind: string }
  | { readonly _tag: "Kill"; readonly id: number }
  /** Makes it the actor that is being started. */
  | { readonly _tag: "Give"; readonly id: number }
  /** Begins the pause that ends with `Due`. */
  | { readonly _tag: "Pause" }

export type Step = readonly [State, ReadonlyArray<Action>]

/** The most spares of one kind, and of all kinds together, that have not been taken. */
export const most = { ofOneKind: 1, ofAll: 2 } as const

export const initial: State = { spares: [], wanted: [], next: 1, isClosed: false }

const idle = ({ phase }: Spare): boolean => phase !== "taken"

const without = (state: State, id: number): State => ({ ...state, spares: state.spares.filter((one) => one.id !== id) })

const within = (state: State, id: number, phase: Phase): State => ({
  ...state,
  spares: state.spares.map((one) => one.id === id ? { ...one, phase } : one)
})

const wish = (state: State, kind: string): Step => {
  const { isClosed, wanted } = state
  if (isClosed || wanted.includes(kind)) return [state, []]
  return [{ ...state, wanted: [...wanted, kind] }, wanted.length === 0 ? [{ _tag: "Pause" }] : []]
}

const take = (state: State, kind: string): Step => {
  const spare = state.spares.find((one) => one.kind === kind && one.phase === "waiting")
  if (spare === undefined) return wish(state, kind)
  const [next, actions] = wish(within(state, spare.id, "taken"), kind)
  return [next, [{ _tag: "Give", id: spare.id }, ...actions]]
}

/** One more of this kind, in the place of the oldest of another kind where there is no room. */
const add = ([state, actions]: Step, kind: string): Step => {
  const untaken = state.spares.filter(idle)
  if (untaken.filter((one) => one.kind === kind).length >= most.ofOneKind) return [state, actions]
  const leaving = untaken.length < most.ofAll ? undefined : untaken.find((one) => one.kind !== kind)
  const room = leaving === undefined ? state : without(state, leaving.id)
  const spare: Spare = { id: state.next, kind, phase: "starting" }
  return [
    { ...room, spares: [...room.spares, spare], next: state.next + 1 },
    [
      ...actions,
      ...leaving === undefined ? [] : [{ _tag: "Kill", id: leaving.id } as const],
      { _tag: "Start", id: spare.id, kind }
    ]
  ]
}

export const step = (state: State, input: Input): Step => {
  if (input._tag === "Take") return take(state, input.kind)
  if (input._tag === "Due") {
    return state.isClosed ? [state, []] : state.wanted.reduce<Step>(add, [{ ...state, wanted: [] }, []])
  }
  if (input._tag === "Close") {
    return [{ ...state, spares: [], wanted: [], isClosed: true }, state.spares.map(({ id }) => ({ _tag: "Kill", id }))]
  }
  const spare = state.spares.find(({ id }) => id === input.id)
  if (spare === undefined) return [state, []]
  switch (input._tag) {
    case "Greeted":
      return [spare.phase === "starting" ? within(state, spare.id, "waiting") : state, []]
    case "Answered":
      return [spare.phase === "taken" ? without(state, spare.id) : state, []]
    case "Old":
      return idle(spare) ? [without(state, spare.id), [{ _tag: "Kill", id: spare.id }]] : [state, []]
    case "Silent":
      return idle(spare) ? [state, []] : [without(state, spare.id), [{ _tag: "Kill", id: spare.id }]]
    case "Lost":
      return [without(state, spare.id), []]
  }
}
