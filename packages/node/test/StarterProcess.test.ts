/** Tests the starter as a process: its actors, its death, its silence, and its end with its root. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Os from "node:os"
import { exit } from "./fixtures/dying.ts"
import { process_, who } from "./fixtures/identity.ts"
import { litter } from "./fixtures/stuck.ts"
import { evidence, fixture } from "./support.ts"

// The test runner preloads a file, and a program that preloads has no spares. So the flag is removed here.
const preloaded = process.execArgv.indexOf("--require")
if (preloaded >= 0) process.execArgv.splice(preloaded, 2)

const guards: ReadonlyArray<GuardMode> = ["warden", "thread", "none"]
const patient = { within: "60 seconds" } as const

const starterOf = (root?: number) => Processes.titled("furrow-starter[", root)

/** Waits for the starter of this process, or of another root, until it serves. */
const serving = (root?: number) =>
  Eventually.succeeds(
    Effect.suspend(() => {
      const [starter] = starterOf(root)
      return starter === undefined ? Effect.fail("there is no starter") : Effect.succeed(starter.pid)
    }),
    patient
  )

const run =
  (options: NodeSpawner.Options) => (program: Effect.Effect<unknown, unknown, Actor.ActorRuntime | Scope.Scope>) =>
    WithActors.provide(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ spares: "off", ...options }))))(program)

const start = (name: string) => Actor.startScoped(name, { expose: [who, process_, exit, litter] })

const parentOf = (pid: number) => Processes.find(pid)?.parent

