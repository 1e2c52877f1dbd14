/**
 * The processes of this machine as the matrix needs them, read from /proc: who carries a mark in its environment, and
 * who can still do anything. A mark is inherited by everything a process starts, so what a tree left behind is found
 * even after everybody who knew it is dead. Dead processes that were not reaped (state Z) count as gone: reaping is
 * the work of PID 1.
 */
import * as Fs from "node:fs"

export interface Found {
  readonly pid: number
  readonly state: string
  /** The process's command line, or the title it gave itself. */
  readonly command: string
}

/** The variable that carries the mark. */
export const variable = "FURROW_ORPHANS_MARK"

const read = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    // The process ended while we looked.
    return undefined
  }
}

/** The kernel's letter for what a process does: its name before that may hold anything. */
export const stateOf = (pid: number): string | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  return stat === undefined ? undefined : stat.charAt(stat.lastIndexOf(")") + 2)
}

/** The user that the process runs as. */
export const userOf = (pid: number): number | undefined => {
  const [, user] = /^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? []
  return user === undefined ? undefined : Number(user)
}

/** The parent of the process. */
export const parentOf = (pid: number): number | undefined => {
  const [, parent] = /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? []
  return parent === undefined ? undefined : Number(parent)
}

export const isAlive = (pid: number): boolean => {
  const state = stateOf(pid)
  return state !== undefined && state !== "Z" && state !== "X"
}

/** Everything alive that carries this mark, or one made from it by a dash and more. */
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
    // Already gone.
  }
}

/** Ends whatever carries the mark, until nothing does. */
export const killMarked = async (mark: string): Promise<void> => {
  for (let found = marked(mark); found.length > 0; found = marked(mark)) {
    for (const { pid } of found) signal(pid, "SIGKILL")
    await pause(10)
  }
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Checks a condition until it holds; says whether it did in time. */
export const until = async (holds: () => boolean, within: number, every = 10): Promise<boolean> => {
  const end = performance.now() + within
  for (;;) {
    if (holds()) return true
    if (performance.now() >= end) return false
    await pause(every)
  }
}
