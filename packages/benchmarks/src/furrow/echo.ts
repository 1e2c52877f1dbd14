/** The endpoint of the smallest actor. The starts and the memory of actors are measured with this module only. */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import { User } from "../payloads.ts"

export const echo = Actor.fn("echo", { module: import.meta.url, payload: User, success: User })((payload) =>
  Effect.succeed(payload)
)
