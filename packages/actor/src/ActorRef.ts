/**
 * A reference says as data where an actor is, and can cross in a payload, where a portal cannot. A reference grants
 * nothing: its holder can call only the endpoints that the actor exposes. `Actor.ref` is the schema of a reference,
 * `Actor.portal` opens a portal with a reference, and `Actor.self` makes a reference to the calling actor.
 *
 * @since 0.1.0
 */
export type { Exposed, RefOf } from "./internal/api/Refs.ts"
export type { ActorRef, ActorRefData, Entry } from "./internal/settings/ActorRef.ts"
