/**
 * Defines the command line of `npm run attack`.
 */
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"

export const config = {
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("smaller numbers, and a few attacks over tcp and TLS"),
    Flag.withDefault(false)
  ),
  only: Flag.String("only").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription(`attacks whose name holds TEXT, or "unix: ...", "tcp: ..." or "tls: ..."`),
    Flag.withDefault("")
  )
}

export type Options = Command.Config.Infer<typeof config>
