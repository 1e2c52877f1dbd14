/**
 * Makes the plan of a spawner, by which the root and every actor of a tree start actors.
 *
 * A platform supplies its own spawner (`NodeSpawner.layer` starts processes). A program may wrap the platform's spawner
 * with a spawner of its own (`Spawner.portable`), which sees every start. A spawner that wraps the platform's spawner
 * starts an actor by a request to the `NativeSpawner` of its process.
 *
 * @since 0.1.0
 */
export { NativeSpawner, portable, Spawner } from "./internal/platform/Spawner.ts"
export type { NativeControl, SpawnerLayer, SpawnerPlan } from "./internal/platform/Spawner.ts"
export type { Evidence, PostMortem, RecordedCall } from "./internal/spawn/Evidence.ts"
export { SpawnerDriver } from "./internal/spawn/Spawner.ts"
export type { Output, ProcessExit, ProcessHandle, SpawnOptions, SpawnRequest } from "./internal/spawn/Spawner.ts"
