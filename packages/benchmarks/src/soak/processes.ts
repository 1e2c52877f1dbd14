/** Reads the memory, the descriptors and the children of the soak's processes from /proc. */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** Returns the present megabytes of a soak's process, and their peak since the peak was reset. */
export const memory = (pid: number): { readonly rss: number; readonly peak: number } => {
  const status = Fs.readFileSync(`/proc/${pid}/status`, "utf8")
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024
  return { rss: of("VmRSS"), peak: of("VmHWM") }
}

/** Resets the peak of a process's memory (proc(5): clear_refs). */
export const resetPeak = (pid: number): void => Fs.writeFileSync(`/proc/${pid}/clear_refs`, "5")

/**
 * Returns the number of open descriptors of this process, without the descriptor that reads the folder of descriptors.
 */
export const descriptors = (pid: number): number =>
  Fs.readdirSync(`/proc/${pid}/fd`).length - (pid === process.pid ? 1 : 0)

/** Returns the targets of the open descriptors of this process. */
export const targets = (): ReadonlyMap<string, string> =>
  new Map(
    Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [[fd, Fs.readlinkSync(`/proc/self/fd/${fd}`)] as const]
      } catch {
        // The descriptor that read the folder of descriptors is closed, so it does not count.
        return []
      }
    })
  )

/** Returns the number of processes below a process, including dead processes that are not reaped. */
export const descendants = (root: number): number => {
  const parents = Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
      return [[Number(pid), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])] as const]
    } catch {
      // A process that ended while the soak read the processes in /proc is left out.
      return []
    }
  })
  const below = (pid: number): number =>
    parents.filter(([, parent]) => parent === pid).reduce((sum, [child]) => sum + 1 + below(child), 0)
  return below(root)
}

/**
 * The folders whose files the soak keeps on purpose: compiled code of Node, records of actors, and post-mortems of dead
 * actors.
 */
const kept = ["node-compile-cache", "graves"]

/** Returns the number of files in a folder and below, without the folders that the soak keeps on purpose. */
export const files = (folder: string): number =>
  Fs.readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    if (kept.includes(entry.name)) return sum
    try {
      return sum + (entry.isDirectory() ? files(Path.join(folder, entry.name)) : 1)
    } catch {
      // A folder that is removed while the soak counts its files counts as empty.
      return sum
    }
  }, 0)
