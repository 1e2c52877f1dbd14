/** Helpers for tests of real processes. */
import { afterAll } from "@effect/vitest"
import type { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Folder from "@furrow/testing/Folder"
import type * as Leaks from "@furrow/testing/Leaks"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

/**
 * A folder for temporary files of only this test file and its actors, so that files of other tests are not taken for
 * leaks. The compile cache stays in the shared folder.
 */
const shared = Os.tmpdir()
const own = Fs.mkdtempSync(Path.join(shared, "furrow-node-test-"))
process.env["NODE_COMPILE_CACHE"] ??= Path.join(shared, "node-compile-cache")
process.env["TMPDIR"] = own
afterAll(() => {
  process.env["TMPDIR"] = shared
  Fs.rmSync(own, { recursive: true, force: true })
})

/** Runs a program over real processes. A process or file that it leaves fails the test, and so does its deadline. */
export const withActors = <A, E>(
  program: Effect.Effect<A, E, ActorRuntime | Scope.Scope>,
  leaks: Leaks.Options = {}
) => WithActors.provide(NodeActor.layer, { leaks })(program)

/** A file for evidence, which is removed when the Scope closes. */
export const evidence = Effect.map(Folder.make(), (folder) => Path.join(folder, "evidence"))

/** Runs an effect, and returns its result with the time that it took. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (answer) => [answer, performance.now() - start] as const)
  })

/** Returns the path of a fixture. */
export const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))

/** Returns the number of the only line of a fixture that holds this text. */
export const lineOf = (name: string, text: string) =>
  Fs.readFileSync(fixture(name), "utf8").split("\n").findIndex((line) => line.includes(text)) + 1
