/**
 * The shutdown ladder: how an owner ends an actor, rung by rung, as a pure table.
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
 * The exit of the process ends the climb of the ladder on any rung. A discarded actor may say Ready while the signal is
 * on its way. A discarded actor that is ready has finalizers, so it is asked to end. No step of the ladder leads to a
 * lower rung. An actor that said Bye has nothing left to finalize, so it is killed without SIGTERM. No climb of the
 * ladder takes longer than its three bounds together. The operating system reaps a killed process. The bound of the
 * last rung exists for a spawner that never reports the end of a process.
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
  /** The owner gives up the actor's start; an actor that is not ready cannot be asked to end. */
  | "discard"
  /** The actor has said Ready to its owner. */
  | "ready"
  /** The actor was told from outside to end, and asks its owner to end it. */
  | "leave"
  /** The actor's connection is lost while its process may still live, so that it cannot be asked to end. */
  | "lost"
  | "ack"
  | "bye"
  | "elapsed"
  | "exit"

export type Bound = "leave" | "cancelAck" | "finalizers" | "terminate" | "reap"

/**
 * The milliseconds that an owner has to end an actor that asks to leave, in the order in which the owner ends its
 * actors.
 */
export const leaveGraceMillis = 1_000

/**
 * The milliseconds from a SIGKILL until the spawner must have reported the exit, which are far more than any system
 * needs.
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

/**
 * Closes the actor's connection, so that a later use of the actor's portal fails with the given reason and not with
 * `ActorLost`.
 */
const leaving: Step = ["Leaving", [{ _tag: "CloseChannel" }, wait("terminate")]]

/** The step for an actor that ended by itself, from which this side still reads all that the actor has sent. */
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
