/**
 * Opens a session with the inspector of another process on the same host. The session implements the part of WebSocket
 * that the inspector of Node uses. The WebSocket client of Node would load a library that is many times larger than the
 * session's own module.
 */
import * as Net from "node:net"
import * as Builtins from "./builtins.ts"

export interface Session {
  readonly post: (method: string, params?: object) => Promise<Readonly<Record<string, unknown>>>
  /** Registers a function that gets the parameters of each inspector event with the given name. */
  readonly on: (event: string, heard: (params: Readonly<Record<string, unknown>>) => void) => void
  /** Resolves when the inspector has ended the session. */
  readonly closed: Promise<void>
  /**
   * Ends the session without a close frame, because an inspector that answers a close frame while it shuts crashes its
   * process.
   */
  readonly drop: () => void
}

/** The size in bytes of the largest message of an inspector that the session reads. */
const maxMessageBytes = 16 * 1024 * 1024

const text = 0x1
const closing = 0x8
const final = 0x80
const masked = 0x80

/** Makes one WebSocket frame as a client sends it. A client of WebSocket has to mask its payload. */
const frameOf = (opcode: number, payload: Buffer): Buffer => {
  const mask = Builtins.crypto().randomBytes(4)
  const head = payload.length < 126
    ? Buffer.from([final | opcode, masked | payload.length])
    : Buffer.from([final | opcode, masked | 126, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)])
}

/**
 * Returns the first WebSocket frame in the given bytes, with its length, or undefined while the frame is incomplete.
 */
const readFrame = (
  bytes: Buffer
): { readonly opcode: number; readonly payload: Buffer; readonly size: number } | undefined => {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const head = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < head) return undefined
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  if (length > maxMessageBytes) throw new Error("the inspector says too much")
  if (bytes.length < head + length) return undefined
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length), size: head + length }
}

type Answer = (answer: Readonly<Record<string, unknown>>) => void

/** Connects to the inspector of another process at the inspector's address. */
export const open = async (address: string): Promise<Session> => {
  const { host, hostname, pathname, port } = new URL(address)
  const socket = Net.connect({ host: hostname, port: Number(port) })
  const answers = new Map<number, { readonly resolve: Answer; readonly reject: (error: Error) => void }>()
  const events = new Map<string, Answer>()
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let bytes: Buffer = Buffer.alloc(0)
  let isOpen = false
  const message = (payload: Buffer) => {
    const said = JSON.parse(payload.toString()) as {
      readonly id?: number
      readonly method?: string
      readonly params?: {}
      readonly result?: {}
      readonly error?: { readonly message: string }
    }
    if (said.id === undefined) return events.get(said.method ?? "")?.(said.params ?? {})
    const waiting = answers.get(said.id)
    answers.delete(said.id)
    if (said.error === undefined) waiting?.resolve(said.result ?? {})
    else waiting?.reject(new Error(said.error.message))
  }
  const read = () => {
    if (!isOpen) {
      const end = bytes.indexOf("\r\n\r\n")
      if (end < 0) return
      if (!bytes.subarray(0, end).toString("latin1").startsWith("HTTP/1.1 101")) {
        throw new Error("the inspector refuses")
      }
      bytes = bytes.subarray(end + 4)
      isOpen = true
      opened.resolve()
    }
    for (let frame = readFrame(bytes); frame !== undefined; frame = readFrame(bytes)) {
      bytes = bytes.subarray(frame.size)
      if (frame.opcode === text) message(frame.payload)
      else if (frame.opcode === closing) socket.end()
    }
  }
  socket.on("data", (piece: Buffer) => {
    try {
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece])
      read()
    } catch (error) {
      socket.destroy(error as Error)
    }
  })
  const over = (error: Error) => {
    opened.reject(error)
    for (const { reject } of answers.values()) reject(error)
    answers.clear()
    closed.resolve()
  }
  socket.on("error", over)
  socket.on("close", () => over(new Error("the inspector is gone")))
  const key = Builtins.crypto().randomBytes(16).toString("base64")
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`
  )
  await opened.promise
  let last = 0
  return {
    post: (method, params = {}) =>
      new Promise((resolve, reject) => {
        const id = ++last
        answers.set(id, { resolve, reject })
        socket.write(frameOf(text, Buffer.from(JSON.stringify({ id, method, params }))))
      }),
    on: (event, heard) => void events.set(event, heard),
    closed: closed.promise,
    drop: () => void socket.destroy()
  }
}
