/** The ways in which a process of a test case dies by its own code; all other ways to die are signals. */
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

/** The size of a small heap in MiB, which is enough for an actor, and soon used up. */
export const smallHeap = 64
