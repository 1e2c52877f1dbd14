/**
 * How the actors of a tree reach each other beside the connections between parents and children: a transport listens,
 * dials, and moves bytes.
 *
 * @since 0.1.0
 */
export { Transport, TransportError } from "./internal/transport/Transport.ts"
export type {
  Address,
  Authenticator,
  Connection,
  ConnectionHandlers,
  Listener,
  Network
} from "./internal/transport/Transport.ts"
