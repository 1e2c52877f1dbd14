/**
 * The actor that an owner wants to start, and its entry in the registry before it has a process.
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
  /** The Service that the actor will run, and the routes of its calls to the Services that it uses. */
  readonly service?: ServiceSpec | undefined
  /** The endpoints that a Service serves. An actor without a Service serves its definitions instead. */
  readonly endpoints?: ReadonlyArray<string> | undefined
  /** True when no other actor of the tree may have the actor's name. */
  readonly unique?: boolean | undefined
  /** The trees that can see the actor, if the start names these trees. */
  readonly listed?: Listing | undefined
  /** The actor's role, which a successor will play after it. */
  readonly role?: Role | undefined
  /** True when the actor is listed when it takes over the role, and not when it is ready. */
  readonly isBehind?: boolean | undefined
  readonly relays?: ReadonlyMap<string, Relayed> | undefined
}

/** Makes the registry entry of a new child of this actor, whose pid is not known yet. */
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
 * The largest number of characters that the name of an actor may have. Names have a limit because they are part of
 * command lines, and of every message about the actor.
 */
const maxNameChars = 1024

/** Returns why a string cannot be the name of an actor; `undefined` if the string can be a name. */
export const problemOfName = (name: string): string | undefined =>
  name.length > maxNameChars
    ? `its name has ${name.length} characters: names have at most ${maxNameChars}`
    : name.includes("\0") || !(name as unknown as { isWellFormed(): boolean }).isWellFormed()
    ? "its name holds a NUL or half of a surrogate pair: names are ordinary text"
    : undefined
