/**
 * Changes the code on purpose, one fault at a time, and checks that the test that a mutant names notices the mutant's
 * fault.
 *
 *     npm run mutants                      every mutant: about a second each
 *     npm run mutants -- --only act-11     those whose name holds a text; may be given several times
 *     npm run mutants -- --part 1/2        every second one, by name; 2/2 are the others
 *     npm run mutants -- --lanes 1         one after the other; two run at a time unless this says otherwise
 *     npm run mutants -- --check           applies none: each is found exactly once, and its test exists
 *
 * A mutant is a file in the folder scripts/mutants; scripts/lib/mutants.ts describes the file's fields. Mutants are
 * applied in a copy of the repository, never in this checkout (scripts/lib/lanes.ts). The test of a mutant must pass
 * without the mutant and fail with it. If the test of a mutant has another result, the script ends with exit code 1,
 * and its last lines name the mutant.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import { type Lane, open, share, type Shown } from "./lib/lanes.ts"
import * as Mutants from "./lib/mutants.ts"
import { type Named, named, read, type TestFile } from "./lib/tests.ts"
import { document, rows } from "./parity.ts"

export const folder = "scripts/mutants"

/** A mutant with its edits and its test, which this script can try. */
export interface Ready {
  readonly mutant: Mutants.Mutant
  readonly changed: Mutants.Files
  readonly named: Named
}

/** Reads the mutants of the folder scripts/mutants, and returns the problems of the mutants that cannot be used. */
export const prepare = (
  texts: ReadonlyMap<string, string>,
  sources: Mutants.Files,
  tests: ReadonlyArray<TestFile>,
  parity: string
): { readonly ready: ReadonlyArray<Ready>; readonly problems: ReadonlyArray<string> } => {
  const ready: Array<Ready> = []
  const problems: Array<string> = []
  for (const [name, text] of texts) {
    const mutant = Mutants.parse(name, text)
    if (typeof mutant === "string") {
      problems.push(mutant)
      continue
    }
    const changed = Mutants.apply(mutant, sources)
    const test = named(mutant.test, tests)
    const claims = typeof test === "string" ? [`${name}: ${test}`] : Mutants.claim(mutant, test, rows(parity))
    problems.push(...typeof changed === "string" ? [changed] : [], ...claims)
    if (typeof changed !== "string" && typeof test !== "string" && claims.length === 0) {
      ready.push({ mutant, changed, named: test })
    }
  }
  return { ready, problems }
}

/** Reads the mutants of the checkout at `root`. */
export const readAll = (root: string) => {
  const files = Fs.globSync(`${folder}/*.json`, { cwd: root }).sort()
  return prepare(
    new Map(files.map((file) => [Path.basename(file, ".json"), Fs.readFileSync(Path.join(root, file), "utf8")])),
    Mutants.sources(root),
    read(root),
    Fs.readFileSync(Path.join(root, document), "utf8")
  )
}

export type Verdict = "killed" | "SURVIVED" | "BROKEN"

/** Decides the verdict on a mutant, from the results of its test with and without the fault of the mutant. */
export const judge = (without: Shown, withIt: Shown): Verdict =>
  without === "passed" && (withIt === "failed" || withIt === "hung")
    ? "killed"
    : without === "passed" && withIt === "passed"
    ? "SURVIVED"
    : "BROKEN"

/** Runs the tests of all mutants on the unchanged code, and the tests of one file together. */
const runSound = async (lanes: ReadonlyArray<Lane>, ready: ReadonlyArray<Ready>): Promise<Map<string, Shown>> => {
  const files = Map.groupBy(new Map(ready.map((each) => [each.mutant.test, each])).values(), ({ named }) => named.file)
  const sound = new Map<string, Shown>()
  await share(lanes, Array.from(files.values()), async (lane, each) => {
    const shown = await lane.runSound(each.map(({ named }) => named))
    each.forEach(({ mutant }, i) => sound.set(mutant.test, shown[i]!))
  })
  return sound
}

