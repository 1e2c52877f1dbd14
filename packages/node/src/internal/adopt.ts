/**
 * Sockets that Node has made by itself, with a reader of ours: the parent's end of a child's fd 3, and accepted ones.
 *
 * Node takes the option `onread` only where the program makes the socket. So the handle of such a socket is given to one
 * that we make, in the turn in which Node made the first, before anything is read of it. A socket without such a
 * handle is read as Node reads it, with one copy more.
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"

/** A socket with its handle, the part of it that Node shares with the kernel. */
interface Handled {
  _handle?: { readonly useUserBuffer?: unknown } | null
}

/** The socket that replaces one that Node made in this turn; undefined when its handle does not allow a reader of this package. */
export const adoptSocket = (made: Net.Socket, reader: SocketConnection.Reader): Net.Socket | undefined => {
  const outer = made as unknown as Handled
  const handle = outer._handle
  if (typeof handle?.useUserBuffer !== "function") return undefined
  outer._handle = null
  const socket = new Net.Socket(
    { handle, onread: reader.onread, allowHalfOpen: made.allowHalfOpen } as Net.SocketConstructorOpts
  )
  // The maker of the first socket waits for its end: a child process, or a server that counts its connections.
  socket.once("close", () => made.destroy())
  return socket
}

/** Makes a connection of a socket that Node made in this turn. From then on nothing else may use that socket. */
export const adopt = (made: Net.Socket): Connection => {
  const reader = SocketConnection.makeReader()
  const socket = adoptSocket(made, reader)
  return socket === undefined ? SocketConnection.make(made) : SocketConnection.make(socket, reader)
}
