import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Timeouts } from "@furrow/actor"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { count, isPrime } from "./fixtures/arithmetic.ts"
import { escape } from "./fixtures/cleanup.ts"
import { boom } from "./fixtures/failing.ts"
import { process_ } from "./fixtures/identity.ts"
import { alone, first, second } from "./fixtures/wrong/ambiguous.ts"
import { getHidden, visible } from "./fixtures/wrong/hidden.ts"
import { dying, endless, failing } from "./fixtures/wrong/layers.ts"
import { fixture, timed, withActors } from "./support.ts"

/** Starts an actor for `call`, which must fail, and returns the failure. */
const failure = (definition: any, options = {}) =>
  Effect.map(
    Effect.flip(Actor.runInActor(definition(), options) as Effect.Effect<unknown, unknown, Actor.ActorRuntime>),
    (error) => {
      assert.instanceOf(error, ActorError.SpawnFailed)
      return error as ActorError.SpawnFailed
    }
  )

const url = (name: string) => pathToFileURL(fixture(`wrong/${name}`)).href

/** An endpoint whose definition names the given module. */
const at = (module: string, name = "answer") => Actor.fn(name, { module })(() => Effect.void)

/** Returns the text of the failure with its step, without parts that change from run to run. */
const said = (error: ActorError.SpawnFailed, ...parts: ReadonlyArray<string | RegExp>) => {
  if (process.env["SHOW"]) console.log(error.message + "\n")
  for (const part of parts) {
    if (typeof part === "string") assert.include(error.message, part)
    else assert.match(error.message, part)
  }
}

describe("A module whose endpoints an actor cannot serve fails the actor's start", () => {
  it.live("a module whose endpoints an actor cannot serve is refused before a process starts: a test file, or a URL that is not a file", () =>
    withActors(Effect.gen(function*() {
      said(
        yield* failure(at(import.meta.url, "inTest")),
        /^actor "inTest" did not start \(step: import\): "inTest" is defined in the test file file:.*Wrong\.test\.ts/,
        "Move it to a module of its own"
      )
      const forgotten = undefined as unknown as string
      for (
        const module of ["./fixtures/arithmetic.ts", "https://example.org/x.js", "data:text/javascript,", forgotten]
      ) {
        said(
          yield* failure(at(module)),
          `actor "answer" did not start (step: import): "answer" has \`module: ${JSON.stringify(module)}\``,
          "it must be `import.meta.url` of the file in which this stands"
        )
      }
    })))

  it.live("the error of a failed start names the actor's module if the module does not exist or one of its imports fails", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const missing = url("nowhere.ts")
      const error = yield* failure(at(missing))
      assert.strictEqual(error.step, "import")
      said(error, `${missing} cannot be found: Cannot find module`)
      assert.notInclude(error.message, "loader")
      const folder = yield* Folder.make({ "needy.mjs": `import "./not-there.mjs"` })
      const needy = pathToFileURL(Path.join(folder, "needy.mjs")).href
      said(
        yield* failure(at(needy)),
        `${needy} cannot be found, or something it imports cannot`,
        "not-there.mjs",
        "a loader that the program registers itself"
      )
    }))))

  it.live("the error of a failed start names the actor's module if the module throws, has a syntax error or exits while it is imported", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const folder = yield* Folder.make({
        "throwing.mjs": `const f = () => { throw new RangeError("not today") }\nf()`,
        "broken.mjs": `export const x = 1\nexport const = 2`,
        "broken.ts": `export const x: number = 1\nexport const y: = 2`,
        "missing-name.mjs": `import { nothing } from "node:fs"`,
        "exiting.mjs": `console.error("cannot go on"); process.exit(4)`,
        "rejecting.mjs": `void Promise.reject(new Error("left alone")); await new Promise(() => {})`,
        "throwing-nothing.mjs": `throw undefined`
      })
      const from = (name: string) => pathToFileURL(Path.join(folder, name)).href
      const [throwing, broken, brokenTs, missingName, exiting, rejecting, nothing] = yield* Effect.forEach(
        [
          "throwing.mjs",
          "broken.mjs",
          "broken.ts",
          "missing-name.mjs",
          "exiting.mjs",
          "rejecting.mjs",
          "throwing-nothing.mjs"
        ],
        (name) => failure(at(from(name))),
        { concurrency: 4 }
      )
      for (const error of [throwing!, broken!, brokenTs!, missingName!, exiting!, rejecting!, nothing!]) {
        assert.strictEqual(error.step, "import", error.message)
      }
      said(throwing!, `${from("throwing.mjs")} failed while it was imported: not today`)
      assert.deepStrictEqual(
        [throwing!.failure?.cause?.type, throwing!.failure?.cause?.message],
        ["RangeError", "not today"]
      )
      assert.include(throwing!.failure!.cause!.stack, "throwing.mjs:1:")
      said(
        broken!,
        `${from("broken.mjs")}, or something it imports, has a syntax error: Unexpected token '='`,
        "`node --check` with the file shows where; if its parent could load it, a loader that the program registers itself"
      )
      said(
        brokenTs!,
        `${from("broken.ts")}, or something it imports, has a syntax error: `,
        /it is at .*broken\.ts:2; if its parent/
      )
      said(
        missingName!,
        from("missing-name.mjs"),
        "does not provide an export named 'nothing'",
        /missing-name\.mjs:1; if its parent/
      )
      said(exiting!, "its process exited with code 4", "| cannot go on")
      said(rejecting!, "left alone")
      said(nothing!, `${from("throwing-nothing.mjs")} failed while it was imported: undefined`)
    }))))
})

