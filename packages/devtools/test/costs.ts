/**
 * The processor time that a part of the runtime costs a call.
 *
 * Two processes differ by more than the part costs: memory and compiled code lie in other places. So the part is switched
 * on and off within one process, and each ratio compares calls of the same process. Beside the ratios stand those of
 * calls without the part to calls without it, which show the noise of the machine.
 *
 * A switch has a cost of its own: code that has seen both states may be slower than code that has seen one. A second
 * process that never has the part runs beside the first, and shows that the slices without the part are not slower.
 */
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Block, Kind, Neighbours, Options, Part, Taken } from "./fixtures/caller.ts"
import { measuredFlags } from "./fixtures/processorTime.ts"

/** The number of processes, and the number of pairs that each of them gives. */
const processes = 6
const pairsOfOne = 10
export const pairs = processes * pairsOfOne

/**
 * The orders of neighbouring slices. Over all orders, each kind of slice follows each other kind equally often, because
 * a slice may leave garbage or a cold cache to the next.
 */
const orders: ReadonlyArray<Neighbours> = [
  ["on", "off", "other"],
  ["off", "other", "on"],
  ["other", "off", "on"],
  ["off", "on", "other"],
  ["on", "other", "off"],
  ["other", "on", "off"]
]

/** The number of slices of each kind in a block: all together take some hundreds of milliseconds. */
const slices = 12

/** The blocks of each process that are not measured, because V8 compiles the code of a call during the first of them. */
const warmBlocks = 3

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
  readonly run: (block: Block) => Promise<ReadonlyArray<Taken>>
  readonly end: () => Promise<void>
}

const file = fileURLToPath(new URL("./fixtures/caller.ts", import.meta.url))

/** The built packages show no module whose function could be replaced, so the counts are measured from the sources. */
const flagsOf = (part: Part): ReadonlyArray<string> =>
  part === "counts" ? [...measuredFlags, "--conditions=furrow-source"] : measuredFlags

const open = async (options: Options): Promise<Caller> => {
  const child = ChildProcess.fork(file, [JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [...flagsOf(options.part)]
  })
  const ended = once(child, "exit")
  const run = async (block: Block) => {
    const answered = once(child, "message")
    child.send(block)
    const [taken] = await Promise.race([answered, ended.then(() => Promise.reject(new Error("a caller has ended")))])
    return taken as ReadonlyArray<Taken>
  }
  for (let i = 0; i < warmBlocks; i++) await run(blockOf(i))
  return {
    run,
    end: async () => {
      child.kill("SIGTERM")
      await ended
    }
  }
}

const blockOf = (pair: number): Block => Array.from({ length: slices }, (_, i) => orders[(pair + i) % orders.length]!)

/**
 * Returns the ratio of one kind of slices to another: the median of the ratios of neighbours, because a slice during
 * which the machine changes its speed must not count for more than another.
 */
const ratio = (taken: ReadonlyArray<Taken>, kind: Kind, other: Kind): number =>
  median(taken.map((times) => times[kind] / times[other]))

const middle = (taken: ReadonlyArray<Taken>): number => median(taken.map(({ off }) => off))

export interface Costs {
  /** With the part to without, in the same process. */
  readonly part: ReadonlyArray<number>
  /** Without to without, in the same process. */
  readonly noise: ReadonlyArray<number>
  /** Without the part in a process that switches it, to a process that never has it. */
  readonly switched: ReadonlyArray<number>
}

/** Measures one part of the runtime in several processes, one after the other. */
export const measure = async (part: Part, graves: string): Promise<Costs> => {
  const costs = { part: new Array<number>(), noise: new Array<number>(), switched: new Array<number>() }
  for (let i = 0; i < processes; i++) {
    const switching = await open({ part, graves, never: false })
    const never = await open({ part, graves, never: true })
    for (let pair = 0; pair < pairsOfOne; pair++) {
      const block = blockOf(pair)
      const before = pair % 2 === 0 ? undefined : await never.run(block)
      const taken = await switching.run(block)
      costs.part.push(ratio(taken, "on", "off"))
      costs.noise.push(ratio(taken, "other", "off"))
      costs.switched.push(middle(taken) / middle(before ?? await never.run(block)))
    }
    await switching.end()
    await never.end()
  }
  return costs
}
