/**
 * The resources of a process's event loop that the runtime uses, such as turns, ids and the end of the process.
 * Programs do not need this module: a simulation supplies a Turn, so that one seed decides the order of all events
 * (`@furrow/testing/Simulation`).
 *
 * @since 0.1.0
 */
export { eventLoop, Turn, type Wire } from "./internal/settings/Turn.ts"
