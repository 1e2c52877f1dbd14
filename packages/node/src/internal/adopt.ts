/**
 * Gives a reader of `@furrow/node` to sockets that Node itself has made: the parent's end of a child's file descriptor
 * 3, and accepted connections.
 *
 * Node takes the option `onread` only in the constructor of a socket. The handle of a socket that Node has made moves
 * to a new socket with the option `onread`. The handle of a socket moves in the turn of the event loop in which Node
 * made the socket, before any byte is read. A socket whose handle cannot move is read by Node itself, which copies the
 * bytes once more.
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"

/** A socket with its handle, which is the object that connects the socket to the kernel. */
interface Handled {
  _handle?: { readonly useUserBuffer?: unknown } | null
}

/**
 * Returns a socket with a reader of `@furrow/node` in place of a socket that Node has just made, or undefined where the
 * handle cannot move.
 */
export const adoptSocket = (made: Net.Socket, reader: SocketConnection.Reader): Net.Socket | undefined => {
  const outer = made as unknown as Handled
  const handle = outer._handle
  if (typeof handle?.useUserBuffer !== "function") return undefined
  outer._handle = null
  const socket = new Net.Socket(
    { handle, onread: reader.onread, allowHalfOpen: made.allowHalfOpen } as Net.SocketConstructorOpts
  )
  // The end of the new socket also ends the socket whose handle has moved, because a child process or a server waits
  // for this end.
  socket.once("close", () => made.destroy())
  return socket
}

/**
 * Makes a connection of a socket that Node has made in the current turn of the event loop. No other code may use a
 * socket after the function `adopt` has made a connection of the socket.
 */
export const adopt = (made: Net.Socket): Connection => {
  const reader = SocketConnection.makeReader()
  const socket = adoptSocket(made, reader)
  return socket === undefined ? SocketConnection.make(made) : SocketConnection.make(socket, reader)
}
