/**
 * Work that an actor does after its word `Ready`: the rehearsal of its first call, the compile cache, and the
 * collection of memory that its start has left. An actor that is already ending skips the work after its start, because
 * the work delays the end.
 */
import * as Module from "node:module"
import { collectWhenQuiet } from "./collect.ts"

/**
 * Does one piece of the rehearsal in each round of the event loop, so that a call waits for one piece at most; then the
 * rest. The compile cache is written behind the rehearsal, because the first call is more urgent. It holds what was compiled
 * together with its file. Returns what stops it.
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
