/**
 * Defines the command line of the census.
 */
import * as Argument from "effect/cli/Argument"
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Os from "node:os"
import { fileURLToPath } from "node:url"

const installedEffect = fileURLToPath(new URL("src", import.meta.resolve("effect/package.json")))

const number = (name: string, least: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("N"),
    Flag.filterMap(
      (text) => /^\d{1,4}$/.test(text) && Number(text) >= least ? Option.some(Number(text)) : Option.none(),
      () => `a number from ${least} to 9999`
    )
  )

export const config = {
  folder: Argument.Path("folder").pipe(
    Argument.withDescription("the folder to count (default: the installed effect)"),
    Argument.withDefault(installedEffect)
  ),
  actors: number("actors", 1).pipe(
    Flag.withDescription("how many actors share the work (default: the number of cores)"),
    Flag.withDefault(Os.availableParallelism())
  ),
  top: number("top", 1).pipe(Flag.withDescription("how long the lists are (default: 3)"), Flag.withDefault(3)),
  crash: number("crash", 0).pipe(
    Flag.withDescription("kill N actors in the middle of the work (default: 1)"),
    Flag.withDefault(1)
  )
}

export type Options = Command.Config.Infer<typeof config>
