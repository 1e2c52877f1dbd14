/**
 * Defines the options of a connection, and the words that the connection passes to its owner.
 *
 * @since 0.1.0
 */
import type * as Connection from "@furrow/protocol/Connection"
import type * as Handshake from "@furrow/protocol/Handshake"
import type * as Message from "@furrow/protocol/Message"
import type * as Context from "effect/Context"
import type { ActorError } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { Connection as Transported } from "../transport/Transport.ts"

/**
 * A word for the owner of a connection, or the end of the connection. An `Error` for the owner of a connection is the
 * failure of the whole actor, because the failure of a dialog goes to the dialog. The machine `Connection` lets only
 * words through that the peer's role allows: no child sends `CancelActor`, and `Spawn` comes once.
 */
export type OwnerEvent =
  | Message.Start
  | Message.Spawn
  | Message.Ready
  | Message.CancelActor
  | Message.CancelAck
  | Message.Leave
  | Message.Bye
  | Message.Error
  | { readonly _tag: "Closed"; readonly error: ActorError }

export interface ChannelOptions {
  readonly connection: Transported
  /** The actor at the other end as this side sees it: its parent, its child, a peer, or an actor in this process. */
  readonly role: Connection.Role
  readonly handshake: Handshake.Config
  readonly events: Events
  /**
   * The context from which the connection takes its `Turn` and its loggers. By default a connection uses the turns of
   * the event loop, and logs on the console.
   */
  readonly context?: Context.Context<never> | undefined
  /** The largest frame in bytes that is read before the handshake is over. Default: 1 MiB. */
  readonly greetingLimit?: number | undefined
  /**
   * Finds out why the connection ended, and calls `done` once within a short time. Without `explain` the dialogs get
   * the error with which the connection itself ended.
   */
  readonly explain?: ((done: (error: ActorError) => void) => void) | undefined
}

/**
 * The result of the handshake: the peer that was greeted, or the error that ended the connection during the handshake.
 */
export type HandshakeResult = Connection.Greeted | { readonly _tag: "Ended"; readonly error: ActorError }
