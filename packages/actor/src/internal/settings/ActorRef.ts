/**
 * References to actors: a reference says as data where an actor is, and a portal can be opened with it. A reference can
 * cross in a payload, but a portal cannot. A reference holds the identity of the actor, its path in the tree, and the
 * endpoints that it serves. A reference grants no rights: its holder can call only the endpoints that the actor
 * exposes.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ActorId } from "../errors/ActorError.ts"

/**
 * The role of a supervised actor: the role's name, which is unique in the supervisor's actor, and how long calls wait
 * for a successor.
 */
const Role = Schema.Struct({ name: Schema.String, holdMillis: Schema.Number })
export type Role = typeof Role.Type

/**
 * The schema of a reference to an actor, whatever the actor exposes.
 *
 * @category models
 * @since 0.1.0
 */
export const ActorRefData = Schema.Struct({
  /**
   * The role that the actor plays under its supervisor, if any. Callers find the successor of a restarted actor by its
   * role.
   */
  role: Schema.optionalKey(Role),
  actor: ActorId,
  /** The uuids from the root of the tree down to the actor. */
  path: Schema.Array(Schema.String),
  /** The key of the Service that the actor runs, or null. */
  service: Schema.NullOr(Schema.String),
  /** The endpoints that the actor serves. Endpoints of a Service have no module. */
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
 * One actor in the list of the registry: a reference to the actor, and whether its name is unique.
 *
 * @category models
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  ...ActorRefData.fields,
  /** True when no other actor may have this name while the actor lives. */
  unique: Schema.Boolean,
  /**
   * The trees that can see the actor, if several trees share an engine. If the field `listed` is absent, the Discovery
   * of the actor's tree decides which trees see the actor.
   */
  listed: Schema.optionalKey(Schema.Literals(["tree", "host", "everyone"])),
  /** The tree and the host of the listed actor; both are set only for an actor of another tree. */
  tree: Schema.optionalKey(Schema.String),
  host: Schema.optionalKey(Schema.String)
})
/**
 * The trees that see an actor: its own tree, the trees of its host, or all trees that share an engine with its tree.
 *
 * @category models
 * @since 0.2.0
 */
export type Listing = "tree" | "host" | "everyone"
export type Entry = typeof Entry.Type

/** True when `path` leads to the actor at `root`, or to a descendant of this actor. */
export const isBelow = (path: ReadonlyArray<string>, root: ReadonlyArray<string>): boolean =>
  path.length >= root.length && root.every((uuid, i) => path[i] === uuid)
