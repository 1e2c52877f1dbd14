/**
 * Work that an actor does after its word `Ready`: the rehearsal of its first call, the compile cache, and a garbage
 * collection. An actor that is already ending skips the work after its word `Ready`, because the work delays the end.
 */
import * as Module from "node:module"
import { collectWhenQuiet } from "./collect.ts"

/**
 * Rehearses the first call in pieces, one piece in each round of the event loop, so that a call waits for one piece at
 * most. The actor writes the compile cache after the rehearsal, because the first call is more urgent. The compile
 * cache holds the compiled code of each module's file. The function `afterReady` returns a function that stops the work
 * which the actor does after its word `Ready`.
 */
export const afterReady = (rehearsal: Iterator<void>): () => void => {
  let stop = () => {}
  const piece = () => {
    if (rehearsal.next().done !== true) return next()
    // Node writes the compile cache only at an ordinary exit, which actors rarely have.
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
