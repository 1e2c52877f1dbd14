/**
 * The error of a rolling restart that did not replace all of its children. `RollFailed` is no member of `ActorError`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { ActorError } from "./ActorError.ts"

/**
 * The error of a rolling restart that has not replaced all of its children. Each child that was not replaced keeps the
 * actor that it had before.
 *
 * The field `child` is the child at which the roll failed, and `why` is the reason of the failure. The reason `"start"`
 * says that the replacing actor did not start, and `error` says why. The reason `"busy"` says that another roll is
 * replacing this child, and `"unknown"` that no child of this name exists. The reason `"closed"` says that the
 * supervisor has ended, or is ending. The field `replaced` lists the children that the roll replaced before it failed,
 * including children of other supervisors. A roll that is refused (`"busy"`, `"unknown"`) has replaced no child of its
 * supervisor.
 *
 * @example
 * ```ts
 * const error = new Supervisor.RollFailed({ child: "Web", why: "busy", error: null, replaced: [] })
 * error.message // '"Web" was not replaced: another roll is at it. Replaced before: none'
 * ```
 * @category errors
 * @since 0.1.0
 */
export class RollFailed extends Data.TaggedError("RollFailed")<{
  readonly child: string
  readonly why: "start" | "busy" | "unknown" | "closed"
  readonly error: ActorError | null
  readonly replaced: ReadonlyArray<string>
}> {
  override get message(): string {
    const { child, error, replaced, why } = this
    const before = replaced.length === 0 ? "none" : replaced.map((key) => `"${key}"`).join(", ")
    return `"${child}" was not replaced: ${reasons[why]}${
      error === null ? "" : `: ${error.message}`
    }. Replaced before: ${before}`
  }
}

const reasons: Record<RollFailed["why"], string> = {
  start: "its new actor did not start",
  busy: "another roll is at it",
  unknown: "its supervisor has no such child",
  closed: "its supervisor has ended"
}
