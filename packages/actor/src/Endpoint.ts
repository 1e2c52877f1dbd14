/**
 * Contracts and calls as data: what an actor can be asked, and one question with its payload.
 *
 * An endpoint is a name, a kind (call, stream or dialog) and schemas. `Actor.fn`, `Actor.stream` and `Actor.dialog`
 * make one with its implementation; `Actor.endpoint`, `Actor.streamEndpoint` and `Actor.dialogEndpoint` make the
 * contract alone. Calling one gives a call: data that crosses to an actor, and an Effect or Stream where it stays here.
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
