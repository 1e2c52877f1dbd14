/**
 * Gives back the memory of large payloads before a garbage collection finds it. V8 collects the whole heap once for
 * about every 32 MiB of memory of payloads, which costs more than the payloads themselves.
 *
 * Only memory with one owner is given back: the memory of a payload that its encoder wrote alone, or of a frame that
 * shares its memory with no other frame.
 */

/** The size in bytes of the smallest payload whose memory is given back before a garbage collection finds it. */
export const minReleasedBytes = 8 * 1024

/** The method `ArrayBuffer.transfer` exists on every platform since 2023, but no type library covers all platforms. */
interface Transferable {
  readonly transfer?: (size: number) => unknown
}

const written = new WeakSet<Uint8Array>()
const received = new WeakSet<ArrayBufferLike>()

/** Detaches the memory of a payload's bytes, so that every view of this memory becomes empty. */
const empty = (bytes: Uint8Array): void => void (bytes.buffer as Transferable).transfer?.(0)

/** Records that a payload shares its memory with no other data, and that its encoder does not keep this memory. */
export const noteWritten = (payload: Uint8Array): void => void written.add(payload)

/**
 * Gives back a written payload that has no reader left. A payload that the function `noteWritten` has not recorded
 * keeps its memory.
 */
export const releaseWritten = (payload: Uint8Array): void => {
  if (written.delete(payload)) empty(payload)
}

/** Records that a frame shares its memory with no other data. */
export const noteReceived = (frame: Uint8Array): void => {
  if (frame.length >= minReleasedBytes) received.add(frame.buffer)
}

/** Keeps the memory of a frame from being given back, because a decoded value is a view of the frame. */
export const keepReceived = (part: Uint8Array): void => void received.delete(part.buffer)

/**
 * Gives the frame of a payload back, when the payload has been read and no value is a view of the frame. A frame that
 * the function `noteReceived` has not recorded keeps its memory.
 */
export const releaseReceived = (payload: Uint8Array): void => {
  if (payload.length >= minReleasedBytes && received.delete(payload.buffer)) empty(payload)
}
