/**
 * Prints the tree of a root and the waits of its fibers on stderr at Ctrl-\ (SIGQUIT) or SIGUSR2. The root's program
 * goes on after the tree was printed. The code that prints a root's tree is loaded at the first SIGQUIT or SIGUSR2.
 *
 * A listener of the program for SIGQUIT or SIGUSR2 replaces the root's own listener, whenever the program adds it. In a
 * tree with the option `observe: "off"` the signals SIGQUIT and SIGUSR2 keep the effect that they have without Furrow.
 */
import * as Effect from "effect/Effect"
import { isOffered } from "./hatch.ts"
import { tell } from "./told.ts"

const signals = ["SIGQUIT", "SIGUSR2"] as const

const write = (text: string): void => {
  try {
    process.stderr.write(text)
  } catch {
    // A write to stderr fails where the reader of this process's stderr has closed the stream, and the failure is
    // ignored.
  }
}

/** Listens for SIGQUIT and SIGUSR2, until the function that `listen` returns is called. */
export const listen = (): () => void => {
  if (process.platform !== "linux") return () => {}
  let isLooking = false
  const dump = () => {
    // A second signal during the printing of the tree is ignored, because the root would print the tree twice.
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
