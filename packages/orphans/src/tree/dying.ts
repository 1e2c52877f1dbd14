/**
 * The ways to die that a process brings about itself; the others are signals.
 */
export const die = (how: string): void => {
  switch (how) {
    case "exit":
      process.exit(0)
    case "throw":
      setImmediate(() => {
        throw new RangeError("thrown where nobody catches it")
      })
      return
    case "oom": {
      const kept: Array<unknown> = []
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })))
    }
  }
}

/** Enough for an actor, and soon used up. */
export const smallHeap = 64
