/**
 * The processor time that a part of the runtime costs a call: alternating pairs of the same calls with that part and without, and
 * beside them pairs of two without, which show the noise of the machine.
 *
 * Calls are measured when their code is compiled. Until then the part that is measured costs its compilation, which is paid once
 * in the life of a process and not by a call.
 */
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Options } from "./fixtures/caller.ts"

export const pairs = 60
/** The number of measurements of the same processes. Then others take their places, because no two are warm alike. */
const runsOfOne = 5
/** The rounds of each process that are not measured: V8 compiles the code of a call again and again during the first 20. */
const warmRounds = 30
/** The rounds of one measurement. */
const measuredRounds = 3

/** The number of resamples of the bootstrap, and the quantile of their medians that is the bound. */
const resamples = 2000
const quantile = 0.9

export const median = (all: ReadonlyArray<number>): number => {
  const sorted = all.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** Returns the upper bound of the median at 90 %, by a bootstrap with a fixed seed. */
export const upperBound = (ratios: ReadonlyArray<number>): number => {
  let seed = 42
  const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  const medians = Array.from(
    { length: resamples },
    () => median(ratios.map(() => ratios[Math.floor(next() * ratios.length)]!))
  )
  return medians.toSorted((a, b) => a - b)[Math.floor(resamples * quantile)]!
}

interface Caller {
  /** Runs rounds of calls, and measures the processor time of caller and callee in microseconds. */
  readonly run: (rounds: number) => Promise<number>
  readonly end: () => Promise<void>
}

const file = fileURLToPath(new URL("./fixtures/caller.ts", import.meta.url))

const open = async (options: Options): Promise<Caller> => {
  const child = ChildProcess.fork(file, [JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: options.sources === true ? ["--conditions=furrow-source"] : []
  })
  const ended = once(child, "exit")
  const run = async (rounds: number) => {
    const answered = once(child, "message")
    child.send(rounds)
    const [micros] = await Promise.race([answered, ended.then(() => Promise.reject(new Error("a caller has ended")))])
    return micros as number
  }
  await run(warmRounds)
  return {
    run,
    end: async () => {
      child.kill("SIGTERM")
      await ended
    }
  }
}

export interface Costs {
  /** With the part to without. */
  readonly part: ReadonlyArray<number>
  /** Without to without. */
  readonly noise: ReadonlyArray<number>
}

/** Measures pairs of callers that differ in one part. */
export const measure = async (withPart: Options, without: Options): Promise<Costs> => {
  const part: Array<number> = []
  const noise: Array<number> = []
  while (part.length < pairs) {
    const [tested, bare, other, otherTested] = await Promise.all([withPart, without, without, withPart].map(open)) as [
      Caller,
      Caller,
      Caller,
      Caller
    ]
    const order = [tested, bare, other, otherTested]
    for (let i = 0; i < runsOfOne; i++) {
      const taken = new Map<Caller, number>()
      for (const each of i % 2 === 0 ? order : order.toReversed()) taken.set(each, await each.run(measuredRounds))
      part.push(taken.get(tested)! / taken.get(bare)!, taken.get(otherTested)! / taken.get(other)!)
      noise.push(taken.get(other)! / taken.get(bare)!)
    }
    for (const each of order) await each.end()
  }
  return { part, noise }
}
