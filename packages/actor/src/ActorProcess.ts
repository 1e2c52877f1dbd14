/**
 * Functions for packages that implement a platform: they run the life of an actor over a connection to its parent, find
 * the actor's definitions, and serve a main program. Ordinary programs do not need this module.
 *
 * @since 0.1.0
 */
export { isImplemented } from "./internal/contract/Call.ts"
export { optional } from "./internal/contract/OptionalLayer.ts"
export type { PortableData } from "./internal/contract/PortableData.ts"
export { withoutStack } from "./internal/errors/stack.ts"
export type { Recorder } from "./internal/inspect/Recorder.ts"
export { controlOf, guardOf } from "./internal/local/LocalActor.ts"
export type { Control } from "./internal/local/LocalActor.ts"
export { actorAnnotation } from "./internal/logs/Logs.ts"
export { fromSpec as platformOf } from "./internal/platform/Platform.ts"
export type { Builtin, NativeProcess, Platform } from "./internal/platform/Platform.ts"
export { run } from "./internal/process/ChildMain.ts"
export type { ActorMainOptions, Ended, Started } from "./internal/process/ChildMain.ts"
export { rehearseStart } from "./internal/process/RehearsedStart.ts"
export type { StartToRehearse } from "./internal/process/RehearsedStart.ts"
export {
  bundledArguments,
  definitionOf,
  fileOf,
  forgetDefinitions,
  isBundledActor,
  mark,
  recordDefinitions,
  takeOwnArguments
} from "./internal/settings/Definitions.ts"
export type { DefinitionKind, DefinitionName } from "./internal/settings/Definitions.ts"
export { logError, logInfo, logWarning } from "./internal/settings/Log.ts"
export { Waiters } from "./internal/settings/Waiters.ts"
export type { KeepRecord } from "./internal/spawn/Evidence.ts"
export type { GroupGuard } from "./internal/spawn/GroupGuard.ts"
export type { Exposed, PlatformSpec } from "./internal/spawn/SpawnSpec.ts"
export { Escalation } from "./internal/supervision/Escalation.ts"
