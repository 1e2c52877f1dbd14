/**
 * The starter of a root as a pure function from state and input to state and actions.
 *
 *   Absent --Wanted--> Booting --Ready--> Serving --Silent | Close--> Leaving
 *     ^                   |                  |                           |
 *     +------------------ Lost --------------+---------------------------+
 *
 * | phase   | what                                                         | a start                |
 * | Absent  | there is none, or there will be none any more                | is begun by the root   |
 * | Booting | its process begins                                           | waits for it           |
 * | Serving | it starts what the root asks for                             | is sent to it          |
 * | Leaving | it stays for the actors it has started, and ends with them   | is begun by the root   |
 *
 * A starter that gives no answer for a while may have been stopped, so it first gets SIGCONT. The end of the starter's
 * process also ends the actors that the starter has started.
 */

export type Phase = "Absent" | "Booting" | "Serving" | "Leaving"

export interface State {
  readonly phase: Phase
  /** The number of processes of the starter that are not reaped. */
  readonly processes: number
  /** True when the root is ending, after which the root starts no further starter. */
  readonly isClosed: boolean
}

export type Input =
  /**
   * The root wants a starter: the root is large and has just started an actor itself, or the mode of the starter is
   * `eager`.
   */
  | "Wanted"
  | "Ready"
  /** The starter has begun the process of an actor. */
  | "Began"
  /** A process that the starter has begun was reaped. */
  | "Ended"
  /** The starter gives no answer, although its process is not stopped. */
  | "Silent"
  /** The process of the starter has ended. */
  | "Lost"
  /** The root of the starter is ending. */
  | "Close"

export type Action =
  | "Begin"
  /** Sends the requests for actors' processes that have waited for the starter. */
  | "Send"
  /** Makes the root itself begin the actors' processes that it has requested from the starter. */
  | "Decline"
  /** Ends the process of the starter. */
  | "End"
  /** Ends the processes that the starter has begun. */
  | "Lose"

export type Step = readonly [State, ReadonlyArray<Action>]

export const initial: State = { phase: "Absent", processes: 0, isClosed: false }

const leave = (state: State): Step => [
  { ...state, phase: "Leaving" },
  state.processes === 0 ? ["Decline", "End"] : ["Decline"]
]

const ended = (state: State): Step => {
  const processes = Math.max(0, state.processes - 1)
  return [{ ...state, processes }, state.phase === "Leaving" && processes === 0 ? ["End"] : []]
}

export const step = (state: State, input: Input): Step => {
  const { isClosed, phase } = state
  const isThere = phase === "Booting" || phase === "Serving"
  switch (input) {
    case "Wanted":
      return phase === "Absent" && !isClosed ? [{ ...state, phase: "Booting" }, ["Begin"]] : [state, []]
    case "Ready":
      return phase === "Booting" ? [{ ...state, phase: "Serving" }, ["Send"]] : [state, []]
    case "Began":
      return phase === "Absent" ? [state, []] : [{ ...state, processes: state.processes + 1 }, []]
    case "Ended":
      return phase === "Absent" ? [state, []] : ended(state)
    case "Silent":
      return isThere ? leave(state) : [state, []]
    case "Lost":
      // A starter that dies before it is ready is not replaced, because its replacement would fail as well.
      return phase === "Absent"
        ? [state, []]
        : [{ ...initial, isClosed: isClosed || phase === "Booting" }, ["Decline", "Lose"]]
    case "Close":
      return isThere ? leave({ ...state, isClosed: true }) : [{ ...state, isClosed: true }, []]
  }
}
