import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as ActorErrors from "@furrow/actor/internal/errors/ActorError"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { names } from "../src/catalog.ts"
import * as Pages from "./pages.ts"
import { promised, runNode } from "./program.ts"

const pages = Pages.all()
const examples = Path.resolve(import.meta.dirname, "..")
/** The folder is inside this package, so that the programs find the packages they import. */
const folder = Path.join(examples, `.docs-${process.pid}`)
const folderOf = (page: Pages.Page) => Path.join(folder, page.path.replaceAll(/[^\w]/g, "-"))

const tsconfig = {
  extends: "../../../tsconfig.base.json",
  compilerOptions: {
    composite: false,
    incremental: false,
    noEmit: true,
    customConditions: ["furrow-source"],
    types: ["node"]
  },
  include: ["**/*.ts"]
}

const vitestConfig = `
import { project } from "../../../vitest.shared.ts"
const shared: any = project("docs")
export default { ...shared, root: import.meta.dirname, test: { ...shared.test, include: ["**/*.test.ts"] } }
`

beforeAll(() => {
  Fs.mkdirSync(folder)
  for (const page of pages.filter(({ files }) => files.length > 0)) {
    Fs.mkdirSync(folderOf(page))
    for (const { name, text } of page.files) Fs.writeFileSync(Path.join(folderOf(page), name), text)
  }
  Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  Fs.writeFileSync(Path.join(folder, "vitest.config.ts"), vitestConfig)
})

afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

describe("the code blocks of the documents run as the documents state", () => {
  const programs = pages.flatMap((page) => page.files.filter(Pages.isProgram).map((file) => ({ page, file })))

  it.each(programs.map(({ file, page }) => [page.path, file.name, page, file] as const))(
    "each program on a page of the documentation runs and prints the output that the page shows (page %s, program %s)",
    { timeout: 120_000 },
    async (_path, name, page, file) => {
      const { code, left, stderr, stdout } = await runNode([Path.join(folderOf(page), name)])
      assert.match(stderr, promised(file.complains ?? []), stderr)
      if (file.prints !== undefined) assert.match(stdout, promised(file.prints), stdout)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(left, [])
    }
  )

  it("the code blocks of the documents are free of type errors", { timeout: 120_000 }, () => {
    const tsc = Path.join(Pages.root, "node_modules", ".bin", "tsc")
    const { status, stdout } = ChildProcess.spawnSync(tsc, ["-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8"
    })
    // Other errors belong to the packages, which are checked separately.
    const ours = stdout.split("\n").filter((line) => /error TS/.test(line) && !line.startsWith(".."))
    assert.deepStrictEqual(ours, [])
    if (status !== 0) assert.include(stdout, "error TS")
  })

  it("the tests in the documents pass", { timeout: 240_000 }, async () => {
    const vitest = Path.join(Path.dirname(fileURLToPath(import.meta.resolve("vitest/package.json"))), "vitest.mjs")
    const config = Path.join(folder, "vitest.config.ts")
    const report = Path.join(folder, "report.json")
    const { code, left, stderr, stdout } = await runNode(
      [vitest, "run", "--config", config, "--reporter=json", `--outputFile=${report}`],
      { within: 230_000 }
    )
    assert.isTrue(Fs.existsSync(report), stdout + stderr)
    const { testResults } = JSON.parse(Fs.readFileSync(report, "utf8"))
    const failed = testResults.flatMap(({ assertionResults, message }: any) => [
      ...message === "" ? [] : [message],
      ...assertionResults.filter(({ status }: any) => status === "failed")
        .map(({ failureMessages, fullName }: any) => `${fullName}: ${failureMessages.join("\n")}`)
    ])
    assert.deepStrictEqual(failed, [], stderr)
    assert.strictEqual(code, 0, stdout + stderr)
    assert.strictEqual(testResults.length, pages.flatMap((page) => page.files.filter(Pages.isTest)).length)
    assert.deepStrictEqual(left, [])
  })
})

