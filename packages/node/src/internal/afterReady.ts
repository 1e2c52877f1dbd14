/**
 * Work of an actor behind its Ready: the rehearsal of its first call, the compile cache, and the collection of what its
 * start has left. An actor that ends does none of it: its last words need the time.
 */
import * as Module from "node:module"
import { collectWhenQuiet } from "./collect.ts"

/**
 * Does one piece of the rehearsal in each round of the event loop, so that a call waits for one piece at most; then the
 * rest. The compile cache is written behind the rehearsal, for it holds the functions that have run. Returns what stops it.
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
