/**
 * Plays rounds of chaos in one root, two at once, until the time of the run is up. At the end of all rounds of chaos
 * the root must have the same processes, file descriptors and temporary files as before.
 */
import type { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { describe, marked, until, variable } from "../processes.ts"
import { plan, type Shape } from "./plan.ts"
import { type Outcome, play, type Wrong } from "./round.ts"

const size = ({ below }: Shape): number => below.reduce((sum, shape) => sum + size(shape), 1)

/**
 * Returns the targets of all open descriptors without their numbers, so that all pipes have one name, and all sockets
 * have one name.
 */
const descriptors = (): ReadonlyArray<string> =>
  Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [Fs.readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, "")]
    } catch {
      // The descriptor by which the folder of descriptors was read is already closed, and is left out.
      return []
    }
  }).toSorted()

interface Tally {
  rounds: number
  actors: number
  faults: number
  readonly outcomes: { [O in Outcome]: number }
  readonly problems: Array<string>
}

const oneRound = (
  seed: number,
  round: number,
  mark: string,
  tally: Tally
): Effect.Effect<void, never, ActorRuntime> => {
  const given = plan(seed, round)
  tally.rounds++
  tally.actors += size(given.tree)
  tally.faults += given.faults.length
  return Effect.matchEffect(play(given, `${mark}-${round}`), {
    onSuccess: (outcome) => Effect.sync(() => void tally.outcomes[outcome]++),
    onFailure: (wrong: Wrong) =>
      Effect.sync(() => void tally.problems.push(`round ${round}: ${wrong.message}\n  ${JSON.stringify(given)}`))
  })
}

/** Plays rounds of chaos as long as another round is wanted, two at once, under one root. */
const rounds = (seed: number, another: (round: number) => boolean, mark: string, tally: Tally): Effect.Effect<void> => {
  let next = 0
  const work: Effect.Effect<void, never, ActorRuntime> = Effect.suspend(() =>
    another(next) && tally.problems.length === 0
      ? Effect.andThen(oneRound(seed, next++, mark, tally), work)
      : Effect.void
  )
  return Effect.all([work, work], { concurrency: 2, discard: true }).pipe(Effect.provide(Layer.orDie(NodeActor.layer)))
}

const nothing = (): Tally => ({
  rounds: 0,
  actors: 0,
  faults: 0,
  outcomes: { value: 0, error: 0, interrupt: 0 },
  problems: []
})

/**
 * The compiled modules that Node keeps for its next start, and the post-mortems of dead actors, are kept on purpose.
 */
const kept: ReadonlyArray<string> = ["node-compile-cache", "graves"]

/**
 * Returns the names of the files in a folder that a run of chaos has leaked. A folder with nothing but files that are
 * kept on purpose is no leak.
 */
const left = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { withFileTypes: true })
    .filter((entry) => {
      if (kept.includes(entry.name)) return false
      if (!entry.isDirectory()) return true
      const inside = Fs.readdirSync(Path.join(folder, entry.name))
      return inside.length === 0 || inside.some((name) => !kept.includes(name))
    })
    .map(({ name }) => name)

/** Returns the targets of descriptors that occur more often than before the rounds of chaos. */
const more = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const target of before) counts.set(target, (counts.get(target) ?? 0) + 1)
  return after.filter((target) => {
    const count = counts.get(target) ?? 0
    counts.set(target, count - 1)
    return count <= 0
  })
}

/** Returns the processes, descriptors and files that did not exist before the rounds of chaos. */
const leaks = async (before: ReadonlyArray<string>, folder: string, mark: string): Promise<ReadonlyArray<string>> => {
  const processes = () => marked(mark)
  const held = () => more(before, descriptors())
  await until(() => processes().length === 0 && held().length === 0, 5_000)
  return [
    ...processes().map((found) => `process ${describe(found)}`),
    ...held().map((target) => `descriptor of ${target}`),
    ...left(folder).map((name) => `temporary file ${name}`)
  ]
}

export const run = Effect.fnUntraced(function*(seed: number, minutes: number) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "furrow-orphans-" })
  // Temporary files of a chaos run are made in a folder of the run, so that a leaked file is found in that folder.
  process.env["TMPDIR"] = folder
  const mark = Crypto.randomUUID()
  process.env[variable] = mark
  const tally = nothing()
  // Two rounds of chaos run before the open descriptors are counted, because Node keeps some descriptors open after its
  // first start of a process.
  yield* rounds(seed, (round) => round < 2, mark, nothing())
  const before = descriptors()
  const end = performance.now() + minutes * 60_000
  yield* rounds(seed, () => performance.now() < end, mark, tally)
  const leaked = yield* Effect.promise(() => leaks(before, folder, mark))
  return { ...tally, problems: [...tally.problems, ...leaked.map((what) => `left in the end: ${what}`)] }
}, Effect.scoped)
