/**
 * How the actors of a tree reach each other beside the connections between parents and children.
 *
 * A program supplies a `Layer<Transport>`: a plan that every actor of the tree builds for itself. `Transport.portable` makes
 * one of a module, a key, settings and a function; `Transport.merge` puts several together. The function makes a
 * `TransportDriver`: it listens, dials and moves bytes. That who dials belongs to the tree is proven by the runtime, over
 * whatever connects the two.
 *
 * @since 0.1.0
 */
export { merge, portable, Transport } from "./internal/platform/Transport.ts"
export type { DriverLayer, TransportPlan } from "./internal/platform/Transport.ts"
export { TransportDriver, TransportError } from "./internal/transport/Transport.ts"
export type { Address, Connection, ConnectionHandlers, Listener } from "./internal/transport/Transport.ts"
