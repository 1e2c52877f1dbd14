/**
 * Collects the garbage of an actor once, while the actor waits.
 *
 * The start of an actor leaves garbage, and code that is not run again. V8 keeps the garbage and the code of an actor's
 * start for as long as the actor allocates nothing. Only the most thorough collection of V8, its last resort, returns
 * pages of memory to the system. A collection takes a quarter of the time of an actor's start, so an actor that works
 * is left alone.
 */
import type * as V8 from "node:v8"
import type * as Vm from "node:vm"

/** An actor counts as quiet when it took less than `quietCpuMicros` of processor time within this many milliseconds. */
const quietMillis = 250
const quietCpuMicros = 5_000
/**
 * The number of checks for a quiet actor before the collection is given up. After twenty checks V8 has collected the
 * garbage of the start while the actor worked.
 */
const maxLooks = 20

type Collect = NonNullable<typeof globalThis.gc>

/**
 * Returns V8's function for a collection, which exists only with a flag of V8. V8's function for a collection is taken
 * from a new realm, so that the program does not see the function.
 */
const hidden = (): Collect | undefined => {
  const v8: typeof V8 = process.getBuiltinModule("node:v8")
  const vm: typeof Vm = process.getBuiltinModule("node:vm")
  v8.setFlagsFromString("--expose-gc")
  const collect = vm.runInNewContext("globalThis.gc") as Collect | undefined
  v8.setFlagsFromString("--no-expose-gc")
  return collect
}

const collect = (): void => {
  const found = globalThis.gc ?? hidden()
  void found?.({ type: "major", execution: "sync", flavor: "last-resort" })
}

/**
 * Collects once, as soon as this process is quiet; a process that is busy at every check is not collected. Returns a
 * function that stops the checks for a quiet process. A process that waits for its last finalizer is quiet as well, but
 * gains nothing from free memory.
 */
export const collectWhenQuiet = (): () => void => {
  let stop = () => {}
  const wait = (looks: number) => {
    const before = process.cpuUsage()
    const timer = setTimeout(() => {
      const { system, user } = process.cpuUsage(before)
      if (user + system <= quietCpuMicros) collect()
      else if (looks > 1) wait(looks - 1)
    }, quietMillis).unref()
    stop = () => clearTimeout(timer)
  }
  wait(maxLooks)
  return () => stop()
}
