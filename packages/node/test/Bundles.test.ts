/**
 * Tests programs as bundlers write them (docs/bundling.md): each form is built once, and its programs run in real
 * processes.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Esbuild from "esbuild"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { rolldown } from "rolldown"
import { afterAll, beforeAll } from "vitest"
import { fixture } from "./support.ts"

interface Form {
  readonly bundler: "esbuild" | "rolldown"
  readonly format: "esm" | "cjs"
  readonly shape: "one file" | "chunks"
  /** The place of Effect and Furrow: in the bundle, or installed beside it. */
  readonly packages: "inside" | "outside"
  readonly names?: "minified"
}

const forms: ReadonlyArray<Form> = [
  ...(["esbuild", "rolldown"] as const).flatMap((bundler) =>
    (["inside", "outside"] as const).flatMap((packages): ReadonlyArray<Form> => [
      { bundler, format: "esm", shape: "one file", packages },
      { bundler, format: "esm", shape: "chunks", packages },
      { bundler, format: "cjs", shape: "one file", packages }
    ])
  ),
  { bundler: "rolldown", format: "esm", shape: "one file", packages: "inside", names: "minified" }
]

const conditions = ["furrow-source", "import", "node"]
const modules = Path.resolve(import.meta.dirname, "../../../node_modules")
/** A native and optional package. */
const native = "msgpackr-extract"

/** The two options that give a CommonJS bundle of esbuild its URL, as docs/bundling.md says. */
const moduleUrl: Esbuild.BuildOptions = {
  define: { "import.meta.url": "moduleUrl" },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href" }
}

const byEsbuild = async (entry: string, outdir: string, form: Form, more: Esbuild.BuildOptions = {}) => {
  await Esbuild.build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    target: "node22",
    conditions,
    mainFields: ["module", "main"],
    external: [native],
    packages: form.packages === "outside" ? "external" : "bundle",
    format: form.format,
    splitting: form.shape === "chunks",
    outdir,
    outExtension: { ".js": form.format === "esm" ? ".mjs" : ".cjs" },
    logLevel: "error",
    ...more
  })
}

