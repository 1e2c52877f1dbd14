/** Searches for a random program that breaks a guarantee, or the grammar of the protocol, while a bug is planted. */
import type { ProcessHandle } from "@furrow/actor/Spawner"
import * as Effect from "effect/Effect"
import * as Check from "../Check.ts"
import * as Program from "../Program.ts"
import { type Result, run } from "../Run.ts"
import * as Wire from "./Wire.ts"

/**
 * A function that makes, for every connection, a new saboteur, which changes the words of the connection as a bug would
 * do.
 */
export type Plan = () => Wire.Saboteur

/** The kinds of steps that use and end actors in memory, so that every kind of word is sent. */
export const talking: ReadonlyArray<Program.Kind> = [
  "run",
  "stream",
  "talk",
  "ask",
  "subscribe",
  "up",
  "halves",
  "leave",
  "freeze",
  "kill",
  "hop",
  "own",
  "interrupt",
  "end"
]

/**
 * Returns the faults of one random program under a planted bug. The monitor of the wire checks the order of words
 * before the planted bug changes them, so it reports only faults of the runtimes.
 */
export const problems = (
  program: Program.Program,
  plan?: Plan,
  look?: (result: Result) => void
): Effect.Effect<ReadonlyArray<string>> => {
  const broken: Array<string> = []
  const around = (process: ProcessHandle): ProcessHandle => {
    const monitor = new Wire.Monitor((text) => broken.push(`on the wire to ${process.actor.name}: ${text}`))
    const said = (word: Parameters<Wire.Saboteur>[0], from: Wire.Side) => monitor.said(word, from)
    return { ...process, connection: Wire.tap(process.connection, { said, saboteur: plan?.() }) }
  }
  return Effect.map(run(program, around), (result) => {
    look?.(result)
    return [...Check.problems(result).map(({ check, text }) => `${check}: ${text}`), ...broken]
  })
}

export interface Found {
  readonly seed: number
  readonly problem: string
}

export interface Options {
  readonly plan?: Plan | undefined
  readonly kinds?: ReadonlyArray<Program.Kind> | undefined
  /** A function that gets the result of every random program of the search. */
  readonly look?: ((result: Result) => void) | undefined
}

/** Runs random programs, up to a limit, until one of them shows a fault. */
export const search = (
  count: number,
  { kinds = talking, look, plan }: Options = {}
): Effect.Effect<Found | undefined> =>
  Effect.gen(function*() {
    for (let seed = 1; seed <= count; seed++) {
      const [problem] = yield* problems(Program.generate(seed, kinds), plan, look)
      if (problem !== undefined) return { seed, problem }
    }
    return undefined
  })
