/**
 * Defines the command line of `npm run faults`.
 */
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"

export const config = {
  only: Flag.String("only").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("cases whose guarantee, title or program holds TEXT"),
    Flag.withDefault("")
  ),
  list: Flag.Boolean("list").pipe(
    Flag.withDescription("names the cases and runs none"),
    Flag.withDefault(false)
  ),
  jobs: Flag.Int("jobs").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("cases that run at the same time"),
    Flag.withDefault(2)
  )
}

export type Options = Command.Config.Infer<typeof config>
