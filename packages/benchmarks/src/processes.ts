/**
 * What the kernel says of a process; Linux's own account.
 */
import * as Fs from "node:fs"

/** MiB that would be free without the process: what it shares with others is not counted. */
export const privateMiB = (pid: number): number => {
  const [, kib] = /^Private_Dirty:\s+(\d+) kB$/m.exec(Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? []
  return Number(kib) / 1024
}
