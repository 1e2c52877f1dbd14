/**
 * The events and metrics that follow from the actions of a supervisor.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import type { GaveUp } from "../errors/GaveUp.ts"
import type { ActorEvent } from "../inspect/ActorEvent.ts"
import type { Action } from "./SupervisorState.ts"

const restarts = Metric.counter("furrow_supervisor_restarts", {
  description: "Deaths that supervisors answered by a restart"
})
const replacements = Metric.counter("furrow_supervisor_replacements", {
  description: "Actors that rolling restarts have replaced"
})
const takeovers = Metric.counter("furrow_supervisor_takeovers", {
  description: "Standbys that took the role over, after a death or by hand"
})
const standbyEnds = Metric.counter("furrow_supervisor_standby_ends", {
  description: "Standbys that died, did not start or could not follow"
})
const giveUps = Metric.counter("furrow_supervisor_give_ups", { description: "Supervisors that gave up" })

export interface News {
  readonly event: ActorEvent
  readonly counter?: Metric.Counter<number> | undefined
}

/**
 * Returns the event about an action of a supervisor; `undefined` for an action without an event. The argument `deaths`
 * is the number of recent deaths that count towards the supervisor's intensity.
 */
export const newsOf = (
  action: Action,
  deaths: number,
  gaveUp: (action: Action & { readonly _tag: "TellGaveUp" }) => GaveUp
): News | undefined => {
  switch (action._tag) {
    case "TellRestarting": {
      const { affected, death: { child, exit } } = action
      return { event: { _tag: "ActorRestarting", child, exit, affected, deaths }, counter: restarts }
    }
    case "TellRestarted":
      return { event: { _tag: "ActorRestarted", child: action.child, incarnation: action.incarnation } }
    case "TellGaveUp":
      return { event: { _tag: "SupervisorGaveUp", error: gaveUp(action) }, counter: giveUps }
    case "TakeOver": {
      const { child, drainMillis, incarnation } = action
      const by = drainMillis === undefined ? "standby" : "roll"
      return {
        event: { _tag: "ActorReplaced", child, incarnation, by },
        counter: by === "roll" ? replacements : takeovers
      }
    }
    case "TellDrained": {
      const { child, incarnation, open } = action
      return { event: { _tag: "ActorDrained", child, incarnation, open } }
    }
    case "TellStandbyReady":
      return { event: { _tag: "StandbyReady", child: action.child, incarnation: action.incarnation } }
    case "TellStandbyEnded":
      return { event: { _tag: "StandbyEnded", child: action.child, exit: action.exit }, counter: standbyEnds }
    default:
      return undefined
  }
}
