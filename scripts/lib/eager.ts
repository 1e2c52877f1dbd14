/**
 * Marks functions of a file so that V8 compiles them together with the file, and not at their first call.
 *
 * V8 compiles a function at its first call, and Node's compile cache contains only functions that were compiled with
 * their file. A function in parentheses is compiled with its file, because the file may call it at once. A function
 * that was compiled with its file comes from the compile cache.
 */
import { parseSync } from "oxc-parser"

/**
 * The position of a function in its file: the offset of its first character, and the offset behind its last character.
 */
export interface Range {
  readonly start: number
  readonly end: number
}

/** One function in a coverage report of V8. The first range of a function in the report covers the whole function. */
interface Covered {
  readonly ranges: ReadonlyArray<{ readonly startOffset: number; readonly endOffset: number; readonly count: number }>
}

/** A coverage report of V8, as Node writes it for `NODE_V8_COVERAGE`. */
export interface Coverage {
  readonly result: ReadonlyArray<{ readonly url: string; readonly functions: ReadonlyArray<Covered> }>
}

/** Returns the functions of one file that have run, according to a coverage report. */
export const called = ({ result }: Coverage, url: string): ReadonlyArray<Range> =>
  result.filter((file) => file.url === url).flatMap(({ functions }) =>
    functions.flatMap(({ ranges: [whole] }) =>
      whole === undefined || whole.count === 0 ? [] : [{ start: whole.startOffset, end: whole.endOffset }]
    )
  )

interface Node extends Range {
  readonly type: string
  readonly id?: { readonly name: string } | null
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string"

const childrenOf = (node: Node): ReadonlyArray<Node> =>
  Object.values(node).flatMap((part: unknown) => Array.isArray(part) ? part.filter(isNode) : isNode(part) ? [part] : [])

/**
 * The types of the syntax nodes around methods and accessors, whose functions JavaScript does not allow in parentheses.
 */
const owners = new Set(["MethodDefinition", "Property"])

const isMethod = (owner: Node): boolean => {
  const { kind, method, type } = owner as Node & { readonly kind?: string; readonly method?: boolean }
  return type === "MethodDefinition" || method === true || kind === "get" || kind === "set"
}

interface Marked {
  /**
   * The arrow functions and function expressions around which the build puts parentheses, so that V8 compiles them with
   * the file.
   */
  readonly wrapped: ReadonlyArray<Node>
  /**
   * Function declarations at the top level of a file, which the build replaces by function expressions at the beginning
   * of that file.
   */
  readonly moved: ReadonlyArray<Node>
}

const keyOf = ({ end, start }: Range): string => `${start}-${end}`

const markedIn = (program: Node, hot: ReadonlySet<string>): Marked => {
  const wrapped: Array<Node> = []
  const visit = (node: Node, owner: Node | undefined): void => {
    const isExpression = node.type === "ArrowFunctionExpression" || node.type === "FunctionExpression"
    const isPart = owner !== undefined && owners.has(owner.type) && isMethod(owner)
    if (isExpression && !isPart && hot.has(keyOf(node))) wrapped.push(node)
    for (const child of childrenOf(node)) visit(child, node)
  }
  visit(program, undefined)
  const moved = childrenOf(program).filter((node) => node.type === "FunctionDeclaration" && hot.has(keyOf(node)))
  return { wrapped, moved }
}

/**
 * Returns the code of a file in which the given functions are marked so that V8 compiles them together with the file,
 * where possible.
 */
export const eager = (code: string, functions: ReadonlyArray<Range>): string => {
  const { program } = parseSync("runtime.js", code)
  const { moved, wrapped } = markedIn(program as unknown as Node, new Set(functions.map(keyOf)))
  const opens = new Set(wrapped.map(({ start }) => start))
  const closes = new Map<number, number>()
  for (const { end } of wrapped) closes.set(end, (closes.get(end) ?? 0) + 1)
  const at = [...opens, ...closes.keys()].sort((a, b) => a - b)
  const between = (from: number, to: number): string => {
    let text = ""
    let last = from
    for (const place of new Set(at)) {
      if (place < from || place > to) continue
      text += code.slice(last, place)
      if (place > from) text += ")".repeat(closes.get(place) ?? 0)
      if (place < to && opens.has(place)) text += "("
      last = place
    }
    return text + code.slice(last, to)
  }
  const first = moved.map((node) => `var ${node.id!.name}=(${between(node.start, node.end)});\n`)
  const rest: Array<string> = []
  let last = 0
  for (const { end, start } of moved) {
    rest.push(between(last, start))
    last = end
  }
  return [...first, ...rest, between(last, code.length)].join("")
}
