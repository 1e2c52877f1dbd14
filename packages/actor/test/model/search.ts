/**
 * Looks for a program that breaks a tenet, and shrinks it.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Program from "./Program.ts"
import { type Plan, run } from "./Run.ts"
import type { World } from "./World.ts"

export interface SearchOptions {
  readonly seed: string
  readonly runs: number
  /** How many smaller programs are tried once one is found. */
  readonly shrinks: number
  readonly plan?: Plan | undefined
  /** Sees every world. */
  readonly look?: ((world: World) => void) | undefined
}

/** What was found: how soon, and the smallest program that shows it. */
export interface Found {
  readonly runs: number
  readonly program: Program.Program
  readonly world: World
}

class Broken {
  readonly world: World
  constructor(world: World) {
    this.world = world
  }
}

/** Actors that are lost on purpose are no news. */
const silent = Logger.layer([])

export const search = ({ look, plan, runs, seed, shrinks }: SearchOptions): Effect.Effect<Found | undefined> =>
  Effect.gen(function*() {
    const result = yield* Arbitrary.checkEffect(
      Program.arbitrary,
      (program) =>
        Effect.flatMap(
          run(program, plan),
          (world) => {
            look?.(world)
            return world.problems.length === 0 ? Effect.succeed(true) : Effect.fail(new Broken(world))
          }
        ),
      { seed, runs, size: 40, maxShrinks: shrinks }
    )
    if (result._tag === "Passed") return undefined
    if (result._tag !== "Falsified") return yield* Effect.die(new Error(`the search itself failed: ${result._tag}`))
    const program = result.shrunkInput
    return { runs: result.runs, program, world: yield* run(program, plan) }
  }).pipe(Effect.provide(silent))

/** A finding as text: the program, what is wrong, and everything that happened. */
export const describe = (seed: string, { program, runs, world }: Found): string =>
  [
    `seed ${JSON.stringify(seed)}, program ${runs}, as small as it gets:`,
    Program.show(program),
    "",
    ...world.problems.map((problem) => `* ${problem}`),
    "",
    ...world.log
  ].join("\n")
