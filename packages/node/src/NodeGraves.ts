/**
 * Lists and removes the post-mortems of this user's dead actors on this host. A post-mortem says why an actor died,
 * what the actor served at its death, and what its last steps were. The owner of an actor writes the actor's
 * post-mortem when the actor does not end in order.
 *
 * The newest 100 post-mortems of a user's dead actors are kept. The post-mortems of dead actors hold names, numbers and times,
 * and never a payload or the text of a message.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import * as Graves from "./internal/graves.ts"
import { gravesFolder } from "./internal/gravesMode.ts"

export type { Grave } from "./internal/graves.ts"
export type { Step } from "./internal/recordFile.ts"

/**
 * Returns the folder of post-mortems: the named folder, or else the folder that a root with this environment would use.
 */
const folderOf = (folder: string | undefined): string =>
  folder === undefined
    ? gravesFolder(undefined, process.env, Graves.usualGraves()).folder ?? Graves.usualGraves()
    : Path.resolve(folder)

/**
 * Lists the post-mortems of dead actors in a folder, the newest first. By default `NodeGraves.list` lists the
 * post-mortems in the folder of this user's trees. The function `NodeGraves.list` first writes the post-mortems of
 * actors that died together with their parents, from the actors' records.
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
 * Removes every post-mortem in the folder of dead actors' post-mortems. By default `NodeGraves.clear` removes the
 * post-mortems in the folder of this user's trees.
 *
 * @example
 * ```ts
 * yield* NodeGraves.clear("/nonexistent") // undefined
 * ```
 * @category observing
 * @since 0.2.0
 */
export const clear = (folder?: string): Effect.Effect<void> => Effect.sync(() => Graves.clear(folderOf(folder)))
