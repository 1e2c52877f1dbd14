/**
 * A reference says as data where an actor is, and can cross in a payload, where a portal cannot. A reference grants
 * nothing: an endpoint that the actor does not expose cannot be called with it. `Actor.ref` is the schema of a
 * reference, `Actor.portal` opens it, and `Actor.self` makes one to the calling actor.
 *
 * @since 0.1.0
 */
export type { Exposed, RefOf } from "./internal/api/Refs.ts"
export type { ActorRef, ActorRefData, Entry } from "./internal/settings/ActorRef.ts"
