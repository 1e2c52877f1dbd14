/**
 * Reaches actors of other trees. A search for an actor of another tree asks the root of that tree. The address of
 * another tree's root comes from the Discovery or from the program. The roots of two trees share one connection; two
 * other actors of these trees that call each other dial a connection of their own.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { RootAddress } from "../discovery/Directory.ts"
import type { NotThere } from "../discovery/Peers.ts"
import type { LocalActor } from "./LocalActor.ts"

/** True when this actor asks its parent about the actor at a path; false when it asks the root of another tree. */
export const isForParent = ({ parent, path: own, reach }: LocalActor, path: ReadonlyArray<string>): boolean =>
  parent !== undefined && (path[0] === own[0] || reach?.roots.has(path[0]!) !== true)

/** The root of the tree to which a path belongs, and the addresses at which this root listens. */
export const rootOf = (local: LocalActor, [uuid]: ReadonlyArray<string>): Effect.Effect<RootAddress, NotThere> =>
  Effect.suspend(() => {
    const { directory, roots } = local.reach!
    const known = roots.get(uuid!)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.flatMap(
      directory.root?.(uuid!) ?? Effect.undefined,
      (found) => found === undefined ? Effect.fail(unknown) : Effect.succeed(found)
    )
  })

const unknown: NotThere = {
  gone: true,
  reason:
    "it belongs to another tree, which has ended or is not known here: trees see each other by Discovery.layerShared"
}

/** The connection to the root of the tree to which a path belongs; `connect` makes this connection if there is none. */
export const connect = (local: LocalActor, path: ReadonlyArray<string>): Effect.Effect<PeerChannel, NotThere> =>
  Effect.flatMap(rootOf(local, path), ({ actor }) =>
    Effect.mapError(
      local.reach!.peers.connect({ actor, path: [actor.uuid], service: null, exposed: [] }),
      // An actor of another tree is not reported as gone when its root does not answer, because the root may only be
      // out of reach.
      ({ error }): NotThere => ({ gone: false, why: "transport", reason: error.message })
    ))
