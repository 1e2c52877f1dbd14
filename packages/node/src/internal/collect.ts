/**
 * One collection of an actor that waits.
 *
 * A start leaves garbage and code that is not run again, and V8 keeps both for as long as nothing is allocated. Only its
 * last resort gives pages back to the system. It takes a quarter of a start, so an actor that works is left alone.
 */
import type * as V8 from "node:v8"
import type * as Vm from "node:vm"

/** An actor counts as quiet when it took less than `quietCpuMicros` of processor time within this many milliseconds. */
const quietMillis = 250
const quietCpuMicros = 5_000
/** How often an actor is looked at before the collection is given up: by then V8 collects the garbage of its work itself. */
const maxLooks = 20

type Collect = NonNullable<typeof globalThis.gc>

/** V8's function for a collection, which only a flag brings. It is taken from a new realm, so that the program does not see it. */
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
 * Collects once, as soon as this process is quiet; never where it is busy at every look. Returns what stops it: a process
 * that waits for its last finalizer is quiet, too, and has no use for memory.
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
