/**
 * Measures one source text for the census, as a pure function of the text and a parser. The function that measures a
 * source text knows nothing of files, actors or effects.
 */
import * as Crypto from "node:crypto"
import type { EcmaScriptModule, ParserOptions } from "oxc-parser"
import type { Parser } from "./Parser.ts"
import { CannotParse, type FunctionSize, type Import, type Lines, type Measured } from "./row.ts"

interface Span {
  readonly start: number
  readonly end: number
}

interface Node extends Span {
  readonly type: string
  readonly [field: string]: unknown
}

/**
 * Returns the offsets at which the lines of a text begin. A line break at the end of a source text begins no further
 * line.
 */
const startsOfLines = (text: string): ReadonlyArray<number> => {
  const starts: Array<number> = []
  for (let at = 0; at < text.length;) {
    starts.push(at)
    const end = text.indexOf("\n", at)
    at = end === -1 ? text.length : end + 1
  }
  return starts
}

/** Returns the number of the line that contains an offset of a text; the first line has the number 1. */
const lineAt = (starts: ReadonlyArray<number>, offset: number): number => {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= offset) low = middle + 1
    else high = middle
  }
  return Math.max(low, 1)
}

const isBlank = (code: number): boolean => code <= 32 || code === 0xa0 || code === 0xfeff

const countLines = (text: string, starts: ReadonlyArray<number>, comments: ReadonlyArray<Span>): Lines => {
  const counts = { code: 0, comment: 0, blank: 0 }
  let next = 0
  for (let line = 0; line < starts.length; line++) {
    const end = starts[line + 1] ?? text.length
    let kind: keyof Lines = "blank"
    for (let at = starts[line]!; at < end;) {
      while (next < comments.length && comments[next]!.end <= at) next++
      if (isBlank(text.charCodeAt(at))) {
        at++
      } else if (next < comments.length && comments[next]!.start <= at) {
        kind = "comment"
        at = comments[next]!.end
      } else {
        kind = "code"
        break
      }
    }
    counts[kind]++
  }
  return counts
}

const isLiteral = /^(["'`])([^"'`\\$]*)\1$/

const importsOf = (text: string, module: EcmaScriptModule): ReadonlyArray<Import> => [
  ...module.staticImports.map(({ entries, moduleRequest }): Import => ({
    specifier: moduleRequest.value,
    kind: entries.length > 0 && entries.every(({ isType }) => isType) ? "type" : "static"
  })),
  ...module.staticExports.flatMap(({ entries }): ReadonlyArray<Import> => {
    const specifier = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest?.value
    if (specifier === undefined) return []
    return [{ specifier, kind: entries.every(({ isType }) => isType) ? "type" : "static" }]
  }),
  ...module.dynamicImports.flatMap(({ moduleRequest: { end, start } }): ReadonlyArray<Import> => {
    const specifier = isLiteral.exec(text.slice(start, end))?.[2]
    return specifier === undefined ? [] : [{ specifier, kind: "dynamic" }]
  })
]

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"])
const memberTypes = new Set(["MethodDefinition", "PropertyDefinition"])

/**
 * Returns the name under which functions inside of a syntax node are counted: the name of the node, or else of the node
 * above.
 */
const nameOf = (node: Node, above: string): string => {
  const id = (node.id ?? node.key) as Node | null | undefined
  if (id?.type !== "Identifier" && id?.type !== "PrivateIdentifier") return above
  const own = id.type === "Identifier" ? String(id.name) : `#${String(id.name)}`
  return memberTypes.has(node.type) && above !== "" ? `${above}.${own}` : own
}

/** Walks the syntax tree without recursion, because sources may be nested more deeply than the stack allows. */
const functionsOf = (
  program: Node,
  visitorKeys: Parser["Service"]["visitorKeys"],
  starts: ReadonlyArray<number>
): { readonly functions: number; readonly longest: FunctionSize | null } => {
  let functions = 0
  let longest: FunctionSize | null = null
  const left: Array<readonly [Node, string]> = [[program, ""]]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const [node, above] = item
    const name = nameOf(node, above)
    if (functionTypes.has(node.type)) {
      functions++
      const line = lineAt(starts, node.start)
      const lines = lineAt(starts, node.end - 1) - line + 1
      if (longest === null || lines > longest.lines || lines === longest.lines && line < longest.line) {
        longest = { name: name === "" ? "(anonymous)" : name, line, lines }
      }
    }
    for (const key of visitorKeys[node.type] ?? []) {
      const field = node[key] as Node | ReadonlyArray<Node | null> | null | undefined
      if (Array.isArray(field)) { for (const child of field) if (child !== null) left.push([child, name]) }
      else if (field !== null && field !== undefined) left.push([field as Node, name])
    }
  }
  return { functions, longest }
}

/** A `.js` file may be a script or a module, which the file's content decides. */
const optionsFor = (file: string): ParserOptions => /\.jsx?$/.test(file) ? { sourceType: "unambiguous" } : {}

export const measure = (parser: Parser["Service"], file: string, content: Uint8Array): Measured | CannotParse => {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content)
  const parsed = parser.parse(file, text, optionsFor(file))
  const starts = startsOfLines(text)
  const error = parsed.errors.find(({ severity }) => severity === "Error")
  if (error !== undefined) {
    const line = lineAt(starts, error.labels[0]?.start ?? 0)
    return new CannotParse({ file, line, reason: error.message })
  }
  return {
    _tag: "Measured",
    file,
    bytes: content.byteLength,
    sha256: Crypto.createHash("sha256").update(content).digest("hex"),
    lines: countLines(text, starts, parsed.comments),
    imports: importsOf(text, parsed.module),
    ...functionsOf(parsed.program as unknown as Node, parser.visitorKeys, starts)
  }
}
