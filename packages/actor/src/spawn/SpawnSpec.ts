/**
 * What a parent tells a new actor, and what it hears back: the payloads of `Spawn` and `Ready`.
 *
 * @since 0.1.0
 */
import * as Payload from "@furrow/protocol/Payload"
import * as Schema from "effect/Schema"
import { ActorId } from "../errors/ActorError.ts"

/** One thing to serve, found by its module and name among the module's exports. */
export const Exposed = Schema.Struct({ module: Schema.String, name: Schema.String })
export type Exposed = typeof Exposed.Type

/** The Service an actor is, found by its key; and the Services it uses, whose calls its parent passes on. */
export const ServiceSpec = Schema.Struct({
  module: Schema.String,
  key: Schema.String,
  uses: Schema.Array(Schema.Struct({ key: Schema.String, actor: ActorId }))
})
export type ServiceSpec = typeof ServiceSpec.Type

const TimeoutsSchema = Schema.Struct({
  spawn: Schema.Finite,
  cancel: Schema.Finite,
  cancelAck: Schema.Finite,
  finalizers: Schema.Finite,
  terminate: Schema.Finite,
  explain: Schema.Finite,
  logs: Schema.Finite
})

export const SpawnSpec = Schema.Struct({
  actor: ActorId,
  /** The actors above, root first; the last one is the parent. */
  ancestors: Schema.Array(ActorId),
  expose: Schema.Array(Exposed),
  service: Schema.NullOr(ServiceSpec),
  level: Schema.String,
  timeouts: TimeoutsSchema
})
export type SpawnSpec = typeof SpawnSpec.Type

export const ReadyReport = Schema.Struct({ endpoints: Schema.Array(Schema.String) })
export type ReadyReport = typeof ReadyReport.Type

export const specCodec = Payload.codec(SpawnSpec)
export const readyCodec = Payload.codec(ReadyReport)
