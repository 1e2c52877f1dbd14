/**
 * The life of a program as its owner knows it, as a pure table.
 *
 *   Running --stop--> Stopping --exited--> Ended (asked)
 *      |
 *      +----exited--> Ended
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
  | { readonly _tag: "Ended"; readonly exit: ProgramExit; readonly asked: boolean }

export type Input = { readonly _tag: "Stop" } | { readonly _tag: "Exited"; readonly exit: ProgramExit }

export const step = (state: State, input: Input): State => {
  if (state._tag === "Ended") return state
  if (input._tag === "Stop") return { _tag: "Stopping" }
  return { _tag: "Ended", exit: input.exit, asked: state._tag === "Stopping" }
}
