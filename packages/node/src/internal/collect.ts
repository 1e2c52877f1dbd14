/**
 * Collects the garbage of an actor's process once, while the actor waits.
 *
 * The start of an actor leaves garbage, and compiled code that is not run again. V8 keeps the garbage and the code of
 * an actor's start for as long as the actor allocates nothing. Only the most thorough garbage collection of V8, called
 * last resort, returns pages of memory to the system. The runtime starts this collection only in a quiet actor, because
 * the collection takes a quarter of the time of an actor's start.
 */
import type * as V8 from "node:v8"
import type * as Vm from "node:vm"

/**
 * Milliseconds between the start of an actor and the first check whether it is quiet. A program often starts several
 * actors, whose first calls would have to wait for the garbage collections of the others.
 */
const pauseMillis = 1_500
/**
 * Milliseconds within which a quiet actor uses fewer microseconds of processor time than the constant `quietCpuMicros`
 * says.
 */
const quietMillis = 250
const quietCpuMicros = 5_000
/**
 * The number of checks for a quiet actor before the garbage collection is given up. An actor that was busy at twenty
 * checks has allocated so much that V8 has collected the garbage of its start.
 */
const maxLooks = 20

type Collect = NonNullable<typeof globalThis.gc>

/**
 * Returns V8's function for a garbage collection, which exists only with a flag of V8. The function for a garbage
 * collection is taken from a new realm, so that the program does not see it.
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
 * Collects the garbage of this process once, as soon as the process is quiet, and never where the process is busy at
 * every check. The function that `collectWhenQuiet` returns stops the checks for a quiet process. A process that waits
 * for its last finalizer is quiet as well, but gains nothing from a garbage collection.
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
  const pause = setTimeout(() => wait(maxLooks), pauseMillis).unref()
  stop = () => clearTimeout(pause)
  return () => stop()
}
