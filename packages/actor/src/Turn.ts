/**
 * Everything a process takes from its event loop. Programs do not need it: a simulation supplies it, so that one seed
 * decides what runs next (`@furrow/testing/Simulation`).
 *
 * @since 0.1.0
 */
export { eventLoop, Turn, type Wire } from "./internal/settings/Turn.ts"
