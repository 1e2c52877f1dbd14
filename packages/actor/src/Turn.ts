/**
 * The functions of a process that the runtime uses, such as running work in a later turn of the event loop, and making
 * ids. Programs do not need this module: a simulation supplies a Turn, so that one seed decides the order of all events
 * (`@furrow/testing/Simulation`).
 *
 * @since 0.1.0
 */
export { eventLoop, Turn, type Wire } from "./internal/settings/Turn.ts"
