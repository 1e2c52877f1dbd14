/**
 * The measures, and the gate that each ratio has to pass (the project's design, section 6).
 *
 * A run is one process with the baseline and Furrow side by side, so that every sample has its partner: the same
 * machine, the same second, the same cores.
 */

export type Name =
  | "call"
  | "flight"
  | "stream-single"
  | "stream-chunks"
  | "cancel"
  | "group-call"
  | "group-flight"
  | "pool"
  | "pool-pipelined"
  | "pool-piscina"
  | "pool-tinypool"
  | "pool-tinypool-processes"
  | "spawn"
  | "memory"
/**
 * Calls and streams run pinned to one core, or free; pools run beside others. Actors start from TypeScript sources, from the built packages with
 * the user's own TypeScript module, or from a bundle of the whole program.
 */
export type Place = "pinned" | "free" | "pools" | "source" | "built" | "bundled"

/** One process to measure in. */
export interface Run {
  readonly place: Place
  /** True when Effect compiles the schemas of both ends. */
  readonly jit: boolean
  readonly names: ReadonlyArray<Name>
}

/** Twins, taken one right after the other. */
export interface Sample {
  readonly name: Name
  readonly raw: number
  readonly furrow: number
}

export type Gate = { readonly _tag: "AtMost"; readonly ratio: number } | {
  readonly _tag: "AtLeast"
  readonly ratio: number
}

const atMost = (ratio: number): Gate => ({ _tag: "AtMost", ratio })
const atLeast = (ratio: number): Gate => ({ _tag: "AtLeast", ratio })

export interface Measure {
  readonly name: Name
  readonly place: Place
  readonly title: string
  readonly unit: "us" | "ms" | "MiB" | "k/s"
  /** Holds with compiled schemas; where scheduling is free, latency is the scheduler's and has no gate. */
  readonly gate: Gate | undefined
}

export const measures: ReadonlyArray<Measure> = [
  { name: "call", place: "pinned", title: "sequential call, one core", unit: "us", gate: atMost(1.3) },
  { name: "call", place: "free", title: "sequential call, free", unit: "us", gate: undefined },
  { name: "flight", place: "free", title: "64 calls in flight", unit: "k/s", gate: atLeast(0.5) },
  { name: "stream-single", place: "free", title: "stream, single items", unit: "k/s", gate: atLeast(0.5) },
  { name: "stream-chunks", place: "free", title: "stream, chunks of 64", unit: "k/s", gate: atLeast(0.7) },
  { name: "cancel", place: "pinned", title: "cancel to acknowledged, one core", unit: "us", gate: atMost(1.5) },
  { name: "cancel", place: "free", title: "cancel to acknowledged, free", unit: "us", gate: undefined },
  // Their baseline is the plain call of an actor with the same handler.
  {
    name: "group-call",
    place: "pinned",
    title: "call of a group to a plain call, one core",
    unit: "us",
    gate: atMost(1.8)
  },
  { name: "group-call", place: "free", title: "call of a group to a plain call, free", unit: "us", gate: atMost(1.8) },
  { name: "group-flight", place: "free", title: "64 calls of a group to plain calls", unit: "us", gate: atMost(2.7) },
  // Their baseline is the portals of as many actors, with as many calls at once.
  { name: "pool", place: "pools", title: "pool, empty tasks, to bare portals", unit: "k/s", gate: atLeast(0.9) },
  {
    name: "pool-pipelined",
    place: "pools",
    title: "pool, 16 at once on a worker, to bare portals",
    unit: "k/s",
    gate: undefined
  },
  { name: "pool-piscina", place: "pools", title: "pool to piscina's threads", unit: "k/s", gate: undefined },
  { name: "pool-tinypool", place: "pools", title: "pool to tinypool's threads", unit: "k/s", gate: undefined },
  {
    name: "pool-tinypool-processes",
    place: "pools",
    title: "pool to tinypool's processes",
    unit: "k/s",
    gate: undefined
  },
  { name: "spawn", place: "source", title: "cold spawn to ready, sources", unit: "ms", gate: undefined },
  { name: "spawn", place: "built", title: "cold spawn to ready, built", unit: "ms", gate: atMost(2.3) },
  { name: "spawn", place: "bundled", title: "cold spawn to ready, bundled", unit: "ms", gate: atMost(1.4) },
  { name: "memory", place: "source", title: "idle actor, private memory, sources", unit: "MiB", gate: undefined },
  { name: "memory", place: "built", title: "idle actor, private memory, built", unit: "MiB", gate: atMost(2) },
  { name: "memory", place: "bundled", title: "idle actor, private memory, bundled", unit: "MiB", gate: atMost(2) }
]

/** How much work one sample is. */
export interface Amounts {
  /** Milliseconds of each side before a measure counts. */
  readonly warmUp: number
  readonly calls: number
  readonly flights: number
  readonly singles: number
  readonly chunked: number
  readonly cancels: number
  readonly tasks: number
}

export const amounts: { readonly full: Amounts; readonly quick: Amounts } = {
  full: { warmUp: 1500, calls: 2000, flights: 20_000, singles: 100_000, chunked: 600_000, cancels: 500, tasks: 5000 },
  quick: { warmUp: 700, calls: 1000, flights: 10_000, singles: 50_000, chunked: 300_000, cancels: 300, tasks: 3000 }
}

const starts: ReadonlyArray<Place> = ["source", "built", "bundled"]

/** True when processes are started here, and not only talked to. */
export const isStart = (place: Place): boolean => starts.includes(place)

/** The runs that cover the wanted measures, most telling first. */
export const runs = (wanted: (name: Name) => boolean, jits: ReadonlyArray<boolean>): ReadonlyArray<Run> => {
  const names = (place: Place) =>
    measures.filter((measure) => measure.place === place && wanted(measure.name)).map(({ name }) => name)
  return [
    ...jits.flatMap((jit) => (["pinned", "free"] as const).map((place) => ({ place, jit, names: names(place) }))),
    { place: "pools" as const, jit: true, names: names("pools") },
    ...starts.map((place) => ({ place, jit: false, names: names(place) }))
  ].filter((run) => run.names.length > 0)
}
