/**
 * The protocol of the raw baseline, as a careful author would write it without Furrow: msgpack over a socket, with a
 * u32 length in front. All messages that are made in one turn of the event loop are sent in one write. The module
 * `wire.ts` serves both the client and the server of the raw baseline.
 *
 *   [0, id, name, payload]           call             [1, id, value]     its answer
 *   [2, id, count, window, chunk]    start a stream   [3, id, items]     a chunk of it      [4, id]   its end
 *   [5, id, items]                   credit
 */
import { Packr } from "msgpackr"
import type * as Net from "node:net"

export type Message = ReadonlyArray<any>
export type Send = (message: Message) => void

export const word = { call: 0, answer: 1, start: 2, chunk: 3, end: 4, credit: 5 } as const

const header = 4
const arenaSize = 64 * 1024
/**
 * The size in bytes from which the body of a message is written to the socket on its own. Bodies of smaller messages
 * are copied into a common buffer.
 */
const large = 16 * 1024

/**
 * Calls the function `frame` with each whole frame that a raw socket of the benchmark receives. The chunks of a large
 * frame are joined once, when the last chunk has arrived.
 */
const framer = (frame: (bytes: Buffer) => void) => {
  let pieces: Array<Buffer> = []
  let have = 0
  let need = header
  return (piece: Buffer): void => {
    pieces.push(piece)
    have += piece.length
    if (have < need) return
    const bytes = pieces.length === 1 ? piece : Buffer.concat(pieces, have)
    let at = 0
    need = header
    while (bytes.length - at >= header) {
      need = header + bytes.readUInt32LE(at)
      if (at + need > bytes.length) break
      frame(bytes.subarray(at + header, at + need))
      at += need
      need = header
    }
    have = bytes.length - at
    pieces = have === 0 ? [] : [bytes.subarray(at)]
  }
}

export const open = (socket: Net.Socket, heard: (message: Message) => void): Send => {
  const codec = new Packr({ useRecords: false })
  let arena = Buffer.allocUnsafeSlow(arenaSize)
  let from = 0
  let to = 0
  let scheduled = false
  const flush = () => {
    scheduled = false
    if (to === from) return
    socket.write(arena.subarray(from, to))
    from = to
  }
  socket.on("data", framer((bytes) => heard(codec.unpack(bytes))))
  return (message) => {
    const body = codec.pack(message)
    const size = header + body.length
    if (body.length >= large) {
      flush()
      const length = Buffer.allocUnsafe(header)
      length.writeUInt32LE(body.length, 0)
      socket.cork()
      socket.write(length)
      socket.write(body)
      socket.uncork()
      return
    }
    if (to + size > arena.length) {
      flush()
      arena = Buffer.allocUnsafeSlow(Math.max(arenaSize, size))
      from = to = 0
    }
    arena.writeUInt32LE(body.length, to)
    arena.set(body, to + header)
    to += size
    if (scheduled) return
    scheduled = true
    queueMicrotask(flush)
  }
}
