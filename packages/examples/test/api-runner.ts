/**
 * Runs the examples in a folder, each on its own tree in memory, and writes their failures as JSON: `node api-runner.ts
 * FOLDER REPORT FILE...`
 */
import * as MemoryActor from "@furrow/actor/MemoryActor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { audit, type Example } from "./api-prelude.ts"

const [folder = ".", report = "report.json", ...files] = process.argv.slice(2)
const failures: Record<string, string> = {}
const note = () => Fs.writeFileSync(report, JSON.stringify(failures))

for (const file of files) {
  // The failure is set before the example runs, because the example may end this process or never end.
  failures[file] = "it did not end"
  note()
  const load = Effect.promise(() => import(Path.join(folder, file)) as Promise<{ readonly example: Example }>)
  const run = Effect.flatMap(
    load,
    ({ example }) => example.pipe(Effect.provide(MemoryActor.layer({ expose: [audit] })), Effect.timeout("10 seconds"))
  )
  const exit = await Effect.runPromiseExit(run)
  if (Exit.isSuccess(exit)) delete failures[file]
  else failures[file] = Cause.pretty(exit.cause)
}

note()
// The process exits although an example may have left a socket open.
process.exit()
