/** Small source files, and the rows that a count of them returns. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { measureFiles } from "../src/actor.ts"
import { measure } from "../src/measure.ts"
import { Parser } from "../src/Parser.ts"
import { type Import, type ImportKind, isMeasured, type Measured, type Row } from "../src/row.ts"
import * as Sources from "../src/sources.ts"

/** Measures a text, and fails where the text cannot be parsed. */
export const measured = (text: string, file = "a.ts") =>
  Effect.map(Effect.provide(Parser, Parser.layer), (parser) => {
    const row = measure(parser, file, new TextEncoder().encode(text))
    if (!isMeasured(row)) throw row
    return row
  })

/** Returns a row with default values. */
export const row = (file: string, given: Partial<Omit<Measured, "_tag" | "file">> = {}): Measured => ({
  _tag: "Measured",
  file,
  bytes: 100,
  sha256: "0".repeat(64),
  lines: { code: 1, comment: 0, blank: 0 },
  imports: [],
  functions: 0,
  longest: null,
  ...given
})

export const imports = (specifiers: ReadonlyArray<string>, kind: ImportKind = "static"): ReadonlyArray<Import> =>
  specifiers.map((specifier) => ({ specifier, kind }))

export const rowsOf = (rows: ReadonlyArray<Row>): ReadonlyMap<string, Row> =>
  new Map(rows.map((each) => [each.file, each]))

/** Counts the folder without actors, by calling the endpoint in this process. */
export const countedHere = (folder: string) =>
  Effect.gen(function*() {
    const { files } = yield* Sources.find(folder)
    const rows = yield* measureFiles({ folder, files: files.map(({ file }) => file) }).pipe(Stream.runCollect)
    return rowsOf(rows)
  }).pipe(Effect.provide([Parser.layer, NodeServices.layer]))

/** A project with enough small files for two actors and some kills, of which two cannot be counted. */
export const project = (): { readonly [path: string]: string } => ({
  ...Object.fromEntries(Array.from({ length: 40 }, (_, n) => [
    `src/part${n}.ts`,
    `// Part ${n}\nimport { part${n + 1} } from "./part${(n + 1) % 40}.ts"\n\n` +
    `export const part${n} = (a: number) => {\n${`  a += part${n + 1}\n`.repeat(n * 20)}  return a\n}\n`
  ])),
  "src/main.js": "import * as Fs from \"node:fs\"\nexport { part0 } from \"./part0.js\"\nFs.existsSync(\"x\")\n",
  "src/broken.ts": "export const a =\n  1 +\n",
  "src/empty.ts": "",
  "src/notes.md": "not a source\n",
  "node_modules/other/index.ts": "export const other = 1\n",
  ".hidden/a.ts": "export const hidden = 1\n"
})
