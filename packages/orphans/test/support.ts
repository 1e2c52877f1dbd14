/** Helpers for tests of real processes. */
import type { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import { NodeActor, NodeSpawner } from "@furrow/node"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as Leaks from "@furrow/testing/Leaks"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

// A folder for temporary files of only this test file, so that files of other tests are not taken for leaks.
const temporary = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-orphans-test-"))
process.env["TMPDIR"] = temporary
process.on("exit", () => Fs.rmSync(temporary, { recursive: true, force: true }))

/** Runs a program over real processes; a process or file that it leaves fails the test. */
export const withActors = <A, E>(program: Effect.Effect<A, E, ActorRuntime | Scope.Scope>, guard?: GuardMode) =>
  Leaks.withoutLeaks(
    Effect.scoped(program).pipe(Effect.provide(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard })))))
  )

/** Runs an effect, and returns its result with the time that it took. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (answer) => [answer, performance.now() - start] as const)
  })

/** Returns the path of a fixture. */
export const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