/** Runs the test of a mutant with the mutant's fault applied, and then removes the fault. */
const runWith = async (lane: Lane, { changed, named }: Ready): Promise<Shown> => {
  const files = Array.from(changed.keys())
  const originals = files.map((file) => [file, Fs.readFileSync(Path.join(lane.at, file), "utf8")] as const)
  const write = (texts: Iterable<readonly [string, string]>) => {
    for (const [file, text] of texts) Fs.writeFileSync(Path.join(lane.at, file), text)
  }
  try {
    write(changed)
    lane.forget(files)
    return await lane.runOne(named)
  } finally {
    write(originals)
    lane.forget(files)
  }
}

/** Tries every mutant in copies of the checkout. Calls `tell` with the verdict on each mutant. */
export const hunt = async (
  root: string,
  ready: ReadonlyArray<Ready>,
  tell: (mutant: Mutants.Mutant, verdict: Verdict, why: string, millis: number) => void,
  { lanes: laneCount = 2, limitMillis }: { readonly lanes?: number; readonly limitMillis?: number } = {}
): Promise<ReadonlyArray<Verdict>> => {
  const lanes = Array.from({ length: Math.min(laneCount, ready.length) }, () => open(root, limitMillis))
  const verdicts: Array<Verdict> = []
  try {
    const sound = await runSound(lanes, ready)
    await share(lanes, ready, async (lane, each, index) => {
      const begin = performance.now()
      const without = sound.get(each.mutant.test)!
      const withIt = await runWith(lane, each)
      const verdict = judge(without, withIt)
      verdicts[index] = verdict
      tell(each.mutant, verdict, `${without} without it, ${withIt} with it`, performance.now() - begin)
    })
    return verdicts
  } finally {
    for (const lane of lanes) lane.close()
  }
}

/**
 * Returns a filter that selects some of the mutants. The filter `2/3` selects every third mutant, beginning with the
 * second.
 */
export const partOf = (text: string): (place: number) => boolean => {
  const [, part, of] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number)
  if (part === undefined || of === undefined || part < 1 || part > of) {
    throw new Error(`--part wants a part and the number of parts, as in 1/2, not "${text}"`)
  }
  return (place) => place % of === part - 1
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean" },
      only: { type: "string", multiple: true, default: [""] },
      lanes: { type: "string", default: "2" },
      part: { type: "string", default: "1/1" }
    }
  })
  const root = Path.resolve(import.meta.dirname, "..")
  const { problems, ready } = readAll(root)
  for (const problem of problems) console.error(problem)
  const isPart = partOf(values.part)
  const wanted = ready.filter(({ mutant }, place) =>
    isPart(place) && values.only.some((text) => mutant.name.includes(text))
  )
  if (values.check === true) {
    console.log(`mutants: ${ready.length} apply, ${problems.length} problems`)
    process.exitCode = problems.length === 0 ? 0 : 1
    return
  }
  const width = Math.max(0, ...wanted.map(({ mutant }) => mutant.name.length))
  const bad: Array<string> = []
  const verdicts = await hunt(root, wanted, ({ name, test, title, violates }, verdict, why, millis) => {
    console.log(`${verdict.padEnd(8)}  ${name.padEnd(width)}  ${(millis / 1_000).toFixed(1).padStart(5)} s  ${title}`)
    if (verdict === "killed") return
    console.log(`          ${violates}, ${test}: ${why}`)
    bad.push(`${verdict.padEnd(8)}  ${name}`)
  }, { lanes: Number(values.lanes) })
  console.log(`mutants: ${verdicts.length - bad.length} killed, ${bad.length} not, ${problems.length} problems`)
  for (const line of bad) console.log(line)
  process.exitCode = bad.length + problems.length === 0 && verdicts.length > 0 ? 0 : 1
}

if (import.meta.main) await main()
