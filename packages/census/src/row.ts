/**
 * The row of the census for one file. Actors of the census send rows, so the schemas of rows are a wire format. A file
 * that cannot be counted has a row of the census too, with its error.
 */
import * as Schema from "effect/Schema"

/**
 * The kinds of imports in a source file: `static` loads a module before the importing file runs, `dynamic` loads it at
 * a call of `import()`, and `type` loads nothing.
 */
export const ImportKind = Schema.Literals(["static", "type", "dynamic"])
export type ImportKind = typeof ImportKind.Type

export const Import = Schema.Struct({ specifier: Schema.String, kind: ImportKind })
export type Import = typeof Import.Type

/** One function of a source file: the line where the function begins, and the number of its lines. */
export const FunctionSize = Schema.Struct({ name: Schema.String, line: Schema.Int, lines: Schema.Int })
export type FunctionSize = typeof FunctionSize.Type

/**
 * Every line of a counted file is code, comment or blank. A line of a counted file with code and a comment counts as
 * code, and an empty line in a comment counts as blank.
 */
export const Lines = Schema.Struct({ code: Schema.Int, comment: Schema.Int, blank: Schema.Int })
export type Lines = typeof Lines.Type

export const Measured = Schema.TaggedStruct("Measured", {
  file: Schema.String,
  bytes: Schema.Int,
  sha256: Schema.String,
  lines: Lines,
  imports: Schema.Array(Import),
  functions: Schema.Int,
  longest: Schema.NullOr(FunctionSize)
})
export type Measured = typeof Measured.Type

export class CannotRead extends Schema.TaggedError<CannotRead>()("CannotRead", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot be read: ${this.reason}`
  }
}

export class CannotParse extends Schema.TaggedError<CannotParse>()("CannotParse", {
  file: Schema.String,
  line: Schema.Int,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot be parsed: line ${this.line}: ${this.reason}`
  }
}

/**
 * A row that the census makes itself for a file that no actor could count. A row for a file that killed its actor is
 * made in the main process of the census, and never sent.
 */
export class KilledItsActor extends Schema.TaggedError<KilledItsActor>()("KilledItsActor", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `killed the actor that parsed it: ${this.reason}`
  }
}

/** The answer of a census actor for one file. */
export const Answer = Schema.Union([Measured, CannotRead, CannotParse])
export type Answer = typeof Answer.Type

export type Row = Answer | KilledItsActor

export const isMeasured = (row: Row): row is Measured => row._tag === "Measured"
