/** Reads the files of /proc, in which Linux shows processes. */
import * as Fs from "node:fs"

/** Returns the text of a file of /proc, or an empty text where the file cannot be read. */
export const textOf = (path: string): string => {
  try {
    return Fs.readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

/**
 * Returns the fields of /proc/PID/stat from the state of the process on, or `undefined` where the file cannot be read.
 * The fields of /proc/PID/stat are counted from the last closing bracket, because the process's name in brackets may
 * contain brackets.
 */
export const statFields = (pid: number): ReadonlyArray<string> | undefined => {
  const stat = textOf(`/proc/${pid}/stat`)
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

/** Returns the command line of a process, with spaces between its words, or an empty text where it cannot be read. */
export const commandOf = (pid: number | string): string => textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()

/** Returns the pids of the child processes of a process's first thread. */
export const childrenOf = (pid: number): ReadonlyArray<string> =>
  textOf(`/proc/${pid}/task/${pid}/children`).split(" ").filter((child) => child !== "")
