/**
 * Election: among all processes that ask one engine for the same work, one process at a time does the work.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import { logWarning } from "../settings/Log.ts"
import type { Token } from "./Driver.ts"
import { hinted, part } from "./hinted.ts"
import { Leases } from "./Leases.ts"

/**
 * The leadership under which the elected process works. A process that was frozen does not know that it has lost the
 * leadership. The resources to which the work writes should get the token, and refuse every token that is smaller than
 * the largest token that they have seen.
 *
 * @example
 * ```ts
 * const work = Effect.map(Discovery.Leadership, ({ name, token }) => `${name} ${token > 0}`)
 * const leases = Discovery.layerLeases().pipe(Layer.provide(Discovery.layerDriverMemory))
 * yield* Effect.provide(Discovery.elect("billing")(work), leases) // "billing true"
 * ```
 * @category services
 * @since 0.2.0
 */
export class Leadership extends Context.Service<Leadership, {
  readonly name: string
  /** The token of the leadership, which grows with every leader. */
  readonly token: Token
}>()("@furrow/actor/Leadership") {}

/** The key of an election at its engine. The prefix of the key keeps elections apart from the names of actors. */
const keyOf = (name: string) => `elect/${name}`

/**
 * Waits until this process is elected, and then runs the work. A lost leadership interrupts the work before another
 * process can be elected; the interrupted process waits again, and begins the work anew. An election ends when its work
 * ends, which frees the name of the election at once.
 *
 * An election waits while the engine does not answer. The work of an election finds its `Leadership` in its context.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases().pipe(Layer.provide(Discovery.layerDriverMemory))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category combinators
 * @since 0.2.0
 */
export const elect =
  (name: string) => <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Leadership> | Leases> =>
    Effect.flatMap(Leases, (leases) => {
      const key = keyOf(name)
      const { driver, lease } = leases
      const remove = (token: Token) =>
        Effect.ignore(Effect.timeout(Effect.suspend(() => driver.remove(key, token)), lease.ttlMillis * part.again))
      /** Runs the work of an election as the leader; the result is empty if the leadership was lost. */
      const lead = (epoch: number, token: Token) =>
        Effect.raceFirst(
          Effect.map(Effect.provideService(work, Leadership, { name, token }), Option.some),
          Effect.as(leases.fenced(epoch), Option.none<A>())
        ).pipe(
          Effect.tap((done) =>
            Option.isNone(done)
              ? logWarning(`the leadership of "${name}" is lost: waiting for it again`)
              : Effect.void
          )
        )
      const attempt = (latch: Latch.Latch) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function*() {
            const epoch = yield* restore(leases.held)
            yield* latch.close
            // An interruption waits for the answer of the engine, so that a granted name is given up again.
            const created = yield* leases.create(key, lease.id)
            if (created?._tag === "Granted") {
              const { token } = created
              return yield* Effect.ensuring(restore(lead(epoch, token)), remove(token))
            }
            const pause = lease.ttlMillis * (created?._tag === "Taken" ? part.again : part.afterFailure)
            yield* restore(Effect.raceFirst(latch.await, Effect.sleep(pause)))
            return Option.none<A>()
          })
        )
      const until = (latch: Latch.Latch): Effect.Effect<A, E, Exclude<R, Leadership>> =>
        Effect.flatMap(attempt(latch), (done) => Option.isSome(done) ? Effect.succeed(done.value) : until(latch))
      return leases.alone(key)(Effect.scoped(Effect.flatMap(hinted(leases, key), until)))
    })
