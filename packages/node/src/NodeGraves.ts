/**
 * The stories of this user's dead actors on this host. A story says why an actor died, what it served then, and what
 * its last steps were. The owner of an actor writes a story when the actor does not end in order.
 *
 * The newest 100 stories are kept. The stories hold names, numbers and times, and never a payload or the text of a
 * message.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import * as Graves from "./internal/graves.ts"
import { gravesFolder } from "./internal/gravesMode.ts"

export type { Grave } from "./internal/graves.ts"
export type { Step } from "./internal/recordFile.ts"

/** Returns the folder of stories: the named one, or else the folder that a root with this environment would use. */
const folderOf = (folder: string | undefined): string =>
  folder === undefined
    ? gravesFolder(undefined, process.env, Graves.usualGraves()).folder ?? Graves.usualGraves()
    : Path.resolve(folder)

/**
 * Lists the stories of a folder, the newest first. The default is the folder of this user's trees. Before the listing,
 * stories are written from the records of actors that died together with their parents.
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
 * Removes every story of a folder. The default is the folder of this user's trees.
 *
 * @example
 * ```ts
 * yield* NodeGraves.clear("/nonexistent") // undefined
 * ```
 * @category observing
 * @since 0.2.0
 */
export const clear = (folder?: string): Effect.Effect<void> => Effect.sync(() => Graves.clear(folderOf(folder)))
