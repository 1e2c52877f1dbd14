/**
 * Layers that every actor of a tree has around its handlers: telemetry, configuration, references. It is an option of the
 * runtime.
 *
 * @since 0.1.0
 */
export { portable } from "./internal/platform/Ambient.ts"
export type { Ambient } from "./internal/platform/Ambient.ts"
export { self } from "./internal/platform/Self.ts"
