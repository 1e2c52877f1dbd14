/**
 * Bytes <-> frames. A frame is a u32 little-endian length and that many bytes.
 *
 * `decode` is fed whatever the transport delivers, cut anywhere, and answers with the whole frames it completes. It
 * yields whole frames or one violation, never both half-way, and after a violation it stays failed. A frame above the
 * limit is refused on its length alone: its body is never read, and memory for it is never reserved.
 *
 * Frames are views into the chunk they arrived in where they can be, so that a large payload is not copied here.
 *
 * @since 0.1.0
 */
import type { Violation } from "./Violation.ts"

/** Default limit of one frame: 64 MiB. */
export const defaultMaxFrame = 64 * 1024 * 1024

const headerBytes = 4
/** Below this a started frame is kept as it came; above it the whole body is reserved at once and filled. */
const fillThresholdBytes = 64 * 1024

export type State =
  | { readonly _tag: "Between"; readonly rest: Uint8Array }
  | { readonly _tag: "Filling"; readonly body: Uint8Array; readonly filled: number }
  | { readonly _tag: "Failed"; readonly violation: Violation }

const nothing = new Uint8Array(0)

export const initial: State = { _tag: "Between", rest: nothing }

export interface Decoded {
  readonly state: State
  readonly frames: ReadonlyArray<Uint8Array>
}

const none: ReadonlyArray<Uint8Array> = []

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/**
 * Feeds one chunk. `Filling.body` is owned by the state: a state is used once, as any linear value. No more than `count`
 * frames are taken; bytes behind them wait in the state, for a limit that may be another one.
 */
export const decode = (state: State, chunk: Uint8Array, maxFrame = defaultMaxFrame, count = Infinity): Decoded => {
  if (state._tag === "Failed") return { state, frames: none }
  const frames: Array<Uint8Array> = []
  let bytes = chunk
  if (state._tag === "Filling") {
    const missing = state.body.length - state.filled
    if (bytes.length < missing) {
      state.body.set(bytes, state.filled)
      return { state: { _tag: "Filling", body: state.body, filled: state.filled + bytes.length }, frames }
    }
    state.body.set(bytes.subarray(0, missing), state.filled)
    frames.push(state.body)
    bytes = bytes.subarray(missing)
  } else if (state.rest.length > 0) bytes = join(state.rest, bytes)
  return split(bytes, frames, maxFrame, count)
}

const split = (bytes: Uint8Array, frames: Array<Uint8Array>, maxFrame: number, count: number): Decoded => {
  let at = 0
  while (bytes.length - at >= headerBytes && frames.length < count) {
    const size = (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0
    if (size === 0) return { state: { _tag: "Failed", violation: { _tag: "FrameEmpty" } }, frames }
    if (size > maxFrame) {
      return { state: { _tag: "Failed", violation: { _tag: "FrameTooLarge", size, limit: maxFrame } }, frames }
    }
    const start = at + headerBytes
    if (bytes.length - start < size) {
      if (size < fillThresholdBytes) break
      const body = new Uint8Array(size)
      body.set(bytes.subarray(start))
      return { state: { _tag: "Filling", body, filled: bytes.length - start }, frames }
    }
    frames.push(bytes.subarray(start, start + size))
    at = start + size
  }
  return { state: at === bytes.length ? initial : { _tag: "Between", rest: bytes.slice(at) }, frames }
}

/** The parts of a frame: written one after the other, the tail uncopied when it is large. */
export interface Parts {
  readonly head: Uint8Array
  readonly tail: Uint8Array | undefined
}

export const sizeOf = (parts: Parts): number => parts.head.length + (parts.tail === undefined ? 0 : parts.tail.length)

const arenaBytes = 64 * 1024
/** Tails below this are copied behind their head: one write is cheaper than two. */
const maxCopiedBytes = 16 * 1024

/**
 * Collects frames until the transport takes them: small ones share an arena, large tails stand alone.
 * Not a machine: a buffer with one owner, the channel's writer.
 */
export class Outbox {
  private chunks: Array<Uint8Array> = []
  private arena = new Uint8Array(arenaBytes)
  private from = 0
  private to = 0

  push(parts: Parts): void {
    const { head, tail } = parts
    const copied = tail !== undefined && tail.length <= maxCopiedBytes
    const needed = headerBytes + head.length + (copied ? tail.length : 0)
    if (this.to + needed > this.arena.length) this.renew(needed)
    const size = sizeOf(parts)
    const { arena } = this
    let at = this.to
    arena[at++] = size & 255
    arena[at++] = size >>> 8 & 255
    arena[at++] = size >>> 16 & 255
    arena[at++] = size >>> 24
    arena.set(head, at)
    at += head.length
    if (copied) {
      arena.set(tail, at)
      at += tail.length
    }
    this.to = at
    if (tail !== undefined && !copied) {
      this.cut()
      this.chunks.push(tail)
    }
  }

  get isEmpty(): boolean {
    return this.from === this.to && this.chunks.length === 0
  }

  /** Everything collected, in order; the caller owns the bytes. */
  take(): ReadonlyArray<Uint8Array> {
    this.cut()
    const { chunks } = this
    this.chunks = []
    // A scratch that grew for a large head is not kept.
    if (this.arena.length > arenaBytes) this.renew(0)
    return chunks
  }

  private cut(): void {
    if (this.to > this.from) this.chunks.push(this.arena.subarray(this.from, this.to))
    this.from = this.to
  }

  private renew(atLeast: number): void {
    this.cut()
    // The old arena may still be on its way through the kernel: it is never written again.
    this.arena = new Uint8Array(Math.max(arenaBytes, atLeast))
    this.from = 0
    this.to = 0
  }
}
