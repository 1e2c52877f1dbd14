/**
 * Runs the simulation with faults planted in the runtime, one at a time, and checks that the simulation finds each
 * fault.
 *
 *     npm run planted                      every fault of scripts/planted.json
 *     npm run planted -- --only parts      those whose name holds a text
 *
 * Each planted fault is a mutant of scripts/mutants, so a test finds the fault too (`npm run mutants`). The file
 * scripts/planted.json lists for each fault the kinds of steps that the simulated programs contain. For a fault without
 * a list in scripts/planted.json, the simulated programs contain all kinds of steps. The output of the script
 * planted.ts is a row of the table in docs/simulation.md for each planted fault.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import { copy } from "./lib/lanes.ts"
import { readAll } from "./mutants.ts"

/**
 * The seconds of processor time within which a planted fault should be found, and the milliseconds after which the
 * search ends.
 */
const wantedSeconds = 10
const limitMillis = 60_000

const root = Path.resolve(import.meta.dirname, "..")

/** Returns the first run that finds a planted fault: its seed, its check, and its seconds of processor time. */
const simulate = (at: string, kinds: string) => {
  const only = kinds === "" ? [] : ["--kinds", kinds]
  const main = Path.join(at, "packages/simulation/src/main.ts")
  const { stdout } = ChildProcess.spawnSync(
    process.execPath,
    ["--conditions=furrow-source", main, "--seeds", "3000", "--no-shrink", ...only],
    { cwd: at, encoding: "utf8", timeout: limitMillis, killSignal: "SIGKILL" }
  )
  const found = /seed (\d+), after [\d.]+ s \(([\d.]+) s of CPU\): (\w+)/.exec(stdout)
  return found === null ? undefined : { seed: Number(found[1]), seconds: Number(found[2]), check: found[3]! }
}

const main = () => {
  const { values } = parseArgs({ options: { only: { type: "string", default: "" } } })
  const planted = JSON.parse(Fs.readFileSync(Path.join(root, "scripts/planted.json"), "utf8")) as Record<
    string,
    string | ReadonlyArray<string>
  >
  const { ready } = readAll(root)
  const wanted = Object.entries(planted).flatMap(([name, kinds]) =>
    name.includes(values.only) ? [kinds].flat().map((one) => [name, one] as const) : []
  )
  const at = copy(root)
  let missed = 0
  try {
    for (const [name, kinds] of wanted) {
      const fault = ready.find(({ mutant }) => mutant.name === name)
      if (fault === undefined) throw new Error(`no mutant ${name} applies`)
      const { changed, mutant } = fault
      for (const [file, text] of changed) Fs.writeFileSync(Path.join(at, file), text)
      const found = simulate(at, kinds)
      for (const file of changed.keys()) Fs.copyFileSync(Path.join(root, file), Path.join(at, file))
      const isFound = found !== undefined && found.seconds <= wantedSeconds
      if (!isFound) missed++
      const shown = found === undefined ? "not found" : `\`${found.check}\` | ${found.seed} | ${found.seconds}`
      console.log(`${isFound ? "" : "MISSED "}| ${mutant.title.slice(0, -1)} | ${shown} |`)
    }
  } finally {
    Fs.rmSync(at, { recursive: true, force: true })
  }
  console.log(`planted: ${wanted.length - missed} found, ${missed} not`)
  process.exitCode = missed === 0 ? 0 : 1
}

main()
