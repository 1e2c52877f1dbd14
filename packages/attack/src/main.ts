/**
 * `npm run attack`: what somebody who dials the actors of a live tree can do to it.
 *
 * The tree works all the time: its actors call each other and stream, and measure how long that takes. This process is
 * the attacker: another one of the same user, who finds the sockets by looking around, and speaks raw bytes. A run fails
 * where a stranger got anything done, a call of the tree failed or took too long, memory or descriptors did not come
 * back, or the secret stands anywhere. SECURITY.md says what is defended, and what is not.
 */
import { debuggers } from "./cases/debugger.ts"
import { folders } from "./cases/folders.ts"
import { members } from "./cases/members.ts"
import { relays } from "./cases/relays.ts"
import { strangers } from "./cases/strangers.ts"
import * as Options from "./options.ts"
import { render } from "./table.ts"
import { type Case, judge, type Verdict } from "./verdict.ts"
import { type Transport, Victim } from "./victim.ts"

// Squatting comes before anybody asks for the address of the actor whose place is taken.
const cases: ReadonlyArray<Case> = [...relays, ...strangers, ...members, ...folders, ...debuggers]

const wanted = (transport: Transport, { only, quick }: Options.Options): ReadonlyArray<Case> =>
  cases.filter(({ name, over, quickTcp, slow }) =>
    `${transport}: ${name}`.includes(only) && !(quick && slow === true) &&
    (transport === "unix" || over === undefined && (!quick || quickTcp === true))
  )

const siege = async (transport: Transport, options: Options.Options): Promise<ReadonlyArray<Verdict>> => {
  const attacks = wanted(transport, options)
  if (attacks.length === 0) return []
  const verdicts: Array<Verdict> = []
  const victim = await Victim.start(transport)
  const { quick } = options
  const field = { victim, quick, scale: (full: number, less: number) => quick ? less : full }
  const calm: Case = {
    name: "nothing: the tree as it is",
    run: () => new Promise((resolve) => setTimeout(() => resolve({ figures: "", problems: [] }), quick ? 1_000 : 3_000))
  }
  try {
    for (const attack of [calm, ...attacks]) {
      const verdict = await judge(attack, field)
      verdicts.push(verdict)
      console.log(`${verdict.problems.length === 0 ? "ok    " : "FAILED"} ${transport}: ${attack.name}`)
      for (const problem of verdict.problems) console.log(`       ${problem}`)
      if (!victim.isAlive) break
    }
  } finally {
    const left = await victim.stop()
    if (left.length > 0) {
      verdicts.push({ ...verdicts[0]!, name: "the end of the tree", figures: left.join("; "), problems: left })
    }
    if (verdicts.some(({ problems }) => problems.length > 0) && victim.said.trim() !== "") console.log(victim.said)
  }
  return verdicts
}

const main = async (options: Options.Options): Promise<void> => {
  const begin = performance.now()
  const verdicts = [...await siege("unix", options), ...await siege("tcp", options)]
  console.log(`\n${render(verdicts)}`)
  const failed = verdicts.filter(({ problems }) => problems.length > 0)
  const seconds = Math.round((performance.now() - begin) / 1_000)
  console.log(
    `\n${verdicts.length} verdicts in ${seconds} s: ${
      failed.length === 0 ? "the tree holds" : `${failed.length} FAILED`
    }`
  )
  for (const { name, problems, transport } of failed) {
    console.log(`FAILED ${transport}: ${name}: ${problems.join("; ")}`)
  }
  if (failed.length > 0 || verdicts.length === 0) process.exitCode = 1
}

let options: Options.Options | undefined
try {
  options = Options.parse(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${Options.usage}`)
  process.exitCode = 2
}
if (options !== undefined) await main(options)
