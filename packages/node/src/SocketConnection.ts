/**
 * A `Connection` over any stream socket of Node: the socketpair on fd 3, a Unix socket, tcp.
 *
 * @since 0.1.0
 */
import type { Connection, ConnectionHandlers } from "@furrow/actor/Transport"
import * as Fs from "node:fs"
import type * as Net from "node:net"

/**
 * One buffer for all reads of a socket. Without it Node makes one of 64 KiB for every chunk that arrives, however small;
 * copying a chunk of ordinary size out of this one is cheaper.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  /** For the options a socket is made with. */
  readonly onread: Net.OnReadOpts
  /** Bytes that have been read already are handed over first. Until then the socket is not read on: resume it afterwards. */
  readonly subscribe: (read: (bytes: Uint8Array) => void) => void
}

/**
 * Makes a reader for one socket, which is to be made with its `onread` option.
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
  let subscribed = false
  let read = (bytes: Uint8Array): void => void early.push(bytes)
  const buffer = new Uint8Array(64 * 1024)
  return {
    onread: {
      buffer,
      callback: (size) => {
        read(buffer.slice(0, size))
        return subscribed
      }
    },
    subscribe: (given) => {
      subscribed = true
      read = given
      for (const bytes of early.splice(0)) given(bytes)
    }
  }
}

/** A plain Uint8Array: a Buffer would leak into user payloads. */
const plain = (chunk: Buffer) => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/** Codes of a write to a peer that has closed its end. */
const peerHasClosed: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"])

interface Destroyable {
  _destroy(error: NodeJS.ErrnoException | null, done: (error?: Error | null) => void): void
  readonly _handle?: { readonly fd?: number } | null
}

/**
 * Reads the last words of a peer that has closed before it is found out by a write. A write that fails destroys the
 * socket, and bytes that the kernel still holds for us would be lost with it.
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
 * Makes a connection of a socket, and of the reader it was made with. Errors of the socket are its end: nothing throws.
 *
 * It is read from `start` on. A socket that was accepted is to be paused until then, where it would read by itself.
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
  readLastWords(socket, (bytes) => ended || handlers?.data(bytes))
  // From the beginning: the dialler may be gone again before its bytes are read.
  socket.on("end", end)
  socket.on("close", end)
  return {
    start: (given) => {
      handlers = given
      if (reader !== undefined) reader.subscribe(given.data)
      else socket.on("data", (chunk: Buffer) => given.data(plain(chunk)))
      // Also a socket that was paused until it has a reader.
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
    end: () => {
      if (!socket.destroyed) socket.end()
    },
    destroy: () => void socket.destroy()
  }
}
