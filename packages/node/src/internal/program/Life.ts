/**
 * Follows the states of an external program, as its owner sees them, by a pure function from state and input to the
 * next state.
 *
 *   Running --stop--> Stopping --gone--> Gone (asked) --read--> Ended (asked)
 *      |
 *      +-----gone--> Gone --read--> Ended
 *
 * In a program's state `Gone` the process is reaped, so another process may get its pid. In a program's state `Gone`
 * the rest of the program's output is still being read.
 */

/**
 * The end of a program's process: its exit code or the signal that killed it, with the last lines of its output.
 *
 * @category models
 * @since 0.1.0
 */
export type ProgramExit =
  | { readonly _tag: "Exited"; readonly code: number; readonly lines: ReadonlyArray<string> }
  | { readonly _tag: "Signalled"; readonly signal: string; readonly lines: ReadonlyArray<string> }

export type State =
  | { readonly _tag: "Running" }
  | { readonly _tag: "Stopping" }
  /** The field `asked` is true where the program ended after its owner had begun to stop it. */
  | { readonly _tag: "Gone"; readonly asked: boolean }
  | { readonly _tag: "Ended"; readonly exit: ProgramExit; readonly asked: boolean }

export type Input =
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Read"; readonly exit: ProgramExit }

export const initial: State = { _tag: "Running" }

export const step = (state: State, input: Input): State => {
  switch (input._tag) {
    case "Stop":
      return state._tag === "Running" ? { _tag: "Stopping" } : state
    case "Gone":
      return hasProcess(state) ? { _tag: "Gone", asked: state._tag === "Stopping" } : state
    case "Read":
      return state._tag === "Gone" ? { _tag: "Ended", exit: input.exit, asked: state.asked } : state
  }
}

/**
 * True while the process of a program is not reaped, so that its pid belongs to no other process and a signal may be
 * sent.
 */
export const hasProcess = ({ _tag }: State): boolean => _tag === "Running" || _tag === "Stopping"
