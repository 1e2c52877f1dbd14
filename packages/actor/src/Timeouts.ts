/**
 * Defines every timeout of the runtime: how long a start, a cancel, a cleanup or a kill may take. `Timeouts.provide`
 * sets some timeouts for an effect, and for every actor that the effect starts, because an actor inherits the timeouts
 * that are in force at its start.
 *
 * @since 0.1.0
 */
export { Deadline } from "./internal/dialog/DialogContext.ts"
export { defaults, make, provide, Timeouts } from "./internal/settings/Timeouts.ts"
export type { Bounds } from "./internal/settings/Timeouts.ts"
