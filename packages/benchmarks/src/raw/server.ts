/** The server of the raw baseline: a Node process without libraries that answers on file descriptor 3. */
import * as Net from "node:net"
import { type Message, open, word } from "./wire.ts"

interface Source {
  readonly id: number
  readonly count: number
  readonly chunk: number
  sent: number
  credit: number
}

const socket = new Net.Socket({ fd: 3, readable: true, writable: true })
socket.on("end", () => process.exit(0))

const handlers: Record<string, (payload: unknown) => unknown> = { echo: (payload) => payload }
const sources = new Map<number, Source>()

const items = (from: number, count: number) => {
  const out: Array<{ readonly n: number }> = []
  for (let n = from; n < from + count; n++) out.push({ n })
  return out
}

/** Sends as many items of a raw stream as the credit allows. */
const pump = (source: Source): void => {
  while (source.credit > 0 && source.sent < source.count) {
    const size = Math.min(source.chunk, source.credit, source.count - source.sent)
    send([word.chunk, source.id, items(source.sent, size)])
    source.sent += size
    source.credit -= size
  }
  if (source.sent < source.count) return
  sources.delete(source.id)
  send([word.end, source.id])
}

const heard = (message: Message): void => {
  const [kind, id] = message
  switch (kind) {
    case word.call:
      return send([word.answer, id, handlers[message[2]]!(message[3])])
    case word.start: {
      const [, , count, credit, chunk] = message
      const source = { id, count, credit, chunk, sent: 0 }
      sources.set(id, source)
      return pump(source)
    }
    case word.credit: {
      const source = sources.get(id)
      if (source === undefined) return
      source.credit += message[2]
      return pump(source)
    }
  }
}

const send = open(socket, heard)