describe("the documents name files and commands that exist", () => {
  const { scripts } = JSON.parse(Fs.readFileSync(Path.join(Pages.root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const commands = pages.flatMap((page) => page.commands.map((command) => [page.path, command] as const))

  it.each(commands)(
    "each command that a page of the documentation names is a command of this repository (page %s, command %s)",
    (_path, command) => {
      for (const part of command.split("#")[0]!.split("&&").map((part) => part.trim())) {
        const [npm, verb = "", script = verb, ...rest] = part.split(/\s+/)
        assert.strictEqual(npm, "npm")
        if (verb === "ci" || verb === "install" || verb === "pack") continue
        if (verb === "run") assert.property(scripts, script)
        else assert.include(["start", "test"], verb)
        const [dashes, example] = rest
        if (script === "example" && dashes !== undefined) assert.include([...names, "NAME", "--all"], example)
      }
    }
  )

  it.each(pages.map((page) => [page.path, page] as const))(
    "every file that a page of the documentation names exists (page %s)",
    (_path, page) => {
      const missing = Pages.references(page).filter((path) => !Fs.existsSync(Path.join(Pages.root, path)))
      assert.deepStrictEqual(missing, [])
    }
  )
})

describe("The page README.md", () => {
  const text = (path: string) => pages.find((page) => page.path === path)!.text
  const times = (path: string) => text(path).match(/^\| [\d.]+ (?:µs|ms) \|.* µs \|$/gm) ?? []

  it("the README gives the times of tasks that docs/pool.md gives", () => {
    assert.isAtLeast(times("README.md").length, 5)
    assert.includeMembers([...times("docs/pool.md")], [...times("README.md")])
  })
})

describe("The page docs/01-tour.md", () => {
  const page = pages.find(({ path }) => path === "docs/01-tour.md")!
  const stops = Array.from(
    page.text.matchAll(/`(packages\/[\w/.]+\.ts)`(?:\]\([\w/.]+\))?\s+((?:`\w+`(?:, )?)+)/g),
    ([, path, found]) => [path!, Array.from(found!.matchAll(/\w+/g), ([name]) => name)] as const
  )

  it("docs/01-tour.md has more than 40 steps that name a source file and definitions in this file", () =>
    assert.isAbove(stops.length, 40))

  it.each(stops)(
    "each source file that docs/01-tour.md names defines the names that the page gives for the file (file %s, names %s)",
    (path, found) => {
      const text = Fs.readFileSync(Path.join(Pages.root, path), "utf8")
      const defined = (name: string) =>
        new RegExp(`(?:const|class|type|get|case|readonly|private|async) "?${name}\\b|^  ${name}[(:]`, "m")
      for (const name of found) assert.match(text, defined(name))
    }
  )
})

describe("The page docs/errors.md", () => {
  const page = pages.find(({ path }) => path === "docs/errors.md")!

  it("docs/errors.md explains every ActorError, and nothing else", () => {
    const classes = Object.entries(ActorErrors).filter(([, value]) =>
      typeof value === "function" && value.prototype instanceof Error
    )
    const section = page.text.slice(page.text.indexOf("## The twelve"), page.text.indexOf("## How an actor ended"))
    const explained = Array.from(section.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name!)
    assert.sameMembers(explained, classes.map(([name]) => name))
  })

  it("docs/errors.md names every step of starting an actor", () => {
    for (const step of ActorErrors.SpawnStep.literals) assert.include(page.text, `\`${step}\``)
  })

  it("docs/errors.md has a row for every kind of an actor's death", () => {
    const section = page.text.slice(
      page.text.indexOf("## The deaths of an actor"),
      page.text.indexOf("## What they say")
    )
    const rows = section.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split(" | ")[0]!)
    const named = rows.flatMap((row) => Array.from(row.matchAll(/`(\w+)`/g), ([, name]) => name!))
    assert.sameMembers(named.filter((name) => name !== "death"), [...ActorErrors.Death.literals])
  })
})

describe("Each code block of a page is read as a file, as the output of a program, or as a command", () => {
  const block = (language: string, text: string) => `\`\`\`${language}\n${text}\`\`\`\n`
  const main = "// file: main.ts\nNodeActor.runMain(program)\n"

  it("a code block of a page is read as a file, and the text block after a program as the expected output of the program", () => {
    const text = block("ts", main) + block("text", "a\nb\n") + block("text stderr", "c\n") + block("sh", "npm ci\n")
    const { commands, files } = Pages.parse("p", text)
    assert.deepStrictEqual(files, [
      { name: "main.ts", text: main, run: true, prints: ["a", "b"], complains: ["c"] }
    ])
    assert.deepStrictEqual(commands, ["npm ci"])
  })

  it("a main program in a code block is recognised by the functions that it calls or by its name", () => {
    const [called, named, check] = Pages.parse(
      "p",
      block("ts", "// file: a.ts\nNodeActor.runMain(program)\n") + block("ts", "// file: b-main.ts\n") +
        block("ts check", "// file: c-main.ts\n")
    ).files
    assert.deepStrictEqual([called, named, check].map((file) => Pages.isProgram(file!)), [true, true, false])
  })

  it.each([
    ["code without a name", block("ts", "const a = 1\n"), /does not begin with/],
    ["two files of one name", block("ts", main).repeat(2), /a second file/],
    ["output of nothing", block("text", "a\n"), /output without a program/],
    ["a module that nobody runs", block("ts", "// file: a.ts\n"), /never run/],
    ["an unknown language", block("js", "1\n"), /no rule/]
  ])(
    "an invalid code block in a page (%s) is reported with an error that names the fault",
    (_what, text, message) => assert.throws(() => Pages.parse("p", text), message)
  )
})
