/**
 * Finds processes of this host in /proc by a mark, the value of `FURROW_ORPHANS_MARK`, and tells whether these
 * processes still run. Every process inherits the variable `FURROW_ORPHANS_MARK` from the process that starts it. By
 * its `FURROW_ORPHANS_MARK` a process that a tree has left behind is found even after all its ancestors are dead. A
 * dead process that was not reaped (state Z) counts as gone, because the process with PID 1 has to reap it.
 */
import * as Fs from "node:fs"

export interface Found {
  readonly pid: number
  readonly state: string
  /** The command line of a process, or the title that the process has set. */
  readonly command: string
}

/** The name of the environment variable whose value identifies the processes of one tree. */
export const variable = "FURROW_ORPHANS_MARK"

const read = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    // The file of a process in /proc does not exist where the process has just ended.
    return undefined
  }
}

/**
 * Returns the letter for the state of a process, read behind the process's name in brackets, which may hold any
 * character.
 */
export const stateOf = (pid: number): string | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  return stat === undefined ? undefined : stat.charAt(stat.lastIndexOf(")") + 2)
}

/** Returns the number of the user that a process runs as. */
export const userOf = (pid: number): number | undefined => {
  const [, user] = /^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? []
  return user === undefined ? undefined : Number(user)
}

/** Returns the pid of a process's parent. */
export const parentOf = (pid: number): number | undefined => {
  const [, parent] = /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? []
  return parent === undefined ? undefined : Number(parent)
}

export const isAlive = (pid: number): boolean => {
  const state = stateOf(pid)
  return state !== undefined && state !== "Z" && state !== "X"
}

/**
 * Returns all living processes whose `FURROW_ORPHANS_MARK` is the given mark, or begins with the given mark and a dash.
 */
export const marked = (mark: string): ReadonlyArray<Found> => {
  const entry = `${variable}=${mark}`
  const carries = (line: string) => line === entry || line.startsWith(`${entry}-`)
  return Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    if (read(`/proc/${name}/environ`)?.split("\0").some(carries) !== true) return []
    const pid = Number(name)
    const state = stateOf(pid)
    if (state === undefined || state === "Z" || state === "X") return []
    return [{ pid, state, command: (read(`/proc/${name}/cmdline`) ?? "").replaceAll("\0", " ").trim() }]
  })
}

export const describe = ({ command, pid, state }: Found): string => `${pid} (${state}) ${command.slice(0, 120)}`

export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // A signal has no effect where the process that should get the signal has already ended.
  }
}

/** Kills every process whose `FURROW_ORPHANS_MARK` is the given mark, until no process with the mark is left. */
export const killMarked = async (mark: string): Promise<void> => {
  for (let found = marked(mark); found.length > 0; found = marked(mark)) {
    for (const { pid } of found) signal(pid, "SIGKILL")
    await pause(10)
  }
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Checks a condition repeatedly until it holds; returns whether the condition held in time. */
export const until = async (holds: () => boolean, within: number, every = 10): Promise<boolean> => {
  const end = performance.now() + within
  for (;;) {
    if (holds()) return true
    if (performance.now() >= end) return false
    await pause(every)
  }
}
