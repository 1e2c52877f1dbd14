/**
 * A reference says as data where an actor is; a payload can contain a reference, but no portal. A reference grants
 * nothing: its holder can call only the endpoints that the actor exposes. `Actor.ref` is the schema of a reference,
 * `Actor.portal` opens a portal with a reference, and `Actor.self` makes a reference to the calling actor.
 *
 * @since 0.1.0
 */
export type { Exposed, RefOf } from "./internal/api/Refs.ts"
export type { ActorRef, ActorRefData, Entry } from "./internal/settings/ActorRef.ts"
