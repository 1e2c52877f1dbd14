/**
 * Work that an actor does after its word `Ready`: the rehearsal of its first call, the compile cache, and the
 * collection of memory that its start has left. An actor that is already ending skips the work after its start, because
 * the work delays the end.
 */
import * as Module from "node:module"
import { collectWhenQuiet } from "./collect.ts"

/**
 * Rehearses the first call piece by piece, one piece in each round of the event loop, so that a call waits for one
 * piece at most. The compile cache is written after the rehearsal, because the first call is more urgent. The compile
 * cache holds the code that was compiled together with its file. The returned function stops the work after `Ready`.
 */
export const afterReady = (rehearsal: Iterator<void>): () => void => {
  let stop = () => {}
  const piece = () => {
    if (rehearsal.next().done !== true) return next()
    // Node writes the compile cache at an ordinary exit, which actors rarely have.
    Module.flushCompileCache?.()
    stop = collectWhenQuiet()
  }
  const next = () => {
    const turn = setImmediate(piece)
    stop = () => clearImmediate(turn)
  }
  next()
  return () => stop()
}
