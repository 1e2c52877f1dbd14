/**
 * A tree whose folder of sockets is deleted, as by a cleaner of temporary files: a new actor must still find an older
 * actor.
 */
import { Actor, Registry } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Path from "node:path"

export const hello = Actor.fn("hello", { module: import.meta.url, success: Schema.String })(() =>
  Effect.succeed("hello")
)

export const meet = Actor.fn("meet", { module: import.meta.url, success: Schema.String })(() =>
  Effect.scoped(Effect.gen(function*() {
    const found = yield* Registry.find([hello], "old")
    return Option.isSome(found) ? yield* found.value.run(hello()) : "nobody there"
  })).pipe(Actor.orDie)
)

const temporary = process.env["TMPDIR"]!

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  yield* Actor.start("old", { expose: [hello] })
  const early = yield* Actor.start("early", { expose: [meet] })
  yield* Console.log(`before: ${yield* early.run(meet())}`)
  const names = Fs.readdirSync(temporary)
  for (const name of names) Fs.rmSync(Path.join(temporary, name), { recursive: true })
  yield* Console.log(`deleted: ${names.length > 0}`)
  const late = yield* Actor.start("late", { expose: [meet] })
  yield* Console.log(`after: ${yield* late.run(meet())}`)
})))
