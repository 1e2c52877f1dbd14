/**
 * Finds the sentences of this repository: in comments, pages, test titles and the texts that sources write.
 *
 * Pictures, tables, headings and code are left out, because they contain no sentences.
 */
import { parseSync } from "oxc-parser"

export type Place = "comment" | "page" | "title" | "text"

export interface Sentence {
  readonly place: Place
  readonly line: number
  /** The words of a sentence, with each span of code as `…`. */
  readonly text: string
  /** The words of a sentence as they are written, code included. */
  readonly written: string
  /**
   * The sentence before this sentence in the same paragraph, as it is written; absent for the first sentence of a
   * paragraph.
   */
  readonly before?: string
}

/**
 * Matches the borders between sentences: the end of a sentence before a capital letter, an empty line, or a list
 * item.
 */
const borders = /(?<=[.:?!](?:\*\*|\))?)\s+(?=[A-Z`[*])|\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )/g

const minWords = 3

/** A code span within a line names a thing, and the language check does not read the span as language. */
const spans = /`[^`\n]+`/g

const wordsOf = (text: string) => text.split(/\s+/).filter((word) => word !== "")

/** Splits a text into sentences, and keeps the line of each sentence. */
const split = (place: Place, written: string, line: number): ReadonlyArray<Sentence> => {
  // The code in a text is replaced by as many other characters, so that positions are equal in the text with and
  // without code.
  const text = written.replace(spans, (span) => `\`${"…".repeat(span.length - 2)}\``)
  const found: Array<Sentence> = []
  let before: string | undefined
  const add = (from: number, to: number) => {
    const part = text.slice(from, to)
    const words = wordsOf(part)
    if (words.length < minWords) return
    const above = text.slice(0, from) + /^\s*/.exec(part)![0]
    const sentence = wordsOf(written.slice(from, to)).join(" ")
    found.push({
      place,
      line: line + above.split("\n").length - 1,
      text: words.join(" ").replace(/`…+`/g, "`…`"),
      written: sentence,
      ...(before === undefined ? {} : { before })
    })
    before = sentence
  }
  let start = 0
  for (const { index, 0: border } of text.matchAll(borders)) {
    add(start, index)
    start = index + border.length
    // An empty line begins a new paragraph, and a list item belongs to the paragraph of the sentence above the list.
    if (/\n\s*\n/.test(border)) before = undefined
  }
  add(start, text.length)
  return found
}

const blank = (text: string) => text.replace(/[^\n]/g, "")

/**
 * Matches the parts of a page that a script writes, because the language check already reads the sentences of these
 * parts in the sources.
 */
const drawn = /^<!-- \w+: drawn[^]*?^<!-- end of [^]*?-->$/gm

const code = /^ *```[^]*?^ *```.*$/gm

const heads = /^---\n[^]*?\n---\n/

/** Returns the sentences of a Markdown page. */
export const ofPage = (text: string): ReadonlyArray<Sentence> =>
  split(
    "page",
    [heads, code, drawn, /<!--[^]*?-->/g, /^\s*[|#].*$/gm].reduce((page, part) => page.replace(part, blank), text),
    1
  )

interface Comment {
  readonly type: string
  readonly value: string
  readonly start: number
  readonly end: number
}

/** True for a line of a comment that belongs to a picture or a table. */
const isPicture = (line: string) => /^ {2,}|--?>|^\s*\|/.test(line)

const commentText = (value: string) =>
  value.replace(/^[ \t]*\*? ?/gm, "").replace(/\n@(?:example|see|since|category)\b[^]*$/, "").replace(code, blank)
    .split("\n").map((line) => isPicture(line) ? "" : line).join("\n")

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

const isNode = (u: unknown): u is Node => typeof u === "object" && u !== null && typeof (u as Node).type === "string"

const walk = (node: Node, visit: (node: Node) => void): void => {
  visit(node)
  for (const field of Object.values(node)) {
    for (const child of Array.isArray(field) ? field : [field]) if (isNode(child)) walk(child, visit)
  }
}

/** Returns the text of a literal or a template, with an ellipsis for each computed part. */
const literal = (node: Node): string | undefined => {
  if (node.type === "Literal" && typeof node.value === "string") return node.value
  if (node.type !== "TemplateLiteral") return undefined
  const quasis = node.quasis as ReadonlyArray<{ readonly value: { readonly cooked: string } }>
  return quasis.map(({ value }) => value.cooked).join("…")
}

/**
 * Returns the name of the function that a call begins with, such as `it` for `it.effect.each(...)` and `describe` for
 * `describe.skipIf(...)`.
 */
const root = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "Identifier") return String(node.name)
  return root(node.type === "CallExpression" ? node.callee : node.object)
}

const suites: ReadonlySet<string> = new Set(["it", "test", "describe", "layer"])

interface Kept {
  /**
   * True for a test file: the language check reads the titles of a test file, and the comments and texts of other
   * sources.
   */
  readonly titles: boolean
}

/**
 * Finds the sentences of a TypeScript file: the titles of a test file, or the comments and the texts of at least four
 * words of another file.
 */
export const ofSource = (file: string, text: string, { titles }: Kept): ReadonlyArray<Sentence> => {
  const { comments, errors, program } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length
  const found: Array<Sentence> = []
  walk(program as unknown as Node, (node) => {
    if (titles) {
      if (node.type !== "CallExpression" || !suites.has(root(node.callee) ?? "")) return
      const [first] = node.arguments as ReadonlyArray<Node>
      const title = first && literal(first)
      if (title !== undefined) found.push({ place: "title", line: lineAt(first!.start), text: title, written: title })
    } else {
      const written = literal(node)
      if (written === undefined || written.trim().split(/\s+/).length < 4) return
      for (const sentence of split("text", written, 1)) found.push({ ...sentence, line: lineAt(node.start) })
    }
  })
  if (titles) return found
  let lines: Array<Comment> = []
  const flush = () => {
    const [first] = lines
    if (first !== undefined) {
      found.push(...split("comment", lines.map(({ value }) => commentText(value)).join("\n"), lineAt(first.start)))
    }
    lines = []
  }
  for (const comment of comments as ReadonlyArray<Comment>) {
    // Two line comments belong to one comment if only spaces and a line break stand between them.
    const last = lines.at(-1)
    if (last !== undefined && (comment.type === "Block" || /\S|\n.*\n/.test(text.slice(last.end, comment.start)))) {
      flush()
    }
    lines.push(comment)
    if (comment.type === "Block") flush()
  }
  flush()
  return found
}
