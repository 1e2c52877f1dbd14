/** Throws errors with properties and inner errors, as Node and Promise.any do. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"

export const several = Actor.fn("several", { module: import.meta.url })(() =>
  Effect.sync(() => {
    throw new AggregateError([new Error("one"), new TypeError("two")], "several")
  })
)

export const missing = Actor.fn("missing", { module: import.meta.url })(() =>
  Effect.sync(() => void Fs.readFileSync("/nowhere/at/all"))
)

const causeOf = (call: Actor.EffectCall<void, never, never, any>) =>
  Effect.map(Effect.flip(Actor.runInActor(call)), (error) => error.cause as NodeJS.ErrnoException & AggregateError)

NodeActor.runMain(Effect.gen(function*() {
  const { code, errno, path, syscall } = yield* causeOf(missing())
  yield* Console.log({ code, errno, path, syscall })
  const { errors, message } = yield* causeOf(several())
  yield* Console.log(`${message}: ${errors.map((error: Error) => `${error.name} ${error.message}`).join(", ")}`)
}))
