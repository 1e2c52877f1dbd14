/**
 * Bytes <-> frames. A frame is a u32 little-endian length and that many bytes.
 *
 * `decode` is fed whatever the transport delivers, cut anywhere, and answers with the whole frames it completes. It
 * yields whole frames or one violation, never both half-way, and after a violation it stays failed. A frame above the
 * limit is refused on its length alone: its body is never read, and memory for it is never reserved.
 *
 * Frames are views into the chunk they arrived in where they can be, so that a large payload is not copied here. Between two
 * sides that know parts, a `Part` is put in its place (`Arrival`), and the whole frame is handed out at its end.
 *
 * @since 0.1.0
 */
import * as Arrival from "./Arrival.ts"
import { noteReceived } from "./internal/Memory.ts"
import type { Violation } from "./Violation.ts"

/** Default limit of one frame: 64 MiB. */
export const defaultMaxFrame = 64 * 1024 * 1024

const headerBytes = 4
/** Below this a started frame is kept as it came; above it the whole body is reserved at once and filled. */
const fillThresholdBytes = 64 * 1024

export type State =
  | { readonly _tag: "Between"; readonly rest: Uint8Array; readonly arriving: Arrival.State }
  | { readonly _tag: "Filling"; readonly body: Uint8Array; readonly filled: number; readonly done: Filled }
  | { readonly _tag: "Failed"; readonly violation: Violation }

/** The result of a filled body: a whole frame, or a part that may be the first or the last of one. */
interface Filled {
  readonly frame: Uint8Array | undefined
  readonly first: number | undefined
  readonly arriving: Arrival.State
}

const nothing = new Uint8Array(0)

const between = (rest: Uint8Array, arriving: Arrival.State): State =>
  rest.length === 0 && arriving.length === 0 ? initial : { _tag: "Between", rest, arriving }

export const initial: State = { _tag: "Between", rest: nothing, arriving: Arrival.initial }

/** A large word that has begun, with its code; `behind` counts the frames before its first part. */
export interface Begun {
  readonly behind: number
  readonly dialog: number
  readonly word: number
}

export interface Decoded {
  readonly state: State
  readonly frames: ReadonlyArray<Uint8Array>
  readonly begun?: ReadonlyArray<Begun> | undefined
}

/** The limits of a connection. */
export interface Limits {
  readonly maxFrame: number
  /** Both sides know parts. Without it a `Part` is a frame like any other. */
  readonly parts: boolean
}

export const defaultLimits: Limits = { maxFrame: defaultMaxFrame, parts: false }

const none: ReadonlyArray<Uint8Array> = []

/** Frames under way. */
export const arrivingOf = (state: State): Arrival.State =>
  state._tag === "Between" ? state.arriving : state._tag === "Filling" ? state.done.arriving : Arrival.initial

