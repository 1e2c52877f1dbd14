/** The ways to die that a process brings about itself; all other ways are signals. */
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

/** The size of a small heap in MiB: enough for an actor, and soon used up. */
export const smallHeap = 64
