/**
 * The client of the raw baseline, with a Map of pending calls, promises, and a reader that grants credit for stream
 * items.
 */
import * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { type Message, open, word } from "./wire.ts"

const server = fileURLToPath(new URL("./server.ts", import.meta.url))

export interface Client {
  readonly call: (payload: unknown) => Promise<any>
  /** Reads a raw stream of `count` items in chunks, and resolves with the number of items that arrived. */
  readonly stream: (count: number, chunk: number, window: number) => Promise<number>
  readonly close: () => Promise<void>
}

interface Reader {
  readonly window: number
  readonly done: (count: number) => void
  count: number
  owed: number
}

export const start = (flags: ReadonlyArray<string>): Client => {
  const child = ChildProcess.spawn(process.execPath, [...flags, server], {
    stdio: ["ignore", "inherit", "inherit", "pipe"]
  })
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const socket = child.stdio[3] as unknown as Net.Socket
  const pending = new Map<number, (value: unknown) => void>()
  const readers = new Map<number, Reader>()
  let last = 0
  const heard = (message: Message): void => {
    const [kind, id] = message
    switch (kind) {
      case word.answer: {
        const resolve = pending.get(id)!
        pending.delete(id)
        return resolve(message[2])
      }
      case word.chunk: {
        const reader = readers.get(id)!
        const { length } = message[2]
        reader.count += length
        reader.owed += length
        if (reader.owed < reader.window / 2) return
        send([word.credit, id, reader.owed])
        reader.owed = 0
        return
      }
      case word.end: {
        const reader = readers.get(id)!
        readers.delete(id)
        return reader.done(reader.count)
      }
    }
  }
  const send = open(socket, heard)
  return {
    call: (payload) =>
      new Promise((resolve) => {
        const id = ++last
        pending.set(id, resolve)
        send([word.call, id, "echo", payload])
      }),
    stream: (count, chunk, window) =>
      new Promise((done) => {
        const id = ++last
        readers.set(id, { window, done, count: 0, owed: 0 })
        send([word.start, id, count, window, chunk])
      }),
    close: () => {
      socket.end()
      return exited
    }
  }
}
