/**
 * Divides large words into parts, and sends the parts of several large words in turn. Dialogs take turns: each dialog
 * sends one part of its large word before any dialog sends its next part.
 *
 *   add --> waiting --(room among those under way)--> leaving --next, next, ...--> gone, and what waited behind it is free
 *              |                                          |
 *              +------------------ drop ------------------+--> its dialog has had its last word
 *
 * Words of a dialog keep their order, so later words of a dialog wait behind the dialog's large word. A peer reserves
 * memory for frames of which parts have arrived, and accepts no more bytes of these frames than the function
 * `Arrival.maxUnderWay` returns.
 *
 * The numbers of dialogs grow in the order in which the calls of these dialogs begin to leave. A large `Start` begins
 * with a small part that leaves at once, so that later calls need not wait for the whole `Start`. While a large
 * `Start` waits to begin, a later small `Start` waits as well.
 *
 * @since 0.1.0
 */
import { maxUnderWay, minimum } from "./Arrival.ts"
import type { Parts } from "./Frame.ts"
import { binHead, isSmall, putBin, putUint, sizeOfUint } from "./internal/tokens.ts"
import { words } from "./Message.ts"

/**
 * The size of a part of a large word in bytes. A reader copies at most 128 KiB for each part, and a writer writes one
 * part in one turn of the event loop.
 *
 * @example
 * ```ts
 * Departure.partBytes // 262_144
 * ```
 */
export const partBytes = 256 * 1024

/**
 * The size in bytes above which a payload leaves in parts. A payload of 1 MiB is written about as fast as one part, so
 * sending such a payload in parts would gain nothing.
 *
 * @example
 * ```ts
 * Departure.cutAboveBytes // 1_114_112
 * ```
 */
export const cutAboveBytes = 1024 * 1024 + 64 * 1024

/** A word that waits to leave, with a flag that is true for a `Start`. */
export interface Word {
  readonly parts: Parts
  readonly isStart: boolean
}

interface Large {
  readonly dialog: number
  readonly head: Uint8Array
  readonly tail: Uint8Array
  readonly isStart: boolean
  /** The number of bytes of the large word's payload that have left. */
  readonly at: number
  /** Words of the dialog that were said after its large word, and leave after the large word. */
  readonly behind: ReadonlyArray<Word>
}

/** The large words of one direction of a connection that are not yet sent completely. */
export interface State {
  /** Large words of which parts are leaving: each word sends one part in its turn. */
  readonly leaving: ReadonlyArray<Large>
  /** Calls that have not begun to leave, because other words use up the peer's memory for parts. */
  readonly waiting: ReadonlyArray<Large>
}

/**
 * The state of departing words on a new connection: no large word is leaving or waiting.
 *
 * @example
 * ```ts
 * Departure.isEmpty(Departure.initial) // true
 * ```
 */
export const initial: State = { leaving: [], waiting: [] }

const nothing: ReadonlyArray<Parts> = []
const noBytes = new Uint8Array(0)

/**
 * True for a word that leaves in parts, because its payload is above `cutAboveBytes`.
 *
 * @example
 * ```ts
 * Departure.isLarge({ head: new Uint8Array(8), tail: undefined }) // false
 * ```
 */
export const isLarge = ({ tail }: Parts): boolean => tail !== undefined && tail.length > cutAboveBytes

/**
 * True when no large word is leaving or waiting.
 *
 * @example
 * ```ts
 * Departure.isEmpty(Departure.initial) // true
 * ```
 */
export const isEmpty = ({ leaving, waiting }: State): boolean => leaving.length === 0 && waiting.length === 0

/**
 * The result of a step of departing words: the next state, and the frames that leave at once, ahead of words of the
 * data lane.
 */
export type Step = readonly [State, ReadonlyArray<Parts>]

const ofDialog = (dialog: number) => (large: Large): boolean => large.dialog === dialog

/**
 * True while the last byte of a large word of this dialog has not left.
 *
 * @example
 * ```ts
 * Departure.has(Departure.initial, 1) // false
 * ```
 */
export const has = ({ leaving, waiting }: State, dialog: number): boolean =>
  leaving.some(ofDialog(dialog)) || waiting.some(ofDialog(dialog))

/**
 * Returns the numbers of the dialogs whose `Start` has not left completely.
 *
 * @example
 * ```ts
 * Departure.startsOf(Departure.initial) // []
 * ```
 */
export const startsOf = ({ leaving, waiting }: State): ReadonlyArray<number> =>
  [...leaving, ...waiting].filter(({ isStart }) => isStart).map(({ dialog }) => dialog)

/** True when the `Start` of this dialog waits, and no part of it has left. */
export const isUnbegun = ({ waiting }: State, dialog: number): boolean =>
  waiting.some((large) => large.dialog === dialog && large.isStart)

const sizeOf = ({ head, tail }: Large): number => head.length + tail.length

