/**
 * A `Connection` over any stream socket of Node: a socketpair, a Unix socket, TCP or TLS.
 *
 * @since 0.1.0
 */
import type { Connection, ConnectionHandlers } from "@furrow/actor/Transport"
import * as Fs from "node:fs"
import type * as Net from "node:net"

/**
 * The way to read a socket: directly into the memory of a large payload, or else through one buffer that all sockets
 * share. Without the shared buffer Node allocates 64 KiB for every chunk that arrives at a socket, however small.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  /** The option `onread` of Node, with which the reader's socket must be made. */
  readonly onread: Net.OnReadOpts
  /**
   * Passes on the bytes that were read from a socket before the call of the reader's function `subscribe`. A socket is
   * not read further until the call of the function `subscribe`, so resume the socket afterwards.
   */
  readonly subscribe: (handlers: Pick<ConnectionHandlers, "data" | "direct">) => void
}

const bufferBytes = 128 * 1024

let shared: Uint8Array | undefined

/**
 * Returns the buffer into which a socket is read. Outside of Windows all sockets share one buffer, because the kernel
 * fills the buffer only directly before Node passes the bytes on. On Windows each socket has a buffer of its own,
 * because the kernel may write to the buffer at any time between two reads.
 */
const makeBuffer = (): Uint8Array =>
  process.platform === "win32" ? new Uint8Array(bufferBytes / 2) : shared ??= new Uint8Array(bufferBytes)

/**
 * Makes a reader for one socket. The socket has to be made with the reader's `onread` option.
 *
 * @example
 * ```ts
 * const reader = SocketConnection.makeReader()
 * const socket = new Net.Socket({ onread: reader.onread })
 * const connection = SocketConnection.make(socket, reader)
 * connection.destroy()
 * socket.destroyed // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const makeReader = (): Reader => {
  const early: Array<Uint8Array> = []
  let handlers: Pick<ConnectionHandlers, "data" | "direct"> | undefined
  let room: Uint8Array | undefined
  const buffer = makeBuffer()
  return {
    onread: {
      buffer: () => {
        room = handlers?.direct?.room()
        return room ?? buffer
      },
      callback: (size) => {
        if (handlers === undefined) early.push(buffer.slice(0, size))
        else if (room !== undefined) handlers.direct!.filled(size)
        else if (handlers.direct !== undefined) handlers.direct.lend(buffer.subarray(0, size))
        else handlers.data(buffer.slice(0, size))
        return handlers !== undefined
      }
    },
    subscribe: (given) => {
      handlers = given
      for (const bytes of early.splice(0)) given.data(bytes)
    }
  }
}

/** Returns the bytes of a Buffer as a plain Uint8Array, because payloads of the user must not contain a Buffer. */
const plain = (chunk: Buffer) => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/** Error codes of a write to a peer that has closed the connection. */
const peerHasClosed: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"])

interface Destroyable {
  _destroy(error: NodeJS.ErrnoException | null, done: (error?: Error | null) => void): void
  readonly _handle?: { readonly fd?: number } | null
}

/**
 * Reads the bytes that a peer sent before it closed the connection, as long as no write to the connection has failed. A
 * failed write destroys the socket, and the bytes that the kernel still holds for this process would be lost with the
 * socket.
 */
const readLastWords = (socket: Net.Socket, read: (bytes: Uint8Array) => void): void => {
  const inner = socket as unknown as Destroyable
  const destroy = inner._destroy
  inner._destroy = (error, done) => {
    const fd = inner._handle?.fd ?? -1
    if (fd >= 0 && peerHasClosed.has(error?.code)) readRest(fd, read)
    destroy.call(socket, error, done)
  }
}

const readRest = (fd: number, read: (bytes: Uint8Array) => void): void => {
  const buffer = new Uint8Array(64 * 1024)
  for (;;) {
    let size: number
    try {
      size = Fs.readSync(fd, buffer)
    } catch {
      return
    }
    if (size === 0) return
    read(buffer.slice(0, size))
  }
}

/**
 * Makes a connection from a socket. If the socket was constructed with the option `onread` of a reader, pass this
 * reader too. An error of the socket ends the connection, and no function of the connection throws.
 *
 * A socket is read only after the call of the function `start` of the socket's connection. An accepted socket must be
 * paused until the call of the function `start`, because Node would read the socket otherwise.
 *
 * @example
 * ```ts
 * const [near, far] = sockets
 * SocketConnection.make(near).write([new Uint8Array([1, 2, 3])])
 * const heard = yield* Effect.callback<Uint8Array>((resume) =>
 *   SocketConnection.make(far).start({ data: (bytes) => resume(Effect.succeed(bytes)), drain: () => {}, end: () => {} }))
 * heard // new Uint8Array([1, 2, 3])
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = (socket: Net.Socket, reader?: Reader): Connection => {
  let ended = false
  let reason: string | undefined
  let handlers: ConnectionHandlers | undefined
  const end = () => {
    if (ended) return
    ended = true
    handlers?.end(reason)
  }
  socket.on("error", (error) => {
    reason = error.message
  })
  // The kernel holds encrypted bytes of a TLS connection, which only the TLS socket can read.
  if (!("encrypted" in socket)) readLastWords(socket, (bytes) => ended || handlers?.data(bytes))
  // The events `end` and `close` of a socket have a listener from the beginning, because the dialler may close before
  // its bytes are read.
  socket.on("end", end)
  socket.on("close", end)
  return {
    start: (given) => {
      handlers = given
      if (reader !== undefined) reader.subscribe(given)
      else socket.on("data", (chunk: Buffer) => given.data(plain(chunk)))
      // An accepted socket was paused until its connection had a reader, so the socket is resumed.
      socket.resume()
      socket.on("drain", () => given.drain())
      if (ended) setImmediate(() => given.end(reason))
    },
    write: (chunks) => {
      if (ended || socket.destroyed || socket.writableEnded) return true
      if (chunks.length === 1) return socket.write(chunks[0]!)
      socket.cork()
      let room = true
      for (const chunk of chunks) room = socket.write(chunk)
      socket.uncork()
      return room
    },
    // A socket that was destroyed in the middle of a write has bytes that were not sent.
    hasLeft: () => !socket.destroyed && socket.writableLength === 0,
    end: () => {
      if (!socket.destroyed) socket.end()
    },
    destroy: () => void socket.destroy()
  }
}
