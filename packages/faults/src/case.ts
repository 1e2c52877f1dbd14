/**
 * A case of `npm run faults`: a user's program, the faults that it meets while it runs, and its wanted output, line by
 * line.
 */
import type { NotInTime } from "@furrow/testing/Eventually"
import type * as Program from "@furrow/testing/Program"
import type * as Effect from "effect/Effect"
import * as Path from "node:path"

/** The surroundings of a case: its program, and an empty folder of its own. */
export interface Place {
  readonly program: Program.Program
  readonly folder: string
}

/** How a program is started, in a folder with these files. */
export type Start = Program.Options & { readonly files?: Record<string, string> }

export interface Case {
  /** The guarantees of docs/semantics.md that the case shows. */
  readonly guarantees: ReadonlyArray<string>
  readonly title: string
  /** The program of the case: a file below `programs`, or an absolute path. */
  readonly program: string
  /** A function, so that it is evaluated only when the case is run. */
  readonly start?: (() => Start) | undefined
  /** The reason why this machine cannot run the case, if there is one. */
  readonly cannot?: (() => string | undefined) | undefined
  /** Actions of the user while the program runs. The lines it returns are shown after the output of the program. */
  readonly play?: ((place: Place) => Effect.Effect<ReadonlyArray<string> | void, NotInTime>) | undefined
  /** Milliseconds that processes which the program has started may take to end after it (default: 15,000). */
  readonly residueMillis?: number | undefined
  /**
   * The wanted output: lines of stdout, lines of stderr after "stderr: ", the lines of `play`, and how the program
   * ended.
   */
  readonly wanted: ReadonlyArray<string>
}

export const programs: string = Path.join(import.meta.dirname, "programs")

/** The title of the case, in one line. */
export const describe = ({ guarantees, title }: Case): string =>
  guarantees.length === 0 ? title : `${guarantees.join(", ")}: ${title}`

export const matches = (text: string) => (one: Case): boolean => `${describe(one)} (${one.program})`.includes(text)
