/**
 * Prints the tree of a root, and what its fibers wait for, on stderr at Ctrl-\ (SIGQUIT) or SIGUSR2. The program of the
 * root goes on after its tree was printed. The code that prints the tree is loaded at the first SIGQUIT or SIGUSR2.
 *
 * A listener of the program itself for SIGQUIT or SIGUSR2 replaces that of the root, whenever the listener was added.
 * In a tree with `observe: "off"` SIGQUIT and SIGUSR2 keep their usual effect, as without Furrow.
 */
import * as Effect from "effect/Effect"
import { isOffered } from "./hatch.ts"
import { tell } from "./told.ts"

const signals = ["SIGQUIT", "SIGUSR2"] as const

const write = (text: string): void => {
  try {
    process.stderr.write(text)
  } catch {
    // The stderr of this process has lost its reader.
  }
}

/** Listens for SIGQUIT and SIGUSR2, until the returned function is called. */
export const listen = (): () => void => {
  if (process.platform !== "linux") return () => {}
  let isLooking = false
  const dump = () => {
    // A second signal during the printing of the tree is ignored, because it would print the same tree twice.
    if (isLooking) return
    isLooking = true
    import("./diagnosis/dump.ts").then(({ dump }) => Effect.runPromise(dump)).then(
      write,
      (error: unknown) => tell(error, "the tree could not be looked at: ")
    ).finally(() => {
      isLooking = false
    })
  }
  const listeners = signals.filter((signal) => process.listenerCount(signal) === 0).map((signal) => {
    const listener = () => {
      if (process.listenerCount(signal) > 1) return
      if (isOffered()) return dump()
      process.off(signal, listener)
      process.kill(process.pid, signal)
    }
    process.on(signal, listener)
    return [signal, listener] as const
  })
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}
