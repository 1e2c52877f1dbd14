/**
 * Ctrl-\ (SIGQUIT) at the terminal of a root, or SIGUSR2 to it, prints its tree and what it waits for on stderr, and the program
 * goes on. The code for that is loaded then.
 *
 * A listener of the program's own goes before, whenever it was added: a signal has one meaning. The signal does what it does without
 * us in a tree that may not be looked into (`observe: "off"`).
 */
import * as Effect from "effect/Effect"
import { isOffered } from "./hatch.ts"
import { tell } from "./told.ts"

const signals = ["SIGQUIT", "SIGUSR2"] as const

const write = (text: string): void => {
  try {
    process.stderr.write(text)
  } catch {
    // Standard error has no reader.
  }
}

/** Listens for these signals, until the result is called. */
export const listen = (): () => void => {
  if (process.platform !== "linux") return () => {}
  let isLooking = false
  const dump = () => {
    // A second signal during a look is ignored, because it would print the same twice.
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
