/**
 * The work of a child process of a library other than Furrow. The child process writes its pid to a file, and then
 * waits or computes for ever.
 */
import * as Fs from "node:fs"

export interface Job {
  readonly state: "idle" | "busy"
  readonly file: string
}

export const work = ({ file, state }: Job, stays = true): Promise<never> => {
  Fs.appendFileSync(file, `${process.pid}\n`)
  if (state === "busy") {
    for (;;) { /* for ever */ }
  }
  // A timer keeps the process of a waiting job running, as a socket or a file would in a real program.
  return new Promise(() => stays ? setInterval(() => {}, 1_000) : undefined)
}
