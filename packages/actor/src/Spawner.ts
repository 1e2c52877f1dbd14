/**
 * How the actors of a tree are started, in the root and in every actor.
 *
 * A platform supplies its spawner (`NodeSpawner.layer`: processes). A program may put one of its own around it, with
 * `Spawner.portable`: it sees every start, and asks the `NativeSpawner` of the process it is in to carry it out.
 *
 * @since 0.1.0
 */
export { NativeSpawner, portable, Spawner } from "./internal/platform/Spawner.ts"
export type { NativeControl, SpawnerLayer, SpawnerPlan } from "./internal/platform/Spawner.ts"
export type { Evidence, PostMortem, RecordedCall } from "./internal/spawn/Evidence.ts"
export { SpawnerDriver } from "./internal/spawn/Spawner.ts"
export type { Output, ProcessExit, ProcessHandle, SpawnOptions, SpawnRequest } from "./internal/spawn/Spawner.ts"
