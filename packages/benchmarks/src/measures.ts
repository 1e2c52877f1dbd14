/**
 * The measures of the benchmark, each with the base that Furrow is compared with, its gate, and the floor that the host
 * sets.
 *
 * A run of the benchmark is one process that measures all compared sides, so that their samples share the host, second
 * and cores. A program that the benchmark measures has default settings and uses the built packages.
 */

export type Name =
  | "call"
  | "flight"
  | "stream-single"
  | "stream-chunks"
  | "failure"
  | "dialog"
  | "cancel"
  | "group-call"
  | "group-flight"
  | "text-64k"
  | "bytes-64k"
  | "rows"
  | "bytes-1m"
  | "text-4m"
  | "bytes-16m"
  | "behind"
  | "pool"
  | "pool-pipelined"
  | "pool-queued"
  | "spawn"
  | "spare"
  | "memory"
  | "fan-out"
  | "blocked"
  | "slow-reader"

/**
 * The sides that a measure of the benchmark compares. The side `raw` of a measure is a socket pair with length-prefixed
 * msgpack, and the side `bare` is the smallest Node process. The side `call` of a measure is a Furrow call, with which
 * slower operations are compared. The side `portals` of a measure calls as many actors as the compared pool has
 * workers.
 */
export type Side =
  | "furrow"
  | "raw"
  | "bare"
  | "call"
  | "portals"
  | "fork json"
  | "fork advanced"
  | "worker_threads"
  | "piscina"
  | "tinypool threads"
  | "tinypool processes"
  | "Effect rpc worker"
  | "Effect rpc socket"

/**
 * Measures of messages run pinned to one core or on all cores, while payloads, pools and large memories each have a run
 * of their own. The benchmark starts actors from the built packages with a TypeScript module, with or without a spare
 * process, or from a bundle.
 */
export type Place = "pinned" | "free" | "payloads" | "pools" | "built" | "spares" | "bundled" | "large"

/** One process of the benchmark that takes samples. */
export interface Run {
  readonly place: Place
  readonly measures: ReadonlyArray<{ readonly name: Name; readonly sides: ReadonlyArray<Side> }>
}

/** The figures of each side of a benchmark's measure, in samples that were taken directly one after the other. */
export interface Sample {
  readonly name: Name
  readonly values: { readonly [S in Side]?: number }
}

/**
 * A bound of a benchmark's gate: for the ratio to the base, for the difference from the base, or for the figure of
 * Furrow itself.
 */
export type Gate =
  | { readonly _tag: "AtMost"; readonly ratio: number }
  | { readonly _tag: "AtLeast"; readonly ratio: number }
  | { readonly _tag: "Above"; readonly most: number }
  | { readonly _tag: "Below"; readonly most: number }

const atMost = (ratio: number): Gate => ({ _tag: "AtMost", ratio })
const atLeast = (ratio: number): Gate => ({ _tag: "AtLeast", ratio })
const above = (most: number): Gate => ({ _tag: "Above", most })
const below = (most: number): Gate => ({ _tag: "Below", most })

export interface Measure {
  readonly name: Name
  readonly place: Place
  readonly title: string
  readonly unit: "us" | "ms" | "MiB" | "k/s"
  readonly base: Side
  readonly gate?: Gate
  /**
   * The floor of a measure: the best ratio or figure that the host itself allows, or a text that names the host's
   * limit.
   */
  readonly floor?: number | string
  /**
   * The ratio of a measure that `npm run bench -- --quick` expects; twice the expected ratio counts as a regression.
   */
  readonly seen?: number
  readonly peers?: ReadonlyArray<Side>
}

const echoes: ReadonlyArray<Side> = [
  "raw",
  "fork json",
  "fork advanced",
  "worker_threads",
  "piscina",
  "tinypool processes",
  "Effect rpc worker",
  "Effect rpc socket"
]
const started: ReadonlyArray<Side> = [
  "fork json",
  "worker_threads",
  "tinypool processes",
  "Effect rpc worker",
  "Effect rpc socket"
]