/** Lets waiting words begin to leave in their order, as long as the peer's memory for incomplete frames has room. */
const admit = (state: State, maxFrame: number): Step => {
  if (state.waiting.length === 0) return [state, nothing]
  const leaving = [...state.leaving]
  const frames: Array<Parts> = []
  let together = leaving.reduce((sum, large) => sum + sizeOf(large), 0)
  let begun = 0
  for (const word of state.waiting) {
    const { head, tail } = word
    if (tail.length > cutAboveBytes) {
      together += sizeOf(word)
      if (together > maxUnderWay(maxFrame)) break
      if (word.isStart) frames.push(partOf(word, minimum.partBytes))
      leaving.push(word.isStart ? { ...word, at: minimum.partBytes } : word)
    } else frames.push({ head, tail })
    begun++
  }
  return [{ leaving, waiting: state.waiting.slice(begun) }, frames]
}

/** True for a `Start` that must wait, because an earlier `Start` is still waiting to leave. */
export const mustWait = ({ waiting }: State, isStart: boolean): boolean =>
  isStart && waiting.some((large) => large.isStart)

/** Adds a large word to the words of a connection that are to be sent in parts. */
export const add = (state: State, dialog: number, { isStart, parts }: Word, maxFrame: number): Step => {
  const large: Large = { dialog, head: parts.head, tail: parts.tail ?? noBytes, isStart, at: 0, behind: [] }
  return admit({ leaving: state.leaving, waiting: [...state.waiting, large] }, maxFrame)
}

/** Adds a word of a dialog that must wait, because the last byte of the dialog's large word has not left. */
export const append = ({ leaving, waiting }: State, dialog: number, word: Word): State => {
  const appended = (large: Large): Large =>
    large.dialog === dialog ? { ...large, behind: [...large.behind, word] } : large
  return { leaving: leaving.map(appended), waiting: waiting.map(appended) }
}

/** Ends a dialog: the remaining parts of its large word, and the later words of the dialog, are not sent. */
export const drop = ({ leaving, waiting }: State, dialog: number, maxFrame: number): Step => {
  const isOther = (large: Large): boolean => large.dialog !== dialog
  return admit({ leaving: leaving.filter(isOther), waiting: waiting.filter(isOther) }, maxFrame)
}

/**
 * The result of the function `next`: the frames that are sent now, and the payload whose last bytes are in these
 * frames.
 */
export interface Next {
  readonly state: State
  /**
   * The frames that leave now: the next part of a large word, and, behind its last part, the words that waited for
   * the large word.
   */
  readonly frames: ReadonlyArray<Parts>
  /** The payload whose last part is among `frames`; `undefined` when `frames` ends no large word. */
  readonly gone?: Uint8Array | undefined
}

/**
 * Takes the next part of the large word whose turn it is. The result `undefined` means that no large word is leaving.
 *
 * @example
 * ```ts
 * Departure.next(Departure.initial, 1_000_000) // undefined
 * ```
 */
export const next = (state: State, maxFrame: number): Next | undefined => {
  const [first, ...others] = state.leaving
  if (first === undefined) return undefined
  const end = Math.min(first.at + partBytes, first.tail.length)
  const part = partOf(first, end)
  if (end < first.tail.length) {
    return { state: { leaving: [...others, { ...first, at: end }], waiting: state.waiting }, frames: [part] }
  }
  const large = first.behind.findIndex(({ parts }) => isLarge(parts))
  const free = large < 0 ? first.behind : first.behind.slice(0, large)
  const rest = large < 0 ? state.waiting : [...state.waiting, again(first, large)]
  const [admitted, begun] = admit({ leaving: others, waiting: rest }, maxFrame)
  return { state: admitted, frames: [part, ...free.map(({ parts }) => parts), ...begun], gone: first.tail }
}

/** Returns the state of a large word that had to wait until an earlier large word of its dialog was sent. */
const again = ({ behind, dialog }: Large, at: number): Large => {
  const { isStart, parts } = behind[at]!
  return { dialog, head: parts.head, tail: parts.tail!, isStart, at: 0, behind: behind.slice(at + 1) }
}

const partOf = (large: Large, end: number): Parts => {
  const { at, dialog, head, tail } = large
  const size = sizeOf(large)
  const inner = at === 0 ? head.length : 0
  const own = 2 + sizeOfUint(dialog) + sizeOfUint(size) + binHead
  const bytes = new Uint8Array(own + inner)
  bytes[0] = 0x94
  bytes[1] = words.Part.code
  putBin(bytes, putUint(bytes, putUint(bytes, 2, dialog), size), inner + end - at)
  if (inner > 0) bytes.set(head, own)
  return { head: bytes, tail: tail.subarray(at, end) }
}

/**
 * True for a dialog number from 1 to 2^32 - 1, because the frame of a `Part` has no room for larger dialog numbers.
 *
 * @example
 * ```ts
 * Departure.canCut(1) // true
 * Departure.canCut(2 ** 32) // false
 * ```
 */
export const canCut = (dialog: number): boolean => dialog > 0 && isSmall(dialog)
