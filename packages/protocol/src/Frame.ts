/**
 * Decodes the bytes of a connection to frames, and encodes frames as bytes. A frame consists of a length, as 32 bits
 * in little-endian order, and of as many bytes as the length says.
 *
 * The function `decode` takes the chunks that the transport delivers, cut anywhere, and returns the frames that each
 * chunk completes. After a violation every further `decode` fails. A frame above the limit is refused on its length
 * alone: its body is not read, and no memory is reserved for its body.
 *
 * A frame that lies in one chunk is a view of that chunk, so that a large payload is not copied. If both sides
 * support parts of frames, `Arrival` collects the parts of a large frame, and the last part hands out the whole
 * frame.
 *
 * @since 0.1.0
 */
import * as Arrival from "./Arrival.ts"
import { noteReceived } from "./internal/Memory.ts"
import type { Violation } from "./Violation.ts"

/**
 * The default limit of the size of one frame: 64 MiB.
 *
 * @example
 * ```ts
 * Frame.defaultMaxFrame // 67_108_864
 * ```
 */
export const defaultMaxFrame = 64 * 1024 * 1024

const headerBytes = 4
/**
 * The size in bytes of the smallest frame whose whole memory is reserved when its first bytes arrive. An incomplete
 * frame of less than 64 KiB is kept in the chunks in which its bytes arrive.
 */
const fillThresholdBytes = 64 * 1024

/**
 * The state of reading frames from a connection: between two frames, in the middle of a large frame's body, or
 * failed.
 */
export type State =
  | { readonly _tag: "Between"; readonly rest: Uint8Array; readonly arriving: Arrival.State }
  | { readonly _tag: "Filling"; readonly body: Uint8Array; readonly filled: number; readonly done: Filled }
  | { readonly _tag: "Failed"; readonly violation: Violation }

/**
 * The state of the frame reader after all bytes of a large frame's body have arrived. The field `frame` is the frame
 * that the body completes, if any; the field `first` is the dialog whose first part the body completes, if any.
 */
interface Filled {
  readonly frame: Uint8Array | undefined
  readonly first: number | undefined
  readonly arriving: Arrival.State
}

const nothing = new Uint8Array(0)

const between = (rest: Uint8Array, arriving: Arrival.State): State =>
  rest.length === 0 && arriving.length === 0 ? initial : { _tag: "Between", rest, arriving }

/**
 * The state of reading frames before the first byte of a connection.
 *
 * @example
 * ```ts
 * Frame.initial._tag // "Between"
 * ```
 */
export const initial: State = { _tag: "Between", rest: nothing, arriving: Arrival.initial }

/**
 * A large word whose first part has arrived. The field `behind` of a begun word is the number of whole frames before
 * the word's first part in the same chunk.
 */
export interface Begun {
  readonly behind: number
  readonly dialog: number
  readonly word: number
}

/**
 * The result of reading one chunk: the next state, the frames that became whole, and the large words whose first part
 * has arrived.
 */
export interface Decoded {
  readonly state: State
  readonly frames: ReadonlyArray<Uint8Array>
  readonly begun?: ReadonlyArray<Begun> | undefined
}

/** The limits of reading frames on one connection. */
export interface Limits {
  readonly maxFrame: number
  /**
   * True when both sides of the connection know parts of large words. A `Part` on a connection whose sides have not
   * agreed on parts is handed out like any other frame.
   */
  readonly parts: boolean
}

/**
 * The limits of a connection before its handshake: frames of at most 64 MiB, and no parts.
 *
 * @example
 * ```ts
 * Frame.defaultLimits // { maxFrame: 67_108_864, parts: false }
 * ```
 */
export const defaultLimits: Limits = { maxFrame: defaultMaxFrame, parts: false }

const none: ReadonlyArray<Uint8Array> = []

/**
 * Returns the large frames of which some parts, but not all parts, have arrived.
 *
 * @example
 * ```ts
 * Frame.arrivingOf(Frame.initial) // []
 * ```
 */
export const arrivingOf = (state: State): Arrival.State =>
  state._tag === "Between" ? state.arriving : state._tag === "Filling" ? state.done.arriving : Arrival.initial

/**
 * Gives up the arrived parts of a dialog's large word, because the dialog has had its last word.
 *
 * @example
 * ```ts
 * Frame.drop(Frame.initial, 1) === Frame.initial // true
 * ```
 */
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
 * Decodes one chunk of bytes to frames. Each state of `decode` may be used only once, because the memory of an
 * incomplete frame is filled in place. The function `decode` takes at most `count` frames, and keeps the bytes behind
 * these frames, because the next frame may have other limits. The function `decode` copies the bytes of a `lent`
 * chunk that it keeps, because the transport reuses the memory of the chunk.
 *
 * @example
 * ```ts
 * const { frames } = Frame.decode(Frame.initial, new Uint8Array([1, 0, 0, 0, 7]))
 * frames // [new Uint8Array([7])]
 * ```
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