export const measures: ReadonlyArray<Measure> = [
  {
    name: "call",
    place: "pinned",
    title: "sequential call, one core",
    unit: "us",
    base: "raw",
    seen: 1.35,
    gate: atMost(1.25),
    floor: 1.1,
    peers: echoes
  },
  {
    name: "failure",
    place: "pinned",
    title: "typed failure, one core",
    unit: "us",
    base: "call",
    seen: 2.2,
    gate: atMost(1.5),
    floor: 1.1
  },
  {
    name: "dialog",
    place: "pinned",
    title: "dialog: open, one echo, close, one core",
    unit: "us",
    base: "call",
    seen: 4.5,
    gate: atMost(3),
    floor: 2
  },
  {
    name: "cancel",
    place: "pinned",
    title: "cancel to acknowledged, one core",
    unit: "us",
    base: "call",
    seen: 1.4,
    gate: atMost(1.3),
    floor: 1.05
  },
  {
    name: "group-call",
    place: "pinned",
    title: "call of a group, one core",
    unit: "us",
    base: "call",
    seen: 1.7,
    gate: atMost(1.8)
  },
  { name: "call", place: "free", title: "sequential call, free", unit: "us", base: "raw", peers: echoes },
  {
    name: "flight",
    place: "free",
    title: "64 calls in flight",
    unit: "k/s",
    base: "raw",
    seen: 0.65,
    gate: atLeast(0.6),
    floor: 0.7,
    peers: echoes
  },
  {
    name: "stream-single",
    place: "free",
    title: "stream, single items",
    unit: "k/s",
    base: "raw",
    seen: 0.95,
    gate: atLeast(0.9)
  },
  {
    name: "stream-chunks",
    place: "free",
    title: "stream, chunks of 64",
    unit: "k/s",
    base: "raw",
    seen: 0.9,
    gate: atLeast(0.8)
  },
  { name: "cancel", place: "free", title: "cancel to acknowledged, free", unit: "us", base: "call" },
  {
    name: "group-call",
    place: "free",
    title: "call of a group, free",
    unit: "us",
    base: "call",
    seen: 1.6,
    gate: atMost(1.8)
  },
  {
    name: "group-flight",
    place: "free",
    title: "64 calls of a group",
    unit: "us",
    base: "call",
    seen: 2,
    gate: atMost(2.7)
  },
  {
    name: "text-64k",
    place: "payloads",
    title: "64 KiB of text, echoed",
    unit: "us",
    base: "raw",
    seen: 2,
    gate: atMost(1.5),
    peers: echoes
  },
  {
    name: "bytes-64k",
    place: "payloads",
    title: "64 KiB of bytes, echoed",
    unit: "us",
    base: "raw",
    seen: 2,
    gate: atMost(1),
    floor: "page faults",
    peers: echoes
  },
  {
    name: "rows",
    place: "payloads",
    title: "1000 rows, echoed",
    unit: "us",
    base: "fork json",
    seen: 1.6,
    gate: atMost(1),
    peers: echoes
  },
  {
    name: "bytes-1m",
    place: "payloads",
    title: "1 MiB of bytes, echoed",
    unit: "us",
    base: "raw",
    seen: 2.8,
    peers: echoes
  },
  {
    name: "text-4m",
    place: "payloads",
    title: "4 MiB of text, echoed",
    unit: "us",
    base: "raw",
    seen: 1.5,
    peers: echoes
  },
  {
    name: "bytes-16m",
    place: "payloads",
    title: "16 MiB of bytes, echoed",
    unit: "us",
    base: "raw",
    seen: 1.7,
    gate: atMost(0.5),
    peers: echoes
  },
  {
    name: "behind",
    place: "payloads",
    title: "cancel behind 64 MiB on its connection",
    unit: "ms",
    base: "call",
    gate: above(2)
  },
  {
    name: "pool",
    place: "pools",
    title: "pool, empty tasks",
    unit: "k/s",
    base: "portals",
    seen: 1,
    gate: atLeast(0.9)
  },
  {
    name: "pool-pipelined",
    place: "pools",
    title: "pool, 16 at once on a worker",
    unit: "k/s",
    base: "portals",
    seen: 0.88
  },
  {
    name: "pool-queued",
    place: "pools",
    title: "pool, tasks always wait",
    unit: "k/s",
    base: "piscina",
    peers: ["tinypool threads", "tinypool processes"]
  },
  {
    name: "spawn",
    place: "built",
    title: "cold start to ready, installed",
    unit: "ms",
    base: "bare",
    seen: 4.2,
    gate: atMost(3),
    floor: 2,
    peers: started
  },
  {
    name: "memory",
    place: "built",
    title: "idle actor, private memory, installed",
    unit: "MiB",
    base: "bare",
    seen: 2.2,
    gate: atMost(1.9),
    floor: 1.6,
    peers: ["fork json"]
  },
  {
    name: "fan-out",
    place: "built",
    title: "first call to 32 actors at once",
    unit: "ms",
    base: "fork json",
    gate: atMost(2)
  },
  {
    name: "spare",
    place: "spares",
    title: "spare to ready, installed",
    unit: "ms",
    base: "bare",
    seen: 0.3,
    gate: atMost(0.15),
    floor: 0.1
  },
  {
    name: "spawn",
    place: "bundled",
    title: "cold start to ready, bundled",
    unit: "ms",
    base: "bare",
    seen: 2.5,
    gate: atMost(2.2),
    floor: 1.6
  },
  {
    name: "memory",
    place: "bundled",
    title: "idle actor, private memory, bundled",
    unit: "MiB",
    base: "bare",
    seen: 1.9,
    gate: atMost(1.6),
    floor: 1.6
  },
  {
    name: "blocked",
    place: "large",
    title: "loop of a parent of 1 GB, blocked by a start",
    unit: "ms",
    base: "bare",
    gate: below(3)
  },
  {
    name: "slow-reader",
    place: "large",
    title: "3 of 64 items of 16 MB read: actor's memory",
    unit: "MiB",
    base: "bare",
    gate: below(64 + 32)
  }
]

