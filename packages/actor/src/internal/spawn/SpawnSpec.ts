/**
 * The words of a parent to a new actor, and the answer: the payloads of `Spawn` and `Ready`.
 *
 * @since 0.1.0
 */
import * as Payload from "@furrow/protocol/Payload"
import * as Schema from "effect/Schema"
import { PortableData } from "../contract/PortableData.ts"
import { ActorId } from "../errors/ActorError.ts"
import { ActorRefData } from "../settings/ActorRef.ts"

/**
 * One thing to serve, found by its module and name.
 *
 * @category models
 * @since 0.1.0
 */
export const Exposed = Schema.Struct({ module: Schema.String, name: Schema.String })
export type Exposed = typeof Exposed.Type

/**
 * The Service an actor is, found by its key; and the Services it uses. Those that are actors it dials itself; the calls
 * of one whose handlers run in its parent go there.
 */
export const ServiceSpec = Schema.Struct({
  module: Schema.String,
  key: Schema.String,
  /** Its settings by the schema of the Service; none where it has none. */
  config: Schema.NullOr(Schema.Uint8Array),
  uses: Schema.Array(Schema.Struct({ key: Schema.String, actor: ActorId, ref: Schema.NullOr(ActorRefData) }))
})
export type ServiceSpec = typeof ServiceSpec.Type

const TimeoutsSchema = Schema.Struct({
  spawn: Schema.Finite,
  cancel: Schema.Finite,
  cancelAck: Schema.Finite,
  finalizers: Schema.Finite,
  terminate: Schema.Finite,
  explain: Schema.Finite,
  logs: Schema.Finite,
  connect: Schema.Finite,
  handshake: Schema.Finite
})

/**
 * The platform of a tree, as every actor of it is told: how it listens, how it starts others, what is around its
 * handlers. The secret crosses on the connection that parent and child have, and nowhere else.
 *
 * @category models
 * @since 0.1.0
 */
export const PlatformSpec = Schema.Struct({
  tree: Schema.String,
  run: Schema.String,
  secret: Schema.Uint8Array,
  transports: Schema.Array(PortableData),
  /** None where actors are started by the platform's own spawner. */
  spawner: Schema.NullOr(PortableData),
  ambient: Schema.Array(PortableData)
})
export type PlatformSpec = typeof PlatformSpec.Type

/** The same, with a secret that is not shown where a value is printed as a whole. */
export const concealed = (platform: PlatformSpec): PlatformSpec => {
  const { secret, ...shown } = platform
  return Object.defineProperty(shown, "secret", { value: secret, enumerable: false }) as PlatformSpec
}

export const SpawnSpec = Schema.Struct({
  actor: ActorId,
  /** The actors above, root first; the last one is the parent. */
  ancestors: Schema.Array(ActorId),
  expose: Schema.Array(Exposed),
  service: Schema.NullOr(ServiceSpec),
  level: Schema.String,
  timeouts: TimeoutsSchema,
  platform: PlatformSpec
})
export type SpawnSpec = typeof SpawnSpec.Type

export const ReadyReport = Schema.Struct({ endpoints: Schema.Array(Schema.String) })
export type ReadyReport = typeof ReadyReport.Type

export const specCodec = Payload.codec(SpawnSpec)
export const readyCodec = Payload.codec(ReadyReport)
