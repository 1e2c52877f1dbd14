/**
 * The endpoint of the smallest actor: starts and memory are measured with this module alone.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import { User } from "../payloads.ts"

export const echo = Actor.fn("echo", { module: import.meta.url, payload: User, success: User })((payload) =>
  Effect.succeed(payload)
)
