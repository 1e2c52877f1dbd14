/**
 * The list of a supervisor's children, with a portal to each child that is an actor.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { wireMillis } from "../dialog/DialogContext.ts"
import { type ActorError, ActorUnreachable, formatActor } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import * as LastingPortal from "../portal/LastingPortal.ts"
import type { Role } from "../settings/ActorRef.ts"
import { Turn } from "../settings/Turn.ts"
import type { ChildPlan } from "./ChildPlan.ts"
import { type Member, wake } from "./Member.ts"
import { goneReasonOf, progressOf } from "./SupervisorEnds.ts"
import type * as Machine from "./SupervisorMachine.ts"

export interface RosterOptions {
  readonly local: LocalActor
  readonly context: Context.Context<never>
  readonly policy: Machine.Policy
  readonly holdMillis: number
  readonly state: () => Machine.State
  readonly view: (key: string) => Machine.View
  /** Returns the milliseconds until the delay before the next start is over. */
  readonly waitMillis: () => number
}

export class Roster {
  private readonly options: RosterOptions
  private readonly members = new Map<string, Member>()

  constructor(options: RosterOptions) {
    this.options = options
  }

  get all(): ReadonlyArray<Member> {
    return Array.from(this.members.values())
  }

  get(key: string): Member | undefined {
    return this.members.get(key)
  }

  /** The portals to the supervisor's children by the keys of their Services; these portals survive restarts. */
  get portals(): Context.Context<never> {
    const services = this.all.filter(({ portal }) => portal !== undefined)
    return Context.makeUnsafe(new Map(services.map(({ plan, portal }) => [plan.spec.key, portal])))
  }

  /**
   * Adds a child to the list, makes the portal to the child, and lets other actors search for the child by its role.
   */
  enter(plan: ChildPlan): Member {
    const { context, holdMillis, local } = this.options
    const { isService, spec: { key } } = plan
    // The name of a role contains a uuid, because two supervisors in one actor may have children of the same Service.
    const role: Role = { name: `${Context.get(context, Turn).uuid()}/${key}`, holdMillis: wireMillis(holdMillis) }
    const target = this.target(key, () => member)
    const member: Member = {
      plan,
      role,
      portal: isService ? LastingPortal.make(target) : undefined,
      answer: Deferred.makeUnsafe(),
      running: new Map(),
      playing: undefined,
      standbys: undefined,
      listeners: new Set()
    }
    this.members.set(key, member)
    if (isService) {
      local.roles.set(role.name, (except) => Effect.map(LastingPortal.reach(target, except), ({ ref }) => ref))
    }
    return member
  }

  leave(member: Member): void {
    this.members.delete(member.plan.spec.key)
    this.options.local.roles.delete(member.role.name)
    member.standbys?.fiber?.interruptUnsafe()
    wake(member.listeners)
  }

  private target(key: string, member: () => Member): LastingPortal.Target {
    const { holdMillis, state, view, waitMillis } = this.options
    // A child that has left the supervisor's list counts as gone, even if a new child has the same name.
    const isListed = () => this.members.get(key) === member()
    return {
      name: key,
      holdMillis,
      now: () => {
        const now = isListed() ? view(key) : "gone"
        if (now === "up") return { _tag: "Up", portal: member().playing!.portal }
        return now === "restarting" ? { _tag: "Restarting" } : { _tag: "Gone", error: this.goneError(key) }
      },
      latest: () => {
        const { playing } = member()
        if (playing === undefined) throw new Error(`"${key}" is not started yet`)
        return playing
      },
      changed: (callback) => {
        const { listeners } = member()
        listeners.add(callback)
        return () => void listeners.delete(callback)
      },
      late: () => this.unreachable(key, "timeout", progressOf(state(), key, this.name, waitMillis()))
    }
  }

  private get name(): string {
    return `its supervisor in ${formatActor(this.options.local.info.id)}`
  }

  goneError(key: string): ActorError {
    return this.unreachable(key, "gone", goneReasonOf(this.options.state(), this.options.policy, this.name))
  }

  private unreachable(key: string, why: ActorUnreachable["why"], reason: string): ActorUnreachable {
    const actor = this.members.get(key)?.playing?.portal.actor ?? null
    return withoutStack(() => new ActorUnreachable({ actor, target: `"${key}"`, why, reason }))
  }
}
