/**
 * The plan by which the actors of a tree are started, in the root and in every actor.
 *
 * A platform supplies its own spawner (`NodeSpawner.layer` starts processes). A program may wrap the platform's spawner
 * with a spawner of its own (`Spawner.portable`), which sees every start and asks the `NativeSpawner` of its process to
 * carry the start out.
 *
 * @since 0.1.0
 */
export { NativeSpawner, portable, Spawner } from "./internal/platform/Spawner.ts"
export type { NativeControl, SpawnerLayer, SpawnerPlan } from "./internal/platform/Spawner.ts"
export type { Evidence, PostMortem, RecordedCall } from "./internal/spawn/Evidence.ts"
export { SpawnerDriver } from "./internal/spawn/Spawner.ts"
export type { Output, ProcessExit, ProcessHandle, SpawnOptions, SpawnRequest } from "./internal/spawn/Spawner.ts"
