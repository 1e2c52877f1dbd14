/**
 * The error `GaveUp` of a supervisor that stops restarting, which is no member of `ActorError`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { ActorExit } from "./ActorExit.ts"

/** The text of an exit in the message of a supervisor that gives up. */
const formatExit = (exit: ActorExit): string => {
  switch (exit._tag) {
    case "Returned":
      return "it returned"
    case "Cancelled":
      return `it was ended by "${exit.by.name}": ${exit.reason}`
    default:
      return exit.error.message
  }
}

/**
 * A supervisor has given up: it saw more deaths than its `intensity` allows, or its `backoff` has ended, and it has
 * stopped all its children. `Actor.launch` fails with `GaveUp`, a supervisor above the failed one counts this error as
 * a death, and an actor around the supervisor fails with `GaveUp`.
 *
 * The field `child` is the child that died last, and `exits` holds the deaths within the time of the intensity, the
 * oldest first, at most 100.
 *
 * @example
 * ```ts
 * const exit = { _tag: "Returned", cleanup: [] } as const
 * const error = new Supervisor.GaveUp({
 *   child: "Counter",
 *   deaths: 1,
 *   withinMillis: 5000,
 *   reason: "intensity",
 *   exits: [{ child: "Counter", exit }]
 * })
 * error.message // '"Counter" and those with it died once within 5000 ms: its supervisor gives up. "Counter": it returned'
 * ```
 * @category errors
 * @since 0.1.0
 */
export class GaveUp extends Data.TaggedError("GaveUp")<{
  readonly child: string
  readonly deaths: number
  readonly withinMillis: number
  /** The reason to give up: too many deaths within the time of the intensity, or no further delay in the schedule. */
  readonly reason: "intensity" | "backoff"
  readonly exits: ReadonlyArray<{ readonly child: string; readonly exit: ActorExit }>
}> {
  override get message(): string {
    const exits = this.exits.map(({ child, exit }) => `"${child}": ${formatExit(exit)}`).join("; ")
    const times = this.deaths === 1 ? "once" : `${this.deaths} times`
    const ended = this.reason === "backoff" ? ", and its backoff has ended" : ""
    const more = this.deaths > this.exits.length ? `the last ${this.exits.length}: ` : ""
    return `"${this.child}" and those with it died ${times} within ${this.withinMillis} ms${ended}: ` +
      `its supervisor gives up. ${more}${exits}`
  }
}
