/** Tests spares as processes: used for a start, lost, and ended with their owner. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Registry } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Living } from "../src/internal/entered.ts"
import { Guard } from "../src/internal/guard.ts"
import { importModule, load } from "../src/internal/load.ts"
import { make } from "../src/internal/processes.ts"
import { rehearseOnce } from "../src/internal/spare.ts"
import { Starts } from "../src/internal/starts.ts"
import { exit } from "./fixtures/dying.ts"
import { process_, who } from "./fixtures/identity.ts"
import { fixture } from "./support.ts"

/** Vitest preloads a module, and a program that preloads has no spares. So the flag is removed here. */
const preloaded = process.execArgv.indexOf("--require")
if (preloaded >= 0) process.execArgv.splice(preloaded, 2)

const guards: ReadonlyArray<GuardMode> = ["warden", "thread", "none"]
const patient = { within: "40 seconds" } as const

const sparesOf = (root?: number) => Processes.titled("furrow-spare[", root)

/** Waits for the spare of this process, or of another root, until it waits for a start. */
const waiting = (root?: number) =>
  Eventually.succeeds(
    Effect.suspend(() => {
      const [spare] = sparesOf(root)
      return spare === undefined ? Effect.fail("no spare waits") : Effect.succeed(spare.pid)
    }),
    patient
  )

/** The message that a spare waits is read in a later turn than its process title changes. */
const heard = Effect.sleep("50 millis")

const spare = Effect.tap(waiting(), () => heard)

const run =
  (options: NodeSpawner.Options) => (program: Effect.Effect<unknown, unknown, Actor.ActorRuntime | Scope.Scope>) =>
    WithActors.provide(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer(options))))(program)

const pidOf = (options: Actor.SpawnOptions = {}) =>
  Effect.flatMap(Actor.startScoped("plain", { expose: [who], ...options }), (portal) => portal.run(who()))

