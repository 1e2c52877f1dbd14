import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { systemError } from "effect/PlatformError"
import * as Sources from "../src/sources.ts"

/** A file system with a closed folder. The tests may run as a user for whom every folder is open. */
const closedBelow = FileSystem.layerNoop({
  readDirectoryEntries: (path) =>
    path === "/project"
      ? Effect.succeed([{ name: "closed", type: "Directory" }])
      : Effect.fail(
        systemError({
          _tag: "PermissionDenied",
          module: "FileSystem",
          method: "readDirectoryEntries",
          pathOrDescriptor: path
        })
      )
})

describe("A census searches a folder for source files", () => {
  it.live("the census finds the source files of a folder with their sizes, and skips links, hidden folders and installed packages", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* Folder.make({
        "b.ts": "12",
        "a/c.mjs": "123",
        "a/notes.md": "",
        ".hidden/d.ts": "",
        "node_modules/e/e.js": ""
      })
      yield* fs.symlink("b.ts", `${folder}/link.ts`)
      yield* fs.symlink("..", `${folder}/a/up`)
      assert.deepStrictEqual((yield* Sources.find(folder)).files, [
        { file: "a/c.mjs", bytes: 3 },
        { file: "b.ts", bytes: 2 }
      ])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("the search for sources in a folder fails with the name of a subfolder that may not be read", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(Sources.find("/project"))
      assert.strictEqual(refused.message, "nothing to count in /project/closed: it may not be read")
    }).pipe(Effect.provide([Path.layer, closedBelow])))
})
