/**
 * Large frames that arrive in parts, each filled in the place where it stays.
 *
 *   first Part --> arriving --Part--> arriving --last Part--> whole frame
 *                     |
 *                     +-- last word of its dialog (Cancel, Return, Error) --> dropped
 *
 * A part names the dialog of its word: no dialog has two words under way in one direction. Memory for the whole frame is
 * reserved with its first part, so what a peer may have under way is bounded here, and anything else is a violation.
 *
 * @since 0.1.0
 */
import { Cursor } from "./internal/tokens.ts"
import { words } from "./Message.ts"
import type { Violation } from "./Violation.ts"

/** The capability that both sides name where they read parts. */
export const capability = "parts"

/** A frame in parts is larger than this, and every part but the last one has at least as much as the other. */
export const minimum = { frameBytes: 64 * 1024, partBytes: 4 * 1024 } as const

/** Frames that are under way are together no larger than this many of the largest. */
const maxLargestFrames = 2

/** Bytes that all frames under way in one direction may have together. */
export const maxUnderWay = (maxFrame: number): number => maxLargestFrames * maxFrame

/** One frame of which a part has come. */
export interface Arriving {
  readonly dialog: number
  readonly body: Uint8Array
  readonly filled: number
}

/** Frames under way, by the order of their first parts. The bodies are owned by the state. */
export type State = ReadonlyArray<Arriving>

export const initial: State = []

/** The fields of a part before its bytes. */
export interface Head {
  readonly dialog: number
  /** Bytes of the whole frame. */
  readonly size: number
  /** Bytes of this part. */
  readonly length: number
  /** The position of the first of them. */
  readonly start: number
}

const code = words.Part.code
const bin32 = 0xc6
/** The longest head: array and code, two numbers, and the head of the bytes. */
const maxHeadBytes = 2 + 5 + 5 + 5

/** True when a frame that begins there is a part. */
export const isPart = (bytes: Uint8Array, at: number): boolean => bytes[at] === 0x94 && bytes[at + 1] === code

const malformed = (field: string): Violation => ({ _tag: "Malformed", word: "Part", field })

/** The head of a part whose frame of `size` bytes begins at `at`; `undefined` where more of it must be read first. */
export const head = (bytes: Uint8Array, at: number, size: number): Head | Violation | undefined => {
  if (bytes.length - at < Math.min(size, maxHeadBytes)) return undefined
  const cursor = new Cursor(bytes, at + 2)
  const dialog = cursor.uint()
  if (dialog <= 0) return malformed("dialog")
  const whole = cursor.uint()
  if (whole < 0) return malformed("size")
  const start = cursor.position + 5
  const length = size - (start - at)
  const view = cursor.position
  const said = (bytes[view + 1]! << 24 | bytes[view + 2]! << 16 | bytes[view + 3]! << 8 | bytes[view + 4]!) >>> 0
  return bytes[view] === bin32 && length > 0 && said === length
    ? { dialog, size: whole, length, start }
    : malformed("payload")
}

export type Placed =
  | {
    readonly _tag: "Placed"
    readonly state: State
    /** The place of the bytes of this part. */
    readonly room: Uint8Array
    /** True for the first part of a frame. */
    readonly first: boolean
    /** The frame, where this part is its last. */
    readonly whole: Uint8Array | undefined
  }
  | { readonly _tag: "Refused"; readonly violation: Violation }

const refused = (violation: Violation): Placed => ({ _tag: "Refused", violation })

/** Finds the place of a part. It counts as filled: nothing else is read before its bytes are. */
export const place = (state: State, { dialog, length, size }: Head, maxFrame: number): Placed => {
  const known = state.find((arriving) => arriving.dialog === dialog)
  if (known === undefined) {
    if (size <= minimum.frameBytes) return refused(malformed("size"))
    if (size > maxFrame) return refused({ _tag: "FrameTooLarge", size, limit: maxFrame })
    const limit = maxUnderWay(maxFrame)
    const together = state.reduce((sum, { body }) => sum + body.length, size)
    if (together > limit) return refused({ _tag: "FrameTooLarge", size: together, limit })
  } else if (size !== known.body.length) return refused(malformed("size"))
  const from = known?.filled ?? 0
  const filled = from + length
  if (filled > size || filled < size && length < minimum.partBytes) return refused(malformed("payload"))
  const body = known?.body ?? new Uint8Array(size)
  const others = known === undefined ? state : state.filter((arriving) => arriving !== known)
  const isWhole = filled === size
  return {
    _tag: "Placed",
    state: isWhole ? others : [...others, { dialog, body, filled }],
    room: body.subarray(from, filled),
    first: known === undefined,
    whole: isWhole ? body : undefined
  }
}

/** Words that may come in parts: those of a dialog with a payload. */
const parted: ReadonlySet<number> = new Set(
  (["Start", "Started", "Yield", "Return", "Error"] as const).map((word) => words[word].code)
)

/** The code of the word that begins in this first part of `dialog`, or why there is none. */
export const wordOf = (part: Uint8Array, dialog: number): number | Violation => {
  const word = part[1]!
  if ((part[0]! & 0xf0) !== 0x90 || !parted.has(word)) return malformed("payload")
  return new Cursor(part, 2).uint() === dialog ? word : malformed("dialog")
}

/** The dialog has had its last word: nothing more comes of its frame. */
export const drop = (state: State, dialog: number): State =>
  state.some((arriving) => arriving.dialog === dialog)
    ? state.filter((arriving) => arriving.dialog !== dialog)
    : state
