/**
 * Tests the packages as a user gets them: installs their tarballs in a project outside of the repository, and
 * type-checks programs there. The script pack-test.ts then runs the test programs as plain JavaScript, on this Node
 * and on Node 22. Actors of the test programs must run on the runtime bundle. Actors of the test programs must run on
 * separate modules as soon as a file differs from the bundle's sources.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { commands, env, npm, pack, published, root, run } from "./lib/tarballs.ts"

const template = Path.join(import.meta.dirname, "pack-test")

/** The build of the packages starts from nothing, because an old `dist` would add modules that no longer exist. */
const build = () => {
  for (const name of [...published, ...commands]) {
    Fs.rmSync(Path.join(root, "packages", name, "dist"), { recursive: true, force: true })
  }
  npm(root, "run", "--silent", "build")
}

const test = (project: string) => {
  Fs.cpSync(template, project, { recursive: true })
  const { devDependencies } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
    readonly devDependencies: Readonly<Record<string, string>>
  }
  const tarballs = [...published, ...commands].map((name) => pack(name, project))
  const effect = `effect@${devDependencies.effect}`
  npm(project, "install", "--no-audit", "--no-fund", "--no-progress", ...tarballs, effect, "node@22")

  const node22 = Path.join(project, "node_modules", "node", "bin", "node")
  const tsc = Path.join(root, "node_modules", ".bin", "tsc")
  // The module of the test program that throws an error when an actor imports it.
  Fs.mkdirSync(Path.join(project, "out"), { recursive: true })
  Fs.writeFileSync(Path.join(project, "out", "thrower.mjs"), `throw new Error("license expired")\n`)
  run(project, tsc, "-p", ".", "--typeRoots", Path.join(root, "node_modules", "@types"))
  for (const node of [process.execPath, node22]) {
    process.stdout.write(run(project, node, Path.join("out", "main.js")))
    process.stdout.write(run(project, node, runtime, "bundle"))
    process.stdout.write(run(project, node, Path.join("out", "platform.js")))
    process.stdout.write(run(project, node, Path.join("out", "files.js")))
    process.stdout.write(run(project, node, Path.join("out", "looked.js"), node))
    process.stdout.write(run(project, node, Path.join("out", "engines.js")))
  }
  testBundle(project)
}

const runtime = Path.join("out", "runtime.js")

const changed = (file: string, change: (text: string) => string, then: () => void): void => {
  const before = Fs.readFileSync(file, "utf8")
  Fs.writeFileSync(file, change(before))
  try {
    then()
  } finally {
    Fs.writeFileSync(file, before)
  }
}

const version = /"version": "[^"]+"/
const bumped = (text: string): string => text.replace(version, `"version": "4.1.999"`)

const notice = /start two to three times slower/g

/**
 * Runs the test program whose two roots check whether their actors use the runtime bundle. Each root of the test
 * programs logs one line if its actors do not run on the runtime bundle.
 */
const runOn = (project: string, expected: "bundle" | "modules", notices: number, ...flags: ReadonlyArray<string>) => {
  const output = run(project, process.execPath, ...flags, runtime, expected)
  process.stdout.write(output)
  const said = output.match(notice)?.length ?? 0
  if (said !== notices) {
    throw new Error(`the roots said ${said} times that their actors start slowly, not ${notices} times`)
  }
}

/**
 * Checks in which cases actors load separate modules instead of the runtime bundle, for example if another version of
 * Effect is installed.
 */
const testBundle = (project: string) => {
  const installed = (...path: ReadonlyArray<string>) => Path.join(project, "node_modules", ...path)
  const onModules = (why: string, notices = 2) => () => {
    console.log(why)
    runOn(project, "modules", notices)
  }
  changed(installed("effect", "package.json"), bumped, onModules("effect is of another version"))
  changed(installed("effect", "dist", "internal", "core.js"), (text) => `${text}\n`, onModules("effect is patched"))
  changed(installed("@furrow", "actor", "package.json"), bumped, onModules("@furrow/actor is of another version"))
  const manifest = installed("@furrow", "node", "dist", "runtime", "manifest.json")
  changed(manifest, () => "{", onModules("the manifest cannot be read", 0))
  Fs.renameSync(manifest, `${manifest}.away`)
  onModules("there is no bundle", 0)()
  process.stdout.write(run(project, process.execPath, Path.join("out", "main.js")))
  Fs.renameSync(`${manifest}.away`, manifest)

  const jit = "effect/schema/SchemaJITCompiler/enable"
  console.log("something is loaded before the actor")
  for (const flags of [["--import", "effect/Effect"], ["--import", jit], ["--require", "effect/Effect"]]) {
    runOn(project, "bundle", 0, ...flags)
  }
  console.log("something is loaded before all flags of the actor")
  env.NODE_OPTIONS = "--require effect/Effect"
  runOn(project, "modules", 2)
  delete env.NODE_OPTIONS

  console.log("the actor's module finds a second copy of effect")
  const second = Path.join(project, "second")
  Fs.cpSync(installed("effect"), Path.join(second, "node_modules", "effect"), { recursive: true })
  Fs.writeFileSync(Path.join(second, "package.json"), `{ "type": "module" }`)
  Fs.cpSync(Path.join(project, "out", "identity.js"), Path.join(second, "identity.js"))
  const url = pathToFileURL(Path.join(second, "identity.js")).href
  process.stdout.write(run(project, process.execPath, runtime, "bundle", url))
  changed(Path.join(second, "node_modules", "effect", "package.json"), bumped, () => {
    const { status, stderr, stdout } = ChildProcess.spawnSync(process.execPath, [runtime, "bundle", url], {
      cwd: project,
      env,
      encoding: "utf8"
    })
    if (status !== 1 || !stdout.includes("imports effect 4.1.999")) {
      throw new Error(`two versions of effect in an actor were not refused: exit ${status}\n${stdout}${stderr}`)
    }
  })
}

const project = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-pack-")))
try {
  build()
  test(project)
  console.log("pack-test: the packages install, type-check and run")
} finally {
  Fs.rmSync(project, { recursive: true, force: true })
}
