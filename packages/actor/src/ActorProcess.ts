/**
 * An actor below the root, for packages that bring a platform: the life of an actor over a connection to its parent, and
 * how its definitions are found. Programs do not need it.
 *
 * @since 0.1.0
 */
export { type ActorMainOptions, type Ended, run } from "./internal/actor/ActorMain.ts"
export { bundledArguments, exported, isBundledActor, mark, takeOwnArguments } from "./internal/contract/Bundled.ts"
export { isImplemented } from "./internal/contract/Call.ts"
export { withoutStack } from "./internal/errors/stack.ts"
export type { Exposed } from "./internal/spawn/SpawnSpec.ts"
