import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"

describe("The module Folder", () => {
  it.effect("Folder makes a folder that holds its files while the Scope is open, and is gone afterwards", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make({ "a/b.txt": "one\ntwo\n" })
        assert.deepStrictEqual(Folder.lines(Path.join(folder, "a/b.txt")), ["one", "two"])
        return folder
      }))
      assert.isFalse(Fs.existsSync(folder))
      assert.deepStrictEqual(Folder.lines(Path.join(folder, "a/b.txt")), [])
    }))
})
