/** The endpoint of the tasks that the benchmarks' pools run. */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { turns } from "../raw/task.ts"

export const compute = Actor.fn("compute", {
  module: import.meta.url,
  payload: { count: Schema.Int },
  success: Schema.Int
})(({ count }) => Effect.sync(() => turns(count)))
