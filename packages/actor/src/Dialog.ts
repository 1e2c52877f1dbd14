/**
 * A dialog is a linked pair of fibers in two actors: the two fibers exchange a first value, messages both ways and one
 * result, and one cancel ends both. `Actor.dialog` defines a dialog, and `portal.open` opens a dialog.
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
