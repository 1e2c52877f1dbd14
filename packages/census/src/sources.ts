/**
 * Finds the source files of a folder.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"

export interface Source {
  /** Path below the folder, with `/`. */
  readonly file: string
  readonly bytes: number
}

export interface Sources {
  readonly folder: string
  /** By name. */
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

/** Installed packages and hidden folders are not the folder's own sources. */
const isForeign = (name: string) => name === "node_modules" || name.startsWith(".")

/** A file that is already gone is found out by the actor that is to read it. */
const sizeOf = (path: string): Promise<number> => Fs.stat(path).then(({ size }) => size, () => 0)

/** Symbolic links are not followed: nothing is counted twice, and no walk is endless. */
const walk = async (folder: string, below: string): Promise<Array<Source>> => {
  const found: Array<Source> = []
  for (const entry of await Fs.readdir(Path.join(folder, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) {
      if (!isForeign(entry.name)) found.push(...await walk(folder, path))
    } else if (entry.isFile() && extensions.includes(Path.extname(entry.name))) {
      found.push({ file: path, bytes: await sizeOf(Path.join(folder, path)) })
    }
  }
  return found
}

const reasons: { readonly [code: string]: string } = {
  ENOENT: "there is no such folder",
  ENOTDIR: "it is not a folder",
  EACCES: "it may not be read"
}

export const find = (folder: string): Effect.Effect<Sources, NothingToCount> =>
  Effect.gen(function*() {
    const files = yield* Effect.tryPromise({
      try: () => walk(folder, ""),
      catch: (error) => {
        const { code = "", message, path = folder } = error as NodeJS.ErrnoException
        return new NothingToCount({ folder: path, reason: reasons[code] ?? message })
      }
    })
    if (files.length === 0) {
      return yield* new NothingToCount({ folder, reason: `it holds no ${extensions.join(" ")} files` })
    }
    return { folder, files: files.sort((a, b) => a.file < b.file ? -1 : 1) }
  })

/** Reads every file and forgets it: from now on they come from the system's cache. */
export const readOnce = ({ files, folder }: Sources): Effect.Effect<void> =>
  Effect.forEach(files, ({ file }) => Effect.ignore(Effect.tryPromise(() => Fs.readFile(Path.join(folder, file)))), {
    concurrency: 8,
    discard: true
  })
