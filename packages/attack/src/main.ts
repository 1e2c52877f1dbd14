/**
 * The command `npm run attack` attacks a live tree by processes that dial the tree's actors.
 *
 * The attacked tree works during the attacks: its actors call each other and read streams, and measure the time of each
 * call. The process of `npm run attack` is the attacker. The attacker runs as the tree's user, finds the tree's sockets
 * in the file system, and sends raw bytes. A run of attacks fails where a stranger was served, a call of the tree
 * failed or was late, or the secret was printed. A run of attacks also fails where memory or descriptors of the tree
 * stay in use after an attack. SECURITY.md lists the attacks that are defended against, and those that are not.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { certified } from "./cases/certified.ts"
import { debuggers } from "./cases/debugger.ts"
import { folders } from "./cases/folders.ts"
import { members } from "./cases/members.ts"
import { observers } from "./cases/observers.ts"
import { relays } from "./cases/relays.ts"
import { strangers } from "./cases/strangers.ts"
import { unproven } from "./cases/unproven.ts"
import * as Options from "./options.ts"
import * as Processes from "./processes.ts"
import { render } from "./table.ts"
import { type Case, judge, type Verdict } from "./verdict.ts"
import { type Transport, transports, Victim } from "./victim.ts"

// The attack `squat` runs first, because it needs an actor whose address no other actor has asked for.
const cases: ReadonlyArray<Case> = [
  ...relays,
  ...certified,
  ...strangers,
  ...members,
  ...folders,
  ...debuggers,
  ...observers,
  ...unproven
]

const wanted = (transport: Transport, { only, quick }: Options.Options): ReadonlyArray<Case> =>
  cases.filter(({ name, over, quickOver, slow }) =>
    `${transport}: ${name}`.includes(only) && !(quick && slow === true) &&
    (over ?? transport) === transport &&
    (!quick || transport === "unix" || over !== undefined || quickOver?.includes(transport) === true)
  )

const calm: Case = {
  name: "nothing: the tree as it is",
  run: ({ scale }) => Processes.pause(scale(3_000, 1_000)).then(() => ({ figures: "", problems: [] }))
}

const isBad = ({ problems }: Verdict): boolean => problems.length > 0

const assault = Effect.fnUntraced(
  function*(victim: Victim, attacks: ReadonlyArray<Case>, quick: boolean, verdicts: Array<Verdict>) {
    const field = { victim, quick, scale: (full: number, less: number) => quick ? less : full }
    for (const attack of [calm, ...attacks]) {
      const verdict = yield* Effect.promise(() => judge(attack, field))
      verdicts.push(verdict)
      yield* Console.log(`${isBad(verdict) ? "FAILED" : "ok    "} ${victim.transport}: ${attack.name}`)
      for (const problem of verdict.problems) yield* Console.log(`       ${problem}`)
      if (!victim.isAlive) return
    }
  }
)

/** Adds a failed verdict about the end of the attacked tree, if processes of the tree still run after its end. */
const end = Effect.fnUntraced(function*(victim: Victim, verdicts: Array<Verdict>) {
  const left = yield* Effect.promise(() => victim.stop())
  if (left.length > 0) {
    verdicts.push({ ...verdicts[0]!, name: "the end of the tree", figures: left.join("; "), problems: left })
  }
  if (verdicts.some(isBad) && victim.said.trim() !== "") yield* Console.log(victim.said)
})

const siege = Effect.fnUntraced(function*(transport: Transport, options: Options.Options) {
  const verdicts: Array<Verdict> = []
  const attacks = wanted(transport, options)
  if (attacks.length === 0) return verdicts
  yield* Effect.acquireUseRelease(
    Effect.promise(() => Victim.start(transport)),
    (victim) => assault(victim, attacks, options.quick, verdicts),
    (victim) => end(victim, verdicts)
  )
  return verdicts
})

/** An error that makes the attacker's process end with the given exit code, after all output has been printed. */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const attack = Effect.fnUntraced(function*(options: Options.Options) {
  const begin = performance.now()
  const verdicts = (yield* Effect.forEach(transports, (transport) => siege(transport, options))).flat()
  const failed = verdicts.filter(isBad)
  const seconds = Math.round((performance.now() - begin) / 1_000)
  yield* Console.log(`\n${render(verdicts)}`)
  yield* Console.log(
    `\n${verdicts.length} verdicts in ${seconds} s: ${
      failed.length === 0 ? "the tree holds" : `${failed.length} FAILED`
    }`
  )
  for (const { name, problems, transport } of failed) {
    yield* Console.log(`FAILED ${transport}: ${name}: ${problems.join("; ")}`)
  }
  if (failed.length > 0 || verdicts.length === 0) return yield* new Failed({ code: 1 })
})

const command = Command.make("npm run attack --", Options.config, attack).pipe(
  Command.withDescription("Attacks a live tree over Unix sockets, tcp and TLS, and says whether it holds.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
