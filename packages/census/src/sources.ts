/**
 * Finds the source files of a folder that a census counts.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"

export interface Source {
  /** The path of a source file relative to the counted folder, with `/`. */
  readonly file: string
  readonly bytes: number
}

export interface Sources {
  readonly folder: string
  /** The source files of a folder in the order of their names. */
  readonly files: ReadonlyArray<Source>
}

export class NothingToCount extends Schema.TaggedError<NothingToCount>()("NothingToCount", {
  folder: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `nothing to count in ${this.folder}: ${this.reason}`
  }
}

export const extensions = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"]

/**
 * Installed packages and hidden folders in a counted folder are skipped, because they are not the folder's own sources.
 */
const isForeign = (name: string) => name === "node_modules" || name.startsWith(".")

/**
 * Symbolic links in a counted folder are not followed, so that no file is counted twice and the search for files ends.
 */
const walk: (
  folder: string,
  below: string
) => Effect.Effect<Array<Source>, PlatformError, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(folder, below) {
    const fs = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const found: Array<Source> = []
    for (const { name, type } of yield* fs.readDirectoryEntries(paths.join(folder, below))) {
      const file = below === "" ? name : `${below}/${name}`
      if (type === "Directory") {
        if (!isForeign(name)) found.push(...yield* walk(folder, file))
      } else if (type === "File" && extensions.includes(paths.extname(name))) {
        // When a file is deleted after the search for sources has found it, the actor that should read the file notices
        // the deletion.
        const size = yield* Effect.orElseSucceed(
          Effect.map(fs.stat(paths.join(folder, file)), ({ size }) => Number(size)),
          () => 0
        )
        found.push({ file, bytes: size })
      }
    }
    return found
  }
)

const reasons: { readonly [tag: string]: string } = {
  NotFound: "there is no such folder",
  BadResource: "it is not a folder",
  PermissionDenied: "it may not be read"
}

export const find = Effect.fnUntraced(function*(folder: string) {
  const files = yield* Effect.mapError(walk(folder, ""), ({ message, reason }) =>
    new NothingToCount({
      folder: "pathOrDescriptor" in reason ? String(reason.pathOrDescriptor) : folder,
      reason: reasons[reason._tag] ?? message
    }))
  if (files.length === 0) {
    return yield* new NothingToCount({ folder, reason: `it holds no ${extensions.join(" ")} files` })
  }
  return { folder, files: files.sort((a, b) => a.file < b.file ? -1 : 1) }
})

/** Reads every source file once, so that the counts of a census find it in the system's file cache. */
export const readOnce = Effect.fnUntraced(function*({ files, folder }: Sources) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* Effect.forEach(files, ({ file }) => Effect.ignore(fs.readFile(path.join(folder, file))), {
    concurrency: 8,
    discard: true
  })
})