describe("A module that only a loader of the program can load needs the loader in the actor", () => {
  const run = (args: ReadonlyArray<string>, execArgv: ReadonlyArray<string>) =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("loaders/main.ts"), { args, execArgv })
      assert.deepStrictEqual(
        yield* program.ended({ within: "40 seconds" }),
        { code: 0, signal: null },
        program.stderr()
      )
      return program.stdout()
    }))

  it.live("G128: a module that needs a loader is distinguished from a broken module, and the error names the flag that gives the loader to actors", () =>
    Effect.gen(function*() {
      const text = yield* run(["inside"], [])
      assert.include(text, "answer.custom, or something it imports, is of a kind that Node does not load by itself: ")
      assert.include(
        text,
        "a loader that the program registers itself (`module.register`, `registerHooks`) is not in its " +
          "actors, so put it into a module and start Node with `--import` of that module"
      )
    }))

  it.live("G128: a module that needs a loader is served where `--import` registers the loader", () =>
    Effect.gen(function*() {
      assert.include(yield* run([], ["--import", pathToFileURL(fixture("loaders/loader.mjs")).href]), "answered")
    }))
})

describe("An unhandled rejection of a promise ends its process with a message", () => {
  it.live("G128: an unhandled rejection ends an actor or a root under --unhandled-rejections=warn, with a message", () =>
    Effect.scoped(Effect.gen(function*() {
      const execArgv = ["--unhandled-rejections=warn"]
      const program = yield* Program.start(fixture("mains/rejecting.ts"), { execArgv })
      assert.deepStrictEqual(yield* program.ended({ within: "40 seconds" }), { code: 70, signal: null })
      assert.strictEqual(program.stdout(), "RemoteActorError\n")
      const lines = program.stderr().split("\n").filter((line) => /^Error: left|^--unhandled/.test(line))
      const note = "--unhandled-rejections=warn is not followed here: an unhandled rejection ends an actor, and a " +
        "root, as any uncaught error does"
      assert.deepStrictEqual(lines, ["Error: left alone in the actor", note, "Error: left alone in the root", note])
    })))
})

describe("An endpoint that an actor searches for by its name is found in the actor's module", () => {
  it.live("G125: an endpoint is found by its name in the module that makes it, exported or not, and through a re-export", () =>
    withActors(Effect.gen(function*() {
      yield* Actor.runInActor(getHidden()())
      yield* Actor.runInActor(visible())
      yield* Actor.runInActor(at(url("passedOn.ts"), "visible")())
    })))

  it.live("a call of an endpoint that its actor's module lacks fails with the name of the endpoint and the names of the exported endpoints", () =>
    withActors(Effect.gen(function*() {
      said(
        yield* failure(at(url("hidden.ts"), "absent")),
        `(step: import): ${url("hidden.ts")} has no endpoint named "absent" once it is imported`,
        "make it at the top level of that file",
        "it exports visible"
      )
    })))

  it.live("G127: the name of an endpoint is ambiguous where two different endpoints have it, but not where one endpoint is exported twice", () =>
    withActors(Effect.gen(function*() {
      said(
        yield* failure(first),
        `(step: import): ${url("ambiguous.ts")} makes 2 endpoints named "same"`,
        /\(at \S+ambiguous\.ts:5:\d+ and at \S+ambiguous\.ts:6:\d+\)/,
        "Rename one of them"
      )
      yield* Actor.runInActor(alone())
    })))

  it.live("an endpoint that occurs twice in one option `expose` is refused before the start of an actor", () =>
    withActors(Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.nursery(Actor.start("double", { expose: [first, second] })))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const [reason] = exit.cause.reasons
      assert.isTrue(reason?._tag === "Die" && reason.defect instanceof Error)
      if (reason?._tag !== "Die") return
      assert.match(
        (reason.defect as Error).message,
        /^two endpoints named "same" in one `expose` \(of .*ambiguous\.ts and .*ambiguous\.ts\): .*; rename one of them$/
      )
    })))
})

