/**
 * Contracts and calls as data: an endpoint is something that an actor can be asked, and a call is one question with its
 * payload.
 *
 * An endpoint is a name, a kind (call, stream or dialog) and schemas. `Actor.fn`, `Actor.stream` and `Actor.dialog`
 * make an endpoint with its implementation; `Actor.endpoint`, `Actor.streamEndpoint` and `Actor.dialogEndpoint` make
 * only the contract. Calling an endpoint with a payload makes a call: data that can cross to an actor, and an Effect or
 * Stream that runs in the caller's process.
 *
 * @since 0.1.0
 */
export { isCall } from "./internal/contract/Call.ts"
export type {
  Call,
  Def,
  EffectCall,
  Failure,
  Fn,
  HandlerServices,
  Implemented,
  StreamCall,
  StreamFn,
  Success
} from "./internal/contract/Call.ts"
export type { DialogCall, DialogDef, DialogFn } from "./internal/contract/DialogCall.ts"
export type {
  AnyCallEndpoint,
  AnyDialogEndpoint,
  AnyEndpoint,
  AnyStreamEndpoint,
  CallEndpoint,
  Contract,
  DialogContract,
  DialogEndpoint,
  Fields,
  Input,
  StreamEndpoint,
  Wire
} from "./internal/contract/Endpoint.ts"
