/**
 * Defines the failures between two actors: a closed union of tagged errors, besides the error that an endpoint declares
 * itself. Each `ActorError` names the side that caused the error, the actor or endpoint that the error concerns, and
 * what the user can do next. The page docs/errors.md lists all errors with advice.
 *
 * @since 0.1.0
 */
export { OtherFailures } from "./internal/dialog/Failures.ts"
export {
  ActorBusy,
  ActorId,
  ActorLost,
  ActorUnreachable,
  ChannelClosed,
  ContextCancelled,
  Death,
  Doing,
  EndpointUnknown,
  formatActor,
  formatLost,
  Hint,
  isActorError,
  Lost,
  NameTaken,
  PayloadInvalid,
  ProtocolViolation,
  RemoteActorError,
  SpawnFailed,
  SpawnStep,
  StreamOverrun,
  Unreachability
} from "./internal/errors/ActorError.ts"
export type { ActorError } from "./internal/errors/ActorError.ts"
export { CancelledBy, cancelledBy } from "./internal/errors/CancelledBy.ts"
