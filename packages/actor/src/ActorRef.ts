/**
 * A reference says as data where an actor is: what crosses in a payload where a portal cannot. It grants nothing: what the
 * actor does not expose cannot be called with it. `Actor.ref` is its schema, `Actor.portal` opens it, `Actor.self` is
 * one's own.
 *
 * @since 0.1.0
 */
export type { Exposed, RefOf } from "./internal/api/Refs.ts"
export type { ActorRef, ActorRefData, Entry } from "./internal/settings/ActorRef.ts"
