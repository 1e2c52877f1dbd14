/**
 * The machine of the shutdown ladder: how an owner ends an actor, rung by rung.
 *
 *   Running --end--> Asked --ack--> Finalizing --bye--> Leaving --exit--> Gone
 *     |                |               |                   |
 *     |leave           |               |                   +--elapsed--> Killed --exit | elapsed--> Gone
 *     v                +---- elapsed --+--> Terminating --elapsed--------^
 *   LeaveRequested --end | elapsed--> Asked
 *
 *   Running --discard--> Discarded --ready--> Asked
 *                            +-------elapsed--> Killed
 *
 * | rung           | what                                            | bound                  |
 * | LeaveRequested | it was told from outside to end, and waits      | `leaveGraceMillis`     |
 * | Discarded      | it is not ready: SIGTERM to its group           | `Timeouts.terminate`   |
 * | Asked          | CancelActor: is its event loop alive?           | `Timeouts.cancelAck`   |
 * | Finalizing     | its finalizers run                              | `Timeouts.finalizers`  |
 * | Leaving        | it said Bye: channel closed, it exits           | `Timeouts.terminate`   |
 * | Terminating    | channel closed, SIGTERM to its group            | `Timeouts.terminate`   |
 * | Killed         | SIGKILL to its group, until reaped              | `reapBoundMillis`      |
 *
 * On any rung, the exit of the actor's process ends the climb of the shutdown ladder. A discarded actor may say `Ready`
 * while the SIGTERM is on its way. A discarded actor that has said `Ready` may have finalizers, so it is asked to end.
 * An actor never goes back to a lower rung of the ladder. An actor that has said `Bye` but does not exit is killed
 * without a SIGTERM, because all its finalizers have run. A climb of the ladder takes at most as long as the bounds of
 * its rungs together. A killed process is soon reaped by the operating system. The rung `Killed` has a bound only
 * because a spawner may fail to report the end of a process.
 *
 * @since 0.1.0
 */
import type { Timeouts } from "../settings/Timeouts.ts"

export type Rung =
  | "Running"
  | "LeaveRequested"
  | "Discarded"
  | "Asked"
  | "Finalizing"
  | "Leaving"
  | "Terminating"
  | "Killed"
  | "Gone"

export type Input =
  /** The owner wants the actor to end. */
  | "end"
  /** The owner gives up the start of an actor that is not ready, and that therefore cannot be asked to end. */
  | "discard"
  /** The actor has said `Ready` to its owner. */
  | "ready"
  /** The actor got a signal from outside, and asks its owner to end it. */
  | "leave"
  /** The connection to the actor is lost, so the actor cannot be asked to end, although its process may still live. */
  | "lost"
  | "ack"
  | "bye"
  | "elapsed"
  | "exit"

export type Bound = "leave" | "cancelAck" | "finalizers" | "terminate" | "reap"

/** The longest time between the word `Leave` of an actor and the word `CancelActor` of its owner. */
export const leaveGraceMillis = 1_000

/**
 * The milliseconds after a SIGKILL within which a spawner must report the exit; this is far more than any system needs.
 */
export const reapBoundMillis = 30_000

/** Returns the longest time that a rung of the ladder waits, in milliseconds. */
export const boundOf = (timeouts: Timeouts, bound: Bound): number =>
  bound === "leave" ? leaveGraceMillis : bound === "reap" ? reapBoundMillis : timeouts[bound]

export type Action =
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Signal"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly _tag: "CloseChannel" }
  | { readonly _tag: "Wait"; readonly bound: Bound }
  | { readonly _tag: "Done" }

type Step = readonly [Rung, ReadonlyArray<Action>]

const wait = (bound: Bound): Action => ({ _tag: "Wait", bound })
const ask: Step = ["Asked", [{ _tag: "Ask" }, wait("cancelAck")]]
const terminate: Step = [
  "Terminating",
  [{ _tag: "CloseChannel" }, { _tag: "Signal", signal: "SIGTERM" }, wait("terminate")]
]
const discard: Step = ["Discarded", [{ _tag: "Signal", signal: "SIGTERM" }, wait("terminate")]]
const kill: Step = ["Killed", [{ _tag: "Signal", signal: "SIGKILL" }, wait("reap")]]
const gone: Step = ["Gone", [{ _tag: "Done" }]]

/** After the `Bye` of an actor that its owner has ended, the connection is closed and the actor has time to exit. */
const leaving: Step = ["Leaving", [{ _tag: "CloseChannel" }, wait("terminate")]]

/**
 * After the `Bye` of an actor that ends by itself, the connection stays open, so that the owner reads all that the
 * actor has sent.
 */
const tookLeave: Step = ["Leaving", [wait("terminate")]]

export const step = (rung: Rung, input: Input): Step => {
  if (rung === "Gone") return [rung, []]
  if (input === "exit") return gone
  switch (rung) {
    case "Running":
      if (input === "end") return ask
      if (input === "discard") return discard
      if (input === "leave") return ["LeaveRequested", [wait("leave")]]
      if (input === "bye") return tookLeave
      return input === "lost" ? terminate : [rung, []]
    case "LeaveRequested":
      if (input === "end" || input === "elapsed") return ask
      if (input === "bye") return tookLeave
      return input === "lost" ? terminate : [rung, []]
    case "Discarded":
      if (input === "ready") return ask
      return input === "elapsed" ? kill : [rung, []]
    case "Asked":
      if (input === "ack") return ["Finalizing", [wait("finalizers")]]
      if (input === "bye") return leaving
      return input === "elapsed" || input === "lost" ? terminate : [rung, []]
    case "Finalizing":
      if (input === "bye") return leaving
      return input === "elapsed" || input === "lost" ? terminate : [rung, []]
    case "Leaving":
    case "Terminating":
      return input === "elapsed" ? kill : [rung, []]
    case "Killed":
      return input === "elapsed" ? gone : [rung, []]
  }
}
