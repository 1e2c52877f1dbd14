/**
 * `npm run orphans`: what is left of a tree of processes when one of them dies.
 *
 * Every cell of the matrix is a tree of real processes. It fails where anything of Furrow is left after the bound, where
 * a root does not go on after the death of one of its actors, or where somebody hears the wrong thing. What a guard
 * does not promise is measured and shown, and fails nothing; neither do the peers.
 */
import { play, type Verdict } from "./cell.ts"
import * as Chaos from "./chaos/run.ts"
import * as Costs from "./costs.ts"
import * as Doc from "./doc.ts"
import { cells, describe, guards } from "./matrix.ts"
import * as Options from "./options.ts"
import { pairwise } from "./pairwise.ts"
import * as Peers from "./peers/run.ts"
import * as Tables from "./tables.ts"

/** Everything of a list, some at once, in order. */
const each = async <A, B>(items: ReadonlyArray<A>, jobs: number, run: (item: A) => Promise<B>) => {
  const results: Array<B> = []
  let next = 0
  const work = async () => {
    while (next < items.length) {
      const i = next++
      results[i] = await run(items[i]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, work))
  return results
}

const line = ({ cell, detached, millis, problems, unpromised }: Verdict): string => {
  const time = millis === undefined ? "left" : `${Math.ceil(millis)} ms`
  const notes = [
    ...unpromised === undefined ? [] : [`not promised: ${unpromised}`],
    ...detached === 0 ? [] : [`${detached} detached subprocesses live on`],
    ...problems
  ]
  const word = problems.length === 0 ? "ok" : unpromised === undefined ? "FAILED" : "--"
  return [`${word.padEnd(6)} ${time.padStart(8)}  ${describe(cell)}`, ...notes.map((note) => `       ${note}`)].join(
    "\n"
  )
}

/** A table on the screen and, where that is asked for, in the document. */
const show = ({ write }: Options.Options, section: Doc.Section, title: string, text: string): void => {
  console.log(`\n${title}\n\n${text}`)
  if (write) Doc.write(section, text)
}

const runMatrix = async (options: Options.Options): Promise<void> => {
  const wanted = (options.mode === "quick"
    ? pairwise(cells, (cell) => ({ ...cell, guard: `${cell.who} under ${cell.guard}` }))
    : cells).filter((cell) => describe(cell).includes(options.only))
  const start = performance.now()
  const verdicts = await each(wanted, options.jobs, async (cell) => {
    const verdict = await play(cell)
    console.log(line(verdict))
    return verdict
  })
  for (const guard of guards) {
    const own = verdicts.filter(({ cell }) => cell.guard === guard)
    if (own.length > 0) show(options, guard, `the guard ${guard}`, Tables.matrix(own))
  }
  const failed = verdicts.filter(({ problems, unpromised }) => problems.length > 0 && unpromised === undefined)
  if (failed.length > 0) process.exitCode = 1
  const seconds = Math.round((performance.now() - start) / 1_000)
  console.log(
    `\n${verdicts.length} cells in ${seconds} s: ${failed.length === 0 ? "nothing is left" : `${failed.length} FAILED`}`
  )
  for (const verdict of failed) console.log(line(verdict))
}

const runChaos = async ({ minutes, seed }: Options.Options): Promise<void> => {
  console.log(`chaos with seed ${seed}, for ${minutes} minutes`)
  const { actors, faults, outcomes, problems, rounds } = await Chaos.run(seed, minutes)
  console.log(
    `${rounds} rounds, ${actors} actors, ${faults} kills and stops: ` +
      `${outcomes.value} values, ${outcomes.error} typed errors, ${outcomes.interrupt} interrupts`
  )
  for (const problem of problems) console.error(problem)
  console.log(problems.length === 0 ? "every call ended, and nothing is left" : `FAILED (seed ${seed})`)
  // A call that hangs must not hang us.
  if (problems.length > 0) process.exit(1)
}

const runPeers = async (options: Options.Options): Promise<void> =>
  show(options, "peers", "how long a child outlives its parent, here and elsewhere", await Peers.run())

const costRounds = 15

const runCosts = async (options: Options.Options): Promise<void> =>
  show(options, "costs", "what a guard costs", await Costs.run(costRounds))

const main = async (options: Options.Options): Promise<void> => {
  if (options.write) Doc.write("ladder", Doc.ladder())
  switch (options.mode) {
    case "chaos":
      return runChaos(options)
    case "peers":
      return runPeers(options)
    case "costs":
      return runCosts(options)
    case "quick":
      return runMatrix(options)
    case "full": {
      await runMatrix(options)
      if (options.only === "") await runPeers(options)
    }
  }
}

let options: Options.Options | undefined
try {
  options = Options.parse(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${Options.usage}`)
  process.exitCode = 2
}
if (options !== undefined) await main(options)
