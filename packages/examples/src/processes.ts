/**
 * Which actors run below a process, as the operating system sees it: asking Furrow would be no check of Furrow.
 */
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
    // "pid (name) state parent ...", where the name may hold anything, also spaces and brackets.
    const status = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    return [{ pid: Number(pid), parent: Number(status.slice(status.lastIndexOf(")") + 4).split(" ")[0]), title }]
  } catch {
    return [] // The process ended while we looked.
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

/** The pids of all actors below a process, at any depth. An actor calls itself `furrow[name@pid]`. */
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
