/**
 * The lease of this process at an engine: the process renews the lease while it runs, and stops relying on the lease
 * before another process can take over.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { monotonicMillis } from "../settings/Timeouts.ts"
import { Turn } from "../settings/Turn.ts"
import { type Created, DiscoveryDriver, type Lease } from "./Driver.ts"
import * as Machine from "./LeaseMachine.ts"

/**
 * Settings of a process's lease: the duration of the lease, and its id at the engine.
 *
 * @category models
 * @since 0.2.0
 */
export interface LeasesOptions {
  /**
   * The time for which a key outlives its holder. A lease is renewed four times within its duration. The default
   * duration of a lease is 15 seconds.
   */
  readonly ttl?: Duration.Input | undefined
  /** The id of the lease, which has to be new for every run. The default id of a lease is a new uuid. */
  readonly id?: string | undefined
}

const defaultTtl: Duration.Input = "15 seconds"

/**
 * The lease of this process at an engine, under which the functions `elect` and `publish` hold names.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases({ ttl: "5 seconds" }).pipe(Layer.provide(Discovery.layerDriverMemory))
 * const { lease } = yield* Effect.provide(Discovery.Leases, leases)
 * lease.ttlMillis // 5_000
 * ```
 * @category services
 * @since 0.2.0
 */
export class Leases extends Context.Service<Leases, {
  readonly driver: DiscoveryDriver["Service"]
  readonly lease: Lease
  /** Waits until the lease is held, and returns the number of the lease, which changes whenever the lease is lost. */
  readonly held: Effect.Effect<number>
  /**
   * Waits until work that began under the lease's number `epoch` must stop, at the latest three quarters of the lease's
   * duration after its last renewal.
   */
  readonly fenced: (epoch: number) => Effect.Effect<void>
  /**
   * Asks the engine for a key; returns `undefined` when the engine does not answer within a quarter of the lease's
   * duration.
   */
  readonly create: (key: string, value: string) => Effect.Effect<Created | undefined>
  /** Runs one effect at a time for each key, because the engine cannot tell two holders under one lease apart. */
  readonly alone: (key: string) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}>()("@furrow/actor/Leases") {}

/** The changing lease of this process, and the fibers that wait for the lease. */
class Keeper {
  private state: Machine.State
  private readonly clock: Clock.Clock
  /** A Deferred that resolves when the lease is won or given up; a new Deferred then replaces it. */
  private held = Deferred.makeUnsafe<void>()
  private fence = Deferred.makeUnsafe<void>()
  private changed = Deferred.makeUnsafe<void>()
  private readonly renewal: Effect.Effect<boolean, unknown>

  constructor(clock: Clock.Clock, ttlMillis: number, renewal: Effect.Effect<boolean, unknown>) {
    this.clock = clock
    this.renewal = renewal
    this.state = Machine.start(ttlMillis, this.now)
  }

  private get now(): number {
    return monotonicMillis(this.clock)
  }

  get epoch(): number {
    return this.state.epoch
  }

  /** Gives the machine of the lease an input; true when a renewal has to be sent. */
  input(input: Machine.Input): boolean {
    const [state, actions] = Machine.step(this.state, input)
    this.state = state
    let renews = false
    for (const action of actions) {
      if (action._tag === "Renew") renews = true
      else if (action._tag === "Restore") Deferred.doneUnsafe(this.held, Effect.void)
      else {
        Deferred.doneUnsafe(this.fence, Effect.void)
        this.fence = Deferred.makeUnsafe()
        this.held = Deferred.makeUnsafe()
      }
    }
    Deferred.doneUnsafe(this.changed, Effect.void)
    return renews
  }

  readonly expired = Effect.sync(() => void this.input({ _tag: "Expired", now: this.now }))

  /** Waits until the lease is held, and ends at once if it is held now. */
  readonly whenHeld: Effect.Effect<number> = Effect.suspend(() => {
    this.input({ _tag: "Look", now: this.now })
    if (Machine.isHeld(this.state)) return Effect.succeed(this.state.epoch)
    return Effect.andThen(Deferred.await(this.held), this.whenHeld)
  })

  readonly whenFenced = (epoch: number): Effect.Effect<void> =>
    Effect.suspend(() => this.state.epoch === epoch ? Deferred.await(this.fence) : Effect.void)

  private readonly renew = Effect.suspend(() =>
    Effect.match(Effect.timeout(this.renewal, this.state.ttlMillis * Machine.parts.renew), {
      onFailure: () => void this.input({ _tag: "Failed", now: this.now }),
      onSuccess: (kept) => void this.input({ _tag: "Renewed", kept, now: this.now })
    })
  )

  /**
   * Wakes the machine of the lease at each time for which the machine has asked, and renews the lease at the engine
   * when the machine says so.
   */
  readonly run = (scope: Scope.Scope): Effect.Effect<never> =>
    Effect.forever(Effect.suspend(() => {
      this.changed = Deferred.makeUnsafe()
      const renews = this.input({ _tag: "Tick", now: this.now })
      this.changed = Deferred.makeUnsafe()
      const next = Machine.nextTick(this.state)
      const sleep = next === undefined ? Effect.never : Effect.sleep(Math.max(0, next - this.now))
      const wait = Effect.raceFirst(sleep, Deferred.await(this.changed))
      return renews ? Effect.andThen(Effect.forkIn(this.renew, scope), wait) : wait
    }))
}

const make = ({ id, ttl = defaultTtl }: LeasesOptions) =>
  Effect.gen(function*() {
    const driver = yield* DiscoveryDriver
    const lease = { id: id ?? (yield* Turn).uuid(), ttlMillis: Duration.toMillis(ttl) }
    const keeper = new Keeper(yield* Clock.Clock, lease.ttlMillis, Effect.suspend(() => driver.renew(lease)))
    const scope = yield* Effect.scope
    yield* Effect.forkIn(keeper.run(scope), scope)
    const keys = new Map<string, Semaphore.Semaphore>()
    return {
      driver,
      lease,
      held: keeper.whenHeld,
      fenced: keeper.whenFenced,
      create: (key: string, value: string) =>
        Effect.suspend(() => driver.create(key, value, lease)).pipe(
          Effect.timeout(lease.ttlMillis * Machine.parts.renew),
          Effect.tap(({ _tag }) => _tag === "Expired" ? keeper.expired : Effect.void),
          Effect.catch(() => Effect.succeed(undefined))
        ),
      alone: (key: string) => {
        const one = keys.get(key) ?? Semaphore.makeUnsafe(1)
        keys.set(key, one)
        return one.withPermits(1)
      }
    } satisfies Leases["Service"]
  })

/**
 * The lease of this process at an engine. An engine that does not answer causes no failure: a caller that wants a name
 * waits, and a holder is interrupted before another process can have the name.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases({ ttl: "5 seconds" }).pipe(Layer.provide(Discovery.layerDriverMemory))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layerLeases = (options: LeasesOptions = {}): Layer.Layer<Leases, never, DiscoveryDriver> =>
  Layer.effect(Leases, make(options))
