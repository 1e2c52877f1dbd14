/**
 * The description of an actor that is to be started, and the actor's entry in the registry before its process exists.
 *
 * @since 0.1.0
 */
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type { Relayed } from "../dialog/Dispatcher.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import type { Entry, Listing, Role } from "../settings/ActorRef.ts"
import type { SpawnOptions } from "../spawn/Spawner.ts"
import type { ServiceSpec } from "../spawn/SpawnSpec.ts"

export interface StartSpec {
  readonly name: string
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  readonly options: SpawnOptions
  /**
   * The Service that the actor will run; the field `relays` holds the routes of the actor's calls to relayed Services.
   */
  readonly service?: ServiceSpec | undefined
  /**
   * The names of the endpoints that the actor's Service serves. An actor without a Service serves the endpoints of its
   * `definitions`.
   */
  readonly endpoints?: ReadonlyArray<string> | undefined
  /** True when no other actor of the tree may have the actor's name. */
  readonly unique?: boolean | undefined
  /** The trees that can see the actor, if the caller of the start has named them. */
  readonly listed?: Listing | undefined
  /** The role that the actor plays under its supervisor, and that a successor will play after the actor. */
  readonly role?: Role | undefined
  /**
   * True for an actor that starts behind another actor, and that the registry lists only when it takes over the role.
   */
  readonly isBehind?: boolean | undefined
  readonly relays?: ReadonlyMap<string, Relayed> | undefined
}

/** Makes the registry entry of a child that this actor is about to start, so the entry has no pid yet. */
export const entryOf = (
  local: LocalActor,
  uuid: string,
  { definitions, endpoints, listed, name, role, service, unique }: StartSpec
): Entry => ({
  actor: { name, uuid, pid: 0 },
  path: [...local.path, uuid],
  ...(role === undefined ? {} : { role }),
  service: service?.key ?? null,
  exposed: endpoints?.map((name) => ({ name, module: null })) ??
    definitions.map(({ endpoint, module }) => ({ name: endpoint.name, module })),
  unique: unique ?? false,
  ...(listed === undefined ? {} : { listed })
})

/**
 * The largest number of characters that the name of an actor may have. The length of an actor's name is limited because
 * the name is part of command lines and of every text about the actor.
 */
const maxNameChars = 1024

/** Returns why a string cannot be the name of an actor; `undefined` if the string can be a name. */
export const problemOfName = (name: string): string | undefined =>
  name.length > maxNameChars
    ? `its name has ${name.length} characters: names have at most ${maxNameChars}`
    : name.includes("\0") || !(name as unknown as { isWellFormed(): boolean }).isWellFormed()
    ? "its name holds a NUL or half of a surrogate pair: names are ordinary text"
    : undefined
