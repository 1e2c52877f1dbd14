/**
 * Reads the kernel's count of processes that it has killed for memory, in this process's control group and on the whole
 * host.
 *
 *   cgroup v2   /sys/fs/cgroup/<group>/memory.events                oom_kill 3
 *   cgroup v1   /sys/fs/cgroup/memory/<group>/memory.oom_control    oom_kill 3
 *   machine     /proc/vmstat                                        oom_kill 3
 */
import * as Fs from "node:fs"

/**
 * Returns the number of kills for memory from the text of a counter file, or undefined when the file has no such
 * counter.
 */
export const killsIn = (text: string): number | undefined => {
  const [, count] = /^oom_kill (\d+)$/m.exec(text) ?? []
  return count === undefined ? undefined : Number(count)
}

/**
 * Returns the path of a control group from /proc/self/cgroup, and the paths above it. In a container the path of a
 * control group may not exist, so the paths of the groups above it are searched as well.
 */
const upwards = (path: string): ReadonlyArray<string> => {
  const parts = path.split("/").filter((part) => part !== "")
  return [...parts.keys()].reverse().map((i) => `/${parts.slice(0, i + 1).join("/")}`).concat("")
}

/**
 * Returns the files that may count kills for memory in this process's control groups, the nearest group first, for each
 * cgroup version.
 */
export const counterFiles = (cgroups: string): ReadonlyArray<ReadonlyArray<string>> =>
  cgroups.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) return []
    if (controllers === "") return [upwards(path).map((group) => `/sys/fs/cgroup${group}/memory.events`)]
    if (!controllers.split(",").includes("memory")) return []
    return [upwards(path).map((group) => `/sys/fs/cgroup/memory${group}/memory.oom_control`)]
  })

const machineFile = "/proc/vmstat"

const textOf = (path: string): string => {
  try {
    return Fs.readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

/** Returns the first counter file that contains a count of kills for memory, if any. */
const counting = (files: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found = files.find((file) => killsIn(textOf(file)) !== undefined)
  return found === undefined ? [] : [found]
}

/**
 * Returns the counter files of kills for memory: the files of this process's control groups, or else the file of the
 * whole host.
 */
const ownCounters = (): ReadonlyArray<string> => {
  const groups = counterFiles(textOf("/proc/self/cgroup")).flatMap(counting)
  return groups.length > 0 ? groups : counting([machineFile])
}

const sum = (files: ReadonlyArray<string>): number => files.reduce((all, file) => all + (killsIn(textOf(file)) ?? 0), 0)

/** Returns whether the kernel has killed a process for memory since an earlier count. */
export class MemoryKills {
  private files: ReadonlyArray<string> | undefined

  constructor(files?: ReadonlyArray<string>) {
    this.files = files
  }

  /** The number of the kernel's kills for memory until now, or 0 when the system has no counter of kills. */
  mark(): number {
    if (process.platform !== "linux") return 0
    this.files ??= ownCounters()
    return sum(this.files)
  }
}
