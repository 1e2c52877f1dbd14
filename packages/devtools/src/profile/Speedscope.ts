/**
 * Writes profiles of several actors into one file for speedscope (https://www.speedscope.app/file-format-schema.json).
 * The file for speedscope has one profile for each actor, and one list of frames for all profiles.
 */

/**
 * A profile of an actor in V8's format: a tree of nodes, and the node of each sample. Times in a profile of V8 are
 * microseconds.
 */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
      readonly columnNumber: number
    }
    readonly children?: ReadonlyArray<number>
  }>
  readonly startTime: number
  readonly endTime: number
  readonly samples?: ReadonlyArray<number>
  readonly timeDeltas?: ReadonlyArray<number>
}

interface Frame {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly col: number
}

export interface File {
  readonly $schema: "https://www.speedscope.app/file-format-schema.json"
  readonly exporter: string
  readonly name: string
  readonly activeProfileIndex: number
  readonly shared: { readonly frames: ReadonlyArray<Frame> }
  readonly profiles: ReadonlyArray<{
    readonly type: "sampled"
    readonly name: string
    readonly unit: "microseconds"
    readonly startValue: number
    readonly endValue: number
    readonly samples: ReadonlyArray<ReadonlyArray<number>>
    readonly weights: ReadonlyArray<number>
  }>
}

/**
 * Returns the stack of each node of a profile as indices of frames, the outermost frame first. The root of V8's tree of
 * nodes is not a frame.
 */
const stacksOf = (
  { nodes }: CpuProfile,
  indexOf: (node: CpuProfile["nodes"][number]) => number
): ReadonlyMap<number, ReadonlyArray<number>> => {
  const parents = new Map(nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id] as const)))
  const stacks = new Map<number, ReadonlyArray<number>>()
  // V8 lists each node of a profile after the node's parent; another order would only cost more steps.
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const stackOf = (id: number): ReadonlyArray<number> => {
    const known = stacks.get(id)
    if (known !== undefined) return known
    const parent = parents.get(id)
    const stack = parent === undefined ? [] : [...stackOf(parent), indexOf(byId.get(id)!)]
    stacks.set(id, stack)
    return stack
  }
  for (const { id } of nodes) stackOf(id)
  return stacks
}

export const make = (name: string, actors: ReadonlyArray<readonly [actor: string, profile: CpuProfile]>): File => {
  const frames: Array<Frame> = []
  const known = new Map<string, number>()
  const indexOf = ({ callFrame: { columnNumber, functionName, lineNumber, url } }: CpuProfile["nodes"][number]) => {
    const key = JSON.stringify([functionName, url, lineNumber, columnNumber])
    const found = known.get(key)
    if (found !== undefined) return found
    known.set(key, frames.length)
    const file = url.startsWith("file:") ? decodeURIComponent(url.slice("file://".length)) : url
    frames.push({
      name: functionName === "" ? "(anonymous)" : functionName,
      file,
      line: lineNumber + 1,
      col: columnNumber + 1
    })
    return frames.length - 1
  }
  const profiles = actors.map(([actor, profile]) => {
    const stacks = stacksOf(profile, indexOf)
    const { endTime, samples = [], startTime, timeDeltas = [] } = profile
    // V8 gives the time at which a sample of a profile was taken, and the sample lasts until the next sample.
    const weights = samples.map((_, i) => Math.max(0, timeDeltas[i + 1] ?? 0))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return {
      type: "sampled" as const,
      name: actor,
      unit: "microseconds" as const,
      startValue: 0,
      endValue: Math.max(total, endTime - startTime),
      samples: samples.map((id) => stacks.get(id) ?? []),
      weights
    }
  })
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "furrow",
    name,
    activeProfileIndex: 0,
    shared: { frames },
    profiles
  }
}
