/**
 * `npm run simulate -- --processes`: runs random programs with real processes, one after the other. Runs of random
 * programs with real processes cannot be repeated.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Check from "../Check.ts"
import * as History from "../History.ts"
import * as Program from "../Program.ts"
import { run } from "./Run.ts"

export interface Options {
  readonly programs: Iterable<Program.Program>
  /** The time, by `performance.now`, after which no further random program begins. */
  readonly until: number
  readonly isKeptGoing: boolean
}

/** Returns true when no random program broke a guarantee. */
export const soak = async ({ isKeptGoing, programs, until }: Options): Promise<boolean> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-soak-"))
  // Without XDG_RUNTIME_DIR, the trees of the random programs use a runtime folder of their own.
  delete process.env.XDG_RUNTIME_DIR
  process.env.TMPDIR = folder
  const began = performance.now()
  let [ran, events, failed] = [0, 0, 0]
  try {
    for (const program of programs) {
      if (performance.now() >= until) break
      const result = await Effect.runPromise(run(program, folder))
      ran++
      events += result.events.length
      const found = Check.problems(result)
      if (found.length === 0) continue
      failed++
      console.log(Program.show(program))
      console.log(`  npm run simulate -- --processes --program '${JSON.stringify(program)}'`)
      console.log(result.events.map((event) => `  ${History.show(event)}`).join("\n"))
      for (const { actor, millis, text } of result.run.history) console.log(`  ${millis} [${actor}] ${text}`)
      for (const { check, text } of found) console.log(`${check}: ${text}`)
      if (!isKeptGoing) break
    }
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${ran} programs with real processes, ${events} events, ${seconds} s: ${failed} failed, nothing is left`)
  return failed === 0
}
