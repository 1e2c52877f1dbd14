/**
 * The keeper of shared actors in the root of a tree. The keeper starts the shared actor of a name for the first share,
 * and supervises this actor until its last share ends.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as RcMap from "effect/RcMap"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import { type ActorError, type ActorId, NameTaken } from "../errors/ActorError.ts"
import type { LocalActor } from "../local/LocalActor.ts"
import { endWithScope, portalOf } from "../local/Owner.ts"
import { share, type Shared, type Wanted } from "../local/Shared.ts"
import * as Portal from "../portal/Portal.ts"
import type { ActorRefData, Entry } from "../settings/ActorRef.ts"
import { logError } from "../settings/Log.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Incarnation, Part } from "./ChildPlan.ts"
import * as StartChild from "./StartChild.ts"
import { Supervising } from "./Supervising.ts"
import type * as Machine from "./SupervisorMachine.ts"

const policy: Machine.Policy = {
  strategy: "one-for-one",
  intensity: { restarts: 3, withinMillis: 5000 },
  // When a shared actor has ended for good, its supervisor ends as well, so that the next share starts a new actor.
  autoShutdown: "any-significant",
  dynamic: false
}

/**
 * The milliseconds between two searches for a name that an actor of another owner will have when its start succeeds.
 */
const lookAgainMillis = 50

/**
 * The key of a shared actor in the root's map of shared actors. The key holds all that a start of the actor needs, such
 * as its name and options. Two keys with the same name are equal, so that all requests for a name share one entry of
 * the map.
 */
class Key implements Equal.Equal {
  readonly wanted: Wanted

  constructor(wanted: Wanted) {
    this.wanted = wanted
  }

  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Key && that.wanted.name === this.wanted.name
  }

  [Hash.symbol](): number {
    return Hash.string(this.wanted.name)
  }
}

export class Keeper implements Shared {
  private readonly local: LocalActor
  private readonly context: Context.Context<never>
  private shares: RcMap.RcMap<Key, Held, ActorError> | undefined
  /** The latest supervisor of each shared actor, by the name of the shared actor. */
  private readonly latest = new Map<string, Supervising>()
  /** The names of the roles that the shared actors of this root play. */
  private readonly roles = new Set<string>()

  constructor(local: LocalActor, context: Context.Context<never>) {
    this.local = local
    this.context = context
  }