describe("The starter process of a root starts actors for the root", () => {
  for (const guard of guards) {
    it.live(
      `G278: an actor that a starter has started behaves like an actor that the root has started (guard: ${guard})`,
      () =>
        Effect.gen(function*() {
          const starter = yield* serving()
          const frank = yield* start("frank")
          const { above, name, pid } = yield* frank.run(who())
          assert.deepStrictEqual({ name, pid, above }, {
            name: "frank",
            pid: frank.actor.pid,
            above: [`root@${process.pid}`]
          })
          assert.strictEqual(parentOf(pid), starter)
          const { cwd, env, execArgv, title } = yield* frank.run(process_())
          assert.deepStrictEqual({ cwd, execArgv, title }, {
            cwd: process.cwd(),
            execArgv: process.execArgv,
            title: `furrow[frank@${pid}]`
          })
          assert.strictEqual(env["NODE_OPTIONS"], process.env["NODE_OPTIONS"])
          const folder = Os.tmpdir()
          const other = yield* Actor.startScoped("other", {
            expose: [process_],
            cwd: folder,
            env: { set: { A: "1" } }
          })
          const told = yield* other.run(process_())
          assert.deepStrictEqual([told.cwd, told.env["A"]], [folder, "1"])
        }).pipe(run({ guard, starter: "eager" })),
      150_000
    )

    it.live(
      `G279: when a starter dies, its actors and their leftover processes end, and the actors' owners get ActorLost (guard: ${guard})`,
      () =>
        Effect.gen(function*() {
          const starter = yield* serving()
          const frank = yield* start("frank")
          const left = yield* frank.run(litter())
          process.kill(starter, "SIGKILL")
          const end = yield* frank.wait
          assert.strictEqual(end._tag, "Lost")
          const { how, stderr } = (end as Extract<typeof end, { readonly _tag: "Lost" }>).error as ActorError.ActorLost
          assert.deepStrictEqual({ ...how }, { _tag: "Signalled", signal: "SIGKILL" })
          assert.match(stderr.at(-1) ?? "", /its starter \(furrow-starter, process \d+\) has ended/)
          yield* Processes.gone([starter, frank.actor.pid, left], patient)
          // The root itself begins the next start.
          const next = yield* start("next")
          assert.strictEqual(parentOf(next.actor.pid), process.pid)
        }).pipe(run({ guard, starter: "eager" })),
      150_000
    )
  }

  // Under the guard `none` a busy actor is left behind, and so is a stopped starter, because nothing ends them.
  for (const guard of guards.filter((guard) => guard !== "none")) {
    it.live(
      `G280: when a root is killed, its starter, the actors of the starter and their leftover processes end (guard: ${guard})`,
      () =>
        Effect.gen(function*() {
          const file = yield* evidence
          for (const state of ["runs", "is stopped"] as const) {
            const root = yield* Program.start(fixture("starterRoot.ts"), { args: [guard, "off", file] })
            yield* root.says(/up/, patient)
            const starter = yield* serving(root.pid)
            const below = Processes.descendants(root.pid).map(({ pid }) => pid)
            assert.include(below, starter)
            if (state === "is stopped") process.kill(starter, "SIGSTOP")
            yield* root.signal("SIGKILL")
            yield* Processes.gone(below, patient)
          }
        }).pipe(Effect.scoped),
      150_000
    )
  }

  it.live(
    "G278: an actor that a starter has started reports its own exit and its last lines of output",
    () =>
      Effect.gen(function*() {
        yield* serving()
        const frank = yield* start("frank")
        const error = yield* Effect.flip(frank.run(exit({ code: 3 })))
        assert.instanceOf(error, ActorError.ActorLost)
        const { how, stderr } = error as ActorError.ActorLost
        assert.deepStrictEqual([{ ...how }, stderr], [{ _tag: "Exited", code: 3 }, ["about to leave", "last words"]])
      }).pipe(run({ starter: "eager" })),
    150_000
  )

  it.live(
    "G279: the root itself carries out the starts that it has requested from a killed starter",
    () =>
      Effect.gen(function*() {
        const starter = yield* serving()
        process.kill(starter, "SIGSTOP")
        const asked = yield* Effect.forkScoped(Effect.all([start("a"), start("b")], { concurrency: 2 }))
        yield* Effect.sleep("100 millis")
        process.kill(starter, "SIGKILL")
        const [a, b] = yield* Fiber.join(asked)
        for (const { actor } of [a, b]) assert.strictEqual(parentOf(actor.pid), process.pid)
        assert.strictEqual((yield* a.run(who())).name, "a")
      }).pipe(run({ starter: "eager" })),
    150_000
  )

  it.live(
    "G281: a stopped starter is continued, so that a start completes and the root notices the exit of an actor",
    () =>
      Effect.gen(function*() {
        const starter = yield* serving()
        process.kill(starter, "SIGSTOP")
        const frank = yield* start("frank")
        assert.strictEqual(parentOf(frank.actor.pid), starter)
        process.kill(starter, "SIGSTOP")
        process.kill(frank.actor.pid, "SIGKILL")
        const end = yield* frank.wait
        const { how } = (end as Extract<typeof end, { readonly _tag: "Lost" }>).error as ActorError.ActorLost
        assert.deepStrictEqual({ ...how }, { _tag: "Signalled", signal: "SIGKILL" })
      }).pipe(run({ starter: "eager" })),
    150_000
  )

  it.live(
    "G281: a starter and its actors ignore signals that a service manager sends to every process",
    () =>
      Effect.gen(function*() {
        const starter = yield* serving()
        const frank = yield* start("frank")
        for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.kill(starter, signal)
        const next = yield* start("next")
        assert.strictEqual(parentOf(next.actor.pid), starter)
        assert.strictEqual((yield* frank.run(who())).name, "frank")
      }).pipe(run({ starter: "eager" })),
    150_000
  )

  it.live(
    "G280: a starter ends with the runtime of its root, and does not keep the root's process running",
    () =>
      Effect.gen(function*() {
        const runtime = NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ spares: "off", starter: "eager" })))
        const found = yield* Effect.provide(serving(), runtime)
        assert.isFalse(Processes.isAlive(found))
        const root = yield* Program.start(fixture("starterRoot.ts"), { args: ["warden", "eager", yield* evidence] })
        yield* root.says(/up/, patient)
        const below = Processes.descendants(root.pid).map(({ pid }) => pid)
        yield* root.signal("SIGTERM")
        const { code } = yield* root.ended(patient)
        assert.strictEqual(code, 143)
        yield* Processes.gone(below, patient)
      }).pipe(Effect.scoped),
    150_000
  )

  it.live(
    "G282: a small root, or one with the option starter off, has no starter, while a large root has one after its next start",
    () =>
      Effect.gen(function*() {
        const first = yield* start("first")
        assert.strictEqual(parentOf(first.actor.pid), process.pid)
        assert.deepStrictEqual(starterOf(), [])
        const ballast = Buffer.alloc(300 * 1024 * 1024, 1)
        const second = yield* start("second")
        assert.strictEqual(parentOf(second.actor.pid), process.pid)
        const starter = yield* serving()
        const third = yield* start("third")
        assert.strictEqual(parentOf(third.actor.pid), starter)
        assert.strictEqual(ballast.at(-1), 1)
        const inherited = yield* Actor.startScoped("inherits", { expose: [who], stdout: "inherit" })
        assert.strictEqual(parentOf(inherited.actor.pid), process.pid)
      }).pipe(run({ starter: "auto" })),
    150_000
  )

  it.live(
    "G278: the spare of a root with a starter is started by the starter, so the starter is its parent process",
    () =>
      Effect.gen(function*() {
        const root = yield* Program.start(fixture("starterRoot.ts"), { args: ["warden", "eager", yield* evidence] })
        yield* root.says(/up/, patient)
        const starter = yield* serving(root.pid)
        const spare = yield* Eventually.succeeds(
          Effect.suspend(() => {
            const [spare] = Processes.titled("furrow-spare[", root.pid)
            return spare === undefined ? Effect.fail("no spare waits") : Effect.succeed(spare)
          }),
          patient
        )
        assert.strictEqual(spare.parent, starter)
      }).pipe(Effect.scoped),
    150_000
  )
})
