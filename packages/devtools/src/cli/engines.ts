/**
 * The command lines of the verbs `ls` and `watch` of `furrow`. The module that carries out the verbs `ls` and `watch`
 * of `furrow` is loaded only when one of these verbs runs.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Os from "node:os"
import { json } from "./common.ts"

const options = {
  json,
  folder: Flag.String("folder").pipe(
    Flag.withDescription("the folder of NodeDiscovery.layerHost (default: that of this user)"),
    Flag.optional
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("show actors that are listed for this host alone (default: the name of this machine)"),
    Flag.withDefault(Os.hostname())
  )
}

const forest = Effect.promise(() => import("./forest.ts"))

export const ls = Command.make(
  "ls",
  options,
  ({ folder, ...rest }) => Effect.flatMap(forest, ({ ls }) => ls({ ...rest, folder: Option.getOrUndefined(folder) }))
).pipe(
  Command.withDescription("Lists the actors of all trees that see each other on this machine.")
)

export const watch = Command.make(
  "watch",
  options,
  ({ folder, ...rest }) =>
    Effect.flatMap(forest, ({ watch }) => watch({ ...rest, folder: Option.getOrUndefined(folder) }))
).pipe(
  Command.withDescription("Follows the actors of all trees: those that are there, that come and that go.")
)
