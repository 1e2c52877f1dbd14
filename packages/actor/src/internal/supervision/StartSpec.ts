/**
 * The actor that an owner wants, and its entry for the registry before there is a process.
 *
 * @since 0.1.0
 */
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type { Relayed } from "../dialog/Dispatcher.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import type { Entry, Role } from "../settings/ActorRef.ts"
import type { SpawnOptions } from "../spawn/Spawner.ts"
import type { ServiceSpec } from "../spawn/SpawnSpec.ts"

export interface StartSpec {
  readonly name: string
  readonly definitions: ReadonlyArray<Implemented<AnyEndpoint>>
  readonly options: SpawnOptions
  /** The Service that the actor is to be, and the targets of calls to the Services it uses. */
  readonly service?: ServiceSpec | undefined
  /** The Service that it serves: an actor of functions serves its definitions. */
  readonly endpoints?: ReadonlyArray<string> | undefined
  /** No other actor of the tree may have its name. */
  readonly unique?: boolean | undefined
  /** The actor's role, which a successor plays after it. */
  readonly role?: Role | undefined
  /** The actor is listed when it takes the role over, and not when it is ready. */
  readonly isBehind?: boolean | undefined
  readonly relays?: ReadonlyMap<string, Relayed> | undefined
}

/** A new actor below us; its pid is not known yet. */
export const entryOf = (
  local: LocalActor,
  uuid: string,
  { definitions, endpoints, name, role, service, unique }: StartSpec
): Entry => ({
  actor: { name, uuid, pid: 0 },
  path: [...local.path, uuid],
  ...(role === undefined ? {} : { role }),
  service: service?.key ?? null,
  exposed: endpoints?.map((name) => ({ name, module: null })) ??
    definitions.map(({ endpoint, module }) => ({ name: endpoint.name, module })),
  unique: unique ?? false
})

/** Characters of the longest name, which stands on command lines and in every message about the actor. */
const maxNameChars = 1024

/** The reason why this cannot be a name. */
export const problemOfName = (name: string): string | undefined =>
  name.length > maxNameChars
    ? `its name has ${name.length} characters: names have at most ${maxNameChars}`
    : name.includes("\0") || !(name as unknown as { isWellFormed(): boolean }).isWellFormed()
    ? "its name holds a NUL or half of a surrogate pair: names are ordinary text"
    : undefined
