/**
 * Assembles large frames that arrive in parts: the bytes of each part are written into memory for the whole frame.
 *
 *   first Part --> arriving --Part--> arriving --last Part--> whole frame
 *                     |
 *                     +-- last word of its dialog (Cancel, Return, Error) --> dropped
 *
 * A part of a frame names only the dialog of its word, because each side of a dialog sends one large word at a time.
 * The first part of a frame reserves memory for the whole frame. The incomplete frames of a peer may have a bounded
 * number of bytes together, and a part above this bound is a violation.
 *
 * @since 0.1.0
 */
import { Cursor } from "./internal/tokens.ts"
import { words } from "./Message.ts"
import type { Violation } from "./Violation.ts"

/**
 * The name of the capability by which a side says in its greeting that it reads large frames in parts. A connection
 * uses parts of frames when both sides name the capability `parts` in the handshake.
 *
 * @example
 * ```ts
 * Arrival.capability // "parts"
 * ```
 */
export const capability = "parts"

/**
 * Lower limits in bytes: a frame that is sent in parts is larger than `frameBytes`, and each part but the last has at
 * least `partBytes`.
 *
 * @example
 * ```ts
 * Arrival.minimum // { frameBytes: 65_536, partBytes: 4_096 }
 * ```
 */
export const minimum = { frameBytes: 64 * 1024, partBytes: 4 * 1024 } as const

/** The most memory that all incomplete frames of one direction may take, as a multiple of the largest allowed frame. */
const maxLargestFrames = 2

/**
 * Returns how many bytes the incomplete frames of one direction may have together, for a largest frame of `maxFrame`
 * bytes.
 *
 * @example
 * ```ts
 * Arrival.maxUnderWay(1_000_000) // 2_000_000
 * ```
 */
export const maxUnderWay = (maxFrame: number): number => maxLargestFrames * maxFrame

/**
 * One large frame of which some parts have arrived: its dialog, the memory for the whole frame, and the number of bytes
 * that have arrived.
 */
export interface Arriving {
  readonly dialog: number
  readonly body: Uint8Array
  readonly filled: number
}

/**
 * The incomplete frames of one direction of a connection, in the order of their first parts. The state of arriving
 * frames owns the memory of the incomplete frames.
 */
export type State = ReadonlyArray<Arriving>

/**
 * The state of arriving frames on a new connection: no incomplete frame has arrived.
 *
 * @example
 * ```ts
 * Arrival.initial // []
 * ```
 */
export const initial: State = []

/** The fields that stand in a word `Part` in front of the bytes of the part. */
export interface Head {
  readonly dialog: number
  /** The size in bytes of the whole frame of which the part is a piece. */
  readonly size: number
  /** The size in bytes of the payload of this part. */
  readonly length: number
  /** The index of the part's first payload byte in the chunk from which the head of the part was read. */
  readonly start: number
}

const code = words.Part.code
const bin32 = 0xc6
/**
 * The size in bytes of the longest head of a part: two bytes for list head and word code, and five each for dialog,
 * size and length.
 */
const maxHeadBytes = 2 + 5 + 5 + 5

/**
 * True when the frame whose body begins at the position `at` holds a word `Part`. The first two bytes of a frame's body
 * show whether the frame is a part.
 *
 * @example
 * ```ts
 * Arrival.isPart(new Uint8Array([0x90, 0]), 0) // false
 * ```
 */
export const isPart = (bytes: Uint8Array, at: number): boolean => bytes[at] === 0x94 && bytes[at + 1] === code

const malformed = (field: string): Violation => ({ _tag: "Malformed", word: "Part", field })

/**
 * Reads the head of a part; the frame of the part begins at the position `at` and has `size` bytes. The result is
 * `undefined` while bytes of the part's head have not arrived yet.
 *
 * @example
 * ```ts
 * Arrival.head(new Uint8Array(2), 0, 100) // undefined
 * ```
 */
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

/**
 * The result of the function `place`: the memory for the bytes of a part, or the rule of the protocol that the part
 * breaks.
 */
export type Placed =
  | {
    readonly _tag: "Placed"
    readonly state: State
    /** The memory into which the transport reads the payload of this part. */
    readonly room: Uint8Array
    /** True when this part is the first part of its frame. */
    readonly first: boolean
    /** The whole frame if this part is the last part of the frame; `undefined` for an earlier part. */
    readonly whole: Uint8Array | undefined
  }
  | { readonly _tag: "Refused"; readonly violation: Violation }

const refused = (violation: Violation): Placed => ({ _tag: "Refused", violation })

/**
 * Finds the memory for the bytes of a part, and counts the bytes of the part as arrived.
 *
 * @example
 * ```ts
 * const head = { dialog: 1, size: 100_000, length: 4_096, start: 12 }
 * const placed = Arrival.place(Arrival.initial, head, 1_000_000)
 * placed._tag // "Placed"
 * Arrival.place(Arrival.initial, head, 50_000)._tag // "Refused"
 * ```
 */
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

/** Codes of the words that may come in parts: the words of a dialog that have a payload. */
const parted: ReadonlySet<number> = new Set(
  (["Start", "Started", "Yield", "Return", "Error"] as const).map((word) => words[word].code)
)

/**
 * Returns the code of the word in the first part of a large frame. The function `wordOf` returns a violation if the
 * word cannot be sent in parts, or names another dialog than `dialog`.
 *
 * @example
 * ```ts
 * Arrival.wordOf(new Uint8Array([0, 0]), 1) // { _tag: "Malformed", word: "Part", field: "payload" }
 * ```
 */
export const wordOf = (part: Uint8Array, dialog: number): number | Violation => {
  const word = part[1]!
  if ((part[0]! & 0xf0) !== 0x90 || !parted.has(word)) return malformed("payload")
  return new Cursor(part, 2).uint() === dialog ? word : malformed("dialog")
}

/**
 * Gives up the incomplete frame of a dialog that has had its last word. The function `drop` returns the state unchanged
 * when the dialog has no incomplete frame.
 *
 * @example
 * ```ts
 * Arrival.drop(Arrival.initial, 1) // []
 * ```
 */
export const drop = (state: State, dialog: number): State =>
  state.some((arriving) => arriving.dialog === dialog)
    ? state.filter((arriving) => arriving.dialog !== dialog)
    : state
