/**
 * The place of an actor, as data: a portal can be opened with it, and it crosses where a portal cannot. It says who the
 * actor is, where it stands in its tree, and what it serves; it grants nothing: its opener is held to the endpoints
 * that the actor exposes.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ActorId } from "../errors/ActorError.ts"

/** The role of a supervised actor: its name below the actor of the supervisor, and how long calls wait for a successor. */
const Role = Schema.Struct({ name: Schema.String, holdMillis: Schema.Number })
export type Role = typeof Role.Type

/**
 * The schema of a reference, whatever it refers to.
 *
 * @category models
 * @since 0.1.0
 */
export const ActorRefData = Schema.Struct({
  /** The actor's role below its supervisor, if it has one: its successor is found by it after a restart. */
  role: Schema.optionalKey(Role),
  actor: ActorId,
  /** The uuids from the root of the tree down to the actor. */
  path: Schema.Array(Schema.String),
  /** The key of the Service it is, if it is one. */
  service: Schema.NullOr(Schema.String),
  /** The endpoints that the actor serves; without their modules if it is a Service. */
  exposed: Schema.Array(Schema.Struct({ name: Schema.String, module: Schema.NullOr(Schema.String) }))
})
export type ActorRefData = typeof ActorRefData.Type

/**
 * A reference to an actor that exposes `X`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorRef<in X> extends ActorRefData {
  readonly "~furrow/ActorRef"?: (_: X) => void
}

/**
 * One actor as the registry lists it: a reference to it, and whether it alone may have its name.
 *
 * @category models
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  ...ActorRefData.fields,
  /** No other actor may have this name while it lives. */
  unique: Schema.Boolean
})
export type Entry = typeof Entry.Type

/** True when `path` leads to the actor at `root`, or to one below it. */
export const isBelow = (path: ReadonlyArray<string>, root: ReadonlyArray<string>): boolean =>
  path.length >= root.length && root.every((uuid, i) => path[i] === uuid)