  /** Makes the root's map of shared actors, which all end when the Scope of this effect closes. */
  readonly open: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() =>
    Effect.map(
      RcMap.make({ lookup: ({ wanted }: Key) => this.onOwnContext(this.held(wanted)) }),
      (map) => {
        this.shares = map
      }
    )
  )

  /** The endpoints for shares, which the root serves to its tree. */
  get handlers(): BoundHandlers {
    return new Map([[share.endpoint.name, {
      endpoint: share.endpoint,
      context: this.context,
      handler: ({ wanted }: { readonly wanted: Wanted }) =>
        Stream.unwrap(
          Effect.map(this.share(wanted), (ref) => Stream.concat(Stream.succeed(ref), Stream.never))
        )
    }]])
  }

  share(wanted: Wanted): Effect.Effect<ActorRefData, ActorError, Scope.Scope> {
    return Effect.flatMap(this.foreign(wanted), (foreign) => {
      if (foreign !== undefined) return Effect.succeed(foreign)
      return Effect.matchEffect(this.got(wanted), {
        onSuccess: ({ ref }) => Effect.sync(ref),
        onFailure: (error) => this.again(wanted, error)
      })
    })
  }

  /**
   * Takes a share in the shared actor of the wanted name, until the Scope closes. A failed start of a shared actor is
   * forgotten, so that the next request tries the start again. If the actor of the wanted name runs another Service,
   * the caller gets `NameTaken`, and the caller's share ends.
   */
  private got(wanted: Wanted): Effect.Effect<Held, ActorError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const own = yield* Scope.fork(yield* Effect.scope)
      return yield* Effect.tapError(
        Effect.flatMap(
          Scope.provide(RcMap.get(this.shares!, new Key(wanted)), own),
          (held) => held.key === wanted.key ? Effect.succeed(held) : taken(wanted, held.ref().actor)
        ),
        () => Scope.close(own, Exit.void)
      )
    })
  }

  /**
   * Searches the registry for an actor that has the wanted name and Service, and is not a shared actor of this root.
   */
  private foreign({ key, name }: Wanted): Effect.Effect<Entry | undefined, ActorError> {
    return Effect.map(
      this.local.reach!.directory.list(name),
      (entries) => entries.find((entry) => entry.service === key && !this.isOurs(entry))
    )
  }

  private isOurs({ role }: Pick<Entry, "role">): boolean {
    return role !== undefined && this.roles.has(role.name)
  }

  /**
   * Looks again for the wanted actor, after an actor of another owner has taken the name. An actor of another owner
   * that is still starting may turn out to be the wanted actor.
   */
  private again(wanted: Wanted, error: ActorError): Effect.Effect<ActorRefData, ActorError, Scope.Scope> {
    if (!(error instanceof NameTaken)) return Effect.fail(error)
    const isStarting = error.actor.pid === 0
    return Effect.flatMap(this.foreign(wanted), (found) =>
      found !== undefined
        ? Effect.succeed(found)
        : isStarting
        ? Effect.andThen(Effect.sleep(lookAgainMillis), this.share(wanted))
        : Effect.fail(error))
  }

  /**
   * Runs the start of a shared actor in the root's Effect context, because the first caller may end before the actor
   * does.
   */
  private onOwnContext<A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> {
    return Effect.flatMap(
      Effect.scope,
      (scope) => Effect.updateContext(effect, () => Context.add(this.context, Scope.Scope, scope))
    )
  }

  private held(wanted: Wanted): Effect.Effect<Held, ActorError, Scope.Scope> {
    const { key, name, restart } = wanted
    return Effect.gen({ self: this }, function*() {
      let role: string | undefined
      const supervising = new Supervising({
        local: this.local,
        context: this.context,
        policy,
        backoff: Schedule.jittered(Schedule.exponential("50 millis")),
        holdMillis: Context.get(this.context, Timeouts).spawn,
        closingReason: "it is used no more",
        children: [{
          spec: { key: name, uses: [], restart, significant: restart !== "permanent", standby: false },
          stopWithinMillis: undefined,
          isService: true,
          warm: undefined,
          start: (part) => {
            this.roles.add(role = part.role.name)
            return this.start(wanted, part)
          }
        }]
      })
      this.latest.set(name, supervising)
      yield* Effect.addFinalizer(() =>
        Effect.ensuring(
          supervising.close,
          Effect.sync(() => {
            if (role !== undefined) this.roles.delete(role)
            if (this.latest.get(name) === supervising) this.latest.delete(name)
          })
        )
      )
      yield* supervising.begin as Effect.Effect<void, ActorError>
      Effect.runForkWith(this.context)(Effect.flatMap(supervising.ended, (why) => this.ended(wanted, supervising, why)))
      const portal = supervising.context.mapUnsafe.get(name) as Portal.Portal<any>
      return { key, ref: () => portal.ref }
    })
  }

  /**
   * Ends the shares of a shared actor that has ended for good. After the end of a shared actor, the next share of its
   * name starts a new actor.
   */
  private ended(wanted: Wanted, supervising: Supervising, why: Machine.Why): Effect.Effect<void> {
    const { name } = wanted
    const dropped = Effect.suspend(() =>
      this.latest.get(name) === supervising ? RcMap.invalidate(this.shares!, new Key(wanted)) : Effect.void
    )
    if (why._tag !== "GaveUp") return why._tag === "Closed" ? Effect.void : dropped
    return Effect.andThen(
      logError(`the shared "${name}" is lost`, supervising.gaveUp(why)),
      dropped
    )
  }

  /**
   * Starts one incarnation of a shared actor. If an ending actor of the keeper still has the shared actor's name, the
   * start waits for the end of that actor.
   */
  private start(wanted: Wanted, part: Part): Effect.Effect<Incarnation, ActorError, Scope.Scope> {
    const { config, endpoints, key, module, name, options } = wanted
    const { local } = this
    const spec = {
      name,
      definitions: [],
      options,
      unique: true,
      role: part.role,
      endpoints,
      service: { module, key, config, uses: [] }
    }
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const { channel, child } = yield* StartChild.start(local, spec, restore)
        yield* Effect.addFinalizer((exit) => endWithScope(local, child, part.reason())(exit))
        const portal = portalOf(local, child, channel, new Map(endpoints.map((name) => [name, undefined])))
        return {
          portal,
          watch: ({ died, silent }) => {
            Portal.whenClosed(portal, silent)
            child.whenGone(died)
          }
        } satisfies Incarnation
      })
    ).pipe(
      Effect.catchIf(
        (error) => error._tag === "NameTaken" && this.isEnding(error.actor),
        (error) =>
          Effect.andThen(local.child((error as NameTaken).actor.uuid)?.wait ?? Effect.void, this.start(wanted, part))
      )
    )
  }

  private isEnding({ uuid }: ActorId): boolean {
    const child = this.local.child(uuid)
    return child !== undefined && this.isOurs(child.ref)
  }
}

/** A shared actor: the key of its Service, and the reference to its present incarnation. */
interface Held {
  readonly key: string
  readonly ref: () => ActorRefData
}

const taken = ({ name }: Wanted, actor: ActorId): Effect.Effect<never, NameTaken> =>
  Effect.fail(new NameTaken({ wanted: name, actor }))
