/**
 * Describes one TypeScript file for the layer check: its imports, its calls, and its length.
 */
import * as Fs from "node:fs"
import { parseSync } from "oxc-parser"

/**
 * One import of a file. The kind `value` runs the imported module first, `lazy` runs the imported module later, and
 * `type` is erased by the compiler. Only imports of the kind `value` can form a cycle.
 */
export interface Import {
  readonly specifier: string
  readonly kind: "value" | "type" | "lazy"
  readonly line: number
}

export interface Body {
  readonly name: string
  readonly line: number
  readonly codeLines: number
}

/** A call in a file, as the text of the called function; for a constructor the text begins with `new`. */
export interface Call {
  readonly callee: string
  readonly args: number
  readonly line: number
}

export interface Source {
  readonly file: string
  readonly imports: ReadonlyArray<Import>
  readonly bodies: ReadonlyArray<Body>
  readonly calls: ReadonlyArray<Call>
  readonly codeLines: number
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

const isNode = (u: unknown): u is Node => typeof u === "object" && u !== null && typeof (u as Node).type === "string"

/**
 * Walks the syntax tree depth first, and passes on the nearest name above a node, by which a function without a name
 * is reported.
 */
const walk = (node: Node, name: string, visit: (node: Node, name: string) => void): void => {
  visit(node, name)
  const own = [node.id, node.key].find((id) => isNode(id) && id.type === "Identifier") as Node | undefined
  const below = own === undefined ? name : String(own.name)
  for (const field of Object.values(node)) {
    for (const child of Array.isArray(field) ? field : [field]) if (isNode(child)) walk(child, below, visit)
  }
}

const countLines = (code: string) => code.split("\n").filter((line) => line.trim() !== "").length

const importOf = (node: Node): Pick<Import, "specifier" | "kind"> | undefined => {
  const { source } = node
  if (!isNode(source) || typeof source.value !== "string") return undefined
  const specifier = source.value
  switch (node.type) {
    case "ImportDeclaration":
      return { specifier, kind: node.importKind === "type" ? "type" : "value" }
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      return { specifier, kind: node.exportKind === "type" ? "type" : "value" }
    case "TSImportType":
      return { specifier, kind: "type" }
    case "ImportExpression":
      return { specifier, kind: "lazy" }
    default:
      return undefined
  }
}

export const read = (file: string): Source => {
  const text = Fs.readFileSync(file, "utf8")
  const { comments, errors, program } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  let code = text
  for (const { end, start } of comments) {
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, " ") + code.slice(end)
  }
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length
  const imports: Array<Import> = []
  const bodies: Array<Body> = []
  const calls: Array<Call> = []
  walk(program as unknown as Node, "", (node, name) => {
    const found = importOf(node)
    if (found !== undefined) imports.push({ ...found, line: lineAt(node.start) })
    if (/^(CallExpression|NewExpression)$/.test(node.type) && isNode(node.callee)) {
      const { arguments: given, callee, type } = node
      const name = code.slice(callee.start, callee.end).replace(/\s+/g, "").replaceAll("?.", ".")
      calls.push({
        callee: type === "NewExpression" ? `new ${name}` : name,
        args: (given as ReadonlyArray<unknown>).length,
        line: lineAt(node.start)
      })
    }
    const isFunction = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
    if (isFunction && isNode(node.body)) {
      const { body, id } = node
      const inset = body.type === "BlockStatement" ? 1 : 0
      bodies.push({
        name: isNode(id) ? String(id.name) : name || "a function",
        line: lineAt(node.start),
        codeLines: countLines(code.slice(body.start + inset, body.end - inset))
      })
    }
  })
  return { file, imports, bodies, calls, codeLines: countLines(code) }
}