/** The amount of work in one sample of a benchmark's measure. */
export interface Amounts {
  /** Milliseconds for which each side of a benchmark's measure warms up before its samples count. */
  readonly warmUp: number
  readonly calls: number
  readonly flights: number
  readonly singles: number
  readonly chunked: number
  readonly cancels: number
  readonly tasks: number
  /** The MiB of payloads in a single sample of a benchmark's measure. */
  readonly payload: number
}

export const amounts: { readonly full: Amounts; readonly quick: Amounts } = {
  full: {
    warmUp: 2000,
    calls: 1500,
    flights: 15_000,
    singles: 100_000,
    chunked: 600_000,
    cancels: 500,
    tasks: 5000,
    payload: 32
  },
  quick: {
    warmUp: 1000,
    calls: 1000,
    flights: 10_000,
    singles: 50_000,
    chunked: 300_000,
    cancels: 300,
    tasks: 3000,
    payload: 16
  }
}

const places: ReadonlyArray<Place> = ["pinned", "free", "payloads", "pools", "built", "spares", "bundled", "large"]

/**
 * Returns the sides of a benchmark's measure, which are Furrow, the base, and other libraries. The sides of a measure
 * include other libraries only where the options of the benchmark ask for them.
 */
export const sidesOf = ({ base, peers = [] }: Measure, withPeers: boolean): ReadonlyArray<Side> => [
  ...new Set(["furrow" as const, base, ...(withPeers ? peers : [])])
]

/** Returns the runs of the benchmark that cover the requested measures, with the most important run first. */
export const runs = (wanted: (measure: Measure) => boolean, withPeers: boolean): ReadonlyArray<Run> =>
  places.map((place) => ({
    place,
    measures: measures
      .filter((measure) => measure.place === place && wanted(measure))
      .map((measure) => ({ name: measure.name, sides: sidesOf(measure, withPeers) }))
  })).filter((run) => run.measures.length > 0)
