/**
 * Starts the process of an actor: processes, pipes and signals, and nothing of dialogs or supervision.
 *
 * @since 0.1.0
 */
export { Spawner } from "./internal/spawn/Spawner.ts"
export type { ProcessExit, ProcessHandle, SpawnOptions, SpawnRequest } from "./internal/spawn/Spawner.ts"
