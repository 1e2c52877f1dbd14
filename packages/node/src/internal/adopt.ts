/**
 * Makes Node read a socket that Node itself has made into a buffer of `@furrow/node`. Node makes the parent's socket to
 * a child's file descriptor 3, and the sockets of accepted connections.
 *
 * Node takes the buffer, as the option `onread`, only in the constructor of a socket. So this module makes a new socket
 * with the option `onread`, and moves the handle of Node's socket to the new socket. The handle moves in the turn of
 * the event loop in which Node made its socket, before Node reads any byte. A socket whose handle does not support
 * `onread` stays as it is, and Node copies its bytes once more.
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"

/** A socket with its handle, which is the object that connects the socket to the kernel. */
interface Handled {
  _handle?: { readonly useUserBuffer?: unknown } | null
}

/**
 * Returns a new socket with the handle of the socket `made` and the option `onread` of the parameter `reader`. Returns
 * undefined where the handle of `made` does not support `onread`.
 */
export const adoptSocket = (made: Net.Socket, reader: SocketConnection.Reader): Net.Socket | undefined => {
  const outer = made as unknown as Handled
  const handle = outer._handle
  if (typeof handle?.useUserBuffer !== "function") return undefined
  outer._handle = null
  const socket = new Net.Socket(
    { handle, onread: reader.onread, allowHalfOpen: made.allowHalfOpen } as Net.SocketConstructorOpts
  )
  // The close of the new socket destroys the socket `made`, because the `ChildProcess` or server to which `made`
  // belongs waits for the close of `made`.
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