describe("A spare process of a root becomes the next actor", () => {
  for (const guard of guards) {
    it.live(
      `G241: a waiting spare becomes the next actor, with the name, parent and flags of an actor that was started without a spare (guard: ${guard})`,
      () =>
        Effect.gen(function*() {
          yield* pidOf()
          const found = yield* spare
          const portal = yield* Actor.startScoped("frank", { expose: [who, process_] })
          assert.strictEqual(portal.actor.pid, found)
          const { above, name, pid } = yield* portal.run(who())
          assert.deepStrictEqual({ name, pid, above }, { name: "frank", pid: found, above: [`root@${process.pid}`] })
          const { execArgv, ppid, title } = yield* portal.run(process_())
          assert.deepStrictEqual({ execArgv, ppid, title }, {
            execArgv: process.execArgv,
            ppid: process.pid,
            title: `furrow[frank@${found}]`
          })
        }).pipe(run({ guard, spares: "auto" })),
      90_000
    )
  }

  it.live(
    "G241: a spare exists before the first start of an actor where the option spares is eager",
    () =>
      Effect.gen(function*() {
        const found = yield* spare
        assert.strictEqual((yield* pidOf()).pid, found)
      }).pipe(run({ spares: "eager" })),
    90_000
  )

  it.live(
    "G242: a spare is listed nowhere: neither among the root's children, nor in the registry, nor in events",
    () =>
      Effect.gen(function*() {
        yield* spare
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
        assert.deepStrictEqual(yield* Registry.list({ name: "spare" }), [])
      }).pipe(run({ spares: "eager" })),
    90_000
  )

  it.live(
    "G244: a spare is not used for a start with options of its own, nor after a change of the root's environment",
    () =>
      Effect.gen(function*() {
        const found = yield* spare
        for (const options of [{ memoryLimit: 512 }, { env: { set: { A: "1" } } }, { execArgv: ["--no-warnings"] }]) {
          assert.notStrictEqual((yield* pidOf(options)).pid, found)
        }
        process.env["FURROW_TEST_SPARE"] = "set"
        const portal = yield* Actor.startScoped("later", { expose: [process_] })
        const { env, pid } = yield* portal.run(process_())
        assert.notStrictEqual(pid, found)
        assert.strictEqual(env["FURROW_TEST_SPARE"], "set")
      }).pipe(
        Effect.ensuring(Effect.sync(() => void delete process.env["FURROW_TEST_SPARE"])),
        run({ spares: "eager" })
      ),
    90_000
  )

  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    it.live(
      `G244: an actor starts without a spare if a signal has killed or stopped the waiting spare, and no message is logged (signal: ${signal})`,
      () =>
        Effect.gen(function*() {
          const found = yield* spare
          process.kill(found, signal)
          const { name, pid } = yield* pidOf()
          assert.strictEqual(name, "plain")
          assert.notStrictEqual(pid, found)
          yield* Processes.gone([found])
        }).pipe(run({ spares: "eager" })),
      90_000
    )
  }

  it.live(
    "G241: an actor that was a spare passes its output on, and its parent keeps its last lines",
    () =>
      Effect.gen(function*() {
        const found = yield* spare
        const portal = yield* Actor.startScoped("dying", { expose: [exit] })
        assert.strictEqual(portal.actor.pid, found)
        const error = yield* Effect.flip(portal.run(exit({ code: 3 })))
        assert.instanceOf(error, ActorError.ActorLost)
        assert.deepStrictEqual((error as ActorError.ActorLost).stderr, ["about to leave", "last words"])
      }).pipe(run({ spares: "eager" })),
    90_000
  )

  it.live("G245: a root starts no spare where the option spares is off", () =>
    Effect.gen(function*() {
      yield* pidOf()
      yield* Effect.sleep("1500 millis")
      assert.deepStrictEqual(
        Processes.descendants().filter(({ command }) =>
          / spare spare /.test(command) || command.includes("furrow-spare[")
        ),
        []
      )
    }).pipe(run({ spares: "off" })), 90_000)

  it.live(
    "G242: a spare runs no code of the program, so a root whose program preloads a module has no spare",
    () =>
      Effect.gen(function*() {
        const root = yield* Program.start(fixture("spareRoot.ts"), {
          args: ["warden", "auto"],
          execArgv: ["--import", "data:text/javascript,"]
        })
        yield* root.says(/up/, patient)
        yield* Effect.sleep("1500 millis")
        assert.deepStrictEqual(sparesOf(root.pid), [])
      }).pipe(Effect.scoped),
    90_000
  )

  for (const guard of guards) {
    it.live(
      `G243: a spare ends with its killed root, both while the spare waits and while it starts (guard: ${guard})`,
      () =>
        Effect.gen(function*() {
          for (const when of ["waits", "starts"] as const) {
            const root = yield* Program.start(fixture("spareRoot.ts"), { args: [guard, "eager"] })
            yield* root.says(/up/, patient)
            if (when === "waits") yield* waiting(root.pid)
            const below = Processes.descendants(root.pid).map(({ pid }) => pid)
            assert.isAtLeast(below.length, 1)
            process.kill(root.pid, "SIGKILL")
            yield* Processes.gone(below, patient)
          }
        }).pipe(Effect.scoped),
      90_000
    )
  }

  it.live(
    "G243: a spare ends when the runtime of its root is closed, and the root's process goes on",
    () =>
      Effect.gen(function*() {
        const runtime = NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ spares: "eager" })))
        const found = yield* Effect.provide(spare, runtime)
        assert.isFalse(Processes.isAlive(found))
      }),
    90_000
  )

  it.live(
    "G243: a waiting spare does not keep a root alive that gets SIGTERM, and the spare ends with the root",
    () =>
      Effect.gen(function*() {
        const root = yield* Program.start(fixture("spareRoot.ts"), { args: ["warden", "auto"] })
        yield* root.says(/up/, patient)
        const found = yield* waiting(root.pid)
        process.kill(root.pid, "SIGTERM")
        yield* Processes.gone([root.pid, found], patient)
      }).pipe(Effect.scoped),
    90_000
  )

  it.live("a spare carries out a whole start of an actor as a rehearsal, and imports the rehearsed module again in each rehearsal", () =>
    Effect.gen(function*() {
      const guard = new Guard({ mode: "none" })
      const native = {
        spawner: make(new Starts(guard, new Living()), { script: [], preload: [] }),
        authenticator: undefined,
        builtin: NodeTransport.builtin,
        importModule
      }
      const module = new URL("../src/internal/rehearsed.ts", import.meta.url).href
      const imported: Array<string> = []
      const counted: typeof load = (exposed) => {
        imported.push(...exposed.map(({ module }) => module))
        return load(exposed)
      }
      yield* rehearseOnce({ native, load: counted, loadModule: importModule, module }, 1)
      yield* rehearseOnce({ native, load: counted, loadModule: importModule, module }, 2)
      assert.deepStrictEqual(imported, [`${module}?1`, `${module}?2`])
    }))
})
