/**
 * Measures the processor time that the record of an actor costs. Pairs of the same calls alternate between an actor
 * with a record and one without. Pairs of two actors without a record show the noise of the host.
 */
import * as Actor from "@furrow/actor/Actor"
import * as ActorRuntime from "@furrow/actor/ActorRuntime"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { answer, cpu } from "./fixtures/actors.ts"

export const pairs = 60
/**
 * The number of pairs that use the same processes; later pairs use new processes, because no two processes are equally
 * warm.
 */
const pairsOfOne = 10
const calls = 800
const inFlight = 64
const warmups = 2

/** The number of resamples of the bootstrap, and the quantile of their medians that is the bound. */
const resamples = 2000
const quantile = 0.9

const median = (all: ReadonlyArray<number>): number => {
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

const own = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

const open = (graves: string | undefined) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(NodeActor.layer({ graves, spares: "off" }))
    const runtime = Context.get(context, ActorRuntime.ActorRuntime)
    const portal = yield* Effect.provideService(
      Actor.startScoped("callee", { expose: [answer, cpu] }),
      ActorRuntime.ActorRuntime,
      runtime
    )
    const times = Array.from({ length: calls }, (_, n) => n)
    const work = Effect.andThen(
      Effect.forEach(times, (n) => portal.run(answer({ n })), { discard: true }),
      Effect.forEach(times, (n) => portal.run(answer({ n })), { discard: true, concurrency: inFlight })
    )
    // Measures caller and actor together, because a record must not slow down its caller either.
    const measured = Effect.gen(function*() {
      const before = own() + (yield* portal.run(cpu()))
      yield* work
      return own() + (yield* portal.run(cpu())) - before
    })
    for (let i = 0; i < warmups; i++) yield* work
    return measured
  })

export interface Costs {
  /** Ratios of the time with a record to the time without. */
  readonly record: ReadonlyArray<number>
  /** Ratios of two times without a record. */
  readonly noise: ReadonlyArray<number>
}

/** Measures all pairs, with the records in the given folder. */
export const measure = async (graves: string): Promise<Costs> => {
  const record: Array<number> = []
  const noise: Array<number> = []
  const round = Effect.scoped(Effect.gen(function*() {
    const recorded = yield* open(graves)
    const bare = yield* open("off")
    const other = yield* open("off")
    for (let i = 0; i < pairsOfOne; i++) {
      const taken = new Map<unknown, number>()
      for (const each of i % 2 === 0 ? [recorded, bare, other] : [other, bare, recorded]) taken.set(each, yield* each)
      record.push(taken.get(recorded)! / taken.get(bare)!)
      noise.push(taken.get(other)! / taken.get(bare)!)
    }
  }))
  while (record.length < pairs) await Effect.runPromise(round)
  return { record, noise }
}

export { median }
