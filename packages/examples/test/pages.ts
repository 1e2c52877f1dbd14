/**
 * Makes programs from the code blocks of the documents, by these rules:
 *
 *     ```ts        begins with `// file: name.ts`, is written as that file, and is run: a main program by Node,
 *                  `name.test.ts` by vitest, any other module by whatever imports it.
 *                  A main program calls `NodeActor.runMain`, or its name ends in `main.ts`
 *     ```ts check  the same, but only type-checked
 *     ```text      what the program above it prints (`<...>` stands for anything, see `promised`)
 *     ```text stderr   what it writes there; a program without one writes nothing there
 *     ```sh        commands of this repository, one a line
 *     ```          a picture: nothing to run
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export const root = Path.resolve(import.meta.dirname, "../../..")

export interface File {
  readonly name: string
  readonly text: string
  readonly run: boolean
  /** The output of the program, if the page shows it. */
  prints: ReadonlyArray<string> | undefined
  /** The lines of the program on stderr, if the page shows them. */
  complains: ReadonlyArray<string> | undefined
}

export interface Page {
  /** The path of the page below the root of the repository. */
  readonly path: string
  readonly text: string
  readonly files: ReadonlyArray<File>
  readonly commands: ReadonlyArray<string>
}

const lines = (block: string): ReadonlyArray<string> => block.split("\n").slice(0, -1)

/** Reads a page, and throws where a block follows none of the rules. */
export const parse = (path: string, text: string): Page => {
  const files: Array<File> = []
  const commands: Array<string> = []
  for (const [, language = "", block = ""] of text.matchAll(/^```(.*)\n([^]*?)^```$/gm)) {
    const wrong = (what: string) => new Error(`${path}: ${what}:\n${block}`)
    switch (language) {
      case "":
      case "mermaid":
        break
      case "sh":
        commands.push(...lines(block))
        break
      case "ts":
      case "ts check": {
        const name = /^\/\/ file: ([\w.-]+\.ts)\n/.exec(block)?.[1]
        if (name === undefined) throw wrong("a block of code that does not begin with `// file: name.ts`")
        if (files.some((file) => file.name === name)) throw wrong(`a second file called ${name}`)
        files.push({ name, text: block, run: language === "ts", prints: undefined, complains: undefined })
        break
      }
      case "text":
      case "text stderr": {
        const stream = language === "text" ? "prints" : "complains"
        const program = files.findLast(isProgram)
        if (program === undefined || program[stream] !== undefined) throw wrong("output without a program above it")
        program[stream] = lines(block)
        break
      }
      default:
        throw wrong(`a block of a language that has no rule (${language})`)
    }
  }
  for (const file of files) {
    const isUsed = isProgram(file) || isTest(file) || files.some(({ text }) => text.includes(`"./${file.name}"`))
    if (file.run && !isUsed) throw new Error(`${path}: ${file.name} is never run: nothing on the page imports it`)
  }
  return { path, text, files, commands }
}

export const isTest = ({ name }: File): boolean => name.endsWith(".test.ts")
export const isProgram = ({ name, run, text }: File): boolean =>
  run && (text.includes("NodeActor.runMain(") || name.endsWith("main.ts"))

const published = ["actor", "nats", "node", "protocol", "sql", "testing"]

/**
 * Returns the READMEs of the repository and of the published packages, and every page below docs/ that no script
 * writes.
 */
export const all = (): ReadonlyArray<Page> => {
  const docs = Fs.readdirSync(Path.join(root, "docs"), { recursive: true, encoding: "utf8" })
  const readmes = ["README.md", ...published.map((name) => `packages/${name}/README.md`)]
  return [
    ...readmes,
    ...docs.filter((name) => name.endsWith(".md") && !name.startsWith("api/")).map((name) => `docs/${name}`)
  ].toSorted()
    .map((path) => parse(path, Fs.readFileSync(Path.join(root, path), "utf8")))
}

/** Returns files and folders of this repository that a page names, each with the section of its link, if any. */
export const references = ({ path, text }: Page): ReadonlyArray<string> => {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "")
  const linked = Array.from(
    prose.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g),
    ([, target]) => Path.join(Path.dirname(path), target!)
  )
  const named = Array.from(prose.matchAll(/`((?:packages|docs|scripts)\/[\w./-]+)`/g), ([, target]) => target!)
  return [...new Set([...linked, ...named])]
}
