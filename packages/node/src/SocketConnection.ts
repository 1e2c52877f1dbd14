/**
 * A `Connection` over any stream socket of Node: the socketpair on fd 3, a Unix socket, tcp, TLS.
 *
 * @since 0.1.0
 */
import type { Connection, ConnectionHandlers } from "@furrow/actor/Transport"
import * as Fs from "node:fs"
import type * as Net from "node:net"

/**
 * The way a socket is read: without copies where its user has a place for what comes, and else through one buffer for all.
 * Node by itself makes one of 64 KiB for every chunk that arrives, however small.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  /** The reader of a socket, for the options that the socket is made with. */
  readonly onread: Net.OnReadOpts
  /** Hands over the bytes that have been read already. The socket is not read on before, so resume it afterwards. */
  readonly subscribe: (handlers: Pick<ConnectionHandlers, "data" | "direct">) => void
}

const bufferBytes = 128 * 1024

let shared: Uint8Array | undefined

/**
 * The buffer of a socket. All sockets share one where the kernel fills it in the step that hands it over: Windows may
 * write to it at any time between two reads.
 */
const makeBuffer = (): Uint8Array =>
  process.platform === "win32" ? new Uint8Array(bufferBytes / 2) : shared ??= new Uint8Array(bufferBytes)

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

/** The bytes of a Buffer as a plain Uint8Array, because a Buffer must not appear in payloads of the user. */
const plain = (chunk: Buffer) => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/** Codes of the errors of a write to a peer that has closed its end. */
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
  // Under TLS the kernel holds ciphertext, which only the socket can read.
  if (!("encrypted" in socket)) readLastWords(socket, (bytes) => ended || handlers?.data(bytes))
  // Both are heard from the beginning, because the dialler may be gone before its bytes are read.
  socket.on("end", end)
  socket.on("close", end)
  return {
    start: (given) => {
      handlers = given
      if (reader !== undefined) reader.subscribe(given)
      else socket.on("data", (chunk: Buffer) => given.data(plain(chunk)))
      // An accepted socket was paused until it had a reader.
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
    // A socket that is destroyed may be in the middle of a write.
    hasLeft: () => !socket.destroyed && socket.writableLength === 0,
    end: () => {
      if (!socket.destroyed) socket.end()
    },
    destroy: () => void socket.destroy()
  }
}