/** The smallest number of missing bytes for which a transport reads straight into the body of a frame. */
const minRoomBytes = 4 * 1024

/**
 * The memory for the next bytes of a large body, so that a transport can read straight into this memory. The result
 * `undefined` means that no body of a large frame is being filled.
 *
 * @example
 * ```ts
 * Frame.room(Frame.initial) // undefined
 * ```
 */
export const room = (state: State): Uint8Array | undefined =>
  state._tag === "Filling" && state.body.length - state.filled >= minRoomBytes
    ? state.body.subarray(state.filled)
    : undefined

/**
 * Records that the transport has read `size` bytes into the memory that the function `room` has returned for this
 * state.
 *
 * @example
 * ```ts
 * Frame.filled(Frame.initial, 0).frames // []
 * ```
 */
export const filled = (state: State, size: number): Decoded => {
  if (state._tag !== "Filling") return { state, frames: none }
  const { body, done } = state
  const filled = state.filled + size
  if (filled < body.length) return { state: { _tag: "Filling", body, filled, done }, frames: none }
  const reading = new Reading(defaultLimits, Infinity, done.arriving)
  reading.finish(body, done)
  return reading.read(nothing, false)
}

/** Decodes one chunk: collects the frames of the chunk, and returns all of them at the end of the chunk. */
class Reading {
  private readonly limits: Limits
  private readonly count: number
  private arriving: Arrival.State
  private frames: Array<Uint8Array> | undefined
  private begun: Array<Begun> | undefined
  private violation: Violation | undefined
  /**
   * True when the chunk is lent, which means that the transport reuses its memory, so each frame in the chunk is
   * copied.
   */
  private lent = false

  constructor(limits: Limits, count: number, arriving: Arrival.State) {
    this.limits = limits
    this.count = count
    this.arriving = arriving
  }

  /** Handles the complete body of a frame, which is either a whole frame or a part of a large frame. */
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
    // A lent chunk that contains only whole frames is copied in one step.
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

  /**
   * Returns the position up to which the chunk consists of whole frames, none of which is a part of a large frame. The
   * bytes of a part are copied into the large frame to which the part belongs.
   */
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

  /**
   * Decodes one frame of the chunk. For an incomplete frame the result is the state in which a large frame is filled,
   * or the text `more` for a small frame.
   */
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
    // A small part of a large frame is read only when all bytes of the part have arrived.
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

/**
 * The two pieces of a frame that is to be sent: first the bytes of the field `head`, then the bytes of the field
 * `tail`. The class `Outbox` sends a large `tail` of a frame without a copy.
 */
export interface Parts {
  readonly head: Uint8Array
  readonly tail: Uint8Array | undefined
}

/**
 * Returns the size of a frame in bytes, without the length in front.
 *
 * @example
 * ```ts
 * Frame.sizeOf({ head: new Uint8Array(2), tail: new Uint8Array(3) }) // 5
 * ```
 */
export const sizeOf = (parts: Parts): number => parts.head.length + (parts.tail === undefined ? 0 : parts.tail.length)

const arenaBytes = 64 * 1024
/**
 * Bytes of the largest `tail` of a frame (`Parts`) that is copied behind the frame's `head`, because one write costs
 * less than two.
 */
const maxCopiedBytes = 16 * 1024

/**
 * Memory (an arena) to which all connections of a process write their small frames, one behind the other. No byte of an
 * arena is written twice, because the kernel may still have to read the byte. A full arena is replaced by a new arena,
 * and stays in memory as long as a frame in it is in use.
 */
const arena = { bytes: new Uint8Array(0), to: 0 }

/**
 * Collects frames until the transport takes them. Copies small frames one behind the other into one piece of memory,
 * and keeps the large payload of a frame without a copy. An outbox is a mutable buffer of one PeerChannel's writer, and
 * no machine.
 *
 * @example
 * ```ts
 * const outbox = new Frame.Outbox()
 * outbox.push({ head: new Uint8Array([7]), tail: undefined })
 * outbox.take() // [new Uint8Array([1, 0, 0, 0, 7])]
 * ```
 */
export class Outbox {
  private chunks: Array<Uint8Array> = []
  /**
   * The memory into which small frames are copied; the bytes from the index `from` to the index `to` are still to be
   * sent. A copied frame of more than 64 KiB gets memory of its own; smaller frames of all connections of a process
   * share memory.
   */
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

  /**
   * Hands out all collected bytes in order, and empties the outbox. The caller of `take` owns the bytes that the
   * outbox has handed out.
   */
  take(): ReadonlyArray<Uint8Array> {
    this.cut()
    const { chunks } = this
    this.chunks = []
    // An outbox without waiting frames holds no memory.
    this.bytes = nothing
    this.from = this.to = 0
    return chunks
  }

  private cut(): void {
    if (this.to > this.from) this.chunks.push(this.bytes.subarray(this.from, this.to))
    this.from = this.to
  }

  /**
   * Makes room for `size` more bytes behind the last frames of this outbox, or takes new memory if there is no room.
   */
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
