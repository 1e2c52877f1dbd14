/**
 * Defines the endpoints that the workers of the pool serve in a run of `npm run pool`. Each task of the pool first
 * writes its number into a file, so that its beginning is counted even if the worker is killed right after.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"

/** The typed error with which a task of `npm run pool` may fail. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { id: Schema.Int }) {}

const payload = {
  id: Schema.Int,
  file: Schema.String,
  work: Schema.Literals(["computes", "waits", "fails", "spins"]),
  millis: Schema.Int
}

const compute = (millis: number): void => {
  const end = performance.now() + millis
  while (performance.now() < end);
}

const begin = (
  { file, id, millis, work }: Schema.Struct<typeof payload>["Type"]
): Effect.Effect<number, Refused> =>
  Effect.suspend(() => {
    Fs.appendFileSync(file, `${id}\n`)
    switch (work) {
      case "computes":
        compute(millis)
        return Effect.succeed(id)
      case "waits":
        return Effect.as(Effect.sleep(millis), id)
      case "fails":
        return Effect.andThen(Effect.sleep(millis), Effect.fail(new Refused({ id })))
      case "spins":
        compute(Infinity)
        return Effect.succeed(id)
    }
  })

const options = { module: import.meta.url, payload, success: Schema.Int, error: Refused } as const

/** A task of `npm run pool` that must not begin twice. */
export const once = Actor.fn("once", options)(begin)

/** A task of `npm run pool` that may begin twice, because it is idempotent. */
export const again = Actor.fn("again", { ...options, idempotent: true })(begin)
