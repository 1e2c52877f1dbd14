/**
 * Logs one line in a root whose actors cannot use the runtime bundle. Actors without the runtime bundle start several
 * times slower, and no other message says why.
 */
import { logWarning } from "@furrow/actor/ActorProcess"
import * as Effect from "effect/Effect"

/**
 * Returns the reason why the runtime bundle cannot be used, or undefined when the bundle can be used or does not exist.
 */
export type Reason = () => Promise<string | undefined>

const line = (reason: string): string =>
  `the actors of this program start two to three times slower than they could: ${reason}. They run on the modules as ` +
  "installed instead of the runtime bundle (docs/lifetimes.md, What a start costs)"

/**
 * Searches after the first start of an actor for the reason why the runtime bundle cannot be used. The search for the
 * reason takes some milliseconds, for which the program need not wait.
 */
export const noticing = <Request, A, E>(
  start: (request: Request) => Effect.Effect<A, E>,
  reason: Reason
): (request: Request) => Effect.Effect<A, E> => {
  const look = Effect.flatMap(
    Effect.promise(() => reason().catch(() => undefined)),
    (found) => found === undefined ? Effect.void : logWarning(line(found))
  )
  let hasLooked = false
  return (request) =>
    Effect.tap(start(request), () => {
      if (hasLooked) return Effect.void
      hasLooked = true
      return Effect.forkDetach(look)
    })
}