/** The dialog has had its last word: what has come of its large word is given up. */
export const drop = (state: State, dialog: number): State => {
  const arriving = Arrival.drop(arrivingOf(state), dialog)
  switch (state._tag) {
    case "Between":
      return between(state.rest, arriving)
    case "Filling":
      return { ...state, done: { ...state.done, arriving } }
    case "Failed":
      return state
  }
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/**
 * Feeds one chunk. Bodies are owned by the state: a state is used once, as any linear value. No more than `count`
 * frames are taken; bytes behind them wait in the state, for a limit that may be another one. Of a chunk that is only
 * `lent`, everything that is kept is copied.
 */
export const decode = (
  state: State,
  chunk: Uint8Array,
  limits: Limits = defaultLimits,
  count = Infinity,
  lent = false
): Decoded => {
  if (state._tag === "Failed") return { state, frames: none }
  if (state._tag === "Filling") {
    const missing = state.body.length - state.filled
    state.body.set(chunk.length > missing ? chunk.subarray(0, missing) : chunk, state.filled)
    if (chunk.length < missing) return filled(state, chunk.length)
    const reading = new Reading(limits, count, state.done.arriving)
    reading.finish(state.body, state.done)
    return reading.read(chunk.subarray(missing), lent)
  }
  const reading = new Reading(limits, count, state.arriving)
  return state.rest.length === 0
    ? reading.read(chunk, lent)
    : reading.read(join(state.rest, chunk), false)
}

const sizeAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0

/** The least bytes that are worth a read of their own. */
const minRoomBytes = 4 * 1024

/** The place of the next bytes, where a large body is being filled: a transport may read straight into it. */
export const room = (state: State): Uint8Array | undefined =>
  state._tag === "Filling" && state.body.length - state.filled >= minRoomBytes
    ? state.body.subarray(state.filled)
    : undefined

/** Takes in what has been read into the `room` of this state. */
export const filled = (state: State, size: number): Decoded => {
  if (state._tag !== "Filling") return { state, frames: none }
  const { body, done } = state
  const filled = state.filled + size
  if (filled < body.length) return { state: { _tag: "Filling", body, filled, done }, frames: none }
  const reading = new Reading(defaultLimits, Infinity, done.arriving)
  reading.finish(body, done)
  return reading.read(nothing, false)
}

/** One chunk as it is read; what it collects is handed out once, at its end. */
class Reading {
  private readonly limits: Limits
  private readonly count: number
  private arriving: Arrival.State
  private frames: Array<Uint8Array> | undefined
  private begun: Array<Begun> | undefined
  private violation: Violation | undefined
  /** The chunk is lent: a frame of it is copied. */
  private lent = false

  constructor(limits: Limits, count: number, arriving: Arrival.State) {
    this.limits = limits
    this.count = count
    this.arriving = arriving
  }

  /** A body is whole. */
  finish(body: Uint8Array, { first, frame }: Filled): void {
    if (first !== undefined) {
      const word = Arrival.wordOf(body, first)
      if (typeof word !== "number") {
        this.violation = word
        return
      }
      const begun = { behind: this.frames?.length ?? 0, dialog: first, word }
      if (this.begun === undefined) this.begun = [begun]
      else this.begun.push(begun)
    }
    if (frame === undefined) return
    noteReceived(frame)
    if (this.frames === undefined) this.frames = [frame]
    else this.frames.push(frame)
  }

  read(chunk: Uint8Array, lent: boolean): Decoded {
    if (this.violation !== undefined) return this.ended({ _tag: "Failed", violation: this.violation })
    if (!lent) return this.split(chunk)
    // Whole frames are copied in one step.
    const end = this.endOfWhole(chunk)
    if (end === chunk.length) {
      const decoded = this.split(chunk.slice())
      if (decoded.frames.length === 1) noteReceived(decoded.frames[0]!)
      return decoded
    }
    if (end > 0) {
      const { state } = this.split(chunk.slice(0, end))
      if (state._tag === "Failed") return this.ended(state)
    }
    this.lent = true
    return this.split(chunk.subarray(end))
  }

  private ended(state: State): Decoded {
    const { begun, frames } = this
    return begun === undefined ? { state, frames: frames ?? none } : { state, frames: frames ?? none, begun }
  }

  private isAtCount(): boolean {
    return this.frames !== undefined && this.frames.length >= this.count
  }

  /** The end of the last whole frame that is no part: a part is copied to its place, and nowhere else. */
  private endOfWhole(bytes: Uint8Array): number {
    const { maxFrame, parts } = this.limits
    let at = 0
    for (let left = this.count - (this.frames?.length ?? 0); left > 0 && bytes.length - at >= headerBytes; left--) {
      const size = sizeAt(bytes, at)
      const next = at + headerBytes + size
      if (size === 0 || size > maxFrame || next > bytes.length || parts && Arrival.isPart(bytes, at + headerBytes)) {
        break
      }
      at = next
    }
    return at
  }

  private split(bytes: Uint8Array): Decoded {
    const { maxFrame, parts } = this.limits
    let at = 0
    while (bytes.length - at >= headerBytes && !this.isAtCount()) {
      const size = sizeAt(bytes, at)
      if (size === 0) return this.ended({ _tag: "Failed", violation: { _tag: "FrameEmpty" } })
      if (size > maxFrame) {
        return this.ended({ _tag: "Failed", violation: { _tag: "FrameTooLarge", size, limit: maxFrame } })
      }
      const start = at + headerBytes
      if (parts && bytes.length - start < 2 && size > fillThresholdBytes) break
      const state = parts && Arrival.isPart(bytes, start)
        ? this.part(bytes, start, size)
        : this.frame(bytes, start, size)
      if (state === "more") break
      if (state !== undefined) return this.ended(state)
      at = start + size
    }
    return this.ended(between(at === bytes.length ? nothing : bytes.slice(at), this.arriving))
  }

  /** The state where the frame is not whole, and `more` where it is to be kept as it came. */
  private frame(bytes: Uint8Array, start: number, size: number): State | "more" | undefined {
    const have = bytes.length - start
    if (have >= size) {
      const frame = this.lent ? bytes.slice(start, start + size) : bytes.subarray(start, start + size)
      if (this.frames === undefined) this.frames = [frame]
      else this.frames.push(frame)
      return undefined
    }
    if (size < fillThresholdBytes) return "more"
    const body = new Uint8Array(size)
    body.set(bytes.subarray(start))
    return { _tag: "Filling", body, filled: have, done: { frame: body, first: undefined, arriving: this.arriving } }
  }

  private part(bytes: Uint8Array, start: number, size: number): State | "more" | undefined {
    const head = Arrival.head(bytes, start, size)
    if (head === undefined) return "more"
    if ("_tag" in head) return { _tag: "Failed", violation: head }
    const isHere = bytes.length - start >= size
    // As any small frame, it is kept until it is whole.
    if (!isHere && size < fillThresholdBytes) return "more"
    const placed = Arrival.place(this.arriving, head, this.limits.maxFrame)
    if (placed._tag === "Refused") return { _tag: "Failed", violation: placed.violation }
    const { room } = placed
    const done: Filled = {
      frame: placed.whole,
      first: placed.first ? head.dialog : undefined,
      arriving: placed.state
    }
    this.arriving = placed.state
    const filled = Math.min(room.length, bytes.length - head.start)
    room.set(bytes.subarray(head.start, head.start + filled))
    if (!isHere) return { _tag: "Filling", body: room, filled, done }
    this.finish(room, done)
    return this.violation === undefined ? undefined : { _tag: "Failed", violation: this.violation }
  }
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
 * Memory that all outboxes of a process write their small frames to, one behind the other. A byte is written once, because
 * it may still be on its way through the kernel; a full arena is replaced, and lives as long as a frame in it.
 */
const arena = { bytes: new Uint8Array(0), to: 0 }

/**
 * Collects frames until the transport takes them: small ones are copied into the arena, large tails stand alone.
 * Not a machine: a buffer with one owner, the channel's writer.
 */
export class Outbox {
  private chunks: Array<Uint8Array> = []
  /** The frames since the last cut, which end at `to`: in the arena, or in memory of their own. */
  private bytes = nothing
  private from = 0
  private to = 0

  push(parts: Parts): void {
    const { head, tail } = parts
    const copied = tail !== undefined && tail.length <= maxCopiedBytes
    this.reserve(headerBytes + head.length + (copied ? tail.length : 0))
    const size = sizeOf(parts)
    const { bytes } = this
    let at = this.to
    bytes[at++] = size & 255
    bytes[at++] = size >>> 8 & 255
    bytes[at++] = size >>> 16 & 255
    bytes[at++] = size >>> 24
    bytes.set(head, at)
    at += head.length
    if (copied) {
      bytes.set(tail, at)
      at += tail.length
    }
    this.to = at
    if (bytes === arena.bytes) arena.to = at
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
    // An idle outbox holds no memory.
    this.bytes = nothing
    this.from = this.to = 0
    return chunks
  }

  private cut(): void {
    if (this.to > this.from) this.chunks.push(this.bytes.subarray(this.from, this.to))
    this.from = this.to
  }

  /** Makes room behind the frames since the last cut, or begins anew where another outbox has written behind them. */
  private reserve(size: number): void {
    if (this.bytes === arena.bytes && this.to === arena.to && this.to + size <= this.bytes.length) return
    this.cut()
    if (size > arenaBytes) {
      this.bytes = new Uint8Array(size)
      this.from = this.to = 0
      return
    }
    if (arena.to + size > arena.bytes.length) {
      arena.bytes = new Uint8Array(arenaBytes)
      arena.to = 0
    }
    this.bytes = arena.bytes
    this.from = this.to = arena.to
  }
}
