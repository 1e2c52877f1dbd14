/** The verb `graves` of `furrow` lists the actors that died, or shows the post-mortem of one dead actor. */
import * as NodeGraves from "@furrow/node/NodeGraves"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as View from "./gravesView.ts"

/** The exit code of `furrow graves` where no dead actor matches. */
const noGrave = 4

const isMeant = (wanted: string) => ({ actor, id }: NodeGraves.Grave): boolean =>
  id === wanted || actor.name === wanted || String(actor.pid) === wanted

export const graves = Command.make("graves", {
  which: Argument.String("actor").pipe(
    Argument.withDescription("the id of a grave, or the name or the pid of a dead actor (default: all, as a list)"),
    Argument.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("print the graves as JSON"), Flag.withDefault(false)),
  clear: Flag.Boolean("clear").pipe(Flag.withDescription("remove all graves"), Flag.withDefault(false)),
  folder: Flag.String("folder").pipe(
    Flag.withDescription("the folder of the graves (default: FURROW_GRAVES, or that of this user)"),
    Flag.optional
  )
}, ({ clear, folder, json, which }) =>
  Effect.gen(function*() {
    const place = Option.getOrUndefined(folder)
    if (clear) return yield* NodeGraves.clear(place)
    const wanted = Option.getOrUndefined(which)
    const all = yield* NodeGraves.list(place)
    const found = wanted === undefined ? all : all.filter(isMeant(wanted))
    const now = Date.now()
    if (json) return yield* Console.log(JSON.stringify(found, undefined, 2))
    if (wanted === undefined) return yield* Console.log(View.list(found, now).join("\n"))
    if (found.length > 0) return yield* Console.log(found.flatMap((grave) => View.story(grave, now)).join("\n"))
    yield* Console.error(`furrow: there is no grave of ${wanted}`)
    yield* Effect.sync(() => {
      process.exitCode = noGrave
    })
  })).pipe(Command.withDescription("Shows the actors that died unexpectedly: why, and what they served then."))
