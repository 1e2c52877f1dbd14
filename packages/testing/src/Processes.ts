/**
 * Reads the processes of this computer, for tests: their parents, their titles, and whether they are gone.
 *
 * On Linux the data of processes is read from /proc; on other systems from `ps`, which shows no environments. A list
 * of processes may already be outdated when a test reads it, so poll with `gone` or `Eventually` instead of checking
 * once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Eventually from "./Eventually.ts"

/**
 * A process of this computer. The field `state` is the kernel's letter for the state of the process, such as R for
 * running, T for stopped, and Z for dead and not reaped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process {
  readonly pid: number
  readonly parent: number
  readonly state: string
  /** The process's command line, or the title that the process has set. */
  readonly command: string
}

const hasProc = process.platform === "linux"

const read = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    // A process may end before its files in /proc are read; the process then counts as not found.
    return undefined
  }
}

/**
 * Parses a line of /proc/PID/stat. The process's name in brackets may contain any characters, so fields are counted
 * after the last bracket.
 */
const fromProc = (pid: number): Process | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const open = stat.indexOf("(")
  const close = stat.lastIndexOf(")")
  const [state, parent] = stat.slice(close + 2).split(" ")
  const command = (read(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").trim()
  return {
    pid,
    parent: Number(parent),
    state: state!,
    command: command === "" ? stat.slice(open + 1, close) : command
  }
}

/** Parses one line of `ps -A -o pid=,ppid=,stat=,args=`. */
const fromPs = (line: string): Process | undefined => {
  const match = /^\s*(\d+)\s+(\d+)\s+(\S)\S*\s+(.*)$/.exec(line)
  if (match === null) return undefined
  const [, pid, parent, state, command] = match
  return { pid: Number(pid), parent: Number(parent), state: state!, command: command!.trim() }
}

/**
 * Reads the list of processes from `ps`, for computers without /proc.
 *
 * @example
 * ```ts
 * Processes.allFromPs().some(({ pid }) => pid === process.pid) // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const allFromPs = (): ReadonlyArray<Process> => {
  const { pid, stdout } = ChildProcess.spawnSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,stat=,args="], {
    encoding: "utf8"
  })
  return (stdout ?? "").split("\n").map(fromPs).filter((found) => found !== undefined).filter((found) =>
    found.pid !== pid
  )
}

/**
 * Returns every process of this computer.
 *
 * @example
 * ```ts
 * Processes.all().some(({ pid }) => pid === process.pid) // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const all = (): ReadonlyArray<Process> =>
  hasProc
    ? Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => fromProc(Number(name)))
      .filter((found) => found !== undefined)
    : allFromPs()

/**
 * Returns the process with this pid, if the process exists. A dead process that has not been reaped still exists.
 *
 * @example
 * ```ts
 * Processes.find(process.pid)?.parent === process.ppid // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const find = (pid: number): Process | undefined =>
  hasProc ? fromProc(pid) : allFromPs().find((found) => found.pid === pid)

/**
 * True when the process can still run, and false for a zombie.
 *
 * @example
 * ```ts
 * Processes.isAlive(process.pid) // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const isAlive = (pid: number): boolean => {
  const found = find(pid)
  return found !== undefined && found.state !== "Z" && found.state !== "X"
}

/**
 * Returns all processes below `root` (default: this process), including dead processes that are not reaped.
 *
 * @example
 * ```ts
 * Processes.descendants().some(({ pid }) => pid === process.pid) // false
 * ```
 * @category utils
 * @since 0.1.0
 */
export const descendants = (root: number = process.pid): ReadonlyArray<Process> => {
  const children = Map.groupBy(all(), ({ parent }) => parent)
  const below = (pid: number): ReadonlyArray<Process> =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child.pid)])
  return below(root)
}

/**
 * Returns the descendants of the process `root` whose command line or title contains `text`.
 *
 * @example
 * ```ts
 * const [frank] = Processes.titled("furrow[frank@")
 * ```
 * @category utils
 * @since 0.1.0
 */
export const titled = (text: string, root: number = process.pid): ReadonlyArray<Process> =>
  descendants(root).filter(({ command }) => command.includes(text))

/**
 * Returns every process whose environment contained the variable `name` with the value `value` when the process was
 * started. Descendants of a started process are found even after their parents have died and init has adopted them. The
 * search by an environment variable works only on Linux; on other systems it finds no process.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "server.mjs": "setInterval(() => {}, 1000)" })
 * const server = yield* Program.start(`${folder}/server.mjs`, { env: { SHOP: "books" } })
 * const [found] = yield* Eventually.holds("the server runs", () => {
 *   const found = Processes.withVariable("SHOP", "books")
 *   return found.length > 0 && found
 * })
 * found?.pid === server.pid // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const withVariable = (name: string, value: string): ReadonlyArray<Process> => {
  if (!hasProc) return []
  const entry = `${name}=${value}`
  return all().filter(({ pid, state }) =>
    state !== "Z" && (read(`/proc/${pid}/environ`) ?? "").split("\0").includes(entry)
  )
}

/**
 * Describes a process in a report: its pid, its parent, its state and its command.
 *
 * @example
 * ```ts
 * const found = { pid: 7, parent: 1, state: "S", command: "node server.js" }
 * Processes.describe(found) // "process 7 (child of 1, state S): node server.js"
 * ```
 * @category utils
 * @since 0.1.0
 */
export const describe = ({ command, parent, pid, state }: Process): string =>
  `process ${pid} (child of ${parent}, state ${state}): ${command}`

/**
 * Waits until none of the processes with the given pids is alive; the failure names the remaining processes.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "job.mjs": "" })
 * const job = yield* Program.start(`${folder}/job.mjs`)
 * yield* Processes.gone([job.pid])
 * ```
 * @category utils
 * @since 0.1.0
 */
export const gone = (
  pids: ReadonlyArray<number>,
  options: Omit<Eventually.Options, "what"> = {}
): Effect.Effect<void, Eventually.NotInTime> =>
  Eventually.succeeds(
    Effect.suspend(() => {
      const left = pids.filter(isAlive).map(find).filter((found) => found !== undefined)
      return left.length === 0 ? Effect.void : Effect.fail(left.map(describe).join("; "))
    }),
    { ...options, what: "processes that should be gone" }
  )
