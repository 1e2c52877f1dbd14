/**
 * Makes the transports by which the actors of a tree reach each other, besides the connections between parents and
 * children.
 *
 * A program supplies a `Layer<Transport>`: a plan from which every actor of the tree builds its own transport.
 * `Transport.portable` makes a plan from a module, a key, settings and a function; `Transport.merge` combines several
 * plans. The function of a portable transport makes a `TransportDriver`, which listens, dials and moves bytes. The
 * runtime proves, over the connection of any transport, that the dialler belongs to the tree.
 *
 * @since 0.1.0
 */
export { merge, portable, Transport } from "./internal/platform/Transport.ts"
export type { DriverLayer, TransportPlan } from "./internal/platform/Transport.ts"
export { TransportDriver, TransportError } from "./internal/transport/Transport.ts"
export type { Address, Connection, ConnectionHandlers, Listener } from "./internal/transport/Transport.ts"
