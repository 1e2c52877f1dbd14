/** The values that the benchmarks echo: small and large, text, bytes and rows. */
import * as Schema from "effect/Schema"

export const User = Schema.Struct({ userId: Schema.String, limit: Schema.Number, active: Schema.Boolean })
export const Row = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  active: Schema.Boolean,
  score: Schema.Number
})

const text = (bytes: number): string =>
  "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45 + 1).slice(0, bytes)
const bytes = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => i & 255)

export const user: typeof User.Type = { userId: "u-981273", limit: 25, active: true }
export const rows: ReadonlyArray<typeof Row.Type> = Array.from({ length: 1000 }, (_, id) => ({
  id,
  name: `name of row ${id}`,
  active: id % 3 === 0,
  score: id * 1.5
}))

const kib = 1024
const mib = kib * kib

/**
 * The large payloads of the benchmark, by the name of the measure that sends them. A large payload is made when a
 * measure first needs it.
 */
export const large = {
  "text-64k": { make: () => text(64 * kib), mib: 1 / 16 },
  "bytes-64k": { make: () => bytes(64 * kib), mib: 1 / 16 },
  "rows": { make: () => rows, mib: 1 / 16 },
  "bytes-1m": { make: () => bytes(mib), mib: 1 },
  "text-4m": { make: () => text(4 * mib), mib: 4 },
  "bytes-16m": { make: () => bytes(16 * mib), mib: 16 }
} as const

export type Payload = typeof user | string | Uint8Array | ReadonlyArray<typeof Row.Type>

const isRows = (payload: Payload): payload is ReadonlyArray<typeof Row.Type> => Array.isArray(payload)

/**
 * Dies where an answer is not the echo of the payload that was sent. The comparison of an echo reads only its length
 * and both ends.
 */
export const expectEcho = (sent: Payload, got: any): void => {
  const ok = typeof sent === "string"
    ? got.length === sent.length && got.endsWith(sent.slice(-20))
    : isRows(sent)
    ? got.length === sent.length && got.at(-1).score === sent.at(-1)!.score
    : sent instanceof Uint8Array
    ? got.length === sent.length && got.at(-1) === sent.at(-1)
    : got.limit === sent.limit
  if (!ok) throw new Error("wrong answer")
}
