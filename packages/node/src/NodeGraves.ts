/**
 * The stories of dead actors of this user on this machine: why each died, what it served then, and its last steps. The owner of
 * an actor writes one when the actor ends otherwise than it should.
 *
 * The newest 100 are kept. They hold names, numbers and times, and never a payload or the text of a message.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import * as Graves from "./internal/graves.ts"
import { gravesFolder } from "./internal/gravesMode.ts"

export type { Grave } from "./internal/graves.ts"
export type { Step } from "./internal/recordFile.ts"

/** The folder of stories: the one that is named, or else the folder that a root with this environment would use. */
const folderOf = (folder: string | undefined): string =>
  folder === undefined
    ? gravesFolder(undefined, process.env, Graves.usualGraves()).folder ?? Graves.usualGraves()
    : Path.resolve(folder)

/**
 * Lists the stories of a folder, the newest first. Default: the folder of the trees of this user. Records of actors that died
 * with their parents become stories now.
 *
 * @example
 * ```ts
 * const found = yield* NodeGraves.list("/nonexistent")
 * found // []
 * ```
 * @category observing
 * @since 0.2.0
 */
export const list = (folder?: string): Effect.Effect<ReadonlyArray<Graves.Grave>> =>
  Effect.sync(() => Graves.list(folderOf(folder)))

/**
 * Removes every story of a folder. Default: the folder of the trees of this user.
 *
 * @example
 * ```ts
 * yield* NodeGraves.clear("/nonexistent") // undefined
 * ```
 * @category observing
 * @since 0.2.0
 */
export const clear = (folder?: string): Effect.Effect<void> => Effect.sync(() => Graves.clear(folderOf(folder)))
