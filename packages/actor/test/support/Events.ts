/** The events of this actor from now on, as a list that grows while the test runs. */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { settle } from "./Time.ts"

export const collectEvents = Effect.gen(function*() {
  const events: Array<Actor.ActorEvent> = []
  yield* Effect.forkChild(Stream.runForEach(Actor.events, (event) => Effect.sync(() => void events.push(event))))
  yield* settle
  return events as ReadonlyArray<Actor.ActorEvent>
})
