/**
 * How an actor is ended by its owner, rung by rung, as a pure table (DESIGN section 5).
 *
 *   Running --end--> Asked --ack--> Finalizing --bye--> Leaving --exit--> Gone
 *                      |               |                   |
 *                      |               |                   +--elapsed--> Killed --exit--> Gone
 *                      +---- elapsed --+--> Terminating --elapsed--------^
 *
 * | rung        | what                                    | bound                  |
 * | Asked       | CancelActor: is its event loop alive?   | `Timeouts.cancelAck`   |
 * | Finalizing  | its finalizers run                      | `Timeouts.finalizers`  |
 * | Leaving     | it said Bye: channel closed, it exits   | `Timeouts.terminate`   |
 * | Terminating | channel closed, SIGTERM to its group    | `Timeouts.terminate`   |
 * | Killed      | SIGKILL to its group, until reaped      | -                      |
 *
 * An exit ends it from any rung. Nothing climbs down. An actor that said Bye has nothing left to finalize: it is not
 * terminated but killed, so that no way up is longer than the three bounds together.
 *
 * @since 0.1.0
 */
export type Rung = "Running" | "Asked" | "Finalizing" | "Leaving" | "Terminating" | "Killed" | "Gone"

export type Input =
  /** The owner wants it gone. */
  | "end"
  /** Its connection is lost while its process may live: asking is no use. */
  | "lost"
  | "ack"
  | "bye"
  | "elapsed"
  | "exit"

export type Bound = "cancelAck" | "finalizers" | "terminate"

export type Action =
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Signal"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly _tag: "CloseChannel" }
  | { readonly _tag: "Wait"; readonly bound: Bound }
  | { readonly _tag: "Done" }

type Step = readonly [Rung, ReadonlyArray<Action>]

const wait = (bound: Bound): Action => ({ _tag: "Wait", bound })
const terminate: Step = [
  "Terminating",
  [{ _tag: "CloseChannel" }, { _tag: "Signal", signal: "SIGTERM" }, wait("terminate")]
]

/** Nobody hears more of it: whoever still uses its portal learns that we closed it, not that it was lost. */
const leaving: Step = ["Leaving", [{ _tag: "CloseChannel" }, wait("terminate")]]

export const step = (rung: Rung, input: Input): Step => {
  if (rung === "Gone") return [rung, []]
  if (input === "exit") return ["Gone", [{ _tag: "Done" }]]
  switch (rung) {
    case "Running":
      if (input === "end") return ["Asked", [{ _tag: "Ask" }, wait("cancelAck")]]
      if (input === "bye") return ["Leaving", [wait("terminate")]]
      return input === "lost" ? terminate : [rung, []]
    case "Asked":
      if (input === "ack") return ["Finalizing", [wait("finalizers")]]
      if (input === "bye") return leaving
      return input === "elapsed" || input === "lost" ? terminate : [rung, []]
    case "Finalizing":
      if (input === "bye") return leaving
      return input === "elapsed" || input === "lost" ? terminate : [rung, []]
    case "Leaving":
    case "Terminating":
      return input === "elapsed" ? ["Killed", [{ _tag: "Signal", signal: "SIGKILL" }]] : [rung, []]
    case "Killed":
      return [rung, []]
  }
}
