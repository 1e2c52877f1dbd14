/**
 * Formats the verdicts on cases of `npm run faults` as text.
 */
import { describe } from "./case.ts"
import { isWanted, type Verdict } from "./run.ts"

/** The number of characters up to which an output line of a case is shown whole. */
const widest = 400

const block = (name: string, text: ReadonlyArray<string>): ReadonlyArray<string> =>
  text.map((line, at) => {
    const shown = line.length > widest ? `${line.slice(0, widest)}... (${line.length} characters)` : line
    return `       ${(at === 0 ? name : "").padEnd(6)} | ${shown}`
  })

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`

/** Shows one case of `npm run faults`: its title, and the expected and the actual output if they differ. */
export const verdict = (one: Verdict): string => {
  const title = describe(one.case)
  if (one.skipped !== undefined) return `--     ${title}\n       skipped: ${one.skipped}`
  const word = isWanted(one) ? "ok" : "FAILED"
  return [
    `${word.padEnd(6)} ${title} (${seconds(one.millis)})`,
    ...block("wanted", one.case.wanted),
    ...block("seen", one.seen)
  ].join("\n")
}

/** Returns the summary line of a run of `npm run faults`. */
export const summary = (verdicts: ReadonlyArray<Verdict>, millis: number): string => {
  const skipped = verdicts.filter((one) => one.skipped !== undefined).length
  const failed = verdicts.filter((one) => !isWanted(one)).length
  const how = failed === 0 ? "all as wanted" : `${failed} FAILED`
  return `${verdicts.length} cases: ${how} (${seconds(millis)}${skipped === 0 ? "" : `, ${skipped} skipped`})`
}
