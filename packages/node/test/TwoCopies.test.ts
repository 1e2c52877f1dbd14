/** Tests a contract whose schemas come from a second copy of Effect, as a package manager may install one. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"

const ours = Path.dirname(Module.createRequire(import.meta.url).resolve("effect/package.json"))
const module = import.meta.url

/** Returns the module Schema of another copy of Effect, and the folder of that copy. */
const secondCopy = Effect.gen(function*() {
  const folder = yield* Folder.make({})
  const copy = Path.join(folder, "node_modules", "effect")
  const isNeeded = (file: string): boolean => !/\.(map|ts)$/.test(file) && !file.startsWith(Path.join(ours, "src"))
  Fs.cpSync(ours, copy, { recursive: true, filter: isNeeded })
  const url = pathToFileURL(Path.join(copy, "dist", "Schema.js")).href
  const schema = yield* Effect.promise(() => import(/* @vite-ignore */ url) as Promise<typeof Schema>)
  assert.notStrictEqual(schema.String, Schema.String)
  return { copy, Second: schema }
})

const message = (define: () => unknown): string => {
  try {
    define()
  } catch (error) {
    return String(error)
  }
  return "it is defined"
}

describe("A contract with schemas of a second copy of Effect is refused", () => {
  it.live("G117: a contract with schemas of a second copy of Effect is refused at its definition, with the folders of both copies in the error", () =>
    Effect.scoped(Effect.gen(function*() {
      const { copy, Second } = yield* secondCopy
      class Svc extends Second.Class<Svc>("Svc")({ n: Second.Int }) {}
      const definitions: ReadonlyArray<readonly [define: () => unknown, part: string, at: string]> = [
        [() => Actor.endpoint("put", { payload: { text: Second.String } }), "payload of put", `\n  at ["text"]`],
        [() => Actor.endpoint("put", { payload: Second.Struct({ text: Second.String }) }), "payload of put", ""],
        [() => Actor.fn("get", { module, success: Svc })(() => Effect.never), "success of get", ""],
        [
          () => Actor.streamEndpoint("all", { error: Schema.Struct({ of: Schema.Array(Second.Int) }) }),
          "error of all",
          `\n  at ["of"]`
        ],
        [
          () =>
            Actor.Service<never>()("Group", {
              module,
              endpoints: RpcGroup.make(Rpc.make("Put", { payload: { text: Second.String } }))
            }),
          "payload of Put",
          `\n  at ["text"]`
        ]
      ]
      for (const [define, part, at] of definitions) {
        const said = message(define)
        assert.include(
          said,
          `the ${part} is refused: no value of it can cross: it has a schema of a second copy of effect`
        )
        assert.include(said, `${copy})`)
        assert.include(said, `${ours}) cannot read. Install one copy${at}`)
      }
    })))
})
