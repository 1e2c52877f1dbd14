/**
 * Numbered questions and answers over a channel for values, as a careful author writes them around `fork` and worker
 * threads.
 */
export type Call = (payload: unknown) => Promise<unknown>

export interface Questions {
  readonly ask: Call
  readonly heard: (message: any) => void
}

export const questions = (post: (message: readonly [id: number, payload: unknown]) => void): Questions => {
  const pending = new Map<number, (answer: unknown) => void>()
  let last = 0
  return {
    ask: (payload) =>
      new Promise((resolve) => {
        const id = ++last
        pending.set(id, resolve)
        post([id, payload])
      }),
    heard: ([id, answer]) => {
      const resolve = pending.get(id)!
      pending.delete(id)
      resolve(answer)
    }
  }
}

/** JSON has no bytes, so bytes are sent as base64. */
export const toJson = (value: any): unknown =>
  value instanceof Uint8Array
    ? { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64") }
    : value
export const fromJson = (value: any): unknown =>
  value !== null && typeof value === "object" && "base64" in value ? Buffer.from(value.base64, "base64") : value
