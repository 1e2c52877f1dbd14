/**
 * A dialog is a linked pair of fibers in two actors: a first value, messages both ways, one result, and one cancel for
 * both. `Actor.dialog` defines a dialog, and `portal.open` opens one.
 *
 * @since 0.1.0
 */
export type {
  Dialog,
  DialogHandle,
  DialogState,
  MsgStream,
  StreamOptions,
  SubscribeOptions
} from "./internal/contract/DialogCall.ts"
export { currentDialog as current } from "./internal/dialog/DialogContext.ts"
export type { DialogInfo } from "./internal/dialog/DialogContext.ts"
