/** Finds the actors below a process in the operating system's list of processes, which is independent of Furrow. */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"

interface Row {
  readonly pid: number
  readonly parent: number
  readonly title: string
}

const readProc = (pid: string): ReadonlyArray<Row> => {
  try {
    const title = Fs.readFileSync(`/proc/${pid}/cmdline`, "utf8")
    // The format of the file /proc/PID/stat is "pid (name) state parent ...", where the name may contain spaces and
    // brackets.
    const status = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    return [{ pid: Number(pid), parent: Number(status.slice(status.lastIndexOf(")") + 4).split(" ")[0]), title }]
  } catch {
    return [] // A process that ended while its file in /proc was read is left out of the list.
  }
}

const readPs = (): ReadonlyArray<Row> =>
  ChildProcess.execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
      return match === null ? [] : [{ pid: Number(match[1]), parent: Number(match[2]), title: match[3]! }]
    })

const rows = (): ReadonlyArray<Row> =>
  process.platform === "linux"
    ? Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap(readProc) :
    readPs()

/**
 * Returns the pids of all actors below a process, at any depth. The title of an actor's process is `furrow[name@pid]`.
 */
export const actorsBelow = (root: number): ReadonlyArray<number> => {
  const all = rows()
  const below = (parent: number): ReadonlyArray<Row> =>
    all.filter((row) => row.parent === parent).flatMap((row) => [row, ...below(row.pid)])
  return below(root).filter(({ title }) => title.startsWith("furrow[")).map(({ pid }) => pid)
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
