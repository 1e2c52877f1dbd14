/**
 * A case of `npm run faults`: a user's program, the faults that occur while the program runs, and its expected output,
 * line by line.
 */
import type { NotInTime } from "@furrow/testing/Eventually"
import type * as Program from "@furrow/testing/Program"
import type * as Effect from "effect/Effect"
import * as Path from "node:path"

/** The running program of a case of `npm run faults`, and the folder in which the program runs. */
export interface Place {
  readonly program: Program.Program
  readonly folder: string
}

/** The options with which the program of a case is started, and the files in the program's folder. */
export type Start = Program.Options & { readonly files?: Record<string, string> }

export interface Case {
  /** The guarantees of docs/semantics.md that a case of `npm run faults` shows. */
  readonly guarantees: ReadonlyArray<string>
  readonly title: string
  /** The program of a case of `npm run faults`: a file in the folder `programs`, or an absolute path. */
  readonly program: string
  /** The options of a case's program are a function, so that they are evaluated only when the case is run. */
  readonly start?: (() => Start) | undefined
  /** Returns the reason why this host cannot run a case, or undefined where the host can. */
  readonly cannot?: (() => string | undefined) | undefined
  /**
   * Actions of the user while the program of a case runs. The lines that the actions of a case return are shown after
   * the output of the case's program.
   */
  readonly play?: ((place: Place) => Effect.Effect<ReadonlyArray<string> | void, NotInTime>) | undefined
  /**
   * Milliseconds within which processes that the program of a case has started must end after the program (default:
   * 15,000).
   */
  readonly residueMillis?: number | undefined
  /**
   * The expected lines of a case: stdout, stderr with "stderr: " before each line, and the lines that the case's
   * function `play` returns. The last expected line says how the program ended.
   */
  readonly wanted: ReadonlyArray<string>
}

export const programs: string = Path.join(import.meta.dirname, "programs")

/** Returns the title of a case of `npm run faults` in one line. */
export const describe = ({ guarantees, title }: Case): string =>
  guarantees.length === 0 ? title : `${guarantees.join(", ")}: ${title}`

export const matches = (text: string) => (one: Case): boolean => `${describe(one)} (${one.program})`.includes(text)
