/**
 * The life of a program as its owner knows it, as a pure table.
 *
 *   Running --stop--> Stopping --gone--> Gone (asked) --read--> Ended (asked)
 *      |
 *      +-----gone--> Gone --read--> Ended
 *
 * Gone: its process is reaped, so that its number may be another's. The rest of its output is still being read.
 */

/**
 * The end of a program's process: its code or the signal that killed it, and its last lines of both streams, the oldest
 * first.
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
  /** `asked`: its owner was ending it. */
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

/** The process's number is its own, so that it may be sent a signal. */
export const hasProcess = ({ _tag }: State): boolean => _tag === "Running" || _tag === "Stopping"
