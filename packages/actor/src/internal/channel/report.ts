/**
 * Reports a failure inside the runtime, as an event and as an Error log.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ActorId } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import { logError } from "../settings/Log.ts"

/**
 * Reports that a connection failed inside the runtime. The function `report` never throws, because no caller of
 * `report` could handle the error.
 */
export const report = (
  { context, events }: { readonly events: Events; readonly context?: Context.Context<never> | undefined },
  actor: ActorId,
  text: string,
  thrown: unknown
): void => {
  try {
    events.publish({ _tag: "ConnectionFailed", actor, text })
    Effect.runForkWith(context ?? Context.empty())(logError(text, thrown))
  } catch {
    // An error that the report itself throws is dropped, because the open dialogs of the connection still have to be
    // ended.
  }
}