describe("A call of an endpoint that its actor does not expose fails with EndpointUnknown", () => {
  it.live("a call of an unexposed endpoint fails in the caller, with the actor, the endpoint and the exposed endpoints in the error", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const portal = yield* Actor.start("narrow", { expose: [isPrime] }) as Effect.Effect<
        Actor.Portal<any>,
        Actor.ActorError,
        Actor.Nursery
      >
      const call = yield* Effect.flip(portal.run(boom() as never))
      const stream = yield* Effect.flip(Stream.runDrain(portal.stream(count({ to: 1 }) as never)))
      for (const [error, name] of [[call, "boom"], [stream, "count"]] as const) {
        assert.instanceOf(error, ActorError.EndpointUnknown)
        assert.match(
          (error as ActorError.EndpointUnknown).message,
          new RegExp(
            `^narrow@\\d+ does not expose ${name}; it exposes isPrime\\. Add it to \`expose\` where the actor is started`
          )
        )
      }
    }))))
})

describe("A start of an actor at the import of a module is refused, unless the module skips it in actors", () => {
  for (const awaited of ["yes", "no"]) {
    it.live(`a start of an actor at import is refused, and the error says how to keep the main program from running in actors (program ${awaited === "yes" ? "awaited" : "in the background"})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(fixture("wrong/unguarded.ts"), { env: { AWAITED: awaited } })
        assert.deepStrictEqual(yield* program.ended({ within: "20 seconds" }), { code: 1, signal: null })
        const text = program.stdout() + program.stderr()
        assert.include(text, "actor \"answer\" did not start (step: import)")
        assert.include(text, "an actor was started while a child was importing this file")
        assert.include(text, "start it with NodeActor.runMain, or write `if (NodeActor.isRoot())` before it")
        assert.deepStrictEqual(program.left(), [])
      })))
  }

  it.live("a module can start actors at its import if an `if` statement skips the main program in the process of an actor", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(fixture("wrong/guarded.ts"))
      assert.deepStrictEqual(yield* program.ended({ within: "20 seconds" }), { code: 0, signal: null })
      assert.strictEqual(program.stdout(), "answered by furrow[\n")
    })))
})

describe("A layer of an actor that cannot be built fails the actor's start", () => {
  it.live("a layer that an error or a defect keeps from being built fails the actor's start with the layer's own error, boxed", () =>
    withActors(Effect.gen(function*() {
      const [failed, died] = yield* Effect.all([failure(failing), failure(dying)], { concurrency: 2 })
      assert.deepStrictEqual([failed.step, died.step], ["layer", "layer"])
      said(failed, "actor \"failing\" did not start (step: layer)", "no database at db.example")
      assert.strictEqual(failed.failure?.type, "Unavailable")
      said(died, "actor \"dying\" did not start (step: layer)", "no such driver")
      assert.strictEqual(died.failure?.type, "TypeError")
    })))

  it.live("an actor's layer or module that takes too long fails the actor's start at the deadline", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const folder = yield* Folder.make({ "endless.mjs": `await new Promise((r) => setTimeout(r, 1e8))` })
      const module = pathToFileURL(Path.join(folder, "endless.mjs")).href
      const lowered = Timeouts.provide({ spawn: 3000 })
      const [[errors, millis]] = yield* Effect.all([
        timed(Effect.all([failure(at(module)), failure(endless)], { concurrency: 2 }))
      ]).pipe(lowered)
      assert.isAtLeast(millis, 3000)
      assert.isBelow(millis, 8000)
      for (const error of errors) {
        said(error, "it was not ready after 3000 ms; raise Timeouts.spawn if it needs longer")
      }
      assert.deepStrictEqual(errors.map(({ step }) => step), ["import", "layer"])
    }))))
})

describe("The start of an actor fails with the reason if the process of the actor cannot be started", () => {
  it.live("an actor's process that cannot be started fails with the name of the missing working directory", () =>
    withActors(Effect.gen(function*() {
      const error = yield* failure(process_, { cwd: "/does/not/exist" })
      assert.strictEqual(error.step, "process")
      said(error, "does the working directory /does/not/exist exist?")
    })))

  it.live("an actor's process that is given an unknown flag of Node fails with Node's message", () =>
    withActors(Effect.gen(function*() {
      const error = yield* failure(process_, { execArgv: ["--no-such-flag"] })
      assert.strictEqual(error.step, "process")
      said(error, "bad option: --no-such-flag", "its process exited with code 9")
    })))
})

const require = Module.createRequire(import.meta.url)
const ourEffect = Path.dirname(require.resolve("effect/package.json"))
const ourVersion = (JSON.parse(Fs.readFileSync(Path.join(ourEffect, "package.json"), "utf8")) as { version: string })
  .version

/** Makes a project with its own copy of Effect, which must not be loaded. */
const project = (version: string) =>
  Effect.map(
    Folder.make({
      "package.json": JSON.stringify({ type: "module" }),
      "node_modules/effect/package.json": JSON.stringify({
        name: "effect",
        version,
        type: "module",
        exports: { "./package.json": "./package.json", "./*": "./*.js" }
      }),
      "node_modules/effect/Effect.js": `throw new Error("the wrong copy of effect was loaded")`,
      "answer.js": `import { Actor } from "@furrow/actor"\n` +
        `import * as Effect from "effect/Effect"\n` +
        `export const answer = Actor.fn("answer", { module: import.meta.url })(() => Effect.void)\n`
    }),
    (folder) => {
      Fs.mkdirSync(Path.join(folder, "node_modules/@furrow"))
      Fs.symlinkSync(
        Path.dirname(require.resolve("@furrow/actor/package.json")),
        Path.join(folder, "node_modules/@furrow/actor")
      )
      return { folder, module: pathToFileURL(Path.join(folder, "answer.js")).href }
    }
  )

describe("A module's own copy of Effect is refused in an actor if it has another version than the runtime's copy", () => {
  it.live("a second copy of Effect is refused in an actor where its version differs, with both versions and both folders in the error", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const { folder, module } = yield* project("4.0.0")
      const error = yield* failure(at(module))
      assert.strictEqual(error.step, "import")
      said(
        error,
        `${module} imports effect 4.0.0`,
        `${folder}/node_modules/effect/`,
        `on effect ${ourVersion}`,
        "two versions cannot share a process. Install one version"
      )
    }))))

  it.live("a module with its own copy of Effect gets the runtime's copy where both copies have the same version", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const { module } = yield* project(ourVersion)
      yield* Actor.runInActor(at(module)())
    }))))
})

describe("Cause.pretty of an actor that did not start or has failed shows the user's code", () => {
  it.live("Cause.pretty of a failed actor shows the frames of the user's code in the actor, and none of the runtime's", () =>
    withActors(Effect.gen(function*() {
      const layer = yield* Effect.exit(Actor.runInActor(dying()))
      const folder = yield* Folder.make({
        "thrower.mjs": `const fail = () => { throw new Error("at import") }\nfail()\n`
      })
      const imported = yield* Effect.exit(
        Actor.runInActor(at(pathToFileURL(Path.join(folder, "thrower.mjs")).href)())
      )
      const failed = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.start("escaping", { expose: [escape] }).pipe(Effect.flatMap((actor) => actor.run(escape())))
        return yield* Effect.never
      })))
      const shown = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "success"
      for (
        const [text, tag, frame] of [
          [shown(layer), "SpawnFailed", /fixtures\/wrong\/layers\.ts:\d+/],
          [shown(imported), "SpawnFailed", /at fail .*thrower\.mjs:1/],
          [shown(failed), "RemoteActorError", /fixtures\/cleanup\.ts:\d+/]
        ] as const
      ) {
        assert.include(text, tag)
        assert.match(text, frame)
        assert.notMatch(text, /packages\/(actor|node)\/src\/(spawn|supervision|channel|NodeSpawner)/)
      }
    })))
})
