/**
 * The echo endpoint of the smallest actor that the benchmarks start. The benchmarks measure the starts and the memory
 * of actors with the module `echo.ts` only.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import { User } from "../payloads.ts"

export const echo = Actor.fn("echo", { module: import.meta.url, payload: User, success: User })((payload) =>
  Effect.succeed(payload)
)
