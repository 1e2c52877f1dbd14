/**
 * Judges the measurements of a soak: a resource that does not return to its first value is a problem.
 *
 * Noise makes the measured use of an idle process larger than its real use, but never smaller. At each checkpoint of a
 * soak only the least of several samples of a resource counts; this least sample is called the floor. The soak takes
 * the first value of each resource after its warm-up.
 */

export const resources = [
  "heap",
  "rss",
  "fds",
  "dialogs",
  "stuck",
  "peers",
  "children",
  "processes",
  "socket files",
  "names"
] as const
export type Resource = typeof resources[number]

/** The use of resources by one process of the soak at one moment: memory in MiB, and other resources as numbers. */
export type Sample = { readonly [R in Resource]?: number }

/**
 * The growth since the first checkpoint that a soak allows for each resource. Memory may grow a little in a soak,
 * because compiled code needs room once and the allocator keeps pages of some large items. The resources of a soak that
 * are counted, such as processes, must not grow.
 */
export const allowed: Readonly<Record<Resource, number>> = {
  heap: 16,
  rss: 256,
  fds: 0,
  dialogs: 0,
  stuck: 0,
  peers: 0,
  children: 0,
  processes: 0,
  "socket files": 0,
  names: 0
}

/** The number of checkpoints in a row at which a resource has to grow before the soak test reports a leak. */
const creeping = 5

export interface Judgement {
  readonly resource: Resource
  readonly first: number
  readonly last: number
  readonly problem: string | undefined
}

/** Returns for each resource of a process the least value of several samples. */
export const floor = (samples: ReadonlyArray<Sample>): Sample =>
  Object.fromEntries(resources.flatMap((resource) => {
    const values = samples.flatMap((sample) => sample[resource] ?? [])
    return values.length === 0 ? [] : [[resource, Math.min(...values)]]
  }))

/** True when no resource of a process has grown by more than its allowance since the sample `first` was taken. */
export const isBack = (first: Sample, now: Sample): boolean =>
  resources.every((resource) => (now[resource] ?? 0) <= (first[resource] ?? 0) + allowed[resource])

const problemOf = (resource: Resource, floors: ReadonlyArray<number>): string | undefined => {
  const [first] = floors
  const last = floors.at(-1)
  if (first === undefined || last === undefined) return "was never measured"
  const grown = last - first
  if (grown > allowed[resource]) return `grew by ${round(grown)}, ${allowed[resource]} is allowed`
  const tail = floors.slice(-creeping)
  const climbs = tail.length === creeping && tail.every((value, i) => i === 0 || value > tail[i - 1]!)
  const climbed = last - tail[0]!
  return climbs && climbed > allowed[resource] / 4
    ? `grew at each of the last ${creeping} checkpoints, by ${round(climbed)}`
    : undefined
}

const round = (value: number): number => Math.round(value * 10) / 10

/**
 * Returns the verdict on each resource of one process of the soak, from the least samples at the checkpoints after the
 * warm-up.
 */
export const judge = (floors: ReadonlyArray<Sample>): ReadonlyArray<Judgement> =>
  resources.flatMap((resource) => {
    const values = floors.flatMap((sample) => sample[resource] ?? [])
    if (values.length === 0) return []
    return [{ resource, first: values[0]!, last: values.at(-1)!, problem: problemOf(resource, values) }]
  })

/** Returns the MiB by which work of the soak test may raise the memory of a process above its memory when idle. */
export const allowedPeak = ({ largest, lanes }: { readonly largest: number; readonly lanes: number }): number =>
  256 + lanes * 12 * largest
