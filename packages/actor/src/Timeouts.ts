/**
 * Every bound of the runtime: how long a start, a cancel, a cleanup or a kill may take. `provide` sets some of them for an
 * effect and everything that it starts; actors inherit the bounds of their starter.
 *
 * @since 0.1.0
 */
export { Deadline } from "./internal/dialog/DialogContext.ts"
export { defaults, make, provide, Timeouts } from "./internal/settings/Timeouts.ts"
export type { Bounds } from "./internal/settings/Timeouts.ts"
