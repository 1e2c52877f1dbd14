/**
 * Memory of large payloads that is given back before a collection of garbage finds it: V8 collects the whole heap for every
 * 32 MiB or so of such memory, and that costs more than the payloads.
 *
 * Only what has one owner is given back: a payload that its encoder wrote alone, and a frame with no other one beside it.
 */

/** Bytes from which on memory is worth the trouble. */
export const minReleasedBytes = 8 * 1024

/** On every platform since 2023, though no library of types for all of them has it. */
interface Transferable {
  readonly transfer?: (size: number) => unknown
}

const written = new WeakSet<Uint8Array>()
const received = new WeakSet<ArrayBufferLike>()

/** Empties every view of this memory. */
const empty = (bytes: Uint8Array): void => void (bytes.buffer as Transferable).transfer?.(0)

/** Notes a payload whose memory holds nothing else, and that its encoder does not keep. */
export const noteWritten = (payload: Uint8Array): void => void written.add(payload)

/** Gives back a written payload that has no reader left. Anything else stays as it is. */
export const releaseWritten = (payload: Uint8Array): void => {
  if (written.delete(payload)) empty(payload)
}

/** Notes a frame whose memory holds nothing else. */
export const noteReceived = (frame: Uint8Array): void => {
  if (frame.length >= minReleasedBytes) received.add(frame.buffer)
}

/** A value is a view of this frame. */
export const keepReceived = (part: Uint8Array): void => void received.delete(part.buffer)

/** Gives the frame of a payload back, when it has been read and no value is a view of it. Anything else stays as it is. */
export const releaseReceived = (payload: Uint8Array): void => {
  if (payload.length >= minReleasedBytes && received.delete(payload.buffer)) empty(payload)
}
