/**
 * Tools for tests of connections: a recorder for one end of a connection, bytes for a test to send, and functions that
 * wait.
 */
import type { Connection } from "@furrow/actor/Transport"
import type * as Effect from "effect/Effect"
import * as Assert from "node:assert/strict"
import * as Eventually from "../Eventually.ts"

/** Records all reports of one end of a connection. */
export class Recorder {
  readonly chunks: Array<Uint8Array> = []
  readonly ends: Array<string | undefined> = []
  drains = 0
  afterEnd = 0
  readonly connection: Connection
  private readonly onData: () => void

  constructor(connection: Connection, onData: () => void = () => {}) {
    this.connection = connection
    this.onData = onData
  }

  start(): this {
    this.connection.start({
      data: (bytes) => {
        if (this.ends.length > 0) this.afterEnd++
        this.chunks.push(bytes)
        this.onData()
      },
      drain: () => {
        if (this.ends.length > 0) this.afterEnd++
        this.drains++
      },
      end: (reason) => this.ends.push(reason)
    })
    return this
  }

  get received(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Makes `size` bytes that differ from their neighbours, so that a gap or a swap is noticed. */
export const pattern = (size: number, seed = 0): Uint8Array => {
  const out = new Uint8Array(size)
  for (let i = 0; i < size; i++) out[i] = (i * 31 + (i >> 8) + seed) & 0xff
  return out
}

export const received = (at: Recorder, count: number): Effect.Effect<unknown, unknown> =>
  Eventually.holds(`${count} bytes arrive`, () => at.received >= count)
export const ended = (at: Recorder): Effect.Effect<unknown, unknown> =>
  Eventually.holds("the end is said", () => at.ends.length > 0)
export const equal = (actual: unknown, expected: unknown): void => Assert.deepEqual(actual, expected)

/** Waits for 50 milliseconds, in which all bytes that were sent on a connection within this computer arrive. */
export const settled = Eventually.pause("50 millis")
