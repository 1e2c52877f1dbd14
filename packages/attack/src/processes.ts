/** Reads facts about the processes of the attacked tree from /proc, and waits for conditions. */
import * as Fs from "node:fs"

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Checks a condition repeatedly until it holds or the time is over, and returns whether the condition held. */
export const until = async (holds: () => boolean, within: number, every = 20): Promise<boolean> => {
  const end = performance.now() + within
  for (;;) {
    if (holds()) return true
    if (performance.now() >= end) return false
    await pause(every)
  }
}

/** Returns the memory of a process of the attacked tree in megabytes. */
export const memory = (pid: number): number => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(Fs.readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kilobytes) / 1024
}

/** Returns the text of a file of a process in /proc, and an empty text where the process has ended. */
export const text = (pid: number, file: string): string => {
  try {
    return Fs.readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    return ""
  }
}

/** Returns the pids of a process and of its living descendants. */
export const withChildren = (pid: number): ReadonlyArray<number> => {
  const parents = Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => {
    const [, parent] = /^\d+ \(.*\) \S (\d+) /s.exec(text(Number(name), "stat")) ?? []
    return [Number(name), Number(parent)] as const
  })
  const below = (of: number): ReadonlyArray<number> =>
    parents.flatMap(([child, parent]) => parent === of ? [child, ...below(child)] : [])
  return [pid, ...below(pid)]
}

/** Returns the names of the files and sockets that a process has open, and no names where the process has ended. */
export const names = (pid: number): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [Fs.readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

export const descriptors = (pid: number): number => Fs.readdirSync(`/proc/${pid}/fd`).length

export const isAlive = (pid: number): boolean => {
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))
  } catch {
    return false
  }
}

/** Returns the TCP ports at which a process listens, which any process of the same user can find out. */
export const ports = (pid: number): ReadonlyArray<number> => {
  const sockets = new Set(names(pid).map((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1]))
  const listening = "0A"
  return Fs.readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1).flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    return state === listening && sockets.has(inode) ? [parseInt(local!.split(":")[1]!, 16)] : []
  })
}
