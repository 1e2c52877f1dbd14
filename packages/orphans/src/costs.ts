/**
 * Measures the costs of each guard: the time until an actor is ready, and the memory that an idle actor shares with no
 * other process. The three guards are measured in turns in one process, so that changes of the host's load affect all
 * guards.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor, NodeSpawner } from "@furrow/node"
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import { marked, variable } from "./processes.ts"
import { table } from "./tables.ts"
import { ping } from "./tree/actors.ts"

const modes: ReadonlyArray<GuardMode> = ["none", "warden", "thread"]

/** The time for which an actor is left idle before its memory is measured, so that the work after its start is over. */
const settle = "500 millis"

/** Returns the memory of a process, in MiB, that the process shares with no other process. */
const privateMiB = (pid: number): number => {
  const text = Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  return [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0) /
    1024
}

interface Sample {
  readonly millis: number
  readonly mib: number
}

const sample: Effect.Effect<Sample, Actor.ActorError, Actor.ActorRuntime> = Effect.scoped(Effect.gen(function*() {
  const start = performance.now()
  const { actor } = yield* Actor.startScoped("measured", { expose: [ping] })
  const millis = performance.now() - start
  yield* Effect.sleep(settle)
  return { millis, mib: privateMiB(actor.pid) }
}))

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const rowOf = (mode: GuardMode, own: ReadonlyArray<Sample>, base: ReadonlyArray<Sample>): ReadonlyArray<string> => {
  const ratio = (of: (sample: Sample) => number) => median(own.map((sample, i) => of(sample) / of(base[i]!))).toFixed(2)
  return [
    mode,
    `${Math.round(median(own.map(({ millis }) => millis)))} ms`,
    ratio(({ millis }) => millis),
    `${median(own.map(({ mib }) => mib)).toFixed(1)} MiB`,
    ratio(({ mib }) => mib)
  ]
}

/** Returns the table of the guards' costs, and the memory of the warden. */
export const run = async (rounds: number): Promise<string> => {
  const mark = Crypto.randomUUID()
  process.env[variable] = mark
  const runtimes = modes.map((guard) =>
    ManagedRuntime.make(NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard, spares: "off" }))))
  )
  const samples = new Map(modes.map((mode) => [mode, [] as Array<Sample>]))
  // The first round of the measurement only warms up, and each round begins with another guard.
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < modes.length; turn++) {
      const i = (turn + round + 1) % modes.length
      const taken = await runtimes[i]!.runPromise(sample)
      if (round >= 0) samples.get(modes[i]!)!.push(taken)
    }
  }
  // The private memory of all shells is divided by two, because two of the compared trees have a warden.
  const shells = marked(mark).filter(({ command }) => /furrow-(warden|watch)/.test(command))
  const mib = shells.reduce((sum, { pid }) => sum + privateMiB(pid), 0) / 2
  const shell = shells.length === 0 ? "" : `\n\nthe warden and its watch: ${mib.toFixed(1)} MiB, once per tree`
  await Promise.all(runtimes.map((runtime) => runtime.dispose()))
  const rows = modes.map((mode) => rowOf(mode, samples.get(mode)!, samples.get("none")!))
  return table([["guard", "start to ready", "ratio", "private memory", "ratio"], ...rows]) + shell
}