const byRolldown = async (entry: string, dir: string, form: Form) => {
  const build = await rolldown({
    input: entry,
    platform: "node",
    resolve: { conditionNames: conditions },
    external: form.packages === "outside" ? [/^node:/, /^@furrow\//, /^effect(\/|$)/] : [/^node:/, native],
    logLevel: "silent"
  })
  const extension = form.format === "esm" ? "mjs" : "cjs"
  await build.write({
    dir,
    format: form.format,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name]-[hash].${extension}`,
    // The bundler keeps names of functions by a call of a helper inside of them.
    ...(form.names === undefined ? {} : { minify: true, keepNames: true }),
    codeSplitting: form.shape === "chunks"
      ? {
        groups: [
          { name: "packages", test: /packages.(?:protocol|actor|node).src|node_modules/ },
          { name: "stores", test: /bundles.(?:stores|orders|ambient)/ }
        ]
      }
      : false
  })
  await build.close()
}

const build = async (entry: string, outdir: string, form: Form, more?: Esbuild.BuildOptions): Promise<string> => {
  const file = fixture(`bundles/${entry}.ts`)
  if (form.bundler === "rolldown") await byRolldown(file, outdir, form)
  else await byEsbuild(file, outdir, form, more ?? (form.format === "cjs" ? moduleUrl : {}))
  if (form.packages === "outside") Fs.symlinkSync(modules, Path.join(outdir, "node_modules"))
  return Path.join(outdir, `${entry}.${form.format === "esm" ? "mjs" : "cjs"}`)
}

const args = ["--loud", "file"]
const within = { within: "60 seconds" } as const

const titleOf = ({ bundler, format, names, packages, shape }: Form) =>
  [bundler, format, shape, `effect and @furrow ${packages}`, ...names === undefined ? [] : [names]].join(", ")

describe.each(forms.map((form) => [titleOf(form), form] as const))(
  "A bundled program runs its main program and its actors (form: %s)",
  (_title, form) => {
    let folder: string
    let program: string
    beforeAll(async () => {
      folder = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow bundles ")))
      program = await build("program", folder, form)
      const chunks = Fs.readdirSync(folder).filter((name) => /\.[cm]js$/.test(name)).length
      if (form.shape === "chunks") assert.isAbove(chunks, 1)
      else assert.strictEqual(chunks, 1)
    }, 60_000)
    afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

    const mains = [["effect", "warden"], ["promise", "thread"]] as const
    // A process with all packages outside of the bundle starts slowly from the sources, so only one kind of main runs
    // then.
    const tried = form.packages === "inside" ? mains : [mains[form.bundler === "esbuild" ? 0 : 1]]

    it.live.each(tried)(
      "G125: actors of a bundled program find functions, Services and plans that are not exported, and the main program runs once (form: %s, guard: %s)",
      ([how, guard]) =>
        Effect.scoped(Effect.gen(function*() {
          const run = yield* Program.start(program, { args: [how, ...args], env: { GUARD: guard } })
          assert.deepStrictEqual(yield* run.ended(within), { code: 0, signal: null }, run.stdout() + run.stderr())
          const [main, text, ...more] = run.stdout().trimEnd().split("\n")
          const expected = { args: [how, ...args], value: 42, label: "everywhere", processes: 3, sum: 42, stored: 102 }
          assert.deepStrictEqual([main, JSON.parse(text!), more, run.stderr()], ["main", expected, [], ""])
          assert.deepStrictEqual(run.left().filter(({ state }) => state !== "Z"), [])
        })),
      90_000
    )
  }
)

const page = Fs.readFileSync(Path.resolve(import.meta.dirname, "../../../docs/bundling.md"), "utf8")
/**
 * The files of the page, and its commands of esbuild. The API of rolldown does above what the page's command of
 * rolldown does.
 */
const files = Object.fromEntries(
  Array.from(page.matchAll(/^```ts\n\/\/ file: (\S+)\n([^]*?)^```$/gm), ([, name, text]) => [name!, text!])
)
const commands = Array.from(page.matchAll(/^npx esbuild (\S+) ((?:.*\\\n)*.*)$/gm), ([command]) => command)

describe("The page docs/bundling.md", () => {
  it("the page docs/bundling.md shows commands of esbuild", () => assert.strictEqual(commands.length, 3))

  it.live.each(commands)(
    "each command of docs/bundling.md makes a bundle that runs without a fault (the command: %s)",
    (command) =>
      Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make(files)
        Fs.symlinkSync(modules, Path.join(folder, "node_modules"))
        const esbuild = `node_modules/.bin/esbuild --conditions=furrow-source --log-level=error`
        ChildProcess.execSync(command.replace("npx esbuild", esbuild), { cwd: folder, stdio: "inherit" })
        const program = yield* Program.start(Path.join(folder, /--outfile=(\S+)/.exec(command)![1]!))
        assert.deepStrictEqual(yield* program.ended(within), { code: 0, signal: null }, program.stderr())
        assert.strictEqual(program.stdout(), "7\n")
      })),
    90_000
  )
})

const oneFile: Form = { bundler: "esbuild", format: "esm", shape: "one file", packages: "inside" }

/** Builds one form, and runs its program to its end. */
const ran = (entry: string, form: Form, args: ReadonlyArray<string>, more?: Esbuild.BuildOptions) =>
  Effect.gen(function*() {
    const folder = yield* Folder.make()
    const file = yield* Effect.promise(() => build(entry, folder, form, more))
    const program = yield* Program.start(file, { args })
    const { code } = yield* program.ended(within)
    assert.deepStrictEqual(program.left().filter(({ state }) => state !== "Z"), [])
    return { code, stdout: program.stdout(), stderr: program.stderr(), file }
  })

describe("A bundled program with a top-level await has actors that wait for the await", () => {
  it.live(
    "G125: an actor of a bundled program with a top-level await waits for its whole file, and serves endpoints made below the await",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { code, stdout, stderr } = yield* ran("awaiting", oneFile, [])
        assert.strictEqual(code, 0, stdout + stderr)
        assert.include(stdout, "late, and served")
      })),
    90_000
  )
})

describe("The actor of a bundled program uses the compile cache", () => {
  const silent = ["env", "-u", "NODE_COMPILE_CACHE", "-u", "NODE_DISABLE_COMPILE_CACHE"]
  const own = Path.join(Os.tmpdir(), "furrow-cache-of-a-program")
  afterAll(() => Fs.rmSync(own, { recursive: true, force: true }))

  it.live.each(
    [
      ["is on where the program sets no variable", [], { used: true, asked: null }],
      ["is the one that the program has chosen", [`NODE_COMPILE_CACHE=${own}`], { used: true, asked: own }],
      ["is off where the program turns it off", ["NODE_DISABLE_COMPILE_CACHE=1"], { used: false, asked: null }]
    ] as const
  )(
    "the compile cache of a bundled program's actor %s, and the actor's subprocesses get NODE_COMPILE_CACHE only if the program has it",
    ([, words, cache]) =>
      Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make()
        const file = yield* Effect.promise(() => build("cached", folder, oneFile))
        const program = yield* Program.start(file, { through: [...silent, ...words] })
        assert.deepStrictEqual(yield* program.ended(within), { code: 0, signal: null }, program.stderr())
        assert.deepStrictEqual(JSON.parse(program.stdout()), cache)
      })),
    90_000
  )
})

describe("A bundled program fails with an error if its actors would run the main program again, or could not be loaded", () => {
  it.live(
    "G126: a bundled program whose main would run again in its actors starts no process, and its error shows the line to write",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { code, stdout } = yield* ran("program", oneFile, ["unguarded"])
        assert.deepStrictEqual([code, stdout.split("\n")], [1, [
          "main",
          "actor \"Adder\" did not start (step: process): this program and its actors are one file, and every actor runs " +
          "that file from its first line, so its main program must not run there: start it with NodeActor.runMain, or " +
          "write `if (NodeActor.isRoot())` before it",
          ""
        ]])
      })),
    90_000
  )

  it.live(
    "G126: an actor does not start if its bundle is also a main program that a launcher imports, and the error shows the missing check `isRoot`",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make({ "launcher.mjs": `await import("./program.mjs")` })
        yield* Effect.promise(() => build("program", folder, oneFile))
        const program = yield* Program.start(Path.join(folder, "launcher.mjs"), { args: ["unguarded"] })
        assert.strictEqual((yield* program.ended(within)).code, 1)
        assert.match(
          program.stdout(),
          /^actor "\w+" did not start \(step: import\): .*program\.mjs: this program and its actors are one file.*isRoot/m
        )
        assert.deepStrictEqual(program.left().filter(({ state }) => state !== "Z"), [])
      })),
    90_000
  )

  it.live(
    "G126: a CommonJS bundle of esbuild fails with the error that the bundle has no URL, and with the flags that set a URL",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const form = { ...oneFile, format: "cjs" } as const
        const silent = { logLevel: "silent" } as const
        const { code, stderr, stdout } = yield* ran("program", form, ["effect"], silent)
        assert.strictEqual(code, 1)
        assert.include(
          stdout + stderr,
          "(step: import): \"Adder\" has `module: undefined`: the actor imports that file"
        )
        assert.include(
          stdout + stderr,
          `--define:import.meta.url=moduleUrl and --banner:js="${moduleUrl.banner!["js"]}"`
        )
      })),
    90_000
  )
})

describe("A bundle that contains Effect but not Furrow is refused", () => {
  it.live(
    "G126: a bundle that contains Effect but not Furrow fails with an error that names the two copies of Effect and the path of Furrow",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const more: Esbuild.BuildOptions = { packages: "bundle", external: ["@furrow/*", native] }
        const { code, stderr, stdout } = yield* ran("program", { ...oneFile, packages: "outside" }, ["effect"], more)
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.match(
          stderr,
          /refused: .*a schema of a second copy of effect, which Furrow's copy \(file:\/\/\S+\) cannot read/
        )
      })),
    90_000
  )
})

describe("Two endpoints with the same name in one bundle are refused or distinguished", () => {
  it.live(
    "G127: two endpoints with the same name in one bundle are refused, and the error names the places of both endpoints",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { file, stdout } = yield* ran("namesakes", oneFile, [])
        const place = `file://${file}:\\d+:\\d+`
        assert.match(
          stdout,
          new RegExp(`file://${file} makes 2 endpoints named "run" \\(at ${place} and at ${place}\\)`)
        )
        assert.include(stdout, "Rename one of them")
      })),
    90_000
  )

  it.live(
    "G127: two endpoints with the same name in one bundle are distinguished by a fragment that the program adds to the URL of each",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { stdout } = yield* ran("namesakes", oneFile, ["marked"])
        assert.strictEqual(stdout, "namesakes\n")
      })),
    90_000
  )
})
