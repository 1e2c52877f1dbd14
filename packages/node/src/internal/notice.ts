/**
 * One line of a root whose actors cannot use the bundle of the runtime: they start several times slower than they need to,
 * and nothing else would say why.
 */
import { logWarning } from "@furrow/actor/ActorProcess"
import * as Effect from "effect/Effect"

/** The reason, where there is a bundle that may not be used. */
export type Reason = () => Promise<string | undefined>

const line = (reason: string): string =>
  `the actors of this program start two to three times slower than they could: ${reason}. They run on the modules as ` +
  "installed instead of the runtime bundle (docs/lifetimes.md, What a start costs)"

/** Looks after the first start, when the program has what it waited for: the look takes some milliseconds. */
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
