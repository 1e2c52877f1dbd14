/** The work of every peer's child: it says its name, then waits for ever or computes for ever. */
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
  // Something always keeps a waiting program there: a timer, a socket, a file.
  return new Promise(() => stays ? setInterval(() => {}, 1_000) : undefined)
}
