/**
 * Makes Layers that every actor of a tree builds around its handlers, for telemetry, configuration or values of
 * Effect's references. A root gives its ambient Layers to the runtime by the option `ambient`.
 *
 * @since 0.1.0
 */
export { portable } from "./internal/platform/Ambient.ts"
export type { Ambient } from "./internal/platform/Ambient.ts"
export { self } from "./internal/platform/Self.ts"
